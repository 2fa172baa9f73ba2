//! Which servers, which database and collections, how long a call may take: the builder, and the URL that the server's
//! configuration uses.

use std::fmt;
use std::time::Duration;

use grantor_core::store::StoreError;
use grantor_core::store::options::{number, one_of};
use mongodb::Client;
use mongodb::options::{ClientOptions, ConnectionString, DriverInfo, HostInfo, ServerAddress};

/// What happens to indexes that are older than this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// They are refused, with the command that migrates them. This is the default.
    #[default]
    Manual,
    /// They are migrated when the store is opened.
    Auto,
}

/// What a load of a replica set asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reads {
    /// The primary makes sure of a majority before it answers, so a load sees every acknowledged write, whatever happens to
    /// the network. Each load then costs the set an exchange among its members. This is the default.
    #[default]
    Linearizable,
    /// What a majority has, as the primary knows it. A primary that was cut off, and does not know yet that there is
    /// another one, can answer with what is older, for up to ten seconds. No write is decided by it.
    Majority,
}

/// How a [`MongoStore`](crate::MongoStore) is opened.
///
/// `mongodb://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE?option=value`
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `collection=NAME` | none | the one collection for all records |
/// | `grants=NAME` | `grantor_grants` | grants (codes and tokens), waiting requests, pointers, claims |
/// | `clients=NAME` | `grantor_clients` | clients |
/// | `users=NAME` | `grantor_users` | users, sessions and consents of the ready server |
/// | `others=NAME` | `grantor_others` | what was disabled, and kinds of your own |
/// | `migrate=manual\|auto` | `manual` | [`Migrate`]; collections without the indexes get them in any case |
/// | `reads=linearizable\|majority` | `linearizable` | [`Reads`] |
/// | `deadline_ms=50..600000` | `2000` | how long a call may take |
/// | `margin_s=0..604800` | `3600` | how long after its end the server leaves a record, for clocks that differ |
///
/// These options of the driver are handed to it: `appName`, `authMechanism`, `authMechanismProperties`, `authSource`,
/// `connectTimeoutMS` (5000), `directConnection`, `heartbeatFrequencyMS`, `maxConnecting`, `maxIdleTimeMS`, `maxPoolSize` (32),
/// `minPoolSize`, `replicaSet`, `serverMonitoringMode`, `serverSelectionTimeoutMS` (half of `deadline_ms`), `tls`, `tlsCAFile`,
/// `tlsCertificateKeyFile`. Those of read and write concerns, read preferences and retries are refused: the store sets them.
#[derive(Clone, PartialEq)]
pub struct Options {
    /// `None` where a client is given.
    connection: Option<ConnectionString>,
    pub(crate) database: String,
    pub(crate) names: Names,
    pub(crate) migrate: Migrate,
    pub(crate) reads: Reads,
    pub(crate) deadline: Duration,
    pub(crate) margin: Duration,
    pub(crate) connections: u32,
}

/// The names of the collections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) grants: String,
    pub(crate) clients: String,
    pub(crate) users: String,
    pub(crate) others: String,
}

/// Handed to the driver.
const HANDED_ON: &[&str] = &[
    "appName",
    "authMechanism",
    "authMechanismProperties",
    "authSource",
    "connectTimeoutMS",
    "directConnection",
    "heartbeatFrequencyMS",
    "maxConnecting",
    "maxIdleTimeMS",
    "maxPoolSize",
    "minPoolSize",
    "replicaSet",
    "serverMonitoringMode",
    "serverSelectionTimeoutMS",
    "tls",
    "tlsCAFile",
    "tlsCertificateKeyFile",
];
const OURS: &str = "collection, grants, clients, users, others, migrate, reads, deadline_ms, margin_s";
const FORM: &str = "write mongodb://USER:PASSWORD@HOST:27017/DATABASE?replicaSet=NAME";

impl Options {
    /// The defaults, for a database of a client of yours ([`MongoStore::with_client`](crate::MongoStore::with_client)).
    pub fn for_client(database: &str) -> Self {
        Self {
            connection: None,
            database: database.to_owned(),
            names: Names {
                grants: "grantor_grants".to_owned(),
                clients: "grantor_clients".to_owned(),
                users: "grantor_users".to_owned(),
                others: "grantor_others".to_owned(),
            },
            migrate: Migrate::default(),
            reads: Reads::default(),
            deadline: Duration::from_secs(2),
            margin: Duration::from_secs(3_600),
            connections: 32,
        }
    }

