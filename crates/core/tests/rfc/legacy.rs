//! The grants that RFC 9700 forbids to new deployments, for those who still serve them: implicit (RFC 6749 §4.2) and the
//! resource owner's password (§4.3).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantor_core::legacy::{Implicit, Password, PasswordVerifier};
use grantor_core::{
    Approval, AttemptLimit, AuthorizationCode, BoxError, ClientCredentials, Ctx, Lifetime, Limits, Peer,
    RefreshToken, Secret,
};

use crate::support::{API, Answer, Auth, Flow, ISSUER, Req, WEB, World, sent_back};

pub(crate) const OLD: Auth = Auth::Basic("old", "old-secret");
pub(crate) const OLD_URI: &str = "https://old.example/cb";

/// One user: alice with a password of 100 bytes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Users {
    asked: Arc<AtomicUsize>,
}

pub(crate) fn password() -> String {
    "pass w\u{e9}rd+&=%".repeat(7)
}

#[async_trait::async_trait]
impl PasswordVerifier for Users {
    async fn verify(
        &self,
        _ctx: &Ctx<'_>,
        username: &str,
        secret: &Secret,
    ) -> Result<Option<Approval>, BoxError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        // Others get their turn, as with a real hash that takes its time.
        tokio::task::yield_now().await;
        if username == "broken" {
            return Err("the directory is down".into());
        }
        let right = secret.matches(&password()) && username.eq_ignore_ascii_case("alice");
        Ok(right.then(|| Approval::of("alice")))
    }
}

pub(crate) fn old_world(limits: Limits) -> (World, Users) {
    let users = Users::default();
    let verifier = users.clone();
    let world = World::bare(ISSUER, |builder| {
        builder
            .limits(limits)
            .grant(AuthorizationCode::new())
            .grant(Implicit::new())
            .grant(Password::new(verifier))
            .grant(ClientCredentials::new())
            .grant(RefreshToken::new())
    });
    (world, users)
}

pub(crate) fn implicit() -> Flow {
    Flow::of("old", OLD_URI).without_pkce().set("response_type", "token")
}

pub(crate) async fn log_in(world: &World, username: &str, password: &str) -> Answer {
    world.token(OLD, &[("grant_type", "password"), ("username", username), ("password", password)]).await
}

#[tokio::test]
async fn rfc6749_4_2_2_the_token_is_in_the_fragment() {
    let (world, _) = old_world(Limits::default());
    let page = world.approve(&implicit()).await;
    let target = page.left_for.clone().unwrap();
    assert!(target.starts_with(&format!("{OLD_URI}#access_token=")) && !target.contains('?'), "{target}");
    let names: Vec<String> = page.answers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["access_token", "token_type", "expires_in", "scope", "state", "iss"]);
    let facts = world.introspect(API, &page.answer("access_token").unwrap()).await;
    assert_eq!((facts["sub"].as_str(), facts["grant_type"].as_str()), (Some("alice"), Some("implicit")));
}

#[tokio::test]
async fn rfc6749_4_2_2_no_refresh_token() {
    let (world, _) = old_world(Limits::default());
    assert_eq!(world.approve(&implicit()).await.answer("refresh_token"), None);
}

#[tokio::test]
async fn rfc6749_4_2_2_1_errors_are_in_the_fragment_too() {
    let (world, _) = old_world(Limits::default());
    for wrong in [implicit().set("scope", "x"), implicit().and("scope", "read")] {
        let page = world.browser().get(&wrong.url()).await;
        assert!(
            page.left_for.clone().unwrap().starts_with(&format!("{OLD_URI}#error=")),
            "{:?}",
            page.left_for
        );
        assert_eq!(page.answer("state").as_deref(), Some("the-state"));
    }
    let mut browser = world.browser();
    let page = browser.get(&implicit().url()).await;
    let page = browser.press(&page, "deny", &[]).await.unwrap();
    assert!(page.left_for.clone().unwrap().contains("#error=access_denied"));
}

#[tokio::test]
async fn encoding_5_a_token_never_travels_in_a_query() {
    let (world, _) = old_world(Limits::default());
    let page = world.browser().get(&implicit().set("response_mode", "query").url()).await;
    sent_back(&page, "invalid_request");
    let page = world.approve(&implicit().set("response_mode", "form_post")).await;
    assert!(page.left_for.is_none() && page.answer("access_token").is_some());
}

#[tokio::test]
async fn implicit_tokens_end_within_a_day() {
    let asked = Duration::from_secs(400_000);
    let world = World::bare(ISSUER, |builder| builder.grant(Implicit::new().access_token_lifetime(asked)));
    let page = world.approve(&implicit()).await;
    assert_eq!(page.answer("expires_in").as_deref(), Some("86400"));
    let never = World::bare(ISSUER, |builder| {
        let lifetimes = grantor_core::Lifetimes { access_token: Lifetime::Never, ..Default::default() };
        builder.lifetimes(lifetimes).grant(Implicit::new())
    });
    let page = never.approve(&implicit()).await;
    assert_eq!(page.answer("expires_in").as_deref(), Some("86400"));
    never.pass(86_400);
    assert!(never.provider.token_info(&page.answer("access_token").unwrap()).await.unwrap().is_none());
}

