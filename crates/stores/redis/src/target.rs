//! What is connected to: which servers there are, and which of them is asked.

use std::fmt;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use grantor_store_tls::{Prepared, Tls};
use redis::aio::MultiplexedConnection;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo, RedisResult, Value,
};

use crate::dial;
use crate::failure::Failure;
use crate::options::{Login, Mode, Options};

/// A server by its address, `host:port`; of a Cluster. Where there is but one, or the Sentinels name it, this is empty.
pub(crate) type Node = Arc<str>;

/// The engine, not connected yet, and TLS where our options ask for it.
pub(crate) struct Target {
    engine: Engine,
    tls: Option<Prepared>,
}

/// How the engine is made up.
enum Engine {
    Single(Client),
    Sentinel { sentinels: Vec<Client>, master: String, server: ConnectionInfo },
    Cluster(Vec<Client>),
}

/// The library's own Debug shows addresses and users.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.engine {
            Engine::Single(_) => "Single",
            Engine::Sentinel { .. } => "Sentinel",
            Engine::Cluster(_) => "Cluster",
        })
    }
}

impl Target {
    /// The engine of the options. Reads the files of TLS, and tells the log what is not protected.
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let hosts = options.hosts.iter().map(|(host, _)| host.as_str()).filter(|_| options.socket.is_none());
        grantor_store_tls::warn("Redis", hosts, options.tls.as_ref());
        let tls = options.tls.as_ref().map(Tls::prepare).transpose();
        let tls = tls.map_err(|error| Failure::before(error.to_string()))?;
        let engine = Engine::of(options).map_err(|error| Failure::connecting(&error))?;
        Ok(Self { engine, tls })
    }

    /// One server, by a client of the caller's.
    pub(crate) fn of_client(client: Client) -> Self {
        Self { engine: Engine::Single(client), tls: None }
    }

    /// A Cluster, by clients of the caller's for some of its nodes.
    pub(crate) fn of_nodes(nodes: Vec<Client>) -> Self {
        Self { engine: Engine::Cluster(nodes), tls: None }
    }

    pub(crate) fn is_single(&self) -> bool {
        matches!(self.engine, Engine::Single(_))
    }

    pub(crate) fn is_sentinel(&self) -> bool {
        matches!(self.engine, Engine::Sentinel { .. })
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.engine, Engine::Cluster(_))
    }

    /// The nodes of a Cluster that the options name.
    pub(crate) fn seeds(&self) -> Vec<Node> {
        let Engine::Cluster(seeds) = &self.engine else { return Vec::new() };
        seeds.iter().filter_map(|seed| node_of(seed.get_connection_info().addr())).collect()
    }

    /// Connects to a node.
    pub(crate) async fn connect(
        &self,
        node: &Node,
        options: &Options,
    ) -> Result<MultiplexedConnection, Failure> {
        let tls = self.tls.as_ref();
        match &self.engine {
            Engine::Single(client) => dial::connect(client, tls, options).await,
            Engine::Sentinel { sentinels, master, server } => {
                let (host, port) = named(sentinels, master, tls, options).await?;
                let place = (host.clone(), port);
                let client = elsewhere(server, host, port).map_err(|error| Failure::connecting(&error))?;
                let connection = is_master(dial::connect(&client, tls, options).await?).await?;
                // One that had stopped takes itself for the master, until the Sentinels tell it; they know better by then.
                if named(sentinels, master, tls, options).await? == place {
                    Ok(connection)
                } else {
                    Err(Failure::before(
                        "the Sentinels have just chosen another master: a fail-over is under way",
                    ))
                }
            }
            Engine::Cluster(seeds) => {
                let unknown =
                    || Failure::before("the Cluster names a node by an address that is not understood");
                let (host, port) = node.rsplit_once(':').ok_or_else(unknown)?;
                let port = port.parse().map_err(|_| unknown())?;
                let like = seeds.first().ok_or_else(unknown)?.get_connection_info();
                let client = elsewhere(like, host.to_owned(), port);
                dial::connect(&client.map_err(|error| Failure::connecting(&error))?, tls, options).await
            }
        }
    }
}

