//! A client that speaks HTTP/1.1 byte by byte, for requests that no library would send (RFC 9112).

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// After so long an answer will not come any more.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to the server.
pub(super) struct Wire {
    pub(super) input: Input,
    pub(super) output: OwnedWriteHalf,
}

/// The half that answers come from.
pub(super) struct Input(BufReader<OwnedReadHalf>);

/// An answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, Vec<u8>)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// All values of a header, in order.
    pub(super) fn all(&self, name: &str) -> Vec<&[u8]> {
        let own = self.headers.iter().filter(|(own, _)| own.eq_ignore_ascii_case(name));
        own.map(|(_, value)| value.as_slice()).collect()
    }

    fn text(&self, name: &str) -> Option<String> {
        self.all(name).first().map(|value| String::from_utf8_lossy(value).to_ascii_lowercase())
    }
}

impl Wire {
    pub(super) async fn connect(server: SocketAddr) -> Result<Self> {
        let (input, output) = TcpStream::connect(server).await?.into_split();
        Ok(Self { input: Input(BufReader::new(input)), output })
    }

    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        self.output.write_all(bytes.as_ref()).await?;
        self.output.flush().await
    }

    pub(super) async fn answer(&mut self) -> Result<Answer> {
        self.input.answer(false).await
    }

    /// One request that needs nothing special, and its answer.
    pub(super) async fn ask(&mut self, method: &str, target: &str) -> Result<Answer> {
        self.send(format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n\r\n"))
            .await?;
        self.input.answer(method == "HEAD").await
    }
}

impl Input {
    /// The next answer; the one to a HEAD request has no body whatever its headers say (RFC 9112 §6.3).
    pub(super) async fn answer(&mut self, to_head: bool) -> Result<Answer> {
        let answer = tokio::time::timeout(PATIENCE, self.read(to_head)).await;
        answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, "the server does not answer")))
    }

    async fn read(&mut self, to_head: bool) -> Result<Answer> {
        let line = String::from_utf8_lossy(&self.line().await?).into_owned();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let mut answer = Answer {
            status: status.ok_or_else(|| Error::other(format!("no status line: {line:?}")))?,
            ..Answer::default()
        };
        loop {
            let line = self.line().await?;
            if line.is_empty() {
                break;
            }
            let mut parts = line.splitn(2, |byte| *byte == b':');
            let name = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
            answer.headers.push((name, parts.next().unwrap_or_default().trim_ascii().to_vec()));
        }
        if to_head || answer.status == 204 || answer.status == 304 {
            return Ok(answer);
        }
        if answer.text("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            loop {
                let size = String::from_utf8_lossy(&self.line().await?).into_owned();
                let size = size.split(';').next().unwrap_or_default().trim();
                let size = usize::from_str_radix(size, 16).map_err(Error::other)?;
                answer.body.extend(self.exactly(size).await?);
                self.line().await?;
                if size == 0 {
                    return Ok(answer);
                }
            }
        }
        answer.body = match answer.text("content-length") {
            Some(length) => self.exactly(length.parse().map_err(Error::other)?).await?,
            None => {
                let mut rest = Vec::new();
                self.0.read_to_end(&mut rest).await?;
                rest
            }
        };
        Ok(answer)
    }

    async fn line(&mut self) -> Result<Vec<u8>> {
        let mut line = Vec::new();
        loop {
            match self.0.read_u8().await? {
                b'\n' => break,
                byte => line.push(byte),
            }
        }
        line.pop_if(|byte| *byte == b'\r');
        Ok(line)
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.0.read_exact(&mut bytes).await?;
        Ok(bytes)
    }
}
