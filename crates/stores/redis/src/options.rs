//! Where the engine is and how it is used: the builder, and the URL that the server's configuration uses.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use grantor_core::store::StoreError;
use grantor_core::store::options::{number, one_of, percent_decoded};
use grantor_store_tls::{Reading, Tls};

/// How the engine is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Single,
    Sentinel,
    Cluster,
}

/// How a [`RedisStore`](crate::RedisStore) is opened.
///
/// | URL | engine |
/// |---|---|
/// | `redis://[user:password@]host[:port][/db]` | one server, port 6379 unless it is named |
/// | `redis+unix://[user:password@]/path/of/the/socket` | one server on this machine; with `db=` |
/// | `redis+sentinel://[user:password@]host[:port],host[:port]/master` | the Sentinels (port 26379), and the name of their master; user and password are those of the master |
/// | `redis+cluster://[user:password@]host[:port],host[:port]` | a Cluster, by some of its nodes |
///
/// With `rediss` in place of `redis` they speak TLS: `rediss://`, `rediss+sentinel://` (to the Sentinels and to the master),
/// `rediss+cluster://`.
///
/// `%40` and the like in user and password are decoded; an IPv6 address stands in `[]`.
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `prefix=` | `grantor:` | what the names of all keys begin with: letters, digits, `:`, `_`, `.`, `-`; at most 64 |
/// | `deadline_ms=100..600000` | `2000` | how long a call may take with all it needs; then it is an error |
/// | `connect_ms=50..60000` | `1000` | how long a connection may take to come about |
/// | `response_ms=50..60000` | `1000` | how long an answer of the engine may take |
/// | `margin_s=1..604800` | `300` | how long the engine keeps a record after its end, for callers whose clocks are behind |
/// | `index=yes\|no` | `yes` | whether records can be listed by client and subject |
/// | `wait=0..16` | `0` | replicas that must have a write before it is acknowledged (`WAIT`) |
/// | `wait_ms=10..60000` | `500` | how long they may take |
/// | `db=0..` | `0` | the number of the database, behind Sentinels and over a socket |
/// | `sentinel_user=`, `sentinel_password=` | none | for the Sentinels themselves |
/// | `tls=yes`, `ca=`, `cert=`, `key=`, `danger_unverified=yes` | no TLS | see [`Tls`]; `rediss` is `tls=yes` |
#[derive(Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) mode: Mode,
    pub(crate) hosts: Vec<(String, u16)>,
    /// Instead of a host.
    pub(crate) socket: Option<PathBuf>,
    pub(crate) master: String,
    pub(crate) login: Login,
    pub(crate) sentinel_login: Login,
    pub(crate) db: i64,
    pub(crate) prefix: String,
    pub(crate) deadline: Duration,
    pub(crate) connect: Duration,
    pub(crate) response: Duration,
    pub(crate) margin: Duration,
    pub(crate) index: bool,
    pub(crate) wait: u32,
    pub(crate) wait_for: Duration,
    pub(crate) tls: Option<Tls>,
}

/// User and password.
#[derive(Clone, PartialEq, Eq, Default)]
pub(crate) struct Login {
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("mode", &self.mode)
            .field("hosts", &self.hosts)
            .field("socket", &self.socket)
            .field("master", &self.master)
            .field("db", &self.db)
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .field("connect", &self.connect)
            .field("response", &self.response)
            .field("margin", &self.margin)
            .field("index", &self.index)
            .field("wait", &self.wait)
            .field("wait_for", &self.wait_for)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// The defaults, for one server.
    pub fn single(host: impl Into<String>, port: u16) -> Self {
        Self::of(Mode::Single, vec![(host.into(), port)])
    }

    /// The defaults, for one server on this machine, at its socket.
    pub fn socket(path: impl Into<PathBuf>) -> Self {
        Self { socket: Some(path.into()), ..Self::of(Mode::Single, vec![(String::new(), 0)]) }
    }

    /// The defaults, for the master of this name behind these Sentinels.
    pub fn sentinel(sentinels: Vec<(String, u16)>, master: impl Into<String>) -> Self {
        Self { master: master.into(), ..Self::of(Mode::Sentinel, sentinels) }
    }

