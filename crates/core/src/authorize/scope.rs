//! `scope` of an authorization request (RFC 6749 §3.3).

use super::AuthorizationRequest;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;

pub(super) fn check(ctx: &Ctx<'_>, params: &Params, request: &mut AuthorizationRequest) -> Result<(), Error> {
    request.scopes = ctx.scopes(params.get("scope"), &request.verified.client, &request.grant_type)?;
    Ok(())
}
