//! RFC 7009, Token Revocation.

use grantor_testkit::Fault;

use crate::support::{APP, Auth, Flow, NOBODY, OTHER, POST, REDIRECT, Req, WEB, World};

#[tokio::test]
async fn rfc7009_2_1_an_access_token_ends_alone() {
    let world = World::new();
    let tokens = world.tokens().await;
    let answer = world.revoke(WEB, &tokens.access_token()).await;
    assert_eq!((answer.status.as_u16(), answer.body.len()), (200, 0));
    assert!(!world.is_active(&tokens.access_token()).await);
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn rfc7009_2_1_a_refresh_token_takes_all_access_tokens_with_it() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    assert!(world.is_active(&first.access_token()).await);
    assert_eq!(world.revoke(WEB, &second.refresh_token()).await.status, 200);
    for token in [first.access_token(), second.access_token()] {
        assert!(!world.is_active(&token).await);
    }
    world.refresh(WEB, &second.refresh_token()).await.refused(400, "invalid_grant");
    assert_eq!(world.counts().await.0, 0);
}

#[tokio::test]
async fn rfc7009_2_1_the_token_of_another_client_stays() {
    let world = World::new();
    let tokens = world.tokens().await;
    for auth in [OTHER, APP, POST] {
        for token in [tokens.access_token(), tokens.refresh_token()] {
            let answer = world.revoke(auth, &token).await;
            assert_eq!(answer.status, 400, "the client is informed");
        }
    }
    assert!(world.is_active(&tokens.access_token()).await);
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn rfc7009_2_1_a_public_client_revokes_its_own() {
    let world = World::new();
    let code = world.code_of(&Flow::of("app", "https://app.example/cb")).await;
    let tokens = world.redeem_as(APP, &code, Some("https://app.example/cb")).await;
    assert_eq!(world.revoke(APP, &tokens.refresh_token()).await.status, 200);
    assert!(!world.is_active(&tokens.access_token()).await);
}

#[tokio::test]
async fn rfc7009_2_1_confidential_clients_authenticate() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    for auth in [NOBODY, Auth::Public("web"), Auth::Basic("web", "wrong")] {
        world.revoke(auth, &token).await.refused(401, "invalid_client");
    }
    assert!(world.is_active(&token).await);
}

#[tokio::test]
async fn rfc7009_2_1_any_hint_will_do() {
    let world = World::new();
    for hint in ["access_token", "refresh_token", "pacs", ""] {
        let token = world.tokens().await.refresh_token();
        let fields = [("token", token.as_str()), ("token_type_hint", hint)];
        assert_eq!(world.form("/revoke", WEB, &fields).await.status, 200);
        world.refresh(WEB, &token).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn rfc7009_2_2_200_for_unknown_and_twice() {
    let world = World::new();
    let tokens = world.tokens().await;
    for token in ["x", "grt_at_x", &"x".repeat(5000), "\u{e9}"] {
        assert_eq!(world.revoke(WEB, token).await.status, 200);
    }
    for _ in 0..3 {
        assert_eq!(world.revoke(WEB, &tokens.access_token()).await.status, 200);
    }
    assert_eq!(world.revoke(WEB, &tokens.refresh_token()).await.status, 200);
    assert_eq!(world.revoke(WEB, &tokens.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn rfc7009_2_2_1_503_while_the_store_fails() {
    let world = World::new();
    let tokens = world.tokens().await;
    world.store.next_replace(Fault::ErrorBefore);
    let answer = world.revoke(WEB, &tokens.access_token()).await;
    answer.refused(503, "temporarily_unavailable");
    assert!(!answer.header("retry-after").is_empty());
    assert!(world.is_active(&tokens.access_token()).await);
    world.store.next_remove(Fault::ErrorBefore);
    world.revoke(WEB, &tokens.refresh_token()).await.refused(503, "temporarily_unavailable");
    // Later it works.
    assert_eq!(world.revoke(WEB, &tokens.refresh_token()).await.status, 200);
    assert!(!world.is_active(&tokens.access_token()).await);
}

#[tokio::test]
async fn rfc7009_2_1_token_is_required_and_never_in_the_uri() {
    let world = World::new();
    world.form("/revoke", WEB, &[]).await.refused(400, "invalid_request");
    let request = Req::form("/revoke?token=x", WEB, &[]);
    world.send(request.build()).await.refused(400, "invalid_request");
    assert_eq!(world.get("/revoke?token=x").await.status, 405);
}

#[tokio::test]
async fn rfc7009_2_1_a_former_refresh_token_of_the_lineage_ends_the_grant() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    assert_eq!(world.revoke(WEB, &first.refresh_token()).await.status, 200);
    assert!(!world.is_active(&second.access_token()).await);
}

#[tokio::test]
async fn a_code_is_nothing_to_revoke() {
    let world = World::new();
    let code = world.code().await;
    assert_eq!(world.revoke(WEB, &code).await.status, 200);
    assert_eq!(world.redeem_as(WEB, &code, Some(REDIRECT)).await.status, 200);
}
