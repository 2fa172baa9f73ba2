//! `oauth2/store/redisdb.py`: JSON under `{prefix}_{name}`, without an expiry.

use async_trait::async_trait;
use grantor_store_tls::Tls;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, RedisError, cmd};
use tokio::net::TcpStream;

use super::old::{Old, entry};
use super::source::{Pass, Source};
use super::tls;
use crate::failure::Failure;

/// How many keys the engine looks at for a page.
const PAGE: usize = 500;

/// An open python-oauth2 store in Redis.
pub(super) struct Redis {
    connection: MultiplexedConnection,
    /// With the underscore.
    prefix: String,
    /// `None` at the end of a pass.
    cursor: Option<u64>,
}

impl Redis {
    pub(super) async fn open(url: &str, prefix: &str) -> Result<Self, Failure> {
        let (url, tls) = tls::taken_out(&url.replacen("rediss:", "redis:", 1), url.starts_with("rediss:"))?;
        let client = Client::open(url).map_err(|_| {
            Failure::usage("--from is no URL of Redis; write redis://[user:password@]host:port/db")
        })?;
        let connection = connect(&client, tls.as_ref()).await?;
        Ok(Self { connection, prefix: format!("{prefix}_"), cursor: None })
    }
}

#[async_trait]
impl Source for Redis {
    /// Both passes see all keys.
    fn begin(&mut self, _pass: Pass) {
        self.cursor = Some(0);
    }

    async fn next(&mut self) -> Result<Option<Vec<Old>>, Failure> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut scan = cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(pattern(&self.prefix)).arg("COUNT").arg(PAGE);
        let (next, keys): (u64, Vec<Vec<u8>>) =
            scan.query_async(&mut self.connection).await.map_err(|error| failed(&error))?;
        self.cursor = (next != 0).then_some(next);
        if keys.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let mut get = cmd("MGET");
        for key in &keys {
            get.arg(key);
        }
        let values: Vec<Option<Vec<u8>>> =
            get.query_async(&mut self.connection).await.map_err(|error| failed(&error))?;
        let names = keys.iter().map(|key| key.get(self.prefix.len()..).unwrap_or_default());
        let found = names.zip(values).filter_map(|(name, value)| Some((name, value?)));
        Ok(Some(found.map(|(name, value)| entry(&String::from_utf8_lossy(name), &value)).collect()))
    }
}

/// Connects. Where TLS was asked for nothing is sent before the server has proved who it is.
async fn connect(client: &Client, tls: Option<&Tls>) -> Result<MultiplexedConnection, Failure> {
    let server = match client.get_connection_info().addr() {
        ConnectionAddr::Tcp(host, port) => Some((host.as_str(), *port)),
        _ => None,
    };
    grantor_store_tls::warn("Redis", server.map(|(host, _)| host), tls);
    let (Some((host, port)), Some(tls)) = (server, tls) else {
        return client.get_multiplexed_async_connection().await.map_err(|error| failed(&error));
    };
    let prepared = tls.prepare()?;
    let stream = TcpStream::connect((host, port)).await.map_err(|error| failed(&error.into()))?;
    let stream = prepared
        .connect(host, stream)
        .await
        .map_err(|why| Failure::new(format!("the old store in Redis: {why}")))?;
    let login = client.get_connection_info().redis_settings();
    let connected = MultiplexedConnection::new_with_config(login, stream, AsyncConnectionConfig::new()).await;
    let (connection, carrying) = connected.map_err(|error| failed(&error))?;
    // It ends when the connection breaks, or is let go.
    tokio::spawn(carrying);
    Ok(connection)
}

/// All keys with this prefix, whose own `*`, `?`, `[` and `\` mean themselves.
fn pattern(prefix: &str) -> String {
    let mut pattern = String::with_capacity(prefix.len() + 1);
    for c in prefix.chars() {
        if "*?[]\\^".contains(c) {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern + "*"
}

fn failed(error: &RedisError) -> Failure {
    let why = error.detail().map_or_else(|| error.category().to_owned(), str::to_owned);
    Failure::new(format!("the old store in Redis: {why}; what was taken over stays, run the command again"))
}

#[cfg(test)]
mod tests {
    use super::pattern;

    #[test]
    fn a_prefix_means_itself() {
        assert_eq!(pattern("oauth2_"), "oauth2_*");
        assert_eq!(pattern("a*[b]?_"), "a\\*\\[b\\]\\?_*");
    }
}