    /// The defaults, for the Cluster of which these are some nodes.
    pub fn cluster(nodes: Vec<(String, u16)>) -> Self {
        Self::of(Mode::Cluster, nodes)
    }

    fn of(mode: Mode, hosts: Vec<(String, u16)>) -> Self {
        Self {
            mode,
            hosts,
            socket: None,
            master: String::new(),
            login: Login::default(),
            sentinel_login: Login::default(),
            db: 0,
            prefix: "grantor:".into(),
            deadline: Duration::from_secs(2),
            connect: Duration::from_secs(1),
            response: Duration::from_secs(1),
            margin: Duration::from_secs(300),
            index: true,
            wait: 0,
            wait_for: Duration::from_millis(500),
            tls: None,
        }
    }

    /// Reads one of the URLs above.
    ///
    /// # Errors
    /// Another scheme, a bad host, an unknown option or a bad value; the message says what to write, without the URL, for
    /// that may hold a password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        Self::read(url).map_err(|why| {
            StoreError::nothing_written(format!(
                "the URL of the Redis store {why}; write redis://[user:password@]host[:port][/db], \
                 redis+unix:///path, redis+sentinel://host,host/master or redis+cluster://host,host, or rediss for TLS"
            ))
        })
    }

    fn read(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("has no ://")?;
        let mode = match scheme {
            "redis" | "rediss" | "redis+unix" => Mode::Single,
            "redis+sentinel" | "rediss+sentinel" => Mode::Sentinel,
            "redis+cluster" | "rediss+cluster" => Mode::Cluster,
            "rediss+unix" => return Err("asks for TLS on a Unix socket, which has none".into()),
            _ => return Err("has another scheme".into()),
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (read_login(login)?, hosts),
            None => (Login::default(), authority),
        };
        let mut options = if scheme == "redis+unix" {
            Self { login, ..Self::socket(read_socket(hosts, path)?) }
        } else {
            let port = if mode == Mode::Sentinel { 26_379 } else { 6_379 };
            let hosts = hosts.split(',').map(|host| read_host(host, port)).collect::<Result<Vec<_>, _>>()?;
            Self { login, ..Self::of(mode, hosts) }
        };
        match mode {
            Mode::Single if options.socket.is_some() => {}
            Mode::Single if options.hosts.len() > 1 => {
                return Err("names several hosts, which are Sentinels or a Cluster".into());
            }
            Mode::Single | Mode::Cluster if path.is_empty() => {}
            Mode::Single => {
                let db = number(path, 0, 65_535).map_err(|why| format!("names a database, but {why}"))?;
                options.db = db.into();
            }
            Mode::Sentinel if path.is_empty() => return Err("names no master".into()),
            Mode::Sentinel => options.master = percent_decoded(path).ok_or("has a bad percent-encoding")?,
            Mode::Cluster => return Err("names a database, and a Cluster has but one".into()),
        }
        let mut tls = Reading::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = percent_decoded(value).ok_or_else(|| "its percent-encoding is bad".to_owned());
            let taken = match text.and_then(|text| tls.set(name, &text)) {
                Ok(false) => options.set(name, value),
                other => other.map(drop),
            };
            taken.map_err(|why| {
                let name: String = name.chars().take(20).flat_map(char::escape_debug).collect();
                format!("has the option `{name}`, but {why}")
            })?;
        }
        options.tls = tls.finish(scheme.starts_with("rediss"))?;
        if options.tls.is_some() && options.socket.is_some() {
            return Err("asks for TLS on a Unix socket, which has none".into());
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let milliseconds = |least, most| number(value, least, most).map(|n| Duration::from_millis(n.into()));
        let text = || percent_decoded(value).ok_or_else(|| "its percent-encoding is bad".to_owned());
        match name {
            "prefix" => self.prefix = read_prefix(&text()?)?,
            "deadline_ms" => self.deadline = milliseconds(100, 600_000)?,
            "connect_ms" => self.connect = milliseconds(50, 60_000)?,
            "response_ms" => self.response = milliseconds(50, 60_000)?,
            "margin_s" => self.margin = Duration::from_secs(number(value, 1, 604_800)?.into()),
            "index" => self.index = one_of(value, &[("yes", true), ("no", false)])?,
            "wait" => self.wait = number(value, 0, 16)?,
            "wait_ms" => self.wait_for = milliseconds(10, 60_000)?,
            "db" if self.mode == Mode::Sentinel || self.socket.is_some() => {
                self.db = number(value, 0, 65_535)?.into();
            }
            "sentinel_user" if self.mode == Mode::Sentinel => self.sentinel_login.user = Some(text()?),
            "sentinel_password" if self.mode == Mode::Sentinel => {
                self.sentinel_login.password = Some(text()?);
            }
            _ => return Err("there is no such option here".into()),
        }
        Ok(())
    }

    /// User and password of the engine.
    #[must_use]
    pub fn login(mut self, user: Option<&str>, password: &str) -> Self {
        self.login = Login { user: user.map(str::to_owned), password: Some(password.to_owned()) };
        self
    }

    /// Speaks TLS, to every server that is named or found. They must: there is no falling back to plain text.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// What the names of all keys begin with.
    ///
    /// # Errors
    /// It is longer than 64 characters, or has others than letters, digits, `:`, `_`, `.`, `-`.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, StoreError> {
        self.prefix = read_prefix(prefix)
            .map_err(|why| StoreError::nothing_written(format!("the prefix of the Redis store: {why}")))?;
        Ok(self)
    }

    /// How long a call may take with all it needs.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// How long a connection and an answer may take.
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, response: Duration) -> Self {
        (self.connect, self.response) = (connect, response);
        self
    }

    /// How long the engine keeps a record after its end.
    #[must_use]
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Whether records can be listed.
    #[must_use]
    pub fn index(mut self, index: bool) -> Self {
        self.index = index;
        self
    }

    /// How many replicas must have a write before it is acknowledged, and how long they may take.
    #[must_use]
    pub fn wait(mut self, replicas: u32, within: Duration) -> Self {
        (self.wait, self.wait_for) = (replicas, within);
        self
    }

    /// The hosts, for messages.
    pub(crate) fn place(&self) -> String {
        if let Some(socket) = &self.socket {
            return socket.display().to_string();
        }
        let hosts: Vec<String> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        hosts.join(",")
    }
}

