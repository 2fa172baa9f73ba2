//! `redirect_uri` of an authorization request (RFC 6749 §3.1.2, RFC 8252 §7.3, RFC 9700 §2.1).

use std::sync::Arc;

use crate::client::{ApplicationType, Client};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;
use crate::types::FreePort;

/// The URI that the answer goes to, and whether the request named it.
pub(super) fn choose(ctx: &Ctx<'_>, client: &Client, params: &Params) -> Result<(Arc<str>, bool), Error> {
    if params.all("redirect_uri").nth(1).is_some() {
        return Err(Error::invalid_request("The parameter redirect_uri is there more than once.")
            .because("repeated_parameter"));
    }
    match (params.get("redirect_uri"), client.redirect_uris.as_slice()) {
        (Some(asked), _) => {
            still_allowed(ctx, client, asked)?;
            Ok((Arc::from(asked), true))
        }
        (None, [only]) => Ok((only.shared(), false)),
        // > If multiple redirection URIs have been registered ... the client MUST include a redirection URI (§3.1.2.3)
        (None, _) => Err(Error::invalid_request(
            "The parameter redirect_uri is missing, and the client has not registered exactly one.",
        )
        .because("redirect_uri_missing")),
    }
}

/// Whether the client has registered this URI.
pub(super) fn still_allowed(ctx: &Ctx<'_>, client: &Client, asked: &str) -> Result<(), Error> {
    let free_port = match client.application_type {
        ApplicationType::Web => FreePort::Never,
        ApplicationType::Native if ctx.parts.policy.free_localhost_port => FreePort::LoopbackIpAndLocalhost,
        ApplicationType::Native => FreePort::LoopbackIp,
    };
    if client.redirect_uris.iter().any(|own| own.allows(asked, free_port)) {
        return Ok(());
    }
    Err(Error::invalid_request(
        "The redirect_uri is not registered for this client. It must be the same text, character by character.",
    )
    .because("redirect_uri_not_registered"))
}
