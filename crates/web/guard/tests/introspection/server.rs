//! An authorization server on a port of the loopback whose introspection endpoint can be made to answer otherwise.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use grantor_core::{
    Authenticated, Client, ClientCredentials, Ctx, Error, GrantType, GrantTypeName, Issuance, NewGrant,
    Provider, ScopeSet, Scopes, StaticClients, TokenRequest,
};
use grantor_store_memory::MemoryStore;
use grantor_testkit::SetClock;
use http::HeaderMap;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

/// The client that the API is: its identifier and its secret, both in need of encoding.
pub(crate) const API: (&str, &str) = ("the:api", "s&cret +1");

const TICKET: GrantTypeName = GrantTypeName::from_static("urn:example:ticket");

/// What the introspection endpoint does.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    Real,
    Status(u16),
    Body(String),
    Redirect(String),
    Never,
}

#[derive(Clone)]
struct Shared {
    provider: Provider,
    answer: Arc<Mutex<Answer>>,
    questions: Arc<AtomicUsize>,
}

pub(crate) struct Server {
    address: SocketAddr,
    shared: Shared,
}

/// Gives a token for alice, with data.
#[derive(Debug)]
struct Ticket;

#[async_trait::async_trait]
impl GrantType for Ticket {
    fn grant_type(&self) -> GrantTypeName {
        TICKET
    }
    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        let scopes = ctx.scopes(request.get("scope"), client.client(), &TICKET)?;
        let data = Map::from_iter([("plan".to_owned(), json!("gold"))]);
        Ok(Issuance::new_grant(NewGrant::for_subject("alice").scopes(scopes).data(data)))
    }
}

impl Server {
    /// It ends with the runtime of the test.
    pub(crate) async fn start(clock: &SetClock) -> Self {
        let worker = Client::builder("worker").secret("secret").grant_types([TICKET]).build().unwrap();
        let api = Client::builder(API.0)
            .secret(API.1)
            .grant_types([])
            .change(|client| client.may_introspect = true);
        let api = api.build().unwrap();
        let provider = Provider::builder("http://localhost")
            .store(MemoryStore::new())
            .clients(StaticClients::new([worker, api]))
            .scopes(ScopeSet::new(Scopes::parse("jobs.read jobs.write").unwrap()))
            .grant(ClientCredentials::new())
            .grant(Ticket)
            .clock(clock.clone())
            .build()
            .unwrap();
        let shared =
            Shared { provider, answer: Arc::new(Mutex::new(Answer::Real)), questions: Arc::default() };
        let app = Router::new().fallback(answer).with_state(shared.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, shared }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}/introspect", self.address)
    }

    pub(crate) fn answer(&self, answer: Answer) {
        *self.shared.answer.lock() = answer;
    }

    /// How often the endpoint was asked.
    pub(crate) fn questions(&self) -> usize {
        self.shared.questions.load(Ordering::SeqCst)
    }

    async fn post(&self, path: &str, form: String) -> http::Response<Bytes> {
        let request = http::Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", "Basic d29ya2VyOnNlY3JldA==")
            .body(Bytes::from(form))
            .unwrap();
        self.shared.provider.handle(request).await
    }

    pub(crate) async fn token(&self, scope: &str) -> String {
        let form = format!("grant_type={TICKET}&scope={}", scope.replace(' ', "+"));
        let response = self.post("/token", form).await;
        let tokens: Value = serde_json::from_slice(response.body()).unwrap();
        tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
    }

    /// Revokes the token that a request with these headers has.
    pub(crate) async fn revoke(&self, headers: &HeaderMap) {
        let token = headers["authorization"].to_str().unwrap().strip_prefix("Bearer ").unwrap();
        assert_eq!(self.post("/revoke", format!("token={token}")).await.status(), 200);
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 65_536).await.unwrap();
    shared.questions.fetch_add(1, Ordering::SeqCst);
    let answer = shared.answer.lock().clone();
    let odd = |status: u16, body: String| Response::builder().status(status).body(Body::from(body)).unwrap();
    match answer {
        Answer::Real => shared.provider.handle(http::Request::from_parts(head, body)).await.map(Body::from),
        Answer::Status(status) => odd(status, String::new()),
        Answer::Body(body) => odd(200, body),
        Answer::Redirect(to) => {
            let mut response = odd(307, String::new());
            response.headers_mut().insert("location", to.parse().unwrap());
            response
        }
        Answer::Never => std::future::pending().await,
    }
}
