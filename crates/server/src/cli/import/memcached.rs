//! `oauth2/store/memcache.py`: pickles under `{prefix}_{name}`, where the name is that of the token, of its refresh token, or
//! `{client}_{grant}_{user}`. memcached cannot be asked for its keys, so they are [given](super::keys).

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use grantor_store_tls::{Prepared, Tls};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::keys::{Keys, Line, is_key};
use super::old::{Old, UNREADABLE, What, of_name};
use super::source::{Pass, Source};
use super::{Args, pickle, tls};
use crate::failure::Failure;

/// How many keys a server is asked for at a time, and the largest value that is read.
const PAGE: usize = 64;
const VALUE: usize = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(30);
const GONE: &str = "memcached does not have it: it was removed, was evicted, or never was";

/// Open python-oauth2 stores in memcached. Whatever shared the keys out among the servers, each is asked for all.
pub(super) struct Memcached {
    servers: Vec<Server>,
    keys: Keys,
    /// With the underscore.
    prefix: String,
    /// Digests of the names that were asked for: each is asked for once, however often and wherever it is named.
    asked: HashSet<[u8; 32]>,
    ended: bool,
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

struct Server {
    place: String,
    stream: BufReader<Box<dyn Stream>>,
}

impl Memcached {
    pub(super) async fn open(args: &Args) -> Result<Self, Failure> {
        let refuse =
            |why: &str| Failure::usage(format!("--from {why}; write memcached://host:port,host:port"));
        let Some(file) = &args.keys else {
            return Err(Failure::usage(
                "memcached cannot be asked for its keys: name a file that has them, a line each, with --keys FILE (- for standard input)",
            ));
        };
        let prefix = format!("{}_", args.prefix);
        let (url, tls) = tls::taken_out(&args.from, args.from.starts_with("memcacheds:"))?;
        let (_, hosts) = url.split_once("://").ok_or_else(|| refuse("has no ://"))?;
        if hosts.contains(['@', '?']) {
            return Err(refuse("has a password or an unknown option"));
        }
        let keys = Keys::open(file, &prefix)?;
        let prepared = tls.as_ref().map(Tls::prepare).transpose()?;
        let mut servers = Vec::new();
        for host in hosts.trim_end_matches('/').split(',') {
            let (host, port) = address(host).ok_or_else(|| refuse("has a host or a port that is none"))?;
            grantor_store_tls::warn("memcached", [host], tls.as_ref());
            servers.push(Server::connect(host, port, prepared.as_ref()).await?);
        }
        Ok(Self { servers, keys, prefix, asked: HashSet::new(), ended: true })
    }

    /// What there is of these names, in no order.
    async fn fetch(
        &mut self,
        names: &[String],
    ) -> Result<Vec<(String, Option<Map<String, Value>>)>, Failure> {
        let mut found: Vec<(String, Option<Map<String, Value>>)> = Vec::new();
        if names.is_empty() {
            return Ok(found);
        }
        let mut command = String::from("get");
        for name in names {
            command.extend([" ", &self.prefix, name]);
        }
        command.push_str("\r\n");
        for server in &mut self.servers {
            let values = timeout(PATIENCE, server.get(&command)).await;
            let values = values.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            for (key, value) in values.map_err(|error| failed(&server.place, &error.kind().to_string()))? {
                let name = key.strip_prefix(&self.prefix).unwrap_or_default();
                // Where two servers have a key, one of them is left from when the servers were others.
                if names.iter().any(|asked| asked == name) && !found.iter().any(|(known, _)| known == name) {
                    found.push((name.to_owned(), fields(&value)));
                }
            }
        }
        Ok(found)
    }

    fn is_new(&mut self, name: &str) -> bool {
        self.asked.insert(Sha256::digest(name).into())
    }
}

#[async_trait]
impl Source for Memcached {
    /// There are no clients in memcached.
    fn begin(&mut self, pass: Pass) {
        self.ended = pass == Pass::Clients;
    }

