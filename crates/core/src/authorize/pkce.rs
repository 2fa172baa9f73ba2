//! `code_challenge` (RFC 7636 §4.3, §4.4; RFC 9700 §2.1.1).

use super::AuthorizationRequest;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;
use crate::types::{CodeChallenge, ResponseType};

pub(super) fn check(ctx: &Ctx<'_>, params: &Params, request: &mut AuthorizationRequest) -> Result<(), Error> {
    if request.response_type != ResponseType::CODE {
        return Ok(());
    }
    let required = request.verified.client.require_pkce.unwrap_or(ctx.parts.policy.require_pkce);
    match (params.get("code_challenge"), params.get("code_challenge_method")) {
        (Some(text), Some("S256")) => {
            let challenge = CodeChallenge::parse(text)
                .map_err(|error| Error::invalid_request(error.to_string()).because("pkce_malformed"))?;
            request.challenge = Some(challenge);
            Ok(())
        }
        // > "code_challenge_method" OPTIONAL, defaults to "plain" (RFC 7636 §4.3); plain is not offered (RFC 9700 §2.1.1).
        (Some(_), _) => {
            Err(Error::invalid_request("code_challenge_method must be S256.").because("pkce_not_s256"))
        }
        (None, Some(_)) => {
            Err(Error::invalid_request("code_challenge_method is there without code_challenge.")
                .because("pkce_missing"))
        }
        // > If the server requires ... PKCE ... and the client does not send the "code_challenge" in the request, the
        // > authorization endpoint MUST return ... "invalid_request" (RFC 7636 §4.4.1)
        (None, None) if required => {
            Err(Error::invalid_request("code_challenge is required (RFC 7636, method S256).")
                .because("pkce_missing"))
        }
        (None, None) => Ok(()),
    }
}
