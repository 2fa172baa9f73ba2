//! Listening, connections and their limits, and the graceful stop.
//!
//! A stop must not cost a request of the proxy before this server, which may send one before it knows: connections that wait in
//! the system's queue are still taken, each answer says `Connection: close` (RFC 9112 §9.6), and connections that lie idle end a
//! moment later, which a proxy that gives them up sooner never meets.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{self, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, watch};

use super::Front;
use super::io::{Busy, Patience, Timed};
use super::request;

/// How long the accept loop rests after an error such as "too many open files".
const REST: Duration = Duration::from_millis(100);
/// After the signal an idle connection may still bring a request for this part of the time to stop: 2 s where nothing else is
/// said. docs/server.md tells proxies to be quicker.
const LINGER: u32 = 4;

/// Serves on these listeners, at most so many connections at once, until `stop` is done. Then readiness is off, the
/// listeners are closed, and what is in flight has the configured time to be answered.
pub(crate) async fn serve(
    listeners: Vec<TcpListener>,
    most: Option<usize>,
    front: Arc<Front>,
    stop: impl Future<Output = ()>,
) {
    let (closed, closing) = watch::channel(false);
    let places = Places::new(most, front.limits().connections_per_address);
    for listener in listeners {
        tokio::spawn(accept(listener, Arc::clone(&front), Arc::clone(&places), closing.clone()));
    }
    drop(closing);
    stop.await;
    front.stop();
    let _ = closed.send(true);
    // Each loop and each connection holds a receiver until it has ended.
    if tokio::time::timeout(front.limits().shutdown_timeout, closed.closed()).await.is_err() {
        tracing::warn!(target: "grantor", reason = "stop_cut_short", "some connections did not end in time and were cut");
    }
}

async fn accept(
    listener: TcpListener,
    front: Arc<Front>,
    places: Arc<Places>,
    mut closing: watch::Receiver<bool>,
) {
    let server = Arc::new(server(&front));
    loop {
        let next = async {
            // No more is accepted than there are places: further connections wait in the system's queue.
            let permit = places.permit().await;
            (listener.accept().await, permit)
        };
        let (accepted, permit) = tokio::select! {
            next = next => next,
            () = closed(&mut closing) => break,
        };
        match accepted {
            Ok((stream, address)) => {
                let place = places.of(address.ip(), permit);
                begin(&server, stream, address.ip(), &front, &closing, place);
            }
            Err(cause) => {
                tracing::warn!(target: "grantor", reason = "accept_failed", %cause, "a connection could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
    // Who is in the queue has connected and may have sent its request: closing the listener would reset it.
    let Ok(listener) = listener.into_std() else { return };
    while let Ok(permit) = places.permit_now()
        && let Ok((stream, address)) = listener.accept()
    {
        if stream.set_nonblocking(true).is_ok()
            && let Ok(stream) = TcpStream::from_std(stream)
        {
            begin(&server, stream, address.ip(), &front, &closing, places.of(address.ip(), permit));
        }
    }
}

/// Serves a connection, if there is a place for it.
fn begin(
    server: &Arc<http1::Builder>,
    stream: TcpStream,
    address: IpAddr,
    front: &Arc<Front>,
    closing: &watch::Receiver<bool>,
    place: Option<Place>,
) {
    let Some(place) = place else {
        tracing::info!(target: "grantor", reason = "too_many_connections", peer = %address, "a connection was closed: its address has too many");
        return;
    };
    tokio::spawn(connection(Arc::clone(server), stream, address, Arc::clone(front), closing.clone(), place));
}

/// Ends when the server is asked to stop.
async fn closed(closing: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and then the server is too.
    let _ = closing.wait_for(|closing| *closing).await;
}

fn server(front: &Front) -> http1::Builder {
    let limits = front.limits();
    let mut server = http1::Builder::new();
    server
        .timer(TokioTimer::new())
        // `Timed` knows the difference between an idle connection and slow headers.
        .header_read_timeout(None)
        .max_header_size(limits.header_bytes)
        .max_buf_size(limits.header_bytes.max(16 * 1024));
    if limits.headers != 100 {
        // hyper's own limit of 100 costs no allocation.
        server.max_headers(limits.headers);
    }
    server
}

async fn connection(
    server: Arc<http1::Builder>,
    stream: TcpStream,
    address: IpAddr,
    front: Arc<Front>,
    mut closing: watch::Receiver<bool>,
    place: Place,
) {
    // Answers are small and whole.
    let _ = stream.set_nodelay(true);
    let busy = Busy::default();
    let limits = front.limits();
    let patience = Patience { idle: limits.idle_timeout, headers: limits.header_timeout };
    let io = TokioIo::new(Timed::new(stream, busy.clone(), patience));
    let linger = limits.shutdown_timeout / LINGER;
    let service = service_fn(move |request| {
        let (front, working) = (Arc::clone(&front), busy.begin());
        async move {
            let mut answer = request::answer(&front, address, request).await;
            if front.is_stopping() {
                answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            drop(working);
            Ok::<_, std::convert::Infallible>(answer)
        }
    });
    let mut connection = pin!(server.serve_connection(io, service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closed(&mut closing) => match tokio::time::timeout(linger, connection.as_mut()).await {
            Ok(ended) => ended,
            Err(_) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        },
    };
    if let Err(cause) = ended {
        tracing::debug!(target: "grantor", peer = %address, %cause, "a connection ended early");
    }
    drop(place);
}

/// Who may have how many connections.
#[derive(Debug)]
struct Places {
    all: Option<Arc<Semaphore>>,
    per_address: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One connection's place; free again when it is dropped.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    address: IpAddr,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Places {
    fn new(most: Option<usize>, per_address: usize) -> Arc<Self> {
        let all = most.map(|most| Arc::new(Semaphore::new(most.min(Semaphore::MAX_PERMITS))));
        Arc::new(Self { all, per_address, held: Mutex::default() })
    }

    async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(self.all.as_ref()?).acquire_owned().await.ok()
    }

    /// The same without waiting.
    fn permit_now(&self) -> Result<Option<OwnedSemaphorePermit>, TryAcquireError> {
        self.all.as_ref().map(|all| Arc::clone(all).try_acquire_owned()).transpose()
    }

    fn of(self: &Arc<Self>, address: IpAddr, permit: Option<OwnedSemaphorePermit>) -> Option<Place> {
        if self.per_address > 0 {
            let mut held = self.held.lock();
            let count = held.entry(address).or_default();
            if *count >= self.per_address {
                return None;
            }
            *count += 1;
        }
        Some(Place { places: Arc::clone(self), address, _permit: permit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.places.per_address == 0 {
            return;
        }
        let mut held = self.places.held.lock();
        if let Some(count) = held.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.address);
            }
        }
    }
}
