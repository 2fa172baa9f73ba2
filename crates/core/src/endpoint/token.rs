//! The token endpoint (RFC 6749 §3.2): the whole of it. The client has authenticated already.

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::client_auth::Authenticated;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::grant_type::TokenRequest;
use crate::reply;
use crate::token::issue;
use crate::types::{ErrorCode, GrantTypeName};

pub(super) async fn answer(
    ctx: &Ctx<'_>,
    client: &Authenticated,
    request: &TokenRequest<'_>,
) -> Result<Response<Bytes>, Error> {
    let name = GrantTypeName::new(request.required("grant_type")?.to_owned());
    let kind = ctx.grant_type(&name).ok_or_else(|| {
        Error::new(
            ErrorCode::UnsupportedGrantType,
            "This grant_type is not offered; grant_types_supported in the metadata lists those that are.",
        )
    })?;
    if !client.client().may_use(&name) {
        return Err(Error::new(
            ErrorCode::UnauthorizedClient,
            "The client is not registered for this grant_type.",
        ));
    }
    let issuance = kind.decide(ctx, client, request).await?;
    let tokens = issue::issue(ctx, client.client(), &name, issuance).await?;
    Ok(reply::json(StatusCode::OK, &tokens))
}
