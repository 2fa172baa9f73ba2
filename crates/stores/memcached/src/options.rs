//! Which servers there are and how they are talked to: the builder, and the URL of a configuration.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::StoreError;
use grantor_core::store::options::{one_of, percent_decoded};
use grantor_store_tls::{Reading, Tls};

/// The longest prefix; with kind and id a key stays below the engine's 250 bytes.
const MAX_PREFIX: usize = 200;
pub(crate) const PORT: u16 = 11211;
const MOST_SERVERS: usize = 256;
const MOST_WEIGHT: u32 = 10_000;
const FORM: &str = "write memcached://host:port,host:port/?prefix=name:";

/// How a [`Client`](crate::Client) and a [`MemcachedStore`](crate::MemcachedStore) work.
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `prefix=TEXT` | `grantor:` | how each key begins: up to 200 visible ASCII characters; two installations on one server need two |
/// | `deadline_ms=1..600000` | `2000` | how long a call may take, connecting included |
/// | `connections=1..64` | `1` | connections to each server; each serves any number of callers at once |
/// | `queue=1..65536` | `1024` | requests that wait to be sent on a connection; further callers wait to enter |
/// | `hash=rendezvous\|ketama` | `rendezvous` | [`Hash`](enum@Hash) |
/// | `weights=2,1` | all alike | how the keys are shared out, in the order of the servers; behind `hash=ketama` only |
/// | `tls=yes`, `ca=`, `cert=`, `key=`, `danger_unverified=yes` | no TLS | see [`Tls`]; `memcacheds://` is `tls=yes` |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) servers: Vec<Address>,
    pub(crate) prefix: Arc<str>,
    pub(crate) deadline: Duration,
    pub(crate) connections: usize,
    pub(crate) queue: usize,
    pub(crate) tls: Option<Tls>,
    pub(crate) hash: Hash,
}

