//! One keep-alive HTTP/1.1 connection that costs the machine as little as possible; or, for a profiler, no connection at all:
//! the service called in the same process.

use axum::Router;
use axum::body::Body;
use http::{Request, header};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tower_service::Service as _;

pub(crate) struct Connection(Way);

enum Way {
    Tcp { stream: TcpStream, buffer: Vec<u8> },
    Inside(Box<Router>),
}

impl Connection {
    pub(crate) async fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the server to listen");
        stream.set_nodelay(true).expect("a TCP socket");
        Self(Way::Tcp { stream, buffer: Vec::with_capacity(4096) })
    }

    pub(crate) fn inside(app: Router) -> Self {
        Self(Way::Inside(Box::new(app)))
    }

    /// The body of a 200.
    pub(crate) async fn post(&mut self, path: &str, form: &str) -> String {
        let (head, body) = match &mut self.0 {
            Way::Tcp { stream, buffer } => {
                let request = format!(
                    "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n\
                     Content-Length: {}\r\n\r\n{form}",
                    form.len()
                );
                exchange(stream, buffer, &request).await
            }
            Way::Inside(app) => {
                let request = Request::post(path)
                    .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                    .header(header::HOST, "localhost");
                call(app, request.body(Body::from(form.to_owned())).expect("a request")).await
            }
        };
        assert!(head.starts_with("HTTP/1.1 200"), "{path}: {head} {body}");
        body
    }

    /// Where a redirect leads.
    pub(crate) async fn get_location(&mut self, path: &str) -> String {
        let (head, body) = match &mut self.0 {
            Way::Tcp { stream, buffer } => {
                exchange(stream, buffer, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).await
            }
            Way::Inside(app) => {
                let request = Request::get(path).header(header::HOST, "localhost");
                call(app, request.body(Body::empty()).expect("a request")).await
            }
        };
        let location = head.lines().find_map(|line| line.strip_prefix("location: "));
        location.unwrap_or_else(|| panic!("no redirect: {head} {body}")).to_owned()
    }
}

async fn exchange(stream: &mut TcpStream, buffer: &mut Vec<u8>, request: &str) -> (String, String) {
    stream.write_all(request.as_bytes()).await.expect("to send");
    buffer.clear();
    loop {
        let read = stream.read_buf(buffer).await.expect("to receive");
        assert!(read > 0, "the server closed the connection");
        let text = std::str::from_utf8(buffer).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
        if body.len() >= length {
            return (head.to_owned(), body.to_owned());
        }
    }
}

async fn call(app: &mut Router, request: Request<Body>) -> (String, String) {
    let Ok(answer) = app.call(request).await;
    let location = answer.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
    let head = format!("HTTP/1.1 {}\nlocation: {}", answer.status().as_u16(), location.unwrap_or_default());
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a body");
    (head, String::from_utf8_lossy(&body).into_owned())
}
