//! grantor mounted in actix-web.
//!
//! [`routes`] answers the endpoints of a provider. [`GuardMiddleware`] and the extractor [`Access`] protect the API behind
//! it (RFC 6750).
//!
//! # Mounting
//! `App::new().configure(routes(provider))` serves every path of the provider, those below the path of its issuer and the
//! metadata (RFC 8414 §3) included. For middleware around them alone: `web::scope("").wrap(..).configure(routes(provider))`.

mod guard;

pub use guard::{Access, GuardMiddleware, GuardService, NoGuard};

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, web};
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use grantor_core::{Peer, Provider};

/// The endpoints of this provider, for `App::configure`.
///
/// What the site adapter shall find in `ask.extensions()` a middleware puts into an [`http::Extensions`] in the request's
/// extensions. [`Peer`], the address that failed attempts are counted by, is taken from there; where it is not set, from
/// the connection. Behind a proxy set it in a middleware of your own, from the header that your proxy writes.
pub fn routes(provider: Provider) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        for path in provider.paths() {
            let provider = provider.clone();
            let handler = move |request: HttpRequest, payload: web::Payload| {
                let provider = provider.clone();
                async move { answer(&provider, &request, payload).await }
            };
            config.service(web::resource(path).route(web::route().to(handler)));
        }
    }
}

#[expect(clippy::future_not_send, reason = "handlers of actix-web stay on their thread")]
async fn answer(provider: &Provider, request: &HttpRequest, payload: web::Payload) -> HttpResponse {
    let response = match read(payload, provider.max_body()).await.ok().and_then(|body| inward(request, body))
    {
        Some(request) => provider.handle(request).await,
        None => provider.unreadable_body(),
    };
    outward(response)
}

/// The body; of one that is larger than `limit` only the beginning, a little more than `limit`, so that core sees by its
/// length that it is too large. A body in one piece, as nearly all are, is not copied.
#[expect(clippy::future_not_send, reason = "payloads of actix-web stay on their thread")]
async fn read(mut payload: web::Payload, limit: usize) -> Result<Bytes, PayloadError> {
    let first = payload.next().await.transpose()?.unwrap_or_default();
    if first.len() > limit {
        return Ok(first);
    }
    let Some(second) = payload.next().await.transpose()? else { return Ok(first) };
    let mut all = BytesMut::with_capacity(first.len() + second.len());
    all.extend_from_slice(&first);
    all.extend_from_slice(&second);
    while all.len() <= limit {
        let Some(next) = payload.next().await.transpose()? else { break };
        all.extend_from_slice(&next);
    }
    Ok(all.freeze())
}

/// actix-web has its own types and an older version of the crate `http`.
fn inward(request: &HttpRequest, body: Bytes) -> Option<http::Request<Bytes>> {
    let mut out = http::Request::new(body);
    *out.method_mut() = http::Method::from_bytes(request.method().as_str().as_bytes()).ok()?;
    *out.uri_mut() = http::Uri::try_from(request.uri().to_string()).ok()?;
    out.headers_mut().reserve(request.headers().len());
    for (name, value) in request.headers() {
        let name = http::HeaderName::from_bytes(name.as_str().as_bytes()).ok()?;
        out.headers_mut().append(name, http::HeaderValue::from_bytes(value.as_bytes()).ok()?);
    }
    if let Some(extensions) = request.extensions_mut().remove::<http::Extensions>() {
        *out.extensions_mut() = extensions;
    }
    if out.extensions().get::<Peer>().is_none()
        && let Some(address) = request.peer_addr()
    {
        out.extensions_mut().insert(Peer(address.ip().to_canonical()));
    }
    Some(out)
}

fn outward(response: http::Response<Bytes>) -> HttpResponse {
    let (head, body) = response.into_parts();
    // Both crates know the same codes.
    let status = StatusCode::from_u16(head.status.as_u16()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut out = HttpResponse::build(status);
    for (name, value) in &head.headers {
        out.append_header((name.as_str(), value.as_bytes()));
    }
    out.body(body)
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