/// How it is decided which of several servers has a key. All processes must decide alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Hash {
    /// Rendezvous hashing: who leaves or joins moves only its own share of keys, exactly. This is the default.
    #[default]
    Rendezvous,
    /// The ring of libketama, as libmemcached makes it with `KETAMA_WEIGHTED` (in PHP `OPT_LIBKETAMA_COMPATIBLE`), and
    /// twemproxy: for a pool that such clients share, with the shares of memory that [`Options::weights`] gives.
    Ketama,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// Its share of the keys, where the ring is ketama's.
    pub(crate) weight: u32,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Options {
    /// The defaults, for these servers: `host`, `host:port`, `[::1]:port`.
    ///
    /// The order does not matter. All processes must name the same servers by the same names, for the name decides which
    /// record is where.
    ///
    /// # Errors
    /// No server, one that is named twice, or a name that is none.
    pub fn servers<S: AsRef<str>>(servers: impl IntoIterator<Item = S>) -> Result<Self, StoreError> {
        let mut found: Vec<Address> = Vec::new();
        for (index, server) in servers.into_iter().enumerate() {
            let number = index + 1;
            // The text is not repeated: somebody may have put a password into it.
            let address = address(server.as_ref())
                .ok_or_else(|| refuse(&format!("the name of memcached server {number} is none; {FORM}")))?;
            if found.iter().any(|other| (&other.host, other.port) == (&address.host, address.port)) {
                return Err(refuse(&format!("the memcached server {address} is named twice")));
            }
            found.push(address);
        }
        if found.is_empty() || found.len() > MOST_SERVERS {
            return Err(refuse(&format!("there must be 1 to {MOST_SERVERS} memcached servers; {FORM}")));
        }
        Ok(Self {
            servers: found,
            prefix: "grantor:".into(),
            deadline: Duration::from_secs(2),
            connections: 1,
            queue: 1024,
            tls: None,
            hash: Hash::default(),
        })
    }

    /// Reads `memcached://host:port,host:port/?option=value`, or `memcacheds:` for TLS. The port may be missing: it is 11211
    /// then.
    ///
    /// # Errors
    /// Another scheme, no server, a user or a password, a path, an unknown option or a bad value; the message says what to
    /// write and repeats no password.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let (secure, rest) = match (url.strip_prefix("memcached://"), url.strip_prefix("memcacheds://")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => {
                return Err(refuse(&format!(
                    "the store URL begins neither with memcached:// nor with memcacheds://; {FORM}"
                )));
            }
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (servers, path) = place.split_once('/').unwrap_or((place, ""));
        if place.contains('@') {
            return Err(refuse(&format!(
                "the store URL has a user or a password, but memcached is reached without them here; {FORM}"
            )));
        }
        if !path.is_empty() || place.contains('#') || query.contains('#') {
            return Err(refuse(&format!("the store URL has something behind the servers; {FORM}")));
        }
        let (mut options, mut tls) = (Self::servers(servers.split(','))?, Reading::default());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bad = |why: &str| refuse(&format!("the option {name} of the store URL: {why}"));
            let text = || percent_decoded(value).ok_or_else(|| bad("its percent-encoding is bad"));
            options = if ["tls", "ca", "cert", "key", "danger_unverified"].contains(&name) {
                tls.set(name, &text()?).map_err(|why| bad(&why))?;
                options
            } else if name == "prefix" {
                options.prefix(&text()?)?
            } else {
                options.set(name, value)?
            };
        }
        options.tls = tls.finish(secure).map_err(|why| refuse(&format!("the store URL {why}")))?;
        Ok(options)
    }

    fn set(mut self, name: &str, value: &str) -> Result<Self, StoreError> {
        match name {
            "deadline_ms" => self.deadline = Duration::from_millis(u64::from(number(name, value, 600_000)?)),
            "connections" => self.connections = number(name, value, 64)? as usize,
            "queue" => self.queue = number(name, value, 65_536)? as usize,
            "hash" => {
                self.hash = one_of(value, &[("rendezvous", Hash::Rendezvous), ("ketama", Hash::Ketama)])
                    .map_err(|why| refuse(&format!("the option hash of the store URL: {why}")))?;
            }
            "weights" if self.hash != Hash::Ketama => {
                return Err(refuse("the option weights of the store URL stands behind hash=ketama"));
            }
            "weights" => {
                let weights = value.split(',').map(|weight| number(name, weight, MOST_WEIGHT));
                return self.weights(weights.collect::<Result<Vec<_>, _>>()?);
            }
            _ => {
                return Err(refuse(&format!(
                    "the store URL has an option that there is not; there are prefix, deadline_ms, connections, queue, hash, \
                     weights, {}",
                    Reading::NAMES
                )));
            }
        }
        Ok(self)
    }

    /// How each key begins. A prefix that is the beginning of another one does no harm.
    ///
    /// # Errors
    /// It is longer than 200 bytes or has a character that is not visible ASCII.
    pub fn prefix(mut self, prefix: &str) -> Result<Self, StoreError> {
        self.prefix = checked_prefix(prefix)?;
        Ok(self)
    }

    /// How it is decided which server has a key.
    #[must_use]
    pub fn hash(mut self, hash: Hash) -> Self {
        self.hash = hash;
        self
    }

    /// How the keys are shared out with [`Hash::Ketama`], which this sets: a number from 1 to 10,000 for each server, in their
    /// order.
    ///
    /// # Errors
    /// There are more or fewer numbers than servers, or one is out of bounds.
    pub fn weights(mut self, weights: impl IntoIterator<Item = u32>) -> Result<Self, StoreError> {
        let weights: Vec<u32> = weights.into_iter().collect();
        let bounds = 1..=MOST_WEIGHT;
        if weights.len() != self.servers.len() || !weights.iter().all(|weight| bounds.contains(weight)) {
            return Err(refuse(&format!(
                "the weights are numbers from 1 to {MOST_WEIGHT}, one for each memcached server"
            )));
        }
        for (server, weight) in self.servers.iter_mut().zip(weights) {
            server.weight = weight;
        }
        self.hash = Hash::Ketama;
        Ok(self)
    }

    /// Speaks TLS. The servers must: there is no falling back to plain text.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long a call may take, connecting included; at least a millisecond.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.clamp(Duration::from_millis(1), Duration::from_secs(600));
        self
    }

    /// Connections to each server, 1 to 64.
    #[must_use]
    pub fn connections(mut self, connections: usize) -> Self {
        self.connections = connections.clamp(1, 64);
        self
    }

    /// Requests that wait to be sent on a connection before further callers wait to enter.
    #[must_use]
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = queue.clamp(1, 65_536);
        self
    }
}

pub(crate) fn checked_prefix(prefix: &str) -> Result<Arc<str>, StoreError> {
    if prefix.len() > MAX_PREFIX || !prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(refuse(&format!(
            "the prefix of keys may have up to {MAX_PREFIX} visible ASCII characters and no space"
        )));
    }
    Ok(prefix.into())
}

