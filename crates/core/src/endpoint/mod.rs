//! The endpoints: which path leads where, which methods it takes, and what all back-channel requests have in common.

mod authorize;
mod introspect;
mod metadata;
mod revoke;
mod token;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Request, Response, StatusCode};

use crate::client::Client;
use crate::client_auth::{self, Authenticated, BackChannel};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::event;
use crate::params::Params;
use crate::provider::Parts;
use crate::reply;

pub(crate) use metadata::{document as metadata_document, path as metadata_path};
pub(crate) use revoke::by_operator as revoke_token;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    Authorize,
    Token,
    Revoke,
    Introspect,
    Metadata,
}

impl Endpoint {
    const ALL: [Self; 5] = [Self::Authorize, Self::Token, Self::Revoke, Self::Introspect, Self::Metadata];

    /// The endpoint of a path: below the issuer's own path, or where a router has taken that away already.
    fn of(parts: &Parts, path: &str) -> Option<Self> {
        let below = path.strip_prefix(parts.issuer.path.as_str()).unwrap_or(path);
        Self::ALL.into_iter().find(|endpoint| match endpoint.own_path(parts) {
            Some(own) => own == below || own == path,
            None => path == metadata::path(parts),
        })
    }

    fn own_path(self, parts: &Parts) -> Option<&str> {
        match self {
            Self::Authorize => Some(&parts.paths.authorize),
            Self::Token => Some(&parts.paths.token),
            Self::Revoke => Some(&parts.paths.revoke),
            Self::Introspect => Some(&parts.paths.introspect),
            Self::Metadata => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Authorize => "authorize",
            Self::Token => "token",
            Self::Revoke => "revoke",
            Self::Introspect => "introspect",
            Self::Metadata => "metadata",
        }
    }

    /// For `Allow`.
    const fn methods(self) -> &'static str {
        match self {
            Self::Authorize => "GET, POST",
            Self::Token | Self::Revoke => "POST, OPTIONS",
            Self::Introspect => "POST",
            Self::Metadata => "GET, HEAD, OPTIONS",
        }
    }

    fn takes(self, method: &Method) -> bool {
        self.methods().split(',').any(|own| own.trim_start() == method.as_str())
    }
}

/// Answers one request, whatever it is.
pub(crate) async fn handle(parts: &Parts, request: &Request<Bytes>) -> Response<Bytes> {
    let Some(endpoint) = Endpoint::of(parts, request.uri().path()) else {
        return reply::status_only(StatusCode::NOT_FOUND);
    };
    if !endpoint.takes(request.method()) {
        let mut response = reply::status_only(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(endpoint.methods()));
        return response;
    }
    let ctx = &Ctx::of(parts, request);
    let response = match endpoint {
        Endpoint::Metadata => Ok(metadata::answer(parts, request.method())),
        _ if request.method() == Method::OPTIONS => preflight(ctx, request).await,
        Endpoint::Authorize => match within_limits(parts, request) {
            // In a box, as everything that is large and not on the way of each request.
            Ok(()) => return Box::pin(authorize::answer(ctx, request)).await,
            Err(error) => Err(error),
        },
        Endpoint::Token | Endpoint::Revoke | Endpoint::Introspect => {
            back_channel(ctx, endpoint, request).await
        }
    };
    response.unwrap_or_else(|error| {
        event::refused(ctx, endpoint.name(), None, &error);
        reply::error(&error)
    })
}

fn within_limits(parts: &Parts, request: &Request<Bytes>) -> Result<(), Error> {
    if request.body().len() > parts.limits.body_bytes {
        return Err(Error::body_too_large());
    }
    if request.uri().path_and_query().is_some_and(|text| text.as_str().len() > parts.limits.uri_bytes) {
        return Err(Error::uri_too_long());
    }
    Ok(())
}

/// Token, revocation and introspection requests: a form, from a client that authenticates.
async fn back_channel(
    ctx: &Ctx<'_>,
    endpoint: Endpoint,
    http: &Request<Bytes>,
) -> Result<Response<Bytes>, Error> {
    within_limits(ctx.parts, http)?;
    let params = form(ctx, http)?;
    let request = BackChannel { http, params: &params };
    let client = client_auth::authenticate(ctx, &request).await.inspect_err(|_| {
        tracing::debug!(target: "grantor", endpoint = endpoint.name(), "client authentication failed");
    })?;
    let answer = match endpoint {
        Endpoint::Token => token::answer(ctx, &client, &request).await,
        Endpoint::Revoke => Box::pin(revoke::answer(ctx, &client, &request)).await,
        _ => introspect::answer(ctx, &client, &request).await,
    };
    let mut response = answer.unwrap_or_else(|error| {
        event::refused(ctx, endpoint.name(), Some(client.client().client_id.as_str()), &error);
        reply::error(&error)
    });
    if endpoint != Endpoint::Introspect {
        allow_origin(&mut response, http, &client);
    }
    Ok(response)
}

/// Parameters that must never stand in a URL, where logs and histories keep them.
const BODY_ONLY: [&str; 9] = [
    "client_secret",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "username",
    "password",
    "client_assertion",
    "grant_type",
];

/// > Parameters ... MUST NOT be included in the request URI (RFC 6749 §2.3.1; §3.2: the token endpoint takes POST)
fn form(ctx: &Ctx<'_>, http: &Request<Bytes>) -> Result<Params, Error> {
    let query = Params::of_query(http, &ctx.parts.limits)?;
    if let Some(name) = BODY_ONLY.into_iter().find(|name| query.all(name).next().is_some()) {
        return Err(Error::invalid_request(format!(
            "The parameter {name} belongs into the body, not into the URL."
        ))
        .because("parameter_in_query"));
    }
    let params = Params::of_form(http, &ctx.parts.limits)?;
    params.once()?;
    Ok(params)
}

/// A browser asks whether a script may send its request. It names no client, so any client's origin will do: reading
/// the answer needs the authenticated client's own list.
async fn preflight(ctx: &Ctx<'_>, request: &Request<Bytes>) -> Result<Response<Bytes>, Error> {
    let mut response = reply::status_only(StatusCode::NO_CONTENT);
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some((text, value)) = origin(request)
        && ctx.parts.clients.allows_origin(text, ctx.now()).await?
    {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("POST"));
        let allowed = HeaderValue::from_static("authorization, content-type");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    Ok(response)
}

/// Lets scripts of the client's own origins read the answer; never with cookies, never `null`.
fn allow_origin(response: &mut Response<Bytes>, request: &Request<Bytes>, client: &Authenticated) {
    let client: &Arc<Client> = client.client();
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some((text, value)) = origin(request)
        && client.allowed_origins.iter().any(|own| own == text)
    {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, value);
    }
}

fn origin(request: &Request<Bytes>) -> Option<(&str, HeaderValue)> {
    let value = request.headers().get(header::ORIGIN)?;
    let text = value.to_str().ok().filter(|text| *text != "null")?;
    Some((text, value.clone()))
}
