//! A client of HTTP/1.1 over a bounded number of connections that are kept, one request at a time on each.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The value of a header, whose name is given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The body as JSON; null where it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// The connection ended before the answer did: nobody knows what became of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost;

/// Connections to one port.
#[derive(Debug)]
pub struct Pool {
    port: u16,
    idle: Mutex<Vec<Connection>>,
    room: Semaphore,
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Pool {
    /// So many connections at most; they are opened as they are needed.
    pub fn new(port: u16, most: usize) -> Arc<Self> {
        Arc::new(Self { port, idle: Mutex::default(), room: Semaphore::new(most) })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Opens connections, so that requests which shall race do not wait for them.
    ///
    /// # Errors
    /// [`Lost`] where nobody listens.
    pub async fn warm(&self, connections: usize) -> Result<(), Lost> {
        while self.idle.lock().len() < connections {
            let connection = Connection::open(self.port).await?;
            self.idle.lock().push(connection);
        }
        Ok(())
    }

    /// Asks for a path.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn get(&self, path: &str) -> Result<Answer, Lost> {
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
    }

    /// Sends a form.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn post(&self, path: &str, form: &str) -> Result<Answer, Lost> {
        self.send(path, "application/x-www-form-urlencoded", form).await
    }

    /// Sends JSON.
    ///
    /// # Errors
    /// [`Lost`].
    pub async fn post_json(&self, path: &str, value: &serde_json::Value) -> Result<Answer, Lost> {
        self.send(path, "application/json", &value.to_string()).await
    }

    async fn send(&self, path: &str, kind: &str, body: &str) -> Result<Answer, Lost> {
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await
    }

    /// One request. It is never sent twice.
    async fn exchange(&self, request: &str) -> Result<Answer, Lost> {
        let _room = self.room.acquire().await.map_err(|_| Lost)?;
        let kept = self.idle.lock().pop();
        let mut connection = match kept {
            Some(connection) => connection,
            None => Connection::open(self.port).await?,
        };
        let answer = connection.exchange(request).await.map_err(|_| Lost)?;
        self.idle.lock().push(connection);
        Ok(answer)
    }
}

impl Connection {
    async fn open(port: u16) -> Result<Self, Lost> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.map_err(|_| Lost)?;
        stream.set_nodelay(true).map_err(|_| Lost)?;
        Ok(Self { stream, buffer: Vec::with_capacity(2048) })
    }

    async fn exchange(&mut self, request: &str) -> std::io::Result<Answer> {
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let text = std::str::from_utf8(&self.buffer).map_err(std::io::Error::other)?;
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let mut answer = Answer { status: 0, head: head.to_owned(), body: String::new() };
            let length = answer.header("content-length").map_or(Ok(0), str::parse);
            if body.len() < length.map_err(std::io::Error::other)? {
                continue;
            }
            answer.status = head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or_default();
            body.clone_into(&mut answer.body);
            return Ok(answer);
        }
    }
}