#[tokio::test]
async fn the_implicit_grant_has_no_token_request() {
    let (world, _) = old_world(Limits::default());
    world.token(OLD, &[("grant_type", "implicit")]).await.refused(400, "unsupported_grant_type");
    let page = world.browser().get(&Flow::web().set("response_type", "token").url()).await;
    sent_back_fragment(&page, "unauthorized_client");
}

#[track_caller]
fn sent_back_fragment(page: &grantor_testkit::Page, error: &str) {
    assert!(page.left_for.clone().unwrap().contains(&format!("#error={error}")), "{:?}", page.left_for);
}

#[tokio::test]
async fn rfc6749_4_3_the_password_grant() {
    let (world, _) = old_world(Limits::default());
    let answer = log_in(&world, "alice", &password()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let facts = world.introspect(API, &answer.access_token()).await;
    assert_eq!((facts["sub"].as_str(), facts["scope"].as_str()), (Some("alice"), Some("read")));
    assert_eq!(world.refresh(OLD, &answer.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn rfc6749_4_3_2_a_wrong_password_is_invalid_grant_and_tells_nothing() {
    let (world, _) = old_world(Limits::default());
    let known = log_in(&world, "alice", "wrong").await;
    known.refused(400, "invalid_grant");
    let unknown = log_in(&world, "nobody", "wrong").await;
    assert_eq!((known.body, known.status, known.headers), (unknown.body, unknown.status, unknown.headers));
    log_in(&world, "", "x").await.refused(400, "invalid_request");
    log_in(&world, "alice", "").await.refused(400, "invalid_request");
}

#[tokio::test]
async fn rfc6749_4_3_2_only_at_the_token_endpoint_and_for_registered_clients() {
    let (world, users) = old_world(Limits::default());
    let secret = password();
    let fields = [("grant_type", "password"), ("username", "alice"), ("password", secret.as_str())];
    world.token(WEB, &fields).await.refused(400, "unauthorized_client");
    world.token(Auth::Basic("old", "wrong"), &fields).await.refused(401, "invalid_client");
    for path in ["/", "/login", "/tokens", "/api/token"] {
        assert_eq!(world.form(path, OLD, &fields).await.status, 404);
    }
    for path in ["/revoke", "/introspect"] {
        world.form(path, OLD, &fields).await.refused(400, "invalid_request");
    }
    assert_eq!(users.asked.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn rfc6749_4_3_2_guesses_are_limited_also_many_at_once() {
    let attempts = AttemptLimit { burst: 5, refill: Duration::from_secs(60) };
    let (world, users) = old_world(Limits { attempts, ..Limits::default() });
    let guess = async |name: &'static str| {
        let fields = [("grant_type", "password"), ("username", name), ("password", "guess")];
        let peer = Peer("192.0.2.7".parse().unwrap());
        world.send(Req::form("/token", OLD, &fields).extension(peer).build()).await
    };
    // 50 at once, in every spelling of one name.
    let names = ["alice", "ALICE", "Alice", " alice", "alice ", "aLICE"];
    let all = futures_util::future::join_all((0..50).map(|n| guess(names[n % names.len()]))).await;
    let tried = users.asked.load(Ordering::SeqCst);
    assert!(tried <= 5, "{tried} guesses were checked");
    let waiting: Vec<&Answer> = all.iter().filter(|answer| answer.status == 429).collect();
    assert!(waiting.len() >= 45, "{}", waiting.len());
    assert!(waiting[0].header("retry-after").parse::<u64>().unwrap() >= 1);
    // Another network, and another name, are not concerned; and it passes.
    assert_eq!(log_in(&world, "alice", &password()).await.status, 200);
    world.pass(61);
    let secret = password();
    let fields = [("grant_type", "password"), ("username", "alice"), ("password", secret.as_str())];
    let peer = Peer("192.0.2.7".parse().unwrap());
    assert_eq!(world.send(Req::form("/token", OLD, &fields).extension(peer).build()).await.status, 200);
}

#[tokio::test]
async fn a_directory_that_is_down_is_503_and_no_failed_attempt() {
    let attempts = AttemptLimit { burst: 1, refill: Duration::from_secs(60) };
    let (world, _) = old_world(Limits { attempts, ..Limits::default() });
    for _ in 0..5 {
        log_in(&world, "broken", "x").await.refused(503, "temporarily_unavailable");
    }
}

#[tokio::test]
async fn row_79_passwords_are_compared_whole() {
    let (world, users) = old_world(Limits::default());
    let right = password();
    assert!(right.len() > 72);
    for wrong in [&right[..72], &right[..right.len() - 1], &format!("{right}x")] {
        log_in(&world, "alice", wrong).await.refused(400, "invalid_grant");
    }
    let asked = users.asked.load(Ordering::SeqCst);
    log_in(&world, "alice", &format!("{right}\u{0}")).await.refused(400, "invalid_request");
    log_in(&world, "alice", &"x".repeat(9000)).await.refused(400, "invalid_request");
    log_in(&world, "alice", &"x".repeat(1 << 20)).await.refused(413, "invalid_request");
    assert_eq!(users.asked.load(Ordering::SeqCst), asked, "refused before any hash");
}

#[tokio::test]
async fn announced_where_registered_only() {
    let (world, _) = old_world(Limits::default());
    let document = world.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(document["response_types_supported"], serde_json::json!(["code", "token"]));
    for name in ["implicit", "password"] {
        assert!(document["grant_types_supported"].as_array().unwrap().contains(&name.into()), "{name}");
    }
}
