//! `GET /resource`: what the original's `fetch_by_token` was used for.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use grantor::{Provider, TokenInfo, bearer};
use serde_json::{Value, json};

/// The route.
pub fn route(provider: Arc<Provider>) -> Router {
    Router::new().route("/resource", get(resource)).with_state(provider)
}

async fn resource(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    let token = match bearer::token(&headers) {
        Ok(Some(token)) => token,
        Ok(None) => return refused(None),
        Err(error) => return refused(Some(&error)),
    };
    match provider.token_info(token).await {
        Ok(Some(info)) => Json(facts(&provider, &info)).into_response(),
        Ok(None) => refused(Some(&bearer::invalid_token())),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}

fn refused(error: Option<&grantor::Error>) -> Response {
    let (status, challenge) = bearer::challenge("example", error, None);
    (status, [(header::WWW_AUTHENTICATE, challenge)]).into_response()
}

/// The facts about a token, with the names of the original.
pub fn facts(provider: &Provider, info: &TokenInfo) -> Value {
    let left = info.expires_at.since(provider.clock().now()).as_secs();
    json!({
        "client_id": info.client_id.as_str(),
        "grant_type": info.grant_type.as_str(),
        "scopes": info.scopes.iter().collect::<Vec<_>>(),
        "data": info.data,
        "user_id": info.subject.as_deref(),
        "expires_in": (!info.expires_at.is_never()).then_some(left),
    })
}
