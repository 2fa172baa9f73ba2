//! RFC 9700, Best Current Practice for OAuth 2.0 Security, by its sections.

use grantor_core::{Client, GrantTypeName};
use grantor_testkit::FaultStore;

use crate::support::{API, APP, Auth, Flow, REDIRECT, VERIFIER, WEB, World, sent_back, shown_here};

#[tokio::test]
async fn rfc9700_2_1_exact_redirect_uris() {
    let world = World::new();
    shown_here(
        &world.browser().get(&Flow::web().set("redirect_uri", "https://rp.example/cb/").url()).await,
        "slash",
    );
    assert!(world.approve(&Flow::web()).await.answer("code").is_some());
}

#[tokio::test]
async fn rfc9700_2_1_1_pkce_of_every_client() {
    let world = World::new();
    for (client, uri) in
        [("web", REDIRECT), ("app", "https://app.example/cb"), ("native", "com.example.app:/cb")]
    {
        let page = world.browser().get(&Flow::of(client, uri).without_pkce().url()).await;
        sent_back_from(&page, uri);
    }
}

#[track_caller]
fn sent_back_from(page: &grantor_testkit::Page, uri: &str) {
    assert!(page.left_for.clone().unwrap().starts_with(uri));
    assert_eq!(page.answer("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn rfc9700_2_1_2_and_2_4_neither_implicit_nor_password_unless_registered() {
    let world = World::new();
    sent_back(
        &world.browser().get(&Flow::web().set("response_type", "token").url()).await,
        "unsupported_response_type",
    );
    world.token(WEB, &[("grant_type", "password")]).await.refused(400, "unsupported_grant_type");
}

#[tokio::test]
async fn rfc9700_2_2_2_public_clients_rotate() {
    let world = World::new();
    let uri = "https://app.example/cb";
    let code = world.code_of(&Flow::of("app", uri)).await;
    let first = world.redeem_as(APP, &code, Some(uri)).await;
    let second = world.refresh(APP, &first.refresh_token()).await;
    assert_ne!(first.refresh_token(), second.refresh_token());
}

#[tokio::test]
async fn rfc9700_2_3_the_default_scope_is_the_least() {
    assert_eq!(World::new().client_credentials(WEB).await.str("scope"), "read");
}

#[tokio::test]
async fn rfc9700_2_6_metadata_is_published_and_pages_have_no_cors() {
    let world = World::new();
    assert_eq!(world.get("/.well-known/oauth-authorization-server").await.status, 200);
    assert_eq!(world.get(&Flow::web().url()).await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn rfc9700_4_2_4_no_referrer_from_our_pages() {
    let world = World::new();
    assert_eq!(world.get(&Flow::web().url()).await.header("referrer-policy"), "same-origin");
    let done = world.approve(&Flow::web()).await;
    assert_eq!(done.header("referrer-policy"), "no-referrer");
}

#[tokio::test]
async fn rfc9700_4_5_3_a_code_injected_into_another_session_is_useless() {
    let world = World::new();
    let stolen = world.code().await;
    // The attacker's own session at the same client has another verifier.
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", stolen.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", "another-session-another-session-another-session"),
    ];
    world.token(WEB, &fields).await.refused(400, "invalid_grant");
    assert_eq!(world.redeem(&stolen).await.status, 200);
    assert_eq!(VERIFIER.len(), 43);
}

#[tokio::test]
async fn rfc9700_4_11_2_what_is_not_verified_is_not_redirected() {
    let world = World::new();
    shown_here(
        &world.browser().get(&Flow::of("unknown", "https://evil.example/").url()).await,
        "unknown client",
    );
    shown_here(&world.browser().get(&Flow::of("web", "https://evil.example/").url()).await, "unknown URI");
}

#[tokio::test]
async fn rfc9700_4_12_303() {
    let world = World::new();
    assert_eq!(world.approve(&Flow::web()).await.status, 303);
}

#[tokio::test]
async fn rfc9700_4_14_2_reuse_ends_the_grant() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    world.pass(11);
    world.refresh(WEB, &first.refresh_token()).await.refused(400, "invalid_grant");
    world.refresh(WEB, &second.refresh_token()).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn rfc9700_4_15_a_client_cannot_pose_as_a_user() {
    let client = Client::builder("alice")
        .secret("s")
        .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
        .build()
        .unwrap();
    let world = World::with_clients(vec![client]);
    let token = world.client_credentials(Auth::Basic("alice", "s")).await.access_token();
    assert_eq!(world.introspect(API, &token).await.get("sub"), None);
    assert_eq!(world.provider.token_info(&token).await.unwrap().unwrap().subject, None);
}

#[tokio::test]
async fn rfc9700_4_16_pages_are_not_framed() {
    let world = World::new();
    assert_eq!(world.get(&Flow::web().url()).await.header("x-frame-options"), "DENY");
}

#[test]
fn standings_need_a_store_that_keeps() {
    use grantor_core::store::Store as _;
    let forgetful = FaultStore::new(std::sync::Arc::new(grantor_store_memory::MemoryStore::new()));
    let promises = forgetful.promises();
    forgetful.set_promises(grantor_core::store::Promises { keeps: false, ..promises });
    let base = || {
        grantor_core::Provider::builder("https://as.example")
            .store(forgetful.clone())
            .clients(grantor_core::StaticClients::default())
            .grant(grantor_core::ClientCredentials::new())
    };
    assert!(base().build().unwrap_err().to_string().contains("standing_store"));
    let keeps = std::sync::Arc::new(grantor_store_memory::MemoryStore::new());
    assert!(base().standing_store(keeps).build().is_ok());
}
