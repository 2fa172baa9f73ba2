//! What every framework's guard must answer (RFC 6750 §3), asked over a socket. The test binaries of the adapters serve
//! [`World`] and call [`check`].
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantor_core::{
    Authenticated, Client, ClientCredentials, Ctx, Error, GrantType, GrantTypeName, Issuance, NewGrant,
    Provider, ScopeSet, Scopes, StaticClients, TokenRequest,
};
use grantor_store_memory::MemoryStore;
use grantor_testkit::{FaultStore, SetClock};
use grantor_web_guard::{Access, Guard};
use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const TICKET: GrantTypeName = GrantTypeName::from_static("urn:example:ticket");

/// A provider whose clock and store obey the test.
pub(crate) struct World {
    pub(crate) provider: Provider,
    /// Whether the framework lets no other headers through.
    pub(crate) headers_are_text: bool,
    clock: SetClock,
    store: FaultStore,
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

impl World {
    pub(crate) fn new() -> Self {
        let worker = Client::builder("worker")
            .secret("secret")
            .grant_types([GrantTypeName::CLIENT_CREDENTIALS, TICKET])
            .build()
            .unwrap();
        let (clock, store) = (SetClock::default(), FaultStore::new(Arc::new(MemoryStore::new())));
        let provider = Provider::builder("http://localhost")
            .store(store.clone())
            .clients(StaticClients::new([worker]))
            .scopes(ScopeSet::new(Scopes::parse("jobs.read jobs.write").unwrap()))
            .grant(ClientCredentials::new())
            .grant(Ticket)
            .standing_copies_for(Duration::ZERO)
            .clock(clock.clone())
            .build()
            .unwrap();
        Self { provider, headers_are_text: false, clock, store }
    }

    /// Needs no scope; `/open`.
    pub(crate) fn guard(&self) -> Guard {
        Guard::new(self.provider.clone()).realm("the \"jobs\"")
    }

    /// Needs both scopes; `/jobs`.
    pub(crate) fn strict_guard(&self) -> Guard {
        self.guard().require(Scopes::parse("jobs.read jobs.write").unwrap())
    }

    async fn token(&self, grant_type: &str, scope: &str) -> String {
        let form = format!("grant_type={grant_type}&scope={}", scope.replace(' ', "+"));
        let request = http::Request::post("/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("authorization", "Basic d29ya2VyOnNlY3JldA==")
            .body(Bytes::from(form))
            .unwrap();
        let response = self.provider.handle(request).await;
        let tokens: Value = serde_json::from_slice(response.body()).unwrap();
        tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
    }
}

/// What the handler of `/jobs` and `/open` answers.
pub(crate) fn shown(access: &Access) -> String {
    let plan = access.data().get("plan").and_then(Value::as_str).unwrap_or("none");
    format!("{} {} [{}] {plan}", access.client_id(), access.subject().unwrap_or("-"), access.scopes())
}

/// What the handler of `/both`, which has no guard and takes `Option<Access>`, answers.
pub(crate) fn shown_maybe(access: Option<&Access>) -> String {
    access.map_or_else(|| "nobody".to_owned(), shown)
}

struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        let first = values.next();
        assert_eq!(values.next(), None, "one {name}");
        first
    }
}

/// One request with these header lines, as bytes, for some of them are not text.
async fn get(address: SocketAddr, path: &str, headers: &[&[u8]]) -> Answer {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").into_bytes();
    for header in headers {
        request.extend_from_slice(header);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(&request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

const REALM: &str = "Bearer realm=\"the jobs\"";
const UNKNOWN: &str = "Bearer realm=\"the jobs\", error=\"invalid_token\", \
                       error_description=\"The access token is unknown, expired or revoked.\"";

/// All of it, at a server that has the routes `/jobs`, `/open`, `/both` and `/forgotten`.
pub(crate) async fn check(world: &World, address: SocketAddr) {
    no_credentials_no_error(address).await;
    malformed_is_invalid_request(world, address).await;
    live_tokens_pass(world, address).await;
    lacking_scope_is_403(world, address).await;
    dead_tokens_are_401(world, address).await;
    a_silent_store_is_503(world, address).await;
    routes_without_guard(world, address).await;
}

/// > If the request lacks any authentication information ..., the resource server SHOULD NOT include an error code or other
/// > error information. (§3.1)
async fn no_credentials_no_error(address: SocketAddr) {
    let others: [&[&[u8]]; 3] = [&[], &[b"Authorization: Basic YTpi"], &[b"Authorization: Bearerx"]];
    for headers in others {
        for path in ["/jobs", "/open", "/jobs?access_token=in-the-url"] {
            let answer = get(address, path, headers).await;
            assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(REALM)), "{headers:?}");
            assert_eq!(answer.body, "", "{headers:?}");
        }
    }
}

/// > invalid_request: ... malformed. The resource server SHOULD respond with the HTTP 400 (Bad Request) status code.
async fn malformed_is_invalid_request(world: &World, address: SocketAddr) {
    let token = world.token("client_credentials", "jobs.read").await;
    let good = format!("Authorization: Bearer {token}");
    let malformed: [&[&[u8]]; 6] = [
        &[b"Authorization: Bearer"],
        &[b"Authorization: Bearer a b"],
        &[b"Authorization: bearer ="],
        &[b"Authorization: Bearer a\"b"],
        &[b"Authorization: Bearer \xe9\xff"],
        &[good.as_bytes(), good.as_bytes()],
    ];
    for headers in malformed {
        if world.headers_are_text && headers.iter().any(|line| std::str::from_utf8(line).is_err()) {
            // It does not arrive, so it is a request without a token.
            assert_eq!(get(address, "/jobs", headers).await.status, 401, "{headers:?}");
            continue;
        }
        let answer = get(address, "/jobs", headers).await;
        let challenge = answer.header("www-authenticate").unwrap();
        assert_eq!(answer.status, 400, "{headers:?}");
        assert!(challenge.starts_with(&format!("{REALM}, error=\"invalid_request\", ")), "{challenge}");
        assert!(!challenge.contains("scope="), "{challenge}");
        assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["error"], "invalid_request");
    }
}

