//! What every request has: an id, an address it came from, a whole body or none, an end in time, a line in the log.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::FutureExt as _;
use grantor::{Peer, Random as _, Reason, SystemRandom};
use http::header::{self, HeaderName, HeaderValue};
use http::{Request, Response, Version};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use tracing::Instrument as _;

use super::{Front, reply};
use crate::{deadline, telemetry};

/// The header that carries a request's id.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Gives ids to requests: a random part for the process, and a number. A client's own is never used.
#[derive(Debug)]
pub(super) struct Ids {
    process: u32,
    next: AtomicU64,
}

impl Ids {
    pub(super) fn new() -> Self {
        let mut random = [0; 4];
        // Without random bytes ids of two processes may meet; nothing but the log goes by them.
        let _ = SystemRandom.fill(&mut random);
        Self { process: u32::from_be_bytes(random), next: AtomicU64::new(1) }
    }

    fn next(&self) -> String {
        format!("{:08x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}

/// Answers one request.
pub(super) async fn answer(
    front: &Arc<Front>,
    connection: IpAddr,
    mut request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let started = Instant::now(); // how long the answer took, for the log
    let id = front.ids().next();
    let forwarded = request.headers().get_all("x-forwarded-for").iter();
    let peer = front.app().peer(connection, forwarded.filter_map(|value| value.to_str().ok()));
    request.extensions_mut().insert(Peer(peer));
    let method = request.method().clone();
    let route = front.route(request.uri().path());
    let span = telemetry::request_span(&id);

    let work = AssertUnwindSafe(handle(front, request)).catch_unwind().instrument(span.clone());
    let ended = match front.limits().request_timeout {
        Some(limit) => tokio::time::timeout(limit, work).await.unwrap_or_else(|_| Ok(reply::too_slow())),
        None => work.await,
    };
    // The panic hook has written the line with the place of the panic.
    let mut response = ended.unwrap_or_else(|_| reply::panicked());

    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.entry(header::X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    if front.is_secure() {
        let year = HeaderValue::from_static("max-age=31536000; includeSubDomains");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, year);
    }
    let reason = response.extensions().get::<Reason>().map_or("", Reason::as_str);
    let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
    // Path, query and body may hold what nobody may read; the route does not.
    span.in_scope(|| {
        tracing::info!(target: "grantor::access", %method, route, status = response.status().as_u16(), micros, %peer, reason, "answered");
    });
    response
}

async fn handle(front: &Arc<Front>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !has_one_host(&request) {
        return reply::not_one_host();
    }
    let (head, body) = request.into_parts();
    let body = match whole(body, front.limits().requests.body_bytes, front.limits().body_timeout).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let answer = front.dispatch(Request::from_parts(head, body));
    deadline::for_request(front.limits().store_timeout, answer).await.map(Full::new)
}

/// > A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header
/// > field and to any request message that contains more than one Host header field line (RFC 9112 §3.2)
///
/// Nothing here goes by the Host, but what stands before this server may: the two must not read it differently.
fn has_one_host<B>(request: &Request<B>) -> bool {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// The whole body, within its limits.
async fn whole(
    body: Incoming,
    most: usize,
    patience: Option<Duration>,
) -> Result<Bytes, Response<Full<Bytes>>> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    if body.size_hint().lower() > most as u64 {
        return Err(reply::too_large());
    }
    let collected = Limited::new(body, most).collect();
    let collected = match patience {
        Some(patience) => tokio::time::timeout(patience, collected).await.map_err(|_| reply::slow_body())?,
        None => collected.await,
    };
    match collected {
        Ok(body) => Ok(body.to_bytes()),
        Err(cause) if cause.is::<LengthLimitError>() => Err(reply::too_large()),
        Err(_) => Err(reply::broken_body()),
    }
}
