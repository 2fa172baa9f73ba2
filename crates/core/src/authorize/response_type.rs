//! `response_type` (RFC 6749 §3.1.1, §4.1.2.1).

use super::AuthorizationRequest;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;
use crate::types::{ErrorCode, ResponseType};

pub(super) fn check(ctx: &Ctx<'_>, params: &Params, request: &mut AuthorizationRequest) -> Result<(), Error> {
    let asked = ResponseType::new(params.required("response_type")?.to_owned());
    let kinds = &ctx.parts.grant_types;
    let Some(kind) = kinds.iter().find(|kind| kind.front().response_type().as_ref() == Some(&asked)) else {
        return Err(Error::new(
            ErrorCode::UnsupportedResponseType,
            "This response_type is not offered; response_types_supported in the metadata lists those that are.",
        ));
    };
    let client = &request.verified.client;
    if !client.response_types.contains(&asked) || !client.may_use(&kind.grant_type()) {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            "The client is not registered for this response_type.",
        ));
    }
    request.grant_type = kind.grant_type();
    request.response_type = asked;
    Ok(())
}