async fn live_tokens_pass(world: &World, address: SocketAddr) {
    let token = world.token("client_credentials", "jobs.read jobs.write").await;
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let answer = get(address, "/jobs", &[format!("Authorization: {scheme} {token}").as_bytes()]).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (200, None), "{}", answer.head);
        assert_eq!(answer.body, "worker - [jobs.read jobs.write] none");
    }
    let token = world.token("urn:example:ticket", "jobs.write").await;
    let answer = get(address, "/open", &[format!("Authorization: Bearer {token}").as_bytes()]).await;
    assert_eq!(answer.body, "worker alice [jobs.write] gold");
}

/// > insufficient_scope: ... The resource server SHOULD respond with the HTTP 403 (Forbidden) status code and MAY include
/// > the "scope" attribute with the scope necessary to access the protected resource.
async fn lacking_scope_is_403(world: &World, address: SocketAddr) {
    let token = world.token("client_credentials", "jobs.read").await;
    let answer = get(address, "/jobs", &[format!("Authorization: Bearer {token}").as_bytes()]).await;
    let expected = format!(
        "{REALM}, error=\"insufficient_scope\", error_description=\"The access token needs the scope \
         jobs.read jobs.write.\", scope=\"jobs.read jobs.write\""
    );
    assert_eq!((answer.status, answer.header("www-authenticate")), (403, Some(expected.as_str())));
    assert_eq!(serde_json::from_str::<Value>(&answer.body).unwrap()["error"], "insufficient_scope");
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

/// > invalid_token: The access token provided is expired, revoked, malformed, or invalid for other reasons. The resource
/// > SHOULD respond with the HTTP 401 (Unauthorized) status code.
async fn dead_tokens_are_401(world: &World, address: SocketAddr) {
    let token = world.token("client_credentials", "jobs.read jobs.write").await;
    let live = format!("Authorization: Bearer {token}");
    assert_eq!(get(address, "/jobs", &[live.as_bytes()]).await.status, 200);
    world.clock.advance(Duration::from_secs(601));
    for header in [live.as_str(), "Authorization: Bearer nonsense", "Authorization: Bearer grt_at_AAAA"] {
        let answer = get(address, "/jobs", &[header.as_bytes()]).await;
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some(UNKNOWN)), "{header}");
    }
}

/// A store that fails is no reason to throw a token away.
async fn a_silent_store_is_503(world: &World, address: SocketAddr) {
    let token = world.token("client_credentials", "jobs.read jobs.write").await;
    let header = format!("Authorization: Bearer {token}");
    world.store.refuse_all(true);
    let answer = get(address, "/jobs", &[header.as_bytes()]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")), "{}", answer.head);
    assert_eq!(answer.header("www-authenticate"), None);
    assert_eq!(get(address, "/jobs", &[]).await.status, 401, "no token, no question to the store");
    world.store.refuse_all(false);
    assert_eq!(get(address, "/jobs", &[header.as_bytes()]).await.status, 200);
}

/// `Access` without a guard must never reach the handler, not even with a good token.
async fn routes_without_guard(world: &World, address: SocketAddr) {
    let token = world.token("client_credentials", "jobs.read jobs.write").await;
    let header = format!("Authorization: Bearer {token}");
    assert_eq!(get(address, "/forgotten", &[header.as_bytes()]).await.status, 500);
    let answer = get(address, "/both", &[header.as_bytes()]).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "nobody"));
}
