//! Which server, which schema, how many connections, how long a call may take: the builder, and the URL that the server's
//! configuration uses.

use std::fmt;
use std::time::Duration;

use grantor_core::store::StoreError;
use grantor_core::store::options::{number, one_of, percent_decoded};
use grantor_store_tls::{Prepared, Reading, Tls};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use url::Url;

use crate::sslmode::Ssl;

/// What happens to a schema that is older than this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// It is refused, with the command that migrates it. This is the default.
    #[default]
    Manual,
    /// It is migrated when the store is opened.
    Auto,
}

/// How a [`PostgresStore`](crate::PostgresStore) is opened.
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `schema=NAME` | `grantor` | the schema with the tables: lower-case letters, digits and `_`; it is made where it is missing |
/// | `migrate=manual\|auto` | `manual` | [`Migrate`]; a database without the tables gets them in any case |
/// | `connections=1..64` | `8` | the most connections; callers share them (pipelining), so few are enough |
/// | `deadline_ms=50..600000` | `2000` | how long a call may take, with all its retries |
/// | `lagging_standby=no\|yes` | `no` | `yes` says that a standby that lags may be promoted: then the store does not promise `never_rewinds` |
/// | `application_name=TEXT` | `grantor` | how the sessions are named in `pg_stat_activity` |
/// | `host=FOLDER` | none | the folder of a Unix socket, in place of a host before the path |
/// | `tls=yes`, `ca=`, `cert=`, `key=`, `danger_unverified=yes` | no TLS | see [`Tls`] |
/// | `sslmode=disable\|require\|verify-full` | `disable` | PostgreSQL's names: `verify-full` is `tls=yes`; `require` believes any server, so it needs `danger_unverified=yes` beside it |
/// | `sslrootcert=`, `sslcert=`, `sslkey=` | | PostgreSQL's names of `ca`, `cert`, `key` |
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) config: Config,
    pub(crate) schema: String,
    pub(crate) migrate: Migrate,
    pub(crate) connections: usize,
    pub(crate) deadline: Duration,
    pub(crate) lagging_standby: bool,
    tls: Option<Tls>,
}

const NAMES: &str =
    "schema, migrate, connections, deadline_ms, lagging_standby, application_name, host, sslmode";
const FORM: &str = "write postgres://USER:PASSWORD@HOST:5432/DATABASE";

impl Options {
    /// The defaults, for the server of this configuration. `SslMode::Require` is TLS that is verified, other modes are none.
    pub fn new(mut config: Config) -> Self {
        if config.get_application_name().is_none() {
            config.application_name("grantor");
        }
        let tls = (config.get_ssl_mode() == SslMode::Require).then(Tls::verified);
        if tls.is_none() {
            config.ssl_mode(SslMode::Disable);
        }
        Self {
            tls,
            config,
            schema: "grantor".to_owned(),
            migrate: Migrate::default(),
            connections: 8,
            deadline: Duration::from_secs(2),
            lagging_standby: false,
        }
    }

    /// The defaults for a pool of yours, which knows its server.
    pub fn for_pool() -> Self {
        Self::new(Config::new())
    }

