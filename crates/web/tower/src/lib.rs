//! grantor as a tower service: it mounts in axum, hyper and whatever else speaks `tower`.
//!
//! [`GrantorService`] answers the endpoints of a provider. [`GuardLayer`] and the extractor [`Access`] protect the API
//! behind it (RFC 6750).
//!
//! # Mounting
//! - At the root: `Router::new().fallback_service(GrantorService::new(provider))`. An issuer with a path, such as
//!   `https://example.com/auth`, needs nothing else.
//! - Under a prefix that the router takes away: `.nest_service("/auth", service)`. The issuer has the same path. Its
//!   metadata stands outside of the prefix (RFC 8414 §3), at the last of [`Provider::paths`], which the router must send
//!   here as well.

mod body;
mod guard;

pub use guard::{Access, GuardLayer, GuardService};

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use grantor_core::{Peer, Provider};
use http::{Extensions, Request, Response};
use http_body::Body;
use http_body_util::Full;
use tower_service::Service;

/// A provider as a tower service. Cheap to clone.
///
/// The extensions of a request go on to the site adapter. [`Peer`], the address that failed attempts are counted by, is
/// taken from there; where no layer has set it, from axum's `ConnectInfo<SocketAddr>` (feature `axum`) or from a plain
/// [`SocketAddr`], which is what a server made with hyper should put there. Behind a proxy set [`Peer`] in a layer of your
/// own, from the header that your proxy writes.
#[derive(Debug, Clone)]
pub struct GrantorService {
    provider: Provider,
}

impl GrantorService {
    /// The service of this provider.
    pub const fn new(provider: Provider) -> Self {
        Self { provider }
    }
}

impl<B> Service<Request<B>> for GrantorService
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let provider = self.provider.clone();
        Box::pin(async move {
            let (mut head, body) = request.into_parts();
            let response = match body::read(body, provider.max_body()).await {
                Ok(bytes) => {
                    note_peer(&mut head.extensions);
                    provider.handle(Request::from_parts(head, bytes)).await
                }
                Err(body::Broken) => provider.unreadable_body(),
            };
            Ok(response.map(Full::new))
        })
    }
}

/// Says where the request comes from, unless a layer before has done so.
fn note_peer(extensions: &mut Extensions) {
    if extensions.get::<Peer>().is_none()
        && let Some(address) = address(extensions)
    {
        extensions.insert(Peer(address.ip().to_canonical()));
    }
}

fn address(extensions: &Extensions) -> Option<SocketAddr> {
    #[cfg(feature = "axum")]
    if let Some(info) = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>() {
        return Some(info.0);
    }
    extensions.get::<SocketAddr>().copied()
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
