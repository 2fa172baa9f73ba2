//! `GET /resource`: what the original's `fetch_by_token` was used for.

use axum::routing::get;
use axum::{Json, Router};
use grantor::axum::{Access, GuardLayer};
use grantor::guard::Guard;
use grantor::{Provider, TokenInfo};
use serde_json::{Value, json};

/// The route.
pub(crate) fn route(provider: &Provider) -> Router {
    let guard = GuardLayer::new(Guard::new(provider.clone()));
    let provider = provider.clone();
    let resource = async move |access: Access| Json(facts(&provider, access.info()));
    Router::new().route("/resource", get(resource).layer(guard))
}

/// The facts about a token, with the names of the original.
pub(crate) fn facts(provider: &Provider, info: &TokenInfo) -> Value {
    let left = info.expires_at.since(provider.clock().now()).as_millis().div_ceil(1000);
    json!({
        "client_id": info.client_id.as_str(),
        "grant_type": info.grant_type.as_str(),
        "scopes": info.scopes.iter().collect::<Vec<_>>(),
        "data": info.data,
        "user_id": info.subject.as_deref(),
        "expires_in": (!info.expires_at.is_never()).then(|| u64::try_from(left).unwrap_or(u64::MAX)),
    })
}
