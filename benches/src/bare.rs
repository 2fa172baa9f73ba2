//! The measure: a bare axum handler that parses the same forms, checks the secret, hashes tokens and keeps them in a map.
//! It answers with the same headers and the same members, checks client, redirect URI, challenge and expiry, and nothing else:
//! no limits, no log, no events, no retries, no families, no clean-up.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, LOCATION, PRAGMA, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::workload::{CLIENT, REDIRECT, SECRET};

const SHARDS: usize = 16;

/// What is kept under the digest of a code or token.
#[derive(Clone)]
struct Entry {
    client: String,
    scope: String,
    expires_at: u64,
    challenge: Option<String>,
}

struct Shared {
    secret: [u8; 32],
    shards: [Mutex<HashMap<[u8; 32], Entry>>; SHARDS],
}

impl Shared {
    fn shard(&self, digest: &[u8; 32]) -> &Mutex<HashMap<[u8; 32], Entry>> {
        let [first, ..] = digest;
        self.shards.get(usize::from(*first) % SHARDS).expect("a shard")
    }

    fn issue(&self, entry: Entry) -> String {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("random bytes");
        let token = URL_SAFE_NO_PAD.encode(bytes);
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        self.shard(&digest).lock().insert(digest, entry);
        token
    }

    fn take(&self, token: &str) -> Option<Entry> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let entry = self.shard(&digest).lock().remove(&digest);
        entry.filter(|entry| entry.client == CLIENT && entry.expires_at > now())
    }

    fn find(&self, token: &str) -> Option<Entry> {
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        let entry = self.shard(&digest).lock().get(&digest).cloned();
        entry.filter(|entry| entry.expires_at > now())
    }

    fn authenticated(&self, form: &HashMap<String, String>) -> bool {
        let secret = form.get("client_secret").map(String::as_str).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        form.get("client_id").is_some_and(|id| id == CLIENT) && bool::from(digest.ct_eq(&self.secret))
    }
}

impl Entry {
    fn new(scope: &str, seconds: u64) -> Self {
        Self {
            client: CLIENT.to_owned(),
            scope: scope.to_owned(),
            expires_at: now() + seconds,
            challenge: None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "no part of the protocol")]
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

pub(crate) fn app() -> Router {
    let shared = Shared {
        secret: Sha256::digest(SECRET.as_bytes()).into(),
        shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
    };
    Router::new()
        .route("/token", post(token))
        .route("/introspect", post(introspect))
        .route("/authorize", get(authorize))
        .with_state(Arc::new(shared))
}

pub(crate) fn fields(text: &[u8]) -> HashMap<String, String> {
    form_urlencoded::parse(text).into_owned().collect()
}

pub(crate) fn json(value: &serde_json::Value) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (VARY, HeaderValue::from_static("Origin")),
    ];
    (headers, value.to_string()).into_response()
}

async fn token(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = fields(&body);
    if !shared.authenticated(&form) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    match get("grant_type") {
        "client_credentials" => {
            let access = shared.issue(Entry::new(get("scope"), 600));
            json(&serde_json::json!({
                "access_token": access, "token_type": "Bearer", "expires_in": 600, "scope": get("scope")
            }))
        }
        "authorization_code" => {
            let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(get("code_verifier").as_bytes()));
            match shared.take(get("code")) {
                Some(entry)
                    if entry.challenge.as_deref() == Some(&*challenge) && get("redirect_uri") == REDIRECT =>
                {
                    both(&shared, &entry.scope)
                }
                _ => StatusCode::BAD_REQUEST.into_response(),
            }
        }
        "refresh_token" => match shared.take(get("refresh_token")) {
            Some(entry) => both(&shared, &entry.scope),
            None => StatusCode::BAD_REQUEST.into_response(),
        },
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

fn both(shared: &Shared, scope: &str) -> Response {
    let (access, refresh) =
        (shared.issue(Entry::new(scope, 600)), shared.issue(Entry::new(scope, 1_209_600)));
    json(&serde_json::json!({
        "access_token": access, "token_type": "Bearer", "expires_in": 600, "refresh_token": refresh, "scope": scope
    }))
}

async fn introspect(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let form = fields(&body);
    if !shared.authenticated(&form) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    match form.get("token").and_then(|token| shared.find(token)) {
        Some(entry) => json(&serde_json::json!({
            "active": true, "client_id": entry.client, "iss": "http://localhost:8080", "scope": entry.scope, "token_type": "Bearer",
            "grant_type": "client_credentials", "iat": entry.expires_at - 600, "exp": entry.expires_at
        })),
        None => json(&serde_json::json!({ "active": false })),
    }
}

async fn authorize(State(shared): State<Arc<Shared>>, RawQuery(query): RawQuery) -> Response {
    let form = fields(query.unwrap_or_default().as_bytes());
    let get = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    if get("client_id") != CLIENT || get("redirect_uri") != REDIRECT {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let mut entry = Entry::new(get("scope"), 60);
    entry.challenge = form.get("code_challenge").cloned();
    let code = shared.issue(entry);
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("code", &code)
        .append_pair("state", get("state"))
        .append_pair("iss", "http://localhost:8080")
        .finish();
    let headers = [
        (LOCATION, HeaderValue::from_str(&format!("{REDIRECT}?{query}")).expect("visible ASCII")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (PRAGMA, HeaderValue::from_static("no-cache")),
        (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}