impl Engine {
    fn of(options: &Options) -> RedisResult<Self> {
        let login = settings(&options.login, options.db);
        let nobody = || redis::RedisError::from((redis::ErrorKind::InvalidClientConfig, "no host"));
        Ok(match options.mode {
            Mode::Single => Self::Single(clients(options, &login)?.into_iter().next().ok_or_else(nobody)?),
            Mode::Sentinel => Self::Sentinel {
                sentinels: clients(options, &settings(&options.sentinel_login, 0))?,
                master: options.master.clone(),
                server: place(options, String::new(), 0).into_connection_info()?.set_redis_settings(login),
            },
            Mode::Cluster => Self::Cluster(clients(options, &login)?),
        })
    }
}

/// Where the options name a server.
fn place(options: &Options, host: String, port: u16) -> ConnectionAddr {
    match &options.socket {
        Some(path) => ConnectionAddr::Unix(path.into()),
        None => ConnectionAddr::Tcp(host, port),
    }
}

fn clients(options: &Options, login: &RedisConnectionInfo) -> RedisResult<Vec<Client>> {
    let client = |(host, port): &(String, u16)| {
        let info = place(options, host.clone(), *port).into_connection_info()?;
        Client::open(info.set_redis_settings(login.clone()))
    };
    options.hosts.iter().map(client).collect()
}

/// A client for another server that is reached in the same way.
fn elsewhere(like: &ConnectionInfo, host: String, port: u16) -> RedisResult<Client> {
    let address = match like.addr().clone() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure, tls_params }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    Client::open(like.clone().set_addr(address))
}

fn node_of(address: &ConnectionAddr) -> Option<Node> {
    match address {
        ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
            Some(format!("{host}:{port}").into())
        }
        _ => None,
    }
}

/// Asks all Sentinels for the master at once. What more than half of them say is believed; where so many do not answer, what
/// most of those say that do.
async fn named(
    sentinels: &[Client],
    master: &str,
    tls: Option<&Prepared>,
    options: &Options,
) -> Result<(String, u16), Failure> {
    let mut asked: FuturesUnordered<_> =
        sentinels.iter().map(|sentinel| name_of(sentinel, master, tls, options)).collect();
    let mut votes: Vec<((String, u16), usize)> = Vec::new();
    let mut failure = Failure::before("no Sentinel is named");
    while let Some(answer) = asked.next().await {
        match answer {
            Ok(name) => match votes.iter_mut().find(|(other, _)| *other == name) {
                Some((_, votes)) => *votes += 1,
                None => votes.push((name, 1)),
            },
            Err(why) => failure = why,
        }
        if let Some((name, _)) = votes.iter().find(|(_, votes)| *votes > sentinels.len() / 2) {
            return Ok(name.clone());
        }
    }
    votes.into_iter().max_by_key(|(_, votes)| *votes).map(|(name, _)| name).ok_or(failure)
}

async fn name_of(
    sentinel: &Client,
    master: &str,
    tls: Option<&Prepared>,
    options: &Options,
) -> Result<(String, u16), Failure> {
    let mut sentinel = dial::connect(sentinel, tls, options).await?;
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let found: RedisResult<Option<(String, u16)>> = ask.query_async(&mut sentinel).await;
    let found = found.map_err(|error| Failure::connecting(&error))?;
    found.ok_or_else(|| Failure::before("the Sentinel knows no master of this name"))
}

/// The connection, if the server says itself that it is a master.
async fn is_master(mut connection: MultiplexedConnection) -> Result<MultiplexedConnection, Failure> {
    let role: RedisResult<Value> = redis::cmd("ROLE").query_async(&mut connection).await;
    match role.map_err(|error| Failure::connecting(&error))? {
        Value::Array(parts) if matches!(parts.first(), Some(Value::BulkString(role)) if role == b"master") => {
            Ok(connection)
        }
        _ => {
            Err(Failure::before("the server that the Sentinels name is no master: a fail-over is under way"))
        }
    }
}

fn settings(login: &Login, db: i64) -> RedisConnectionInfo {
    let mut settings = RedisConnectionInfo::default().set_db(db);
    if let Some(user) = &login.user {
        settings = settings.set_username(user);
    }
    if let Some(password) = &login.password {
        settings = settings.set_password(password);
    }
    settings
}
