//! `grantor token`: what a token is, and its end. Tokens come from standard input.

use async_trait::async_trait;
use clap::Subcommand;
use grantor::{Ask, BoxError, Ctx, Decision, Provider, SiteAdapter, TokenInfo};
use serde_json::{Value, json};

use super::context::Own;
use super::{input, output};
use crate::failure::Failure;

/// What to do with a token.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Tell whether a token is active, and what it may do (RFC 7662).
    Introspect,
    /// End a token: an access token alone, a refresh token with everything that grew from the same consent (RFC 7009).
    Revoke,
}

/// Commands show no pages.
#[derive(Debug)]
pub(super) struct NoSite;

#[async_trait]
impl SiteAdapter for NoSite {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Deny)
    }
}

pub(super) async fn run(own: &Own, command: Command) -> Result<(), Failure> {
    let token = input::secret("Token")?;
    let token = token.expose().trim();
    if token.is_empty() {
        return Err(Failure::usage("no token was given; write it to standard input"));
    }
    let provider: Provider = own.app.provider(NoSite).await?;
    match command {
        Command::Introspect => {
            let facts = provider
                .inspect_token(token)
                .await?
                .map_or_else(|| json!({ "active": false }), |info| facts(&info));
            if own.json { output::json(&facts) } else { output::facts(&facts) }
        }
        Command::Revoke => {
            if !provider.revoke_token(token).await? {
                return Err(Failure::new("there is no such token, or it has ended already"));
            }
            output::done(own.json, "the token is revoked")
        }
    }
}

fn facts(info: &TokenInfo) -> Value {
    json!({
        "active": true,
        "client_id": info.client_id,
        "sub": info.subject,
        "scope": info.scopes.as_str(),
        "grant_type": info.grant_type,
        "issued_at": output::time(info.issued_at),
        "expires_at": output::time(info.expires_at),
        "auth_time": info.auth_time.map(output::time),
        "data": if info.data.is_empty() { Value::Null } else { Value::Object(info.data.clone()) },
    })
}