    /// Reads `postgres://USER:PASSWORD@HOST:PORT/DATABASE?option=value`; `postgresql:` is the same.
    ///
    /// # Errors
    /// Another scheme, no user, host or database, an unknown option or a bad value; the message says what to write, and
    /// repeats nothing of the URL but the name of an option.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse =
            |why: &str| StoreError::nothing_written(format!("the store's postgres URL {why}; {FORM}"));
        let url = Url::parse(&with_host(url)).map_err(|_| refuse("is no URL"))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(refuse("has another scheme"));
        }
        if url.fragment().is_some() {
            return Err(refuse("has a `#`; in a password write %23"));
        }
        let plain = |text: &str| percent_decoded(text).ok_or_else(|| refuse("has a bad percent-encoding"));
        let mut config = Config::new();
        let user = plain(url.username())?;
        if user.is_empty() {
            return Err(refuse("names no user"));
        }
        config.user(user);
        if let Some(password) = url.password() {
            config.password(plain(password)?);
        }
        let database = plain(url.path().trim_start_matches('/'))?;
        if database.is_empty() || database.contains('/') {
            return Err(refuse("names no database"));
        }
        config.dbname(database);
        let host = plain(url.host_str().unwrap_or_default())?;
        if !host.is_empty() && host != NO_HOST {
            config.host(host.trim_matches(['[', ']']));
        }
        config.port(url.port().unwrap_or(5432));
        let (mut options, mut ssl) = (Self::new(config), Ssl::default());
        for (name, value) in url.query_pairs() {
            let taken = match ssl.set(&name, &value) {
                Ok(false) => options.set(&name, &value),
                other => other.map(drop),
            };
            taken.map_err(|why| {
                let name: String = name.chars().take(40).flat_map(char::escape_debug).collect();
                StoreError::nothing_written(format!(
                    "the store's postgres URL has the option {name:?}: {why}"
                ))
            })?;
        }
        if options.config.get_hosts().is_empty() {
            return Err(refuse("names no host"));
        }
        if let Some(tls) = ssl.finish().map_err(|why| refuse(&why))? {
            if options.hosts().next().is_none() {
                return Err(refuse("asks for TLS on a Unix socket, which has none: leave it out"));
            }
            options = options.tls(tls);
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "schema" if is_name(value) => value.clone_into(&mut self.schema),
            "schema" => return Err("its value is lower-case letters, digits and _, at most 63".to_owned()),
            "migrate" => {
                self.migrate = one_of(value, &[("manual", Migrate::Manual), ("auto", Migrate::Auto)])?;
            }
            "connections" => self.connections = number(value, 1, 64)? as usize,
            "deadline_ms" => self.deadline = Duration::from_millis(u64::from(number(value, 50, 600_000)?)),
            "lagging_standby" => self.lagging_standby = one_of(value, &[("no", false), ("yes", true)])?,
            "application_name" if !value.contains('\0') => drop(self.config.application_name(value)),
            "host" if value.starts_with('/') && self.config.get_hosts().is_empty() => {
                self.config.host(value);
            }
            "host" => {
                return Err(
                    "its value is the folder of a socket, and no host stands before the path".to_owned()
                );
            }
            _ => return Err(format!("there is no such option; there are {NAMES}, {}", Reading::NAMES)),
        }
        Ok(())
    }

    /// The schema that has the tables.
    ///
    /// # Errors
    /// The name is not made of lower-case letters, digits and `_`, or is longer than 63.
    pub fn schema(mut self, name: &str) -> Result<Self, StoreError> {
        self.set("schema", name)
            .map_err(|why| StoreError::nothing_written(format!("the schema {name:?}: {why}")))?;
        Ok(self)
    }

    /// What happens to an older schema.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// The most connections, from 1 to 64.
    #[must_use]
    pub fn connections(mut self, most: usize) -> Self {
        self.connections = most.clamp(1, 64);
        self
    }

    /// How long a call may take, with all its retries; at least 50 ms.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.clamp(Duration::from_millis(50), Duration::from_secs(600));
        self
    }

    /// Whether a standby that lags behind may be promoted.
    #[must_use]
    pub fn lagging_standby(mut self, promoted: bool) -> Self {
        self.lagging_standby = promoted;
        self
    }

    /// Speaks TLS. The server must: there is no falling back to plain text.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.config.ssl_mode(SslMode::Require);
        self.tls = Some(tls);
        self
    }

    /// Reads the files of TLS, and tells the log what is not protected.
    pub(crate) fn prepare(&self) -> Result<Option<Prepared>, StoreError> {
        grantor_store_tls::warn("PostgreSQL", self.hosts(), self.tls.as_ref());
        self.tls.as_ref().map(Tls::prepare).transpose()
    }

    /// The hosts that are reached over a network.
    fn hosts(&self) -> impl Iterator<Item = &str> {
        self.config.get_hosts().iter().filter_map(|host| match host {
            Host::Tcp(host) => Some(host.as_str()),
            #[cfg(unix)]
            Host::Unix(_) => None,
        })
    }

    /// For messages: the server and the database, without user and password.
    pub(crate) fn target(&self) -> String {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            #[cfg(unix)]
            Some(Host::Unix(folder)) => folder.display().to_string(),
            None => return "of the pool".to_owned(),
        };
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        format!("{host}:{port}/{}", self.config.get_dbname().unwrap_or_default())
    }
}

