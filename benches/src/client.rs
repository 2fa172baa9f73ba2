//! One keep-alive HTTP/1.1 connection that costs the machine as little as possible.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server to listen");
        stream.set_nodelay(true).expect("a TCP socket");
        Self { stream, buffer: Vec::with_capacity(4096) }
    }

    /// The body of a 200.
    pub(crate) async fn post(&mut self, path: &str, form: &str) -> String {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            form.len()
        );
        let (head, body) = self.exchange(&request).await;
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head} {body}");
        body
    }

    /// Where a redirect leads.
    pub(crate) async fn get_location(&mut self, path: &str) -> String {
        let (head, body) = self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await;
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        location.unwrap_or_else(|| panic!("no redirect: {head} {body}")).to_owned()
    }

    async fn exchange(&mut self, request: &str) -> (String, String) {
        self.stream.write_all(request.as_bytes()).await.expect("to send");
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("to receive");
            assert!(read > 0, "the server closed the connection");
            let text = std::str::from_utf8(&self.buffer).expect("text");
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
            if body.len() >= length {
                return (head.to_owned(), body.to_owned());
            }
        }
    }
}
