//! What the operator is told: `tracing` events of the target `grantor`, with stable reason codes and never a secret.

use std::error::Error as StdError;
use std::fmt::Write as _;

use crate::ctx::Ctx;
use crate::error::Error;

/// A refusal, with the reason that the client does not see.
pub(crate) fn refused(ctx: &Ctx<'_>, endpoint: &'static str, client: Option<&str>, error: &Error) {
    let peer = ctx.peer().map(|peer| peer.to_string());
    let client = client.map(shown);
    if error.is_ours() {
        let cause = causes(error);
        tracing::error!(target: "grantor", endpoint, client = client.as_deref(), peer = peer.as_deref(),
            error = error.code().as_str(), reason = error.reason(), cause = %cause, "request failed");
    } else {
        tracing::info!(target: "grantor", endpoint, client = client.as_deref(), peer = peer.as_deref(),
            error = error.code().as_str(), reason = error.reason(), "request refused");
    }
}

/// Tokens went out.
pub(crate) fn issued(client: &str, subject: Option<&str>, grant_type: &str, step: &'static str) {
    tracing::info!(target: "grantor", reason = "tokens_issued", client, subject, grant_type, step, "tokens issued");
}

/// A code went out.
pub(crate) fn code_issued(client: &str, subject: Option<&str>) {
    tracing::info!(target: "grantor", reason = "code_issued", client, subject, "code issued");
}

/// A grant ended because somebody presented what only a thief has.
pub(crate) fn reuse_detected(client: &str, subject: Option<&str>, reason: &'static str) {
    tracing::warn!(target: "grantor", reason, client, subject, "reuse detected, the grant has ended");
}

/// A client or user ended something.
pub(crate) fn revoked(client: &str, subject: Option<&str>, what: &'static str) {
    tracing::info!(target: "grantor", reason = "revoked", client, subject, what, "revoked");
}

/// A wrong client secret or password.
pub(crate) fn attempt_failed(
    what: &'static str,
    name: &str,
    peer: Option<std::net::IpAddr>,
    reason: &'static str,
) {
    let peer = peer.map(|peer| peer.to_string());
    tracing::warn!(target: "grantor", reason, what, name = %shown(name), peer = peer.as_deref(), "attempt failed");
}

/// Text from outside as a log may have it: short, no control characters.
fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

fn causes(error: &Error) -> String {
    let mut text = String::new();
    let mut cause = StdError::source(error);
    while let Some(next) = cause {
        if !text.is_empty() {
            text.push_str(": ");
        }
        // Writing into a String cannot fail.
        let _ = write!(text, "{next}");
        cause = next.source();
    }
    text.chars().take(500).collect()
}
