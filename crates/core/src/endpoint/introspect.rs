//! The introspection endpoint (RFC 7662).

use bytes::Bytes;
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::client_auth::{Authenticated, BackChannel, refused};
use crate::ctx::Ctx;
use crate::error::Error;
use crate::reply;
use crate::token::credential::TokenKind;
use crate::token::info::{self, Found};

/// What is said about a live token (§2.2).
#[derive(Serialize)]
struct Active<'a> {
    active: bool,
    client_id: &'a str,
    iss: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    scope: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<&'static str>,
    grant_type: &'a str,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    data: &'a Map<String, Value>,
}

/// > To prevent token scanning attacks, the endpoint MUST also require some form of authorization to access this endpoint
/// > (§2.1)
pub(super) async fn answer(
    ctx: &Ctx<'_>,
    client: &Authenticated,
    request: &BackChannel<'_>,
) -> Result<Response<Bytes>, Error> {
    if !client.is_confidential() {
        return Err(refused("public_client_may_not_introspect"));
    }
    let token = request.required("token")?;
    match info::find(ctx, token).await?.filter(|found| may_see(client, found)) {
        Some(found) => Ok(active(ctx, &found)),
        // > If the token is not active, does not exist on this server, or the protected resource is not allowed to
        // > introspect this particular token, then the authorization server MUST return ... "active" ... "false" (§2.2)
        None => Ok(reply::json(StatusCode::OK, &Inactive { active: false })),
    }
}

#[derive(Serialize)]
struct Inactive {
    active: bool,
}

/// Its own tokens, or as a resource server every access token; a refresh token is nobody else's business.
fn may_see(client: &Authenticated, found: &Found) -> bool {
    let client = client.client();
    found.info.client_id == client.client_id || (client.may_introspect && found.kind == TokenKind::Access)
}

fn active(ctx: &Ctx<'_>, found: &Found) -> Response<Bytes> {
    let info = &found.info;
    let body = Active {
        active: true,
        client_id: info.client_id.as_str(),
        iss: ctx.issuer(),
        sub: info.subject.as_deref(),
        scope: info.scopes.as_str(),
        token_type: (found.kind == TokenKind::Access).then_some("Bearer"),
        grant_type: info.grant_type.as_str(),
        iat: info.issued_at.as_secs(),
        exp: (!info.expires_at.is_never()).then(|| info.expires_at.as_secs()),
        auth_time: info.auth_time.map(crate::clock::Timestamp::as_secs),
        data: &info.data,
    };
    reply::json(StatusCode::OK, &body)
}
