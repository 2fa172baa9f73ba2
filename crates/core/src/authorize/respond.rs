//! The answer of the authorization endpoint to the client (RFC 6749 §4.1.2, §4.2.2, RFC 9207).

use bytes::Bytes;
use http::Response;
use zeroize::Zeroizing;

use super::{Verified, response_mode};
use crate::ctx::Ctx;
use crate::error::{Error, Reason};
use crate::token::response::TokenResponse;

/// What is sent back.
pub(crate) enum Answer<'a> {
    Code(Zeroizing<String>),
    Token(TokenResponse),
    Error(&'a Error),
}

/// Sends an answer to the redirect URI of a verified request.
pub(crate) fn respond(ctx: &Ctx<'_>, verified: &Verified, answer: Answer<'_>) -> Response<Bytes> {
    let mut params: Vec<(&'static str, String)> = Vec::with_capacity(6);
    let mut reason = None;
    match answer {
        Answer::Code(code) => params.push(("code", code.to_string())),
        Answer::Token(tokens) => {
            params.push(("access_token", tokens.access_token.to_string()));
            params.push(("token_type", tokens.token_type.to_owned()));
            params.extend(tokens.expires_in.map(|secs| ("expires_in", secs.to_string())));
            params.extend(tokens.scope.map(|scope| ("scope", scope.to_string())));
        }
        Answer::Error(error) => {
            reason = Some(Reason::of(error));
            params.push(("error", error.code().as_str().to_owned()));
            params.push(("error_description", error.description()));
            params.extend(error.uri().map(|uri| ("error_uri", uri.to_owned())));
        }
    }
    // > "state" REQUIRED if the "state" parameter was present in the client authorization request (RFC 6749 §4.1.2)
    params.extend(verified.state.clone().map(|state| ("state", state)));
    // > In authorization responses to the client, including error responses, an authorization server ... MUST indicate
    // > its identity by including the "iss" parameter (RFC 9207 §2)
    params.push(("iss", ctx.issuer().to_owned()));
    let mut response = response_mode::of(&verified.response_mode).respond(&verified.redirect_uri, &params);
    if let Some(reason) = reason {
        response.extensions_mut().insert(reason);
    }
    response
}
