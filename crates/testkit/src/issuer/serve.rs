//! The issuer's socket: HTTP/1.1 on a port of the loopback, in a thread that ends with it (RFC 9112).

use std::io::Result;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use bytes::Bytes;
use grantor_core::{Peer, Provider};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

/// What is answered.
#[derive(Debug, Default)]
struct Answers {
    provider: Option<Provider>,
    instead: Option<StatusCode>,
}

/// A server. Until it has a provider it answers 503.
#[derive(Debug)]
pub(super) struct Serving {
    port: u16,
    answers: Arc<Mutex<Answers>>,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    pub(super) fn start() -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let answers = Arc::new(Mutex::new(Answers::default()));
        let (end, ended) = oneshot::channel();
        let serve = serve(listener, answers.clone());
        let thread = std::thread::Builder::new().name("test issuer".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve => {}
                    _ = ended => {}
                }
            });
        })?;
        Ok(Self { port, answers, end: Some(end), thread: Some(thread) })
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn answer_by(&self, provider: Provider) {
        self.answers.lock().provider = Some(provider);
    }

    /// With this status, or as the provider does.
    pub(super) fn answer_with(&self, status: Option<StatusCode>) {
        self.answers.lock().instead = status;
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, answers: Arc<Mutex<Answers>>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else { continue };
        let answers = answers.clone();
        let service = service_fn(move |request| {
            let answers = answers.clone();
            async move { Ok::<_, std::convert::Infallible>(answer(&answers, peer, request).await) }
        });
        // A connection that breaks off is the client's affair.
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    answers: &Mutex<Answers>,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (provider, instead) = {
        let answers = answers.lock();
        (answers.provider.clone(), answers.instead)
    };
    let (Some(provider), None) = (provider, instead) else {
        let mut response = Response::new(Full::default());
        *response.status_mut() = instead.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        return response;
    };
    let (mut head, body) = request.into_parts();
    head.extensions.insert(Peer(peer.ip()));
    let body = match Limited::new(body, provider.max_body()).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            let mut response = Response::new(Full::default());
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return response;
        }
        Err(_) => return provider.unreadable_body().map(Full::new),
    };
    provider.handle(Request::from_parts(head, body)).await.map(Full::new)
}
