//! Where the server is and how it is used: the builder, and the URL that the server's configuration uses.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use grantor_core::store::StoreError;
use grantor_core::store::options::{number, one_of, percent_decoded};
use grantor_store_tls::{Reading, Tls};
use mysql_async::{ClientIdentity, OptsBuilder, PoolConstraints, PoolOpts, SslOpts};
use url::{Host, Url};

use crate::settings;

/// How long a connection is kept that nobody needs.
const IDLE: Duration = Duration::from_secs(120);

/// What happens to a database whose schema is older than this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// It is refused, with the command that migrates it. This is the default.
    #[default]
    Manual,
    /// It is migrated when it is opened.
    Auto,
}

/// What takes the place of a server that is lost. The server cannot be asked, so it must be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Failover {
    /// Nothing, or a replica that has every acknowledged write. This is the default.
    #[default]
    None,
    /// A replica that may lack the last acknowledged writes, as with asynchronous replication. The store then promises
    /// neither `durable` nor `never_rewinds`.
    Lossy,
}

/// How a [`MysqlStore`](crate::MysqlStore) is opened.
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `timeout_ms=10..600000` | `2000` | how long a call may take, with the wait for a connection |
/// | `connections=1..1000` | `16` | the most connections of this process |
/// | `migrate=manual\|auto` | `manual` | [`Migrate`]; a database without our tables gets them in any case |
/// | `failover=none\|lossy` | `none` | [`Failover`] |
/// | `socket=/path` | none | the server's Unix socket, which is then used instead of host and port |
/// | `tls=yes`, `ca=`, `cert=`, `key=`, `danger_unverified=yes` | no TLS | see [`Tls`] |
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    host: String,
    port: u16,
    database: String,
    user: Option<String>,
    password: Option<String>,
    socket: Option<PathBuf>,
    pub(crate) timeout: Duration,
    pub(crate) connections: usize,
    pub(crate) migrate: Migrate,
    pub(crate) failover: Failover,
    tls: Option<Tls>,
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("place", &self.place())
            .field("user", &self.user)
            .field("password", &self.password.as_ref().map(|_| "[redacted]"))
            .field("timeout", &self.timeout)
            .field("connections", &self.connections)
            .field("migrate", &self.migrate)
            .field("failover", &self.failover)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The defaults, for this database of the server at this host (a name or an address), port 3306.
    pub fn at(host: impl Into<String>, database: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: 3306,
            database: database.into(),
            user: None,
            password: None,
            socket: None,
            timeout: Duration::from_secs(2),
            connections: 16,
            migrate: Migrate::default(),
            failover: Failover::default(),
            tls: None,
        }
    }

    /// Reads `mysql://user:password@host:port/database?option=value`, or the same with `mariadb:`. `%` begins a
    /// percent-encoded byte.
    ///
    /// # Errors
    /// Another scheme, no host, no database, an unknown option or a bad value. The message says what to write, and
    /// repeats neither the URL nor the password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| {
            StoreError::nothing_written(format!(
                "the store URL {why}; write mysql://user:password@host:3306/database?option=value"
            ))
        };
        if !["mysql:", "mariadb:"].iter().any(|scheme| url.starts_with(scheme)) {
            return Err(refuse("does not begin with mysql: or mariadb:"));
        }
        let url = Url::parse(url).map_err(|error| refuse(&format!("is malformed ({error})")))?;
        let host = match url.host() {
            // An IPv6 address without its brackets.
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => percent_decoded(&host.to_string()).ok_or_else(|| refuse("has a bad host"))?,
            None => String::new(),
        };
        if host.is_empty() {
            return Err(refuse("names no host"));
        }
        let bad = || refuse("has a bad percent-encoding");
        let database = percent_decoded(url.path().trim_start_matches('/')).ok_or_else(bad)?;
        if database.is_empty() || database.contains('/') {
            return Err(refuse("names no database"));
        }
        if url.fragment().is_some() {
            return Err(refuse("has a `#`: write %23 for one in the password"));
        }
        let mut options = Self::at(host, database);
        options.port = url.port().unwrap_or(3306);
        if !url.username().is_empty() {
            options.user = Some(percent_decoded(url.username()).ok_or_else(bad)?);
        }
        options.password =
            url.password().map(|password| percent_decoded(password).ok_or_else(bad)).transpose()?;
        let mut tls = Reading::default();
        for (name, value) in url.query_pairs() {
            let taken = match tls.set(&name, &value) {
                Ok(false) => options.set(&name, &value),
                other => other.map(drop),
            };
            taken.map_err(|why| {
                // The name of an option is no secret, but a password with a `?` can be cut into one.
                let name: String =
                    name.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(20).collect();
                refuse(&format!("has an option {name}: {why}"))
            })?;
        }
        options.tls = tls.finish(false).map_err(|why| refuse(&why))?;
        if options.tls.is_some() && options.socket.is_some() {
            return Err(refuse("asks for TLS on a Unix socket, which has none: leave it out"));
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "timeout_ms" => self.timeout = Duration::from_millis(u64::from(number(value, 10, 600_000)?)),
            "connections" => self.connections = number(value, 1, 1_000)? as usize,
            "migrate" => {
                self.migrate = one_of(value, &[("manual", Migrate::Manual), ("auto", Migrate::Auto)])?;
            }
            "failover" => {
                self.failover = one_of(value, &[("none", Failover::None), ("lossy", Failover::Lossy)])?;
            }
            "socket" if value.starts_with('/') => self.socket = Some(value.into()),
            "socket" => return Err("its value is an absolute path".to_owned()),
            _ => {
                return Err(format!(
                    "there is no such option; there are timeout_ms, connections, migrate, failover, socket, {}",
                    Reading::NAMES
                ));
            }
        }
        Ok(())
    }

    /// Server and database, without user and password.
    pub fn place(&self) -> String {
        match &self.socket {
            Some(socket) => format!("{}/{}", socket.display(), self.database),
            None => format!("{}:{}/{}", self.host, self.port, self.database),
        }
    }

    /// The port.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Who connects.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = Some(user.into());
        self
    }

    /// The user's password.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// The server's Unix socket, instead of host and port.
    #[must_use]
    pub fn socket(mut self, socket: impl Into<PathBuf>) -> Self {
        self.socket = Some(socket.into());
        self
    }

    /// How long a call may take, from 10 ms on.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// The most connections.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, 1_000);
        self
    }

    /// What happens to a database with an older schema.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// What takes the place of a server that is lost.
    #[must_use]
    pub fn failover(mut self, failover: Failover) -> Self {
        self.failover = failover;
        self
    }

    /// Speaks TLS. The server must: there is no falling back to plain text. A Unix socket has none.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same for the client library; tells the log what is not protected.
    ///
    /// # Errors
    /// A file of TLS is missing, or is none.
    pub(crate) fn for_the_client(&self) -> Result<mysql_async::Opts, StoreError> {
        let tls = self.tls.as_ref().filter(|_| self.socket.is_none());
        if self.socket.is_none() {
            grantor_store_tls::warn("MySQL", [self.host.as_str()], tls);
        }
        let most = PoolConstraints::new(1, self.connections).unwrap_or_default();
        // No session has a state of its own: each statement is a transaction, and what is set is the same in all.
        // Without a time to idle the pool would close what it has beyond its least number when it is given back.
        let pool = PoolOpts::new()
            .with_constraints(most)
            .with_reset_connection(false)
            .with_inactive_connection_ttl(IDLE);
        let mut opts = OptsBuilder::default()
            .ip_or_hostname(self.host.clone())
            .tcp_port(self.port)
            .db_name(Some(self.database.clone()))
            .user(self.user.clone())
            .pass(self.password.clone())
            .prefer_socket(false)
            .setup(settings::of_a_connection())
            .pool_opts(pool);
        if let Some(socket) = &self.socket {
            opts = opts.socket(Some(socket.to_string_lossy()));
        }
        if let Some(tls) = tls {
            opts = opts.ssl_opts(ssl_opts(tls)?);
        }
        Ok(opts.into())
    }
}

