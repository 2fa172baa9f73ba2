//! grantor mounted in Rocket.
//!
//! [`routes`] answers the endpoints of a provider. [`guarded`] and the request guard [`Access`] protect the API behind it
//! (RFC 6750).
//!
//! # Mounting
//! `rocket::build().mount("/", routes(&provider))` serves every path of the provider, those below the path of its issuer and
//! the metadata (RFC 8414 §3) included.
//!
//! # What Rocket does not let through
//! - A method that it does not know it answers itself; so it does with what follows from its field `_method` in a form.
//! - Its headers are text: one that is not UTF-8 does not arrive, and does not go out.

mod guard;

pub use guard::{Access, NoGuard, guarded};

use std::io::Cursor;

use bytes::Bytes;
use grantor_core::{Peer, Provider};
use rocket::data::ToByteUnit as _;
use rocket::http::{Method, Status};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Response, Route, async_trait};

/// Rocket knows no route for all methods.
const METHODS: [Method; 9] = [
    Method::Get,
    Method::Head,
    Method::Post,
    Method::Put,
    Method::Patch,
    Method::Delete,
    Method::Options,
    Method::Trace,
    Method::Connect,
];

/// The endpoints of this provider, for `Rocket::mount` at `/`.
///
/// What the site adapter shall find in `ask.extensions()` a fairing leaves as an [`http::Extensions`] in the request's local
/// cache. [`Peer`], the address that failed attempts are counted by, is taken from there; where it is not set, from the
/// connection (Rocket's `client_ip` is not asked: its header can be sent by anybody). Behind a proxy set it in a fairing of
/// your own, from the header that your proxy writes.
///
/// # Panics
/// Rocket's `Route` does where the provider has a path that Rocket takes for a pattern, such as `/<x>`.
#[must_use]
pub fn routes(provider: &Provider) -> Vec<Route> {
    let endpoint =
        |path: &str| METHODS.map(|method| Route::new(method, path, Grantor { provider: provider.clone() }));
    provider.paths().iter().flat_map(|path| endpoint(path)).collect()
}

#[derive(Debug, Clone)]
struct Grantor {
    provider: Provider,
}

#[async_trait]
impl Handler for Grantor {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        // One byte more than core takes, so that it sees by the length that a body is too large.
        let limit = self.provider.max_body().saturating_add(1);
        let body = data.open(limit.bytes()).into_bytes().await;
        let request = body.ok().and_then(|body| inward(request, body.into_inner().into()));
        Outcome::Success(outward(match request {
            Some(request) => self.provider.handle(request).await,
            None => self.provider.unreadable_body(),
        }))
    }
}

/// Rocket has its own types.
fn inward(request: &Request<'_>, body: Bytes) -> Option<http::Request<Bytes>> {
    let mut out = http::Request::new(body);
    *out.method_mut() = http::Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    *out.uri_mut() = http::Uri::try_from(request.uri().to_string()).ok()?;
    *out.headers_mut() = headers(request)?;
    *out.extensions_mut() = request.local_cache(http::Extensions::new).clone();
    if out.extensions().get::<Peer>().is_none()
        && let Some(address) = request.remote()
    {
        out.extensions_mut().insert(Peer(address.ip().to_canonical()));
    }
    Some(out)
}

fn headers(request: &Request<'_>) -> Option<http::HeaderMap> {
    let mut headers = http::HeaderMap::new();
    for header in request.headers().iter() {
        let name = http::HeaderName::from_bytes(header.name().as_str().as_bytes()).ok()?;
        headers.append(name, http::HeaderValue::from_bytes(header.value().as_bytes()).ok()?);
    }
    Some(headers)
}

pub(crate) fn outward<'r>(response: http::Response<Bytes>) -> Response<'r> {
    let (head, body) = response.into_parts();
    let mut out = Response::new();
    out.set_status(Status::new(head.status.as_u16()));
    for (name, value) in &head.headers {
        if let Ok(value) = std::str::from_utf8(value.as_bytes()) {
            out.adjoin_raw_header(name.as_str().to_owned(), value.to_owned());
        } else {
            tracing::warn!(target: "grantor", header = name.as_str(), "Rocket sends headers of text only");
        }
    }
    out.set_sized_body(body.len(), Cursor::new(body));
    out
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