/// Without the password.
impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("target", &self.target())
            .field("schema", &self.schema)
            .field("migrate", &self.migrate)
            .field("connections", &self.connections)
            .field("deadline", &self.deadline)
            .field("lagging_standby", &self.lagging_standby)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    text.len() <= 63
        && text.starts_with(first)
        && text.chars().all(|c| first(c) || c.is_ascii_digit())
        && !text.starts_with("pg_")
}

/// Stands for the host of a URL that has none.
const NO_HOST: &str = "no-host.invalid";

/// A socket has no host, but the standard of URLs knows no user without one.
fn with_host(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.ends_with('@') { format!("{scheme}://{authority}{NO_HOST}{path}") } else { url.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Options::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn a_url_with_everything() {
        let options = Options::parse(
            "postgresql://u%40:p%23w@db.example:6000/auth?schema=s_1&migrate=auto&connections=3&deadline_ms=70\
             &lagging_standby=yes&application_name=a%20b&sslmode=disable",
        )
        .unwrap();
        assert_eq!(options.config.get_user(), Some("u@"));
        assert_eq!(options.config.get_password(), Some(&b"p#w"[..]));
        assert_eq!(options.config.get_application_name(), Some("a b"));
        assert_eq!(options.target(), "db.example:6000/auth");
        let mut config = options.config.clone();
        config.application_name("a b");
        let expected = Options::new(config)
            .schema("s_1")
            .unwrap()
            .migrate(Migrate::Auto)
            .connections(3)
            .deadline(Duration::from_millis(70))
            .lagging_standby(true);
        assert_eq!(options, expected);
    }

    #[test]
    fn tls_has_the_names_of_all_stores_and_those_of_postgresql() {
        let both = "postgres://u@h/d?sslmode=verify-full&sslrootcert=/my%20ca.pem";
        let options = Options::parse(both).unwrap();
        assert_eq!(options, Options::parse("postgres://u@h/d?ca=/my%20ca.pem&tls=yes").unwrap());
        assert_eq!(options.tls, Some(Tls::verified().ca("/my ca.pem")));
        assert_eq!(options.config.get_ssl_mode(), SslMode::Require, "no falling back");
        let mut config = Config::new();
        assert_eq!(Options::new(config.clone()).tls, None);
        config.ssl_mode(SslMode::Require);
        assert_eq!(Options::new(config).tls, Some(Tls::verified()));
    }

    #[test]
    fn a_socket_and_an_ipv6_host() {
        let options = Options::parse("postgres://u@/d?host=/run/postgresql").unwrap();
        assert_eq!(options.target(), "/run/postgresql:5432/d");
        assert_eq!(Options::parse("postgres://u@[::1]:7/d").unwrap().target(), "::1:7/d");
    }

    #[test]
    fn refusals_say_what_to_write_and_repeat_no_secret() {
        for (url, why) in [
            ("sqlite:g.db", "another scheme"),
            ("postgres://h/d", "names no user"),
            ("postgres://u:secret@h", "names no database"),
            ("postgres://u:secret@h/d/e", "names no database"),
            ("postgres://u:secret@/d", "names no host"),
            ("postgres://u:secret%zz@h/d", "percent-encoding"),
            ("postgres://u:secret@h/d#x", "%23"),
            ("postgres://u:secret@h/d?host=/tmp", "folder of a socket"),
            ("postgres://u:secret@h/d?password=secret", "no such option"),
            ("postgres://u:secret@h/d?sslmode=require", "danger_unverified"),
            ("postgres://u:secret@h/d?tls=maybe", "one of no, yes"),
            ("postgres://u:secret@h/d?ca=/ca.pem", "add tls=yes"),
            ("postgres://u:secret@/d?host=/tmp&tls=yes", "Unix socket"),
            ("postgres://u:secret@h/d?schema=a;b", "lower-case"),
            ("postgres://u:secret@h/d?schema=pg_x", "lower-case"),
            ("postgres://u:secret@h/d?connections=0", "from 1 to 64"),
            ("postgres://u:secret@h/d?migrate=yes", "one of manual, auto"),
            ("postgres://u:secret@h:port/d", "no URL"),
        ] {
            let message = refused(url);
            assert!(message.contains(why), "{url}: {message}");
            assert!(!message.contains("secret"), "{message}");
        }
        let options = Options::parse("postgres://u:secret@h/d").unwrap();
        assert!(!format!("{options:?}").contains("secret"));
    }
}
