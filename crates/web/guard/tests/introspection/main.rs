//! The guard asks a real provider over a socket (RFC 7662), and what happens where that does not answer as it should.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod https;
mod server;

use std::time::Duration;

use grantor_core::Scopes;
use grantor_testkit::SetClock;
use grantor_web_guard::introspection::{HttpFetch, Introspection};
use grantor_web_guard::{Guard, ProtectedResource, Refusal};
use http::{HeaderMap, HeaderValue};
use server::{API, Answer, Server};

/// The headers of a request with this token.
fn with(token: &str) -> HeaderMap {
    let value = HeaderValue::from_str(&format!("Bearer {token}")).unwrap();
    HeaderMap::from_iter([(http::header::AUTHORIZATION, value)])
}

/// The guard of an API at this server, by this clock.
fn source(server: &Server, clock: &SetClock) -> Introspection {
    Introspection::new(&server.endpoint(), API.0, API.1)
        .unwrap()
        .clock(clock.clone())
        .cache_for(Duration::from_secs(10))
}

fn status(answer: &Result<grantor_web_guard::Access, Refusal>) -> u16 {
    answer.as_ref().map_or_else(|refusal| refusal.status().as_u16(), |_| 200)
}

#[tokio::test]
async fn rfc7662_2_2_the_facts_arrive() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let guard = Guard::new(source(&server, &clock)).require(Scopes::parse("jobs.read").unwrap());
    let token = server.token("jobs.read jobs.write").await;
    let access = guard.check(&with(&token)).await.unwrap();
    assert_eq!((access.client_id().as_str(), access.subject()), ("worker", Some("alice")));
    assert_eq!(access.scopes().as_str(), "jobs.read jobs.write");
    assert_eq!(access.data()["plan"], "gold");
    let lacking = server.token("jobs.write").await;
    assert_eq!(status(&guard.check(&with(&lacking)).await), 403);
    assert_eq!(status(&guard.check(&with("nonsense")).await), 401);
    assert_eq!(status(&guard.check(&with(&"x".repeat(9_000))).await), 401, "too long to be asked about");
}

/// The promise: what introspection calls inactive passes for no longer than the cache time.
#[tokio::test]
async fn a_revoked_token_passes_for_the_cache_time_at_most() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let (cached, asking) = (source(&server, &clock), source(&server, &clock).cache_for(Duration::ZERO));
    let (cached, asking) = (Guard::new(cached), Guard::new(asking));
    let token = with(&server.token("jobs.read").await);
    assert_eq!(status(&cached.check(&token).await), 200);
    server.revoke(&token).await;
    assert_eq!(status(&asking.check(&token).await), 401, "a cache of zero asks each time");
    clock.advance(Duration::from_millis(9_999));
    let before = server.questions();
    assert_eq!(status(&cached.check(&token).await), 200, "within the cache time nobody is asked");
    assert_eq!(server.questions(), before);
    clock.advance(Duration::from_millis(1));
    assert_eq!(status(&cached.check(&token).await), 401);
}

/// Random moments of questions and of the revocation: the guard is compared with the promise, not with itself.
#[tokio::test]
async fn no_walk_lets_a_revoked_token_through_longer() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let guard = Guard::new(source(&server, &clock));
    let mut seed = 7_u64;
    let mut next = |bound: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % bound
    };
    for round in 0..30 {
        let token = with(&server.token("jobs.read").await);
        let (revoked_after, mut since) = (next(15), None);
        for step in 0..30 {
            if step == revoked_after {
                server.revoke(&token).await;
                since = Some(Duration::ZERO);
            }
            let passed = status(&guard.check(&token).await) == 200;
            match since {
                None => assert!(passed, "round {round}: a live token is refused"),
                Some(age) => assert!(
                    !passed || age < Duration::from_secs(10),
                    "round {round}: it passes after {age:?}"
                ),
            }
            let pause = Duration::from_millis(next(3_000));
            clock.advance(pause);
            since = since.map(|age| age + pause);
        }
    }
}

#[tokio::test]
async fn nothing_passes_after_its_end_however_fresh_the_copy_is() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let guard = Guard::new(source(&server, &clock).cache_for(Duration::from_secs(100_000)));
    let token = with(&server.token("jobs.read").await);
    assert_eq!(status(&guard.check(&token).await), 200);
    clock.advance(Duration::from_secs(600));
    assert_eq!(status(&guard.check(&token).await), 401);
}