    async fn next(&mut self) -> Result<Option<Vec<Old>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        let (mut page, mut names) = (Vec::new(), Vec::new());
        while names.len() < PAGE {
            match self.keys.next()? {
                Some(Line::Name(name)) if self.is_new(&name) => names.push(name),
                Some(Line::Name(_)) => {}
                Some(Line::NoKey) => {
                    page.push(Old::Left(What::Other, "a line of --keys that is no key with this prefix", 1));
                }
                None => {
                    self.ended = true;
                    break;
                }
            }
            if page.len() > PAGE {
                break;
            }
        }
        let found = self.fetch(&names).await?;
        page.push(Old::Left(What::Other, GONE, names.len().saturating_sub(found.len()) as u64));
        let mut follow: Vec<String> = Vec::new();
        for (name, fields) in found {
            let Some(fields) = fields else {
                page.push(Old::Left(What::Other, UNREADABLE, 1));
                continue;
            };
            // Under another name: what counts is whether the token is there itself.
            if let Some(token) = fields.get("token").and_then(Value::as_str)
                && token != name
                && is_key(&self.prefix, token)
                && self.is_new(token)
            {
                follow.push(token.to_owned());
            }
            page.push(of_name(&name, &fields));
        }
        for (name, fields) in self.fetch(&follow).await? {
            let read = fields.map(|fields| of_name(&name, &fields));
            page.push(read.unwrap_or(Old::Left(What::Other, UNREADABLE, 1)));
        }
        Ok(Some(page))
    }
}

impl Server {
    async fn connect(host: &str, port: u16, tls: Option<&Prepared>) -> Result<Self, Failure> {
        let place = format!("{host}:{port}");
        let connecting = async {
            let stream = TcpStream::connect((host, port)).await.map_err(|error| error.kind().to_string())?;
            Ok::<Box<dyn Stream>, String>(match tls {
                Some(tls) => Box::new(tls.connect(host, stream).await?),
                None => Box::new(stream),
            })
        };
        let connected =
            timeout(PATIENCE, connecting).await.unwrap_or_else(|_| Err("no answer in time".to_owned()));
        let stream = connected.map_err(|why| failed(&place, &why))?;
        Ok(Self { place, stream: BufReader::new(stream) })
    }

    /// Keys and values that it has; a value that is too large is empty.
    async fn get(&mut self, command: &str) -> std::io::Result<Vec<(String, Vec<u8>)>> {
        let odd = || std::io::Error::from(std::io::ErrorKind::InvalidData);
        self.stream.get_mut().write_all(command.as_bytes()).await?;
        self.stream.get_mut().flush().await?;
        let mut values = Vec::new();
        loop {
            let mut line = Vec::new();
            (&mut self.stream).take(1024).read_until(b'\n', &mut line).await?;
            let line = std::str::from_utf8(line.strip_suffix(b"\r\n").ok_or_else(odd)?).map_err(|_| odd())?;
            if line == "END" {
                return Ok(values);
            }
            let mut words = line.split(' ');
            let (Some("VALUE"), Some(key), Some(_), Some(length)) =
                (words.next(), words.next(), words.next(), words.next())
            else {
                return Err(odd());
            };
            let length: usize = length.parse().map_err(|_| odd())?;
            let mut value = Vec::new();
            if length > VALUE {
                let mut away = (&mut self.stream).take(length as u64);
                tokio::io::copy(&mut away, &mut tokio::io::sink()).await?;
            } else {
                value.resize(length, 0);
                self.stream.read_exact(&mut value).await?;
            }
            let mut end = [0; 2];
            self.stream.read_exact(&mut end).await?;
            if end != *b"\r\n" || values.len() > PAGE {
                return Err(odd());
            }
            values.push((key.to_owned(), value));
        }
    }
}

/// What python-memcached makes of a dictionary: a pickle; other clients can be told to write JSON.
fn fields(value: &[u8]) -> Option<Map<String, Value>> {
    let read = if value.starts_with(b"{") { serde_json::from_slice(value).ok() } else { pickle::read(value) };
    match read {
        Some(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

fn address(text: &str) -> Option<(&str, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => text.split_at(text.find(':').unwrap_or(text.len())),
    };
    let port = if port.is_empty() { 11_211 } else { port.strip_prefix(':')?.parse().ok()? };
    (!host.is_empty()).then_some((host, port))
}

fn failed(place: &str, why: &str) -> Failure {
    Failure::new(format!(
        "the old store in memcached, {place}: {why}; what was taken over stays, run the command again"
    ))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_have_a_port_or_the_usual_one() {
        assert_eq!(address("a"), Some(("a", 11_211)));
        assert_eq!(address("10.0.0.1:7"), Some(("10.0.0.1", 7)));
        assert_eq!(address("[::1]:7"), Some(("::1", 7)));
        for odd in ["", ":7", "a:b", "[::1", "a:70000"] {
            assert_eq!(address(odd), None, "{odd}");
        }
    }
}