    /// Reads the URL above.
    ///
    /// # Errors
    /// Another scheme, no database, an unknown option or a bad value; the message says what to write, and repeats nothing
    /// of the URL but the name of an option.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        Self::read(url)
            .map_err(|why| StoreError::nothing_written(format!("the store's mongodb URL {why}; {FORM}")))
    }

    fn read(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            Some(("mongodb", rest)) => rest,
            Some(("mongodb+srv", _)) => {
                return Err("asks the DNS for its hosts, which this release does not: name the hosts, and the options \
                            that the DNS has (tls=true, replicaSet, authSource=admin)"
                    .to_owned());
            }
            _ => return Err("has another scheme".to_owned()),
        };
        if rest.contains('#') {
            return Err("has a `#`; in a password write %23".to_owned());
        }
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut options = Self::for_client("");
        let mut handed_on = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let known = HANDED_ON.iter().find(|known| known.eq_ignore_ascii_case(name));
            let taken = match known {
                Some(known) => {
                    let pair = format!("{known}={value}");
                    let taken = ConnectionString::parse(format!("mongodb://h/?{pair}"));
                    handed_on.push(pair);
                    taken.map(drop).map_err(|_| "the driver does not take its value".to_owned())
                }
                None => options.set(name, value),
            };
            taken.map_err(|why| {
                let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                format!("has the option `{name}`, but {why}")
            })?;
        }
        let connection = ConnectionString::parse(format!("mongodb://{place}?{}", handed_on.join("&")));
        let connection = connection.map_err(|_| {
            "is not one that the driver takes: see hosts and ports, and write %40 and the like for signs in user and \
             password"
                .to_owned()
        })?;
        options.database = connection.default_database.clone().ok_or("names no database")?;
        options.connections = connection.max_pool_size.unwrap_or(options.connections);
        options.connection = Some(connection);
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "collection" => self.name_all(value)?,
            "grants" => self.names.grants = collection(value)?,
            "clients" => self.names.clients = collection(value)?,
            "users" => self.names.users = collection(value)?,
            "others" => self.names.others = collection(value)?,
            "migrate" => {
                self.migrate = one_of(value, &[("manual", Migrate::Manual), ("auto", Migrate::Auto)])?;
            }
            "reads" => {
                let values = [("linearizable", Reads::Linearizable), ("majority", Reads::Majority)];
                self.reads = one_of(value, &values)?;
            }
            "deadline_ms" => self.deadline = Duration::from_millis(number(value, 50, 600_000)?.into()),
            "margin_s" => self.margin = Duration::from_secs(number(value, 0, 604_800)?.into()),
            _ => return Err(refused(name)),
        }
        Ok(())
    }

    fn name_all(&mut self, name: &str) -> Result<(), String> {
        let name = collection(name)?;
        self.names = Names { grants: name.clone(), clients: name.clone(), users: name.clone(), others: name };
        Ok(())
    }

    /// One collection for all records. Kinds are told apart in it.
    ///
    /// # Errors
    /// The name has others than letters, digits, `_`, `-` and `.`, begins with `system.`, or is longer than 100.
    pub fn collection(self, name: &str) -> Result<Self, StoreError> {
        self.with("collection", name)
    }

    /// The collection of grants (codes and tokens), waiting requests, pointers and claims.
    ///
    /// # Errors
    /// As of [`Options::collection`].
    pub fn grants(self, name: &str) -> Result<Self, StoreError> {
        self.with("grants", name)
    }

    /// The collection of clients.
    ///
    /// # Errors
    /// As of [`Options::collection`].
    pub fn clients(self, name: &str) -> Result<Self, StoreError> {
        self.with("clients", name)
    }

    /// The collection of users, sessions and consents of the ready server.
    ///
    /// # Errors
    /// As of [`Options::collection`].
    pub fn users(self, name: &str) -> Result<Self, StoreError> {
        self.with("users", name)
    }

    /// The collection of what was disabled, and of kinds of your own.
    ///
    /// # Errors
    /// As of [`Options::collection`].
    pub fn others(self, name: &str) -> Result<Self, StoreError> {
        self.with("others", name)
    }

    fn with(mut self, option: &str, value: &str) -> Result<Self, StoreError> {
        self.set(option, value).map_err(|why| {
            StoreError::nothing_written(format!("{option} {value:?} of the MongoDB store: {why}"))
        })?;
        Ok(self)
    }

    /// What happens to older indexes.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// What a load of a replica set asks for.
    #[must_use]
    pub fn reads(mut self, reads: Reads) -> Self {
        self.reads = reads;
        self
    }

    /// How long a call may take; at least 50 ms.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.clamp(Duration::from_millis(50), Duration::from_secs(600));
        self
    }

    /// How long after its end the server leaves a record.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin.min(Duration::from_secs(604_800));
        self
    }

    /// The most calls at once, which is the most connections; with a client of yours no more than it has (`maxPoolSize`).
    #[must_use]
    pub fn connections(mut self, most: u32) -> Self {
        self.connections = most.max(1);
        self
    }

    /// The client that these options speak of.
    pub(crate) async fn client(&self) -> Result<Client, StoreError> {
        let Some(connection) = self.connection.clone() else {
            return Err(StoreError::nothing_written(format!(
                "these options of the MongoDB store name no server: give a client, or parse a URL; {FORM}"
            )));
        };
        let failed = |what: &str| StoreError::nothing_written(format!("MongoDB {}: {what}", self.target()));
        let parsed = ClientOptions::parse(connection).await;
        let mut options = parsed.map_err(|_| failed("the driver does not take the options of the URL"))?;
        if options.tls.is_none() && !self.is_on_this_machine() {
            tracing::warn!(
                target = self.target(),
                "what is sent to MongoDB is not encrypted: the network must be trusted, or write tls=true"
            );
        }
        // The driver's second try hides what became of the first one; the store tries again where nothing was done.
        options.retry_writes = Some(false);
        options.app_name.get_or_insert_with(|| "grantor".to_owned());
        options.driver_info = Some(DriverInfo::builder().name("grantor".to_owned()).build());
        options.max_pool_size = Some(self.connections);
        options.connect_timeout.get_or_insert(Duration::from_secs(5));
        // Before the deadline: then it is certain that nothing was sent.
        options.server_selection_timeout.get_or_insert(self.deadline / 2);
        Client::with_options(options).map_err(|_| failed("the driver does not take the options of the URL"))
    }

    fn hosts(&self) -> &[ServerAddress] {
        match self.connection.as_ref().map(|connection| &connection.host_info) {
            Some(HostInfo::HostIdentifiers(hosts)) => hosts,
            _ => &[],
        }
    }

    fn is_on_this_machine(&self) -> bool {
        self.hosts().iter().all(|host| match host {
            ServerAddress::Tcp { host, .. } => {
                let host = host.trim_matches(['[', ']']);
                let address: Option<std::net::IpAddr> = host.parse().ok();
                host == "localhost" || address.is_some_and(|address| address.is_loopback())
            }
            _ => true,
        })
    }

    /// For messages: the hosts and the database, without user and password.
    pub(crate) fn target(&self) -> String {
        let hosts: Vec<String> = self.hosts().iter().map(shown).collect();
        let hosts = if hosts.is_empty() { "of the client".to_owned() } else { hosts.join(",") };
        format!("{hosts}/{}", self.database)
    }
}