/// TLS for the client library, which puts its own settings of it together: the same rules, the same CAs.
///
/// # Errors
/// A file of TLS is missing, or is none.
pub fn ssl_opts(tls: &Tls) -> Result<SslOpts, StoreError> {
    // It also tries the files, so that an error of theirs names them.
    let prepared = tls.prepare()?;
    grantor_store_tls::settle_provider();
    let identity = tls
        .identity()
        .map(|(certificate, key)| ClientIdentity::new(certificate.to_owned().into(), key.to_owned().into()));
    let ssl = SslOpts::default().with_client_identity(identity);
    Ok(if tls.is_unverified() {
        ssl.with_danger_accept_invalid_certs(true)
    } else {
        let roots = prepared.authorities().iter().map(|root| root.to_vec().into());
        ssl.with_root_certs(roots.collect()).with_disable_built_in_roots(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Options::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn options() {
        let url = "mysql://grantor:p%40ss%2f%23@db.example:3307/auth?timeout_ms=70&connections=3&migrate=auto\
                   &failover=lossy&socket=/run/my%20sql.sock";
        let with_tls = "mysql://h/d?ca=/my%20ca.pem&tls=yes";
        let expected = Options::at("db.example", "auth")
            .port(3307)
            .user("grantor")
            .password("p@ss/#")
            .timeout(Duration::from_millis(70))
            .connections(3)
            .migrate(Migrate::Auto)
            .failover(Failover::Lossy)
            .socket("/run/my sql.sock");
        assert_eq!(Options::parse(url).unwrap(), expected);
        assert_eq!(Options::parse("mysql://h/d").unwrap(), Options::at("h", "d"));
        let expected = Options::at("h", "d").tls(Tls::verified().ca("/my ca.pem"));
        assert_eq!(Options::parse(with_tls).unwrap(), expected);
        assert_eq!(Options::parse("mariadb://h/d").unwrap(), Options::at("h", "d"));
        assert_eq!(Options::parse("mysql://[::1]/d").unwrap(), Options::at("::1", "d"));
    }

    #[test]
    fn refusals_say_what_to_write_and_never_the_password() {
        for (url, word) in [
            ("postgres://u:hunter2@h/db", "write mysql://"),
            ("mysql:hunter2", "names no host"),
            ("mysql://u:hunter2@h", "names no database"),
            ("mysql://u:hunter2@h/", "names no database"),
            ("mysql://u:hunter2@h/a/b", "names no database"),
            ("mysql://u:hunter2%zz@h/a", "percent-encoding"),
            ("mysql://u:hunter2@h:99999/a", "malformed"),
            ("mysql://u:hunter2@h/a#x", "%23"),
            ("mysql://u:hunter2@h/a?ssl=on", "no such option"),
            ("mysql://u:hunter2@h/a?tls=on", "one of no, yes"),
            ("mysql://u:hunter2@h/a?ca=/ca.pem", "add tls=yes"),
            ("mysql://u:hunter2@h/a?tls=yes&socket=/s", "Unix socket"),
            ("mysql://u:hunter2@h/a?migrate=never", "one of manual, auto"),
            ("mysql://u:hunter2@h/a?connections=0", "from 1 to 1000"),
            ("mysql://u:hunter2@h/a?timeout_ms", "from 10 to"),
            ("mysql://u:hunter2@h/a?socket=s", "absolute path"),
        ] {
            let why = refused(url);
            assert!(why.contains(word) && !why.contains("hunter2"), "{url}: {why}");
        }
    }

    #[test]
    fn the_password_is_in_no_debug() {
        let options = Options::parse("mysql://u:hunter2@h/d").unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
        assert_eq!(options.place(), "h:3306/d");
    }
}
