//! The test issuer is an authorization server like any other, over HTTP too, and its faults are those that it names.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use grantor_core::{Client, ClientCredentials, GrantTypeName, Scopes};
use grantor_testkit::{TestIssuer, TestToken};
use grantor_web_guard::Guard;
use grantor_web_guard::introspection::Introspection;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Map, Value};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A guard that knows the issuer by its introspection endpoint alone, and keeps nothing.
fn apart(issuer: &TestIssuer) -> Guard {
    let (id, secret) = issuer.api();
    let tokens = Introspection::new(&issuer.introspection_endpoint(), id, secret).unwrap();
    Guard::new(tokens.clock(issuer.clock().clone()).cache_for(Duration::ZERO))
}

/// The status of the answer of an API to this token.
async fn status(guard: &Guard, token: &str) -> u16 {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
    guard.check(&headers).await.map_or_else(|refusal| refusal.status().as_u16(), |_| 200)
}

/// A request as bytes, and all of the answer.
async fn exchange(issuer: &TestIssuer, request: &str) -> String {
    let mut stream = TcpStream::connect(issuer.url().strip_prefix("http://").unwrap()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_minted_token_is_what_was_described() {
    let issuer = TestIssuer::start().unwrap();
    let data = Map::from_iter([("plan".to_owned(), Value::from("gold"))]);
    let asked = TestToken::of("worker").subject("alice").scope("jobs.read jobs.write").data(data);
    let token = issuer.mint(asked.lifetime(Duration::from_secs(5))).await.unwrap();
    let info = issuer.provider().token_info(&token).await.unwrap().unwrap();
    assert_eq!((info.client_id.as_str(), info.subject.as_deref()), ("worker", Some("alice")));
    assert_eq!((info.scopes.as_str(), &info.data["plan"]), ("jobs.read jobs.write", &Value::from("gold")));
    assert_eq!(info.expires_at.as_secs() - info.issued_at.as_secs(), 5);
    assert_eq!(info.grant_type, GrantTypeName::AUTHORIZATION_CODE);
    let token = issuer.mint(TestToken::of("worker")).await.unwrap();
    let info = issuer.provider().token_info(&token).await.unwrap().unwrap();
    assert_eq!((info.subject, info.scopes.as_str()), (None, ""));
    assert_eq!(info.grant_type, GrantTypeName::CLIENT_CREDENTIALS);
}

#[tokio::test]
async fn both_guards_know_its_tokens() {
    let issuer = TestIssuer::start().unwrap();
    let jobs = Scopes::parse("jobs.read").unwrap();
    for guard in [Guard::new(issuer.provider()), apart(&issuer)] {
        let guard = guard.require(jobs.clone());
        let mint = async |token: TestToken| issuer.mint(token).await.unwrap();
        let good = mint(TestToken::of("worker").scope("jobs.read")).await;
        assert_eq!(status(&guard, &good).await, 200);
        assert_eq!(status(&guard, &mint(TestToken::of("worker").scope("x")).await).await, 403);
        let expired = mint(TestToken::of("worker").scope("jobs.read").expired()).await;
        assert_eq!(status(&guard, &expired).await, 401);
        let revoked = mint(TestToken::of("worker").scope("jobs.read").revoked()).await;
        assert_eq!(status(&guard, &revoked).await, 401);
        assert!(issuer.revoke(&good).await.unwrap());
        assert_eq!(status(&guard, &good).await, 401);
        let short = TestToken::of("worker").scope("jobs.read").lifetime(Duration::from_secs(30));
        let short = mint(short).await;
        issuer.clock().advance(Duration::from_millis(29_999));
        assert_eq!(status(&guard, &short).await, 200);
        issuer.clock().advance(Duration::from_millis(1));
        assert_eq!(status(&guard, &short).await, 401);
    }
}

#[tokio::test]
async fn what_is_no_token_is_not_minted() {
    let issuer = TestIssuer::start().unwrap();
    assert!(issuer.mint(TestToken::of("")).await.is_err());
    assert!(issuer.mint(TestToken::of("worker").scope("a\"b")).await.is_err());
}

#[tokio::test]
async fn faults_of_the_network_come_and_go() {
    let issuer = TestIssuer::start().unwrap();
    let guard = apart(&issuer);
    let token = issuer.mint(TestToken::of("worker")).await.unwrap();
    assert_eq!(status(&guard, &token).await, 200);
    // The guard leaves an endpoint that failed alone for a while, by the clock.
    let heal = || {
        issuer.heal().unwrap();
        issuer.clock().advance(Duration::from_secs(31));
    };
    issuer.answer_with(StatusCode::INTERNAL_SERVER_ERROR);
    assert!(
        exchange(&issuer, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.contains(" 500 ")
    );
    assert_eq!(status(&guard, &token).await, 503);
    heal();
    assert_eq!(status(&guard, &token).await, 200);
    issuer.turn_off().unwrap();
    let address = issuer.url().strip_prefix("http://").unwrap();
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    assert_eq!(status(&guard, &token).await, 503);
    heal();
    assert_eq!(status(&guard, &token).await, 200);
    issuer.slow_down(Duration::from_secs(60));
    assert_eq!(status(&guard, &token).await, 503);
    heal();
    assert_eq!(status(&guard, &token).await, 200);
}

#[tokio::test]
async fn faults_of_the_store_are_met_by_requests_and_not_by_minting() {
    let issuer = TestIssuer::start().unwrap();
    issuer.store().refuse_all(true);
    let token = issuer.mint(TestToken::of("worker")).await.unwrap();
    assert_eq!(status(&Guard::new(issuer.provider()), &token).await, 503);
    assert_eq!(status(&apart(&issuer), &token).await, 503);
    issuer.store().refuse_all(false);
    assert_eq!(status(&apart(&issuer), &token).await, 200);
    assert!(issuer.store().calls().load > 0);
}

/// A client under test has its tokens from the token endpoint (RFC 6749 §4.4), and finds that by the metadata (RFC 8414).
#[tokio::test]
async fn rfc6749_4_4_a_client_gets_tokens_over_http() {
    let issuer = TestIssuer::start().unwrap();
    let worker = Client::builder("worker").secret("secret").grant_types([GrantTypeName::CLIENT_CREDENTIALS]);
    issuer.add_client(worker.build().unwrap());
    let path = issuer.metadata_url().strip_prefix(issuer.url()).unwrap().to_owned();
    let head = "HTTP/1.1\r\nhost: x\r\nconnection: close\r\n";
    let metadata = exchange(&issuer, &format!("GET {path} {head}\r\n")).await;
    let token_endpoint = format!("\"token_endpoint\":\"{}/token\"", issuer.url());
    let introspection = format!("\"introspection_endpoint\":\"{}\"", issuer.introspection_endpoint());
    assert!(metadata.contains(&token_endpoint) && metadata.contains(&introspection), "{metadata}");
    let form = "grant_type=client_credentials&scope=jobs.read";
    let request = format!(
        "POST /token {head}authorization: Basic d29ya2VyOnNlY3JldA==\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    );
    let answer = exchange(&issuer, &request).await;
    let token = answer.split("\"access_token\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert_eq!(status(&apart(&issuer), token).await, 200);
}

#[tokio::test]
async fn it_ends_with_its_value() {
    let issuer = TestIssuer::with(|builder| builder.grant(ClientCredentials::new())).unwrap();
    let address = issuer.url().strip_prefix("http://").unwrap().to_owned();
    assert!(TcpStream::connect(&address).await.is_ok());
    drop(issuer);
    assert!(TcpStream::connect(&address).await.is_err());
    assert!(TestIssuer::with(|builder| builder).is_err(), "no grant types: no provider");
}
