//! grantor mounted in poem.
//!
//! [`Grantor`] answers the endpoints of a provider. [`GuardMiddleware`] and the extractor [`Access`] protect the API behind
//! it (RFC 6750).
//!
//! # Mounting
//! [`routes`] adds every path of the provider to a `Route`, those below the path of its issuer and the metadata (RFC 8414 §3)
//! included. [`Grantor`] alone is an endpoint, for middleware around it and for routes of your own.

mod guard;

pub use guard::{Access, GuardEndpoint, GuardMiddleware};

use bytes::Bytes;
use grantor_core::{Peer, Provider};
use poem::{Addr, Body, Endpoint, Request, Response, Result, Route};
use tokio::io::AsyncReadExt as _;

/// The routes of the app with the endpoints of this provider.
///
/// What the site adapter shall find in `ask.extensions()` a middleware puts there with `Request::set_data`. [`Peer`], the
/// address that failed attempts are counted by, is taken from there; where it is not set, from the connection. Behind a proxy
/// set it in a middleware of your own, from the header that your proxy writes.
///
/// # Panics
/// poem's `Route` does where the app has a route of the same path already.
#[must_use]
pub fn routes(app: Route, provider: &Provider) -> Route {
    provider.paths().into_iter().fold(app, |app, path| app.at(path, Grantor::new(provider.clone())))
}

/// A provider as an endpoint of poem. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Grantor {
    provider: Provider,
}

impl Grantor {
    /// The endpoint of this provider.
    pub const fn new(provider: Provider) -> Self {
        Self { provider }
    }
}

impl Endpoint for Grantor {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let body = read(request.take_body(), self.provider.max_body()).await;
        Ok(outward(match body {
            Ok(body) => self.provider.handle(inward(&mut request, body)).await,
            Err(_) => self.provider.unreadable_body(),
        }))
    }
}

/// The body; of one that is larger than `limit` only the beginning, one byte more than `limit`, so that core sees by its length
/// that it is too large.
async fn read(body: Body, limit: usize) -> std::io::Result<Bytes> {
    let mut all = Vec::new();
    body.into_async_read().take(limit as u64 + 1).read_to_end(&mut all).await?;
    Ok(all.into())
}

fn inward(request: &mut Request, body: Bytes) -> http::Request<Bytes> {
    let mut out = http::Request::new(body);
    *out.method_mut() = request.method().clone();
    // As it was sent: a nested route takes its prefix away.
    *out.uri_mut() = request.original_uri().clone();
    *out.headers_mut() = std::mem::take(request.headers_mut());
    *out.extensions_mut() = std::mem::take(request.extensions_mut());
    if out.extensions().get::<Peer>().is_none()
        && let Addr::SocketAddr(address) = &request.remote_addr().0
    {
        out.extensions_mut().insert(Peer(address.ip().to_canonical()));
    }
    out
}

pub(crate) fn outward(response: http::Response<Bytes>) -> Response {
    let (head, body) = response.into_parts();
    let mut out = Response::from(head.status);
    *out.headers_mut() = head.headers;
    out.set_body(body);
    out
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