/// Where nobody answers nobody passes, and the endpoint is left alone for a while.
#[tokio::test]
async fn an_endpoint_that_fails_is_left_alone_for_a_while() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let guard = Guard::new(source(&server, &clock));
    let token = with(&server.token("jobs.read").await);
    server.answer(Answer::Status(500));
    let refusal = guard.check(&token).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), server.questions()), (503, 1));
    assert_eq!(refusal.into_response().headers()["retry-after"], "1");
    server.answer(Answer::Real);
    assert_eq!(
        (status(&guard.check(&token).await), server.questions()),
        (503, 1),
        "in the pause nobody is asked"
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!((status(&guard.check(&token).await), server.questions()), (200, 2));
}

#[tokio::test]
async fn no_odd_answer_lets_anybody_through() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let guard = Guard::new(source(&server, &clock));
    let token = with(&server.token("jobs.read").await);
    for answer in [
        Answer::Status(204),
        Answer::Status(401),
        Answer::Status(302),
        Answer::Body("{\"active\":\"true\",\"client_id\":\"worker\"}".into()),
        Answer::Body("{\"active\":true}".into()),
        Answer::Body("<html>".into()),
        Answer::Body(String::new()),
        Answer::Body(format!(
            "{{\"active\":true,\"client_id\":\"worker\",\"x\":\"{}\"}}",
            "x".repeat(70_000)
        )),
    ] {
        let shown = format!("{answer:?}");
        server.answer(answer);
        assert_eq!(status(&guard.check(&token).await), 503, "{}", shown.get(..60).unwrap_or(&shown));
        clock.advance(Duration::from_secs(31));
    }
    server.answer(Answer::Real);
    assert_eq!(status(&guard.check(&token).await), 200);
}

/// A redirect would take the credentials of this API elsewhere.
#[tokio::test]
async fn redirects_are_not_followed() {
    let clock = SetClock::default();
    let (server, other) = (Server::start(&clock).await, Server::start(&clock).await);
    server.answer(Answer::Redirect(other.endpoint()));
    let guard = Guard::new(source(&server, &clock));
    assert_eq!(status(&guard.check(&with("some-token")).await), 503);
    assert_eq!((server.questions(), other.questions()), (1, 0));
}

#[tokio::test]
async fn a_silent_endpoint_ends_in_503() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    server.answer(Answer::Never);
    let fetch = HttpFetch::new().within(Duration::from_millis(50));
    let guard = Guard::new(source(&server, &clock).fetch(fetch));
    assert_eq!(status(&guard.check(&with("some-token")).await), 503);
}

#[tokio::test]
async fn a_wrong_secret_ends_in_503_and_never_lets_anybody_through() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let wrong = Introspection::new(&server.endpoint(), API.0, "wrong").unwrap().clock(clock.clone());
    let token = with(&server.token("jobs.read").await);
    assert_eq!(status(&Guard::new(wrong).check(&token).await), 503);
}

#[tokio::test]
async fn of_many_requests_with_one_token_one_asks() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let guard = Guard::new(source(&server, &clock));
    let token = with(&server.token("jobs.read").await);
    let many = (0..100).map(|_| {
        let (guard, token) = (guard.clone(), token.clone());
        tokio::spawn(async move { status(&guard.check(&token).await) })
    });
    let many: Vec<_> = many.collect();
    for one in many {
        assert_eq!(one.await.unwrap(), 200);
    }
    assert_eq!(server.questions(), 1);
}

/// > WWW-Authenticate: Bearer resource_metadata="https://resource.example.com/.well-known/oauth-protected-resource"
#[tokio::test]
async fn rfc9728_5_1_the_challenge_says_where_the_metadata_is() {
    let clock = SetClock::default();
    let server = Server::start(&clock).await;
    let resource = ProtectedResource::new("https://jobs.example/v1").unwrap();
    let guard = Guard::new(source(&server, &clock)).resource(&resource);
    let expected = "resource_metadata=\"https://jobs.example/.well-known/oauth-protected-resource/v1\"";
    for headers in [HeaderMap::new(), with("nonsense")] {
        let response = guard.check(&headers).await.unwrap_err().into_response();
        let challenge = response.headers()["www-authenticate"].to_str().unwrap();
        assert!(
            challenge.starts_with("Bearer realm=\"api\", ") || challenge.contains("error="),
            "{challenge}"
        );
        assert!(challenge.ends_with(expected), "{challenge}");
    }
}
