//! What is connected to, and how a connection comes about.

use std::fmt;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::{ClusterClient, ClusterClientBuilder};
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _,
    RedisConnectionInfo, RedisResult,
};

use crate::failure::Failure;
use crate::options::{Login, Mode, Options};

/// The engine, not connected yet.
pub(crate) enum Target {
    Single(Client),
    Sentinel { sentinels: Vec<Client>, master: String, login: RedisConnectionInfo },
    Cluster(Box<ClusterClient>),
}

/// The library's own Debug shows addresses and users.
impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Single(_) => "Single",
            Self::Sentinel { .. } => "Sentinel",
            Self::Cluster(_) => "Cluster",
        })
    }
}

/// A connection over which many calls go at once.
#[derive(Clone)]
pub(crate) enum Connected {
    One(MultiplexedConnection),
    Many(ClusterConnection),
}

impl Target {
    pub(crate) fn new(options: &Options) -> Result<Self, Failure> {
        let login = settings(&options.login, options.db);
        let infos = |login: &RedisConnectionInfo| {
            let address = |(host, port): &(String, u16)| ConnectionAddr::Tcp(host.clone(), *port);
            let info = |address: ConnectionAddr| {
                Ok(address.into_connection_info()?.set_redis_settings(login.clone()))
            };
            options.hosts.iter().map(address).map(info).collect::<RedisResult<Vec<ConnectionInfo>>>()
        };
        let made = match options.mode {
            Mode::Single => infos(&login).and_then(|infos| {
                let none = redis::RedisError::from((redis::ErrorKind::InvalidClientConfig, "no host"));
                Client::open(infos.into_iter().next().ok_or(none)?).map(Self::Single)
            }),
            Mode::Sentinel => infos(&settings(&options.sentinel_login, 0)).and_then(|infos| {
                let sentinels = infos.into_iter().map(Client::open).collect::<RedisResult<_>>()?;
                Ok(Self::Sentinel { sentinels, master: options.master.clone(), login })
            }),
            Mode::Cluster => {
                infos(&login).and_then(|infos| Self::cluster(ClusterClientBuilder::new(infos), options))
            }
        };
        made.map_err(|error| Failure::connecting(&error))
    }

    /// A Cluster. The client library must send nothing twice: it cannot know whether a lost write happened, and the second
    /// would find the first and call itself the loser. What is safe to send again, the link sends again.
    pub(crate) fn cluster(builder: ClusterClientBuilder, options: &Options) -> RedisResult<Self> {
        let builder =
            builder.retries(0).connection_timeout(options.connect).response_timeout(options.response);
        builder.build().map(|client| Self::Cluster(Box::new(client)))
    }

    /// Connects.
    pub(crate) async fn connect(&self, options: &Options) -> Result<Connected, Failure> {
        let config = config(options.connect, options.response);
        match self {
            Self::Single(client) => {
                let connection = client.get_multiplexed_async_connection_with_config(&config).await;
                connection.map(Connected::One).map_err(|error| Failure::connecting(&error))
            }
            Self::Sentinel { sentinels, master, login } => {
                let mut failure = Failure::before("no Sentinel is named");
                for sentinel in sentinels {
                    match by_sentinel(sentinel, master, login, &config).await {
                        Ok(connection) => return Ok(Connected::One(connection)),
                        Err(why) => failure = why,
                    }
                }
                Err(failure)
            }
            Self::Cluster(client) => {
                let connection = client.get_async_connection().await;
                connection.map(Connected::Many).map_err(|error| Failure::connecting(&error))
            }
        }
    }
}

/// Asks one Sentinel for the master, and believes it only if the master says so itself.
async fn by_sentinel(
    sentinel: &Client,
    master: &str,
    login: &RedisConnectionInfo,
    config: &AsyncConnectionConfig,
) -> Result<MultiplexedConnection, Failure> {
    let connecting = |error: redis::RedisError| Failure::connecting(&error);
    let mut sentinel =
        sentinel.get_multiplexed_async_connection_with_config(config).await.map_err(connecting)?;
    let mut ask = redis::cmd("SENTINEL");
    ask.arg("GET-MASTER-ADDR-BY-NAME").arg(master);
    let found: Option<(String, u16)> = ask.query_async(&mut sentinel).await.map_err(connecting)?;
    let Some((host, port)) = found else {
        return Err(Failure::before("the Sentinel knows no master of this name"));
    };
    let info = ConnectionAddr::Tcp(host, port).into_connection_info().map_err(connecting)?;
    let client = Client::open(info.set_redis_settings(login.clone())).map_err(connecting)?;
    let mut connection =
        client.get_multiplexed_async_connection_with_config(config).await.map_err(connecting)?;
    let role: redis::Value = redis::cmd("ROLE").query_async(&mut connection).await.map_err(connecting)?;
    let is_master = match role {
        redis::Value::Array(parts) => {
            matches!(parts.first(), Some(redis::Value::BulkString(role)) if role == b"master")
        }
        _ => false,
    };
    if is_master {
        Ok(connection)
    } else {
        Err(Failure::before("the server that the Sentinel names is no master: a fail-over is under way"))
    }
}

fn config(connect: Duration, response: Duration) -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(connect)).set_response_timeout(Some(response))
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
