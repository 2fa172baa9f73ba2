//! RFC 7662, Token Introspection.

use grantor_core::{Timestamp, Whose};
use serde_json::json;

use crate::support::{API, APP, Auth, NOBODY, OTHER, Req, WEB, World};

#[tokio::test]
async fn rfc7662_2_1_the_caller_authenticates() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    for auth in [NOBODY, Auth::Basic("api", "wrong"), Auth::Public("web"), APP] {
        world.form("/introspect", auth, &[("token", &token)]).await.refused(401, "invalid_client");
    }
}

#[tokio::test]
async fn rfc7662_2_1_post_only_and_no_token_in_the_uri() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    assert_eq!(world.get(&format!("/introspect?token={token}")).await.status, 405);
    let request = Req::form(&format!("/introspect?token={token}"), API, &[]);
    world.send(request.build()).await.refused(400, "invalid_request");
    world.form("/introspect", API, &[]).await.refused(400, "invalid_request");
    world.form("/introspect", API, &[("token", "a"), ("token", "b")]).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn rfc7662_2_2_what_is_said_about_a_live_token() {
    let world = World::new();
    let issued = world.provider.clock().now();
    let tokens = world.tokens().await;
    let facts = world.introspect(API, &tokens.access_token()).await;
    let expected = json!({
        "active": true, "client_id": "web", "iss": "https://as.example", "sub": "alice", "scope": "read write",
        "token_type": "Bearer", "grant_type": "authorization_code", "iat": issued.as_secs(),
        "exp": issued.as_secs() + 600, "data": { "name": "alice of the site" },
    });
    assert_eq!(facts, expected);
}

#[tokio::test]
async fn rfc7662_2_2_exactly_inactive_for_everything_else() {
    let world = World::new();
    let tokens = world.tokens().await;
    let access = tokens.access_token();
    let code = world.code().await;
    let revoked = world.tokens().await.access_token();
    world.revoke(WEB, &revoked).await;
    let mut bad = vec![
        "x".to_owned(),
        " ".to_owned(),
        code,
        revoked,
        tokens.refresh_token(),
        access.to_uppercase(),
        format!("{access}A"),
        format!("A{access}"),
        access[..access.len() - 1].to_owned(),
        access.replace("grt_at_", "grt_rt_"),
        "A".repeat(8000),
        "\u{1f980}".to_owned(),
    ];
    // A byte dropped or changed anywhere.
    for at in (0..access.len()).step_by(7) {
        let (head, tail) = access.split_at(at);
        bad.push(format!("{head}{}", &tail[1..]));
        bad.push(format!("{head}{}{}", if tail.starts_with('A') { 'B' } else { 'A' }, &tail[1..]));
    }
    for token in bad {
        let answer = world.form("/introspect", API, &[("token", &token)]).await;
        assert_eq!((answer.status.as_u16(), &answer.body[..]), (200, &b"{\"active\":false}"[..]), "{token}");
    }
    assert!(world.is_active(&access).await);
    world.pass(600);
    assert!(!world.is_active(&access).await);
}

#[tokio::test]
async fn rfc7662_4_other_clients_see_their_own_tokens_only() {
    let world = World::new();
    let tokens = world.tokens().await;
    assert_eq!(world.introspect(OTHER, &tokens.access_token()).await, json!({ "active": false }));
    assert_eq!(world.introspect(OTHER, &tokens.refresh_token()).await, json!({ "active": false }));
    assert_eq!(world.introspect(WEB, &tokens.access_token()).await["active"], true);
    let refresh = world.introspect(WEB, &tokens.refresh_token()).await;
    assert_eq!((&refresh["active"], refresh.get("token_type")), (&json!(true), None));
}

#[tokio::test]
async fn rfc7662_4_disabled_and_not_before_end_a_token() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    let standings = world.provider.standings();
    for whose in [
        Whose::All,
        Whose::Client("web"),
        Whose::Subject("alice"),
        Whose::Consent { client: "web", subject: "alice" },
    ] {
        world.pass(2);
        assert!(world.is_active(&token).await, "before {whose:?}");
        let now = world.provider.clock().now();
        standings.end_earlier(whose, now).await.unwrap();
        world.pass(2);
        assert!(!world.is_active(&token).await, "{whose:?}");
        assert!(standings.forget(whose, now).await.unwrap());
    }
    let now: Timestamp = world.provider.clock().now();
    // Of two not-befores the newer one counts.
    standings.end_earlier(Whose::Client("web"), now).await.unwrap();
    standings.end_earlier(Whose::Client("web"), Timestamp::from_secs(1)).await.unwrap();
    world.pass(2);
    assert!(!world.is_active(&token).await);
}

#[tokio::test]
async fn a_token_without_an_end_has_no_exp() {
    let client = grantor_core::Client::builder("for-ever")
        .secret("s")
        .grant_types([grantor_core::GrantTypeName::CLIENT_CREDENTIALS])
        .change(|client| client.lifetimes.access_token = Some(grantor_core::Lifetime::Never));
    let world = World::with_clients(vec![client.build().unwrap()]);
    let answer = world.client_credentials(Auth::Basic("for-ever", "s")).await;
    assert_eq!(answer.json().get("expires_in"), None);
    world.pass(100 * 365 * 24 * 3600);
    let facts = world.introspect(API, &answer.access_token()).await;
    assert_eq!((facts["active"].as_bool(), facts.get("exp")), (Some(true), None));
}
