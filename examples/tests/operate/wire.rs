//! HTTP/1.1 on one kept connection, with TLS or without, and without any retry of its own: what fails is seen.

use std::io::{self, Error, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header};
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufStream,
};
use tokio::net::TcpSocket;
use tokio_rustls::TlsConnector;

/// Longer than anything takes here: what hangs shall fail.
const LONG: Duration = Duration::from_secs(60);

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for S {}

type Line = BufStream<Box<dyn Stream>>;

/// A client of one address.
pub(crate) struct Client {
    to: SocketAddr,
    from: IpAddr,
    tls: Option<(TlsConnector, &'static str)>,
    line: Option<Line>,
}

impl Client {
    /// Without TLS.
    pub(crate) fn plain(to: SocketAddr) -> Self {
        Self { to, from: IpAddr::from([127, 0, 0, 1]), tls: None, line: None }
    }

    /// With TLS to the server of this name, from this address of the machine.
    pub(crate) fn tls(to: SocketAddr, from: IpAddr, connector: TlsConnector, name: &'static str) -> Self {
        Self { to, from, tls: Some((connector, name)), line: None }
    }

    /// One request and its answer. The connection is kept where both sides want it.
    pub(crate) async fn send(&mut self, request: &Request<Bytes>) -> io::Result<Response<Bytes>> {
        let mut line = match self.line.take() {
            Some(line) => line,
            None => self.connect().await?,
        };
        let exchange = async {
            write(&mut line, request).await?;
            read(&mut line).await
        };
        let answer =
            tokio::time::timeout(LONG, exchange).await.map_err(|_| Error::from(ErrorKind::TimedOut))??;
        if answer.headers().get(header::CONNECTION).is_none_or(|value| value != "close") {
            self.line = Some(line);
        }
        Ok(answer)
    }

    async fn connect(&self) -> io::Result<Line> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.from, 0).into())?;
        let stream = socket.connect(self.to).await?;
        stream.set_nodelay(true)?;
        let Some((tls, name)) = &self.tls else { return Ok(BufStream::new(Box::new(stream))) };
        let name = (*name).try_into().map_err(Error::other)?;
        Ok(BufStream::new(Box::new(tls.connect(name, stream).await?)))
    }
}

async fn write(line: &mut Line, request: &Request<Bytes>) -> io::Result<()> {
    let mut head = format!("{} {} HTTP/1.1\r\n", request.method(), request.uri()).into_bytes();
    if !request.headers().contains_key(header::HOST) {
        head.extend_from_slice(b"host: localhost\r\n");
    }
    for (name, value) in request.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(format!("content-length: {}\r\n\r\n", request.body().len()).as_bytes());
    head.extend_from_slice(request.body());
    line.write_all(&head).await?;
    line.flush().await
}

async fn read(line: &mut Line) -> io::Result<Response<Bytes>> {
    let first = text(line).await?;
    let status = first.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    let mut headers = HeaderMap::new();
    loop {
        let next = text(line).await?;
        let Some((name, value)) = next.split_once(':') else { break };
        let name = HeaderName::try_from(name).map_err(Error::other)?;
        headers.append(name, HeaderValue::try_from(value.trim()).map_err(Error::other)?);
    }
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let length =
        length.ok_or_else(|| Error::other(format!("an answer without a length: {first} {headers:?}")))?;
    let mut body = vec![0; length];
    line.read_exact(&mut body).await?;
    let mut answer = Response::new(Bytes::from(body));
    *answer.status_mut() =
        status.and_then(|status| status.try_into().ok()).ok_or_else(|| Error::other(first))?;
    *answer.headers_mut() = headers;
    Ok(answer)
}

async fn text(line: &mut Line) -> io::Result<String> {
    let mut text = String::new();
    if line.read_line(&mut text).await? == 0 {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    Ok(text.trim_end().to_owned())
}
