//! grantor mounted in Salvo.
//!
//! [`router`] answers the endpoints of a provider. [`GuardHoop`] and the extractor [`Access`] protect the API behind it
//! (RFC 6750).
//!
//! # Mounting
//! `Router::new().push(router(&provider))` serves every path of the provider, those below the path of its issuer and the
//! metadata (RFC 8414 §3) included. For hoops around them alone: `router(&provider).hoop(..)`.

mod guard;

pub use guard::{Access, GuardHoop};

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use grantor_core::{Peer, Provider};
use salvo::http::ReqBody;
use salvo::{Depot, FlowCtrl, Handler, Request, Response, Router, async_trait};

/// A router with the endpoints of this provider.
///
/// What the site adapter shall find in `ask.extensions()` a hoop puts into `request.extensions_mut()`. [`Peer`], the address
/// that failed attempts are counted by, is taken from there; where it is not set, from the connection. Behind a proxy set it
/// in a hoop of your own, from the header that your proxy writes.
#[must_use]
pub fn router(provider: &Provider) -> Router {
    let endpoint = |path: String| Router::with_path(path).goal(Grantor { provider: provider.clone() });
    provider.paths().into_iter().fold(Router::new(), |router, path| router.push(endpoint(path)))
}

#[derive(Debug, Clone)]
struct Grantor {
    provider: Provider,
}

#[async_trait]
impl Handler for Grantor {
    async fn handle(&self, request: &mut Request, _: &mut Depot, out: &mut Response, _: &mut FlowCtrl) {
        let response = match read(request.take_body(), self.provider.max_body()).await {
            Ok(body) => self.provider.handle(inward(request, body)).await,
            Err(_) => self.provider.unreadable_body(),
        };
        outward(response, out);
    }
}

/// The body; of one that is larger than `limit` only the beginning, a little more than `limit`, so that core sees by its
/// length that it is too large.
async fn read(mut body: ReqBody, limit: usize) -> std::io::Result<Bytes> {
    let mut all = BytesMut::new();
    while all.len() <= limit {
        let Some(frame) = body.next().await.transpose()? else { break };
        // Trailers are of no interest.
        if let Ok(data) = frame.into_data() {
            all.extend_from_slice(&data);
        }
    }
    Ok(all.freeze())
}

fn inward(request: &mut Request, body: Bytes) -> http::Request<Bytes> {
    let mut out = http::Request::new(body);
    *out.method_mut() = request.method().clone();
    *out.uri_mut() = request.uri().clone();
    *out.headers_mut() = std::mem::take(request.headers_mut());
    *out.extensions_mut() = std::mem::take(request.extensions_mut());
    if out.extensions().get::<Peer>().is_none()
        && let Some(address) = request.remote_addr().clone().into_std()
    {
        out.extensions_mut().insert(Peer(address.ip().to_canonical()));
    }
    out
}

pub(crate) fn outward(response: http::Response<Bytes>, out: &mut Response) {
    let (head, body) = response.into_parts();
    out.status_code(head.status);
    out.set_headers(head.headers);
    out.body(body);
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
