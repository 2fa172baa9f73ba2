//! The requests of the demo client, as every client of the server sends them.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use grantor::{Digest, Paths, Provider, Random as _, Secret, SystemRandom};
use http::{Request, Response, StatusCode, header};
use serde_json::Value;
use url::form_urlencoded::{Serializer, byte_serialize};

use super::{Exchange, Problem, Tokens};

/// How the demo client is registered.
#[derive(Debug, Clone)]
pub(crate) struct DemoClient {
    pub(crate) client_id: String,
    pub(crate) secret: Secret,
    pub(crate) scope: String,
}

/// A request of the demo client that waits for its answer.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) state: String,
    verifier: Secret,
}

impl Asked {
    /// With a new state and verifier; `None` where the system gives no random bytes.
    pub(super) fn new() -> Option<Self> {
        let mut random = [0; 56];
        SystemRandom.fill(&mut random).ok()?;
        let (verifier, state) = random.split_at(32);
        Some(Self {
            state: URL_SAFE_NO_PAD.encode(state),
            verifier: Secret::from(URL_SAFE_NO_PAD.encode(verifier)),
        })
    }

    /// RFC 7636 §4.2.
    fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(Digest::of(&[self.verifier.expose().as_bytes()]).as_bytes())
    }
}

/// Where the server's endpoints are, for the demo client.
#[derive(Debug)]
pub(super) struct Endpoints {
    issuer: String,
    paths: Paths,
    client: DemoClient,
}

/// An answer, and the request that it answers.
pub(super) struct Answer {
    sent: String,
    status: StatusCode,
    body: Bytes,
}

impl Endpoints {
    pub(super) fn new(issuer: String, paths: &Paths, client: DemoClient) -> Self {
        Self { issuer, paths: paths.clone(), client }
    }

    pub(super) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// An address of the demo client itself.
    pub(super) fn own(&self, path: &str) -> String {
        format!("{}{path}", self.issuer.trim_end_matches('/'))
    }

    pub(super) fn metadata(&self) -> String {
        self.own("/.well-known/oauth-authorization-server")
    }

    fn redirect_uri(&self) -> String {
        self.own("/demo/callback")
    }

    /// The authorization request (RFC 6749 §4.1.1).
    pub(super) fn authorization(&self, asked: &Asked) -> String {
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.client.client_id)
            .append_pair("redirect_uri", &self.redirect_uri())
            .append_pair("scope", &self.client.scope)
            .append_pair("state", &asked.state)
            .append_pair("code_challenge", &asked.challenge())
            .append_pair("code_challenge_method", "S256")
            .finish();
        format!("{}?{query}", self.own(&self.paths.authorize))
    }

    pub(super) async fn redeem(&self, provider: &Provider, code: &str, asked: &Asked) -> Answer {
        let redirect_uri = self.redirect_uri();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", asked.verifier.expose()),
        ];
        self.post(provider, &self.paths.token, &fields).await
    }

    pub(super) async fn refresh(&self, provider: &Provider, refresh_token: &str) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.post(provider, &self.paths.token, &fields).await
    }

    pub(super) async fn introspect(&self, provider: &Provider, token: &str) -> Answer {
        self.post(provider, &self.paths.introspect, &[("token", token)]).await
    }

    pub(super) async fn revoke(&self, provider: &Provider, token: &str) -> Answer {
        self.post(provider, &self.paths.revoke, &[("token", token)]).await
    }

    /// A request of a client that authenticates by `client_secret_basic` (RFC 6749 §2.3.1).
    async fn post(&self, provider: &Provider, path: &str, fields: &[(&str, &str)]) -> Answer {
        let uri = self.own(path);
        let form = Serializer::new(String::new()).extend_pairs(fields).finish();
        let encoded = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
        let pair = format!("{}:{}", encoded(&self.client.client_id), encoded(self.client.secret.expose()));
        let request = Request::post(&uri)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
            .body(Bytes::from(form));
        let response = match request {
            Ok(request) => provider.handle(request).await,
            // The issuer and the paths were checked, so this cannot happen.
            Err(_) => Response::new(Bytes::new()),
        };
        let mut sent = format!("POST {uri}\nAuthorization: Basic (client id and secret)\n");
        for (name, value) in fields {
            // Writing into a String cannot fail.
            let _ = write!(sent, "\n{name}={value}");
        }
        Answer { sent, status: response.status(), body: response.into_body() }
    }
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    fn text(&self, name: &str) -> String {
        self.json().get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    /// The tokens, where it has some.
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let access_token = self.text("access_token");
        (self.status == StatusCode::OK && !access_token.is_empty()).then(|| Tokens {
            access_token,
            refresh_token: self.text("refresh_token"),
            scope: self.text("scope"),
            expires_in: self.json().get("expires_in").and_then(Value::as_u64).unwrap_or_default(),
        })
    }

    /// The error, where it has one.
    pub(super) fn problem(&self) -> Problem {
        Problem { error: self.text("error"), words: self.text("error_description") }
    }

    /// For the page.
    pub(super) fn exchange(self, title: &'static str) -> Exchange {
        let json = self.json();
        let body = if json.is_null() {
            String::from_utf8_lossy(&self.body).into_owned()
        } else {
            serde_json::to_string_pretty(&json).unwrap_or_default()
        };
        let body = if body.is_empty() { "(nothing more)" } else { &body };
        let status = self.status.canonical_reason().unwrap_or_default();
        Exchange { title, sent: self.sent, answered: format!("{} {status}\n\n{body}", self.status.as_u16()) }
    }
}