fn read_login(text: &str) -> Result<Login, String> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let part = |text: &str| percent_decoded(text).ok_or("has a bad percent-encoding in user or password");
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    Ok(Login { user: some(part(user)?), password: some(part(password)?) })
}

/// The path of a socket, from what stands before and after the first `/`.
fn read_socket(host: &str, path: &str) -> Result<PathBuf, String> {
    match percent_decoded(path).ok_or("has a bad percent-encoding")? {
        _ if !host.is_empty() => Err("names a host before the path of the socket".into()),
        path if path.is_empty() => Err("names no socket".into()),
        path => Ok(format!("/{path}").into()),
    }
}

fn read_host(text: &str, port: u16) -> Result<(String, u16), String> {
    let (host, after) = match text.strip_prefix('[') {
        Some(text) => text.split_once(']').ok_or("has an address with [ but without ]")?,
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control() || c == '%') {
        return Err("names no host".into());
    }
    let port = match after.strip_prefix(':') {
        Some(number) => number.parse().ok().filter(|port| *port > 0).ok_or("has a bad port")?,
        None if after.is_empty() => port,
        None => return Err("has a bad port".into()),
    };
    Ok((host.to_owned(), port))
}

fn read_prefix(text: &str) -> Result<String, String> {
    let good = |c: char| c.is_ascii_alphanumeric() || ":_.-".contains(c);
    if text.len() <= 64 && text.chars().all(good) {
        Ok(text.to_owned())
    } else {
        Err("its value is of at most 64 letters, digits, `:`, `_`, `.`, `-`".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Options::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn urls() {
        let one = Options::parse("redis://alice:s%40c%2Fret@h/3?prefix=a:b_&margin_s=7").unwrap();
        let expected = Options { db: 3, ..Options::single("h", 6379) };
        let expected = expected.login(Some("alice"), "s@c/ret").margin(Duration::from_secs(7));
        assert_eq!(one, expected.prefix("a:b_").unwrap());
        assert_eq!(Options::parse("redis://[::1]:7000").unwrap(), Options::single("::1", 7000));
        let many = vec![("a".to_owned(), 26_379), ("b".to_owned(), 5)];
        assert_eq!(Options::parse("redis+sentinel://a,b:5/main").unwrap(), Options::sentinel(many, "main"));
        let many = vec![("a".to_owned(), 1), ("b".to_owned(), 6379)];
        assert_eq!(Options::parse("redis+cluster://a:1,b").unwrap(), Options::cluster(many));
        let socket = Options { db: 2, ..Options::socket("/run/a b.sock") }.login(Some("u"), "p");
        assert_eq!(Options::parse("redis+unix://u:p@/run/a%20b.sock?db=2").unwrap(), socket);
        let all = "redis://h?deadline_ms=100&connect_ms=50&response_ms=60&index=no&wait=1&wait_ms=10";
        let milliseconds = Duration::from_millis;
        let expected = Options::single("h", 6379)
            .deadline(milliseconds(100))
            .timeouts(milliseconds(50), milliseconds(60))
            .index(false)
            .wait(1, milliseconds(10));
        assert_eq!(Options::parse(all).unwrap(), expected);
    }

    #[test]
    fn every_form_has_tls() {
        let files = Tls::verified().ca("/my ca.pem").client_certificate("/c", "/k");
        let one = Options::parse("rediss://h?ca=/my%20ca.pem&cert=/c&key=/k").unwrap();
        assert_eq!(one, Options::single("h", 6379).tls(files));
        for url in ["rediss://h", "rediss+sentinel://h/m", "rediss+cluster://h", "redis://h?tls=yes"] {
            assert_eq!(Options::parse(url).unwrap().tls, Some(Tls::verified()), "{url}");
        }
        assert_eq!(Options::parse("redis://h?tls=no").unwrap().tls, None);
    }

    #[test]
    fn refusals_say_what_to_write_and_no_secret() {
        for (url, why) in [
            ("postgres://u:hunter2@h", "another scheme"),
            ("rediss+unix://u:hunter2@/s", "Unix socket"),
            ("redis+unix://u:hunter2@/s?tls=yes", "Unix socket"),
            ("rediss://u:hunter2@h?tls=no", "leave one"),
            ("redis://u:hunter2@h?ca=/c", "add tls=yes"),
            ("rediss://u:hunter2@h?ca=%00", "percent-encoding"),
            ("redis://u:hunter2%00@h", "percent-encoding"),
            ("redis+sentinel://u:hunter2@h/m%00", "percent-encoding"),
            ("redis:u:hunter2@h", "no ://"),
            ("redis://u:hunter2@", "no host"),
            ("redis://u:hunter2@h:0", "bad port"),
            ("redis://u:hunter2@h:x", "bad port"),
            ("redis://u:hunter2%zz@h", "percent-encoding"),
            ("redis://u:hunter2@a,b", "several hosts"),
            ("redis://u:hunter2@h/x", "names a database"),
            ("redis+sentinel://u:hunter2@a", "names no master"),
            ("redis+cluster://u:hunter2@a/1", "has but one"),
            ("redis+unix://u:hunter2@h/x", "names a host"),
            ("redis+unix://u:hunter2@/", "names no socket"),
            ("redis+unix://u:hunter2%zz@/x", "percent-encoding"),
            ("redis+cluster://u:hunter2@a?db=1", "no such option"),
            ("redis://u:hunter2@h?ttl=1", "no such option"),
            ("redis://u:hunter2@h?sentinel_password=hunter2", "no such option"),
            ("redis://u:hunter2@h?index=1", "yes, no"),
            ("redis://u:hunter2@h?deadline_ms=5", "from 100 to"),
            ("redis://u:hunter2@h?prefix={hunter2}", "at most 64"),
        ] {
            let told = refused(url);
            assert!(told.contains(why) && told.contains("write redis://"), "{url}: {told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let options = Options::parse("redis+sentinel://u:hunter2@a/m?sentinel_password=hunter2").unwrap();
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