fn refuse(why: &str) -> StoreError {
    StoreError::nothing_written(why)
}

fn number(name: &str, value: &str, most: u32) -> Result<u32, StoreError> {
    let number = value.parse().ok().filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| refuse(&format!("the option {name} of the store URL is a number from 1 to {most}")))
}

fn address(server: &str) -> Option<Address> {
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']')?;
            host.parse::<std::net::Ipv6Addr>().ok()?;
            (host, if after.is_empty() { None } else { Some(after.strip_prefix(':')?) })
        }
        None => match server.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    if host.is_empty() || host.len() > 253 || !host.bytes().all(plain) {
        return None;
    }
    let port = match port {
        None => PORT,
        Some(port) => port.parse().ok().filter(|port| *port > 0)?,
    };
    Some(Address { host: host.to_ascii_lowercase(), port, weight: 1 })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(url: &str) -> Vec<String> {
        Options::parse(url).unwrap().servers.iter().map(ToString::to_string).collect()
    }

    fn refused(url: &str) -> String {
        Options::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn servers() {
        assert_eq!(names("memcached://localhost"), ["localhost:11211"]);
        assert_eq!(names("memcached://A.example:1,10.0.0.2:2/"), ["a.example:1", "10.0.0.2:2"]);
        assert_eq!(names("memcached://[::1],[2001:db8::1]:7"), ["[::1]:11211", "[2001:db8::1]:7"]);
    }

    #[test]
    fn options() {
        let url = "memcached://h/?prefix=a%25b%3a&deadline_ms=70&connections=3&queue=9";
        let expected = Options::servers(["h:11211"])
            .and_then(|options| options.prefix("a%b:"))
            .unwrap()
            .deadline(Duration::from_millis(70))
            .connections(3)
            .queue(9);
        assert_eq!(Options::parse(url).unwrap(), expected);
    }

    #[test]
    fn tls_and_the_ring() {
        let base = || Options::servers(["a", "b"]).unwrap();
        let parse = |url: &str| Options::parse(url).unwrap();
        assert_eq!(parse("memcacheds://a,b"), base().tls(Tls::verified()));
        let all = parse("memcached://a,b?ca=/my%20ca.pem&tls=yes&hash=ketama&weights=2,1");
        let expected = base().tls(Tls::verified().ca("/my ca.pem")).weights([2, 1]).unwrap();
        assert_eq!(all, expected);
        assert_eq!(parse("memcached://a,b?hash=ketama"), base().hash(Hash::Ketama));
        for (bad, why) in [
            ("memcacheds://a?tls=no", "leave one"),
            ("memcached://a?ca=/c", "add tls=yes"),
            ("memcached://a?tls=yes&ca=%00", "percent-encoding"),
            ("memcached://a?tls=1", "one of no, yes"),
            ("memcached://a,b?hash=ketama&weights=1", "one for each"),
            ("memcached://a,b?hash=ketama&weights=1,0", "from 1 to 10000"),
            ("memcached://a,b?weights=1,2", "behind hash=ketama"),
            ("memcached://a?hash=crc32", "one of rendezvous, ketama"),
        ] {
            assert!(refused(bad).contains(why), "{bad}: {}", refused(bad));
        }
    }

    #[test]
    fn refusals_say_what_to_write_and_no_secret() {
        for bad in [
            "redis://h",
            "memcached:h",
            "memcached://",
            "memcached://h,",
            "memcached://h:0",
            "memcached://h:x",
            "memcached://[h]:1",
            "memcached://h/db",
            "memcached://h#x",
            "memcached://a b",
        ] {
            assert!(refused(bad).contains("memcached://host:port"), "{bad}: {}", refused(bad));
        }
        assert!(refused("memcached://h,H:11211").contains("twice"));
        for secret in ["memcached://u:secret@h", "memcached://h?secret=secret", "memcached://h:secret"] {
            assert!(!refused(secret).contains("secret"), "{}", refused(secret));
        }
        assert!(refused("memcached://h?x=1").contains("there are prefix"));
        assert!(refused("memcached://h?queue=0").contains("from 1 to"));
        assert!(refused("memcached://h?connections").contains("from 1 to 64"));
        for prefix in ["a%20b", "a%0d%0ab", "%c3%a9", "%zz", &"x".repeat(201)] {
            assert!(refused(&format!("memcached://h?prefix={prefix}")).contains("prefix"), "{prefix}");
        }
    }
}