/// The driver shows the address of an IPv6 host without its brackets.
fn shown(host: &ServerAddress) -> String {
    match host {
        ServerAddress::Tcp { host, port } if host.contains(':') && !host.starts_with('[') => {
            format!("[{host}]:{}", port.unwrap_or(27017))
        }
        other => other.to_string(),
    }
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("target", &self.target())
            .field("names", &self.names)
            .field("migrate", &self.migrate)
            .field("reads", &self.reads)
            .field("deadline", &self.deadline)
            .field("margin", &self.margin)
            .field("connections", &self.connections)
            .finish_non_exhaustive()
    }
}

/// The name of a collection that needs no care anywhere.
fn collection(name: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if starts && name.len() <= 100 && name.chars().all(good) && !name.starts_with("system.") {
        return Ok(name.to_owned());
    }
    Err("its value is at most 100 letters, digits, `_`, `-` and `.`, and begins with a letter or `_`, not with `system.`"
        .to_owned())
}

/// Why an option is not taken.
fn refused(name: &str) -> String {
    match name.to_ascii_lowercase().as_str() {
        "w"
        | "journal"
        | "wtimeoutms"
        | "readconcernlevel"
        | "readpreference"
        | "readpreferencetags"
        | "maxstalenessseconds"
        | "retrywrites"
        | "retryreads" => "the store sets it itself (majority, journal, primary): leave it out".to_owned(),
        "ssl" => "write tls=true".to_owned(),
        "tlsinsecure" | "tlsallowinvalidcertificates" | "tlsallowinvalidhostnames" => {
            "a certificate that is not looked at protects from nobody: name yours with tlsCAFile".to_owned()
        }
        "sockettimeoutms" | "timeoutms" | "waitqueuetimeoutms" => "write deadline_ms".to_owned(),
        _ => format!(
            "there is no such option here; there are {OURS}, and of the driver {}",
            HANDED_ON.join(", ")
        ),
    }
}

#[cfg(test)]
mod tests;
