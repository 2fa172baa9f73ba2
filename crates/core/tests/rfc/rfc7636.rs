//! RFC 7636, PKCE, with the rules of RFC 9700 §2.1.1: S256 only, required of every client.

use crate::support::{APP, Auth, Flow, REDIRECT, VERIFIER, WEB, World, sent_back};

const NO_PKCE: Auth = Auth::Basic("no-pkce", "no-pkce-secret");
const NO_PKCE_URI: &str = "https://no-pkce.example/cb";

#[tokio::test]
async fn rfc7636_4_4_1_a_challenge_is_required() {
    let world = World::new();
    sent_back(&world.browser().get(&Flow::web().without_pkce().url()).await, "invalid_request");
    let page = world.browser().get(&Flow::of("app", "https://app.example/cb").without_pkce().url()).await;
    sent_back(&page, "invalid_request");
    let page = world.browser().get(&Flow::web().without("code_challenge").url()).await;
    sent_back(&page, "invalid_request");
}

#[tokio::test]
async fn rfc7636_4_3_plain_is_refused_also_as_the_default() {
    let world = World::new();
    for request in [
        Flow::web().set("code_challenge_method", "plain"),
        Flow::web().without("code_challenge_method"),
        Flow::web().set("code_challenge_method", "s256"),
        Flow::web().set("code_challenge_method", "S512"),
        Flow::web().set("code_challenge", VERIFIER).set("code_challenge_method", "plain"),
    ] {
        sent_back(&world.browser().get(&request.url()).await, "invalid_request");
    }
}

#[tokio::test]
async fn rfc7636_4_2_only_43_characters_of_base64url() {
    let world = World::new();
    let good = grantor_core::CodeChallenge::of(VERIFIER).to_text();
    let cut = &good[..42];
    for bad in [
        "a".to_owned(),
        cut.to_owned(),
        format!("{good}="),
        format!("{good}A"),
        format!("{cut}+"),
        format!("{cut}/"),
        format!("{cut}\u{e9}"),
        "A".repeat(128),
    ] {
        sent_back(
            &world.browser().get(&Flow::web().set("code_challenge", &bad).url()).await,
            "invalid_request",
        );
    }
}

#[tokio::test]
async fn rfc7636_4_6_a_wrong_verifier_does_not_burn_the_code() {
    let world = World::new();
    let code = world.code().await;
    let with = async |verifier: Option<&str>| {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", REDIRECT)];
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        world.token(WEB, &fields).await
    };
    let upper = VERIFIER.to_uppercase();
    let challenge = grantor_core::CodeChallenge::of(VERIFIER).to_text();
    for wrong in
        [None, Some(""), Some("x"), Some(upper.as_str()), Some(challenge.as_str()), Some(&VERIFIER[..42])]
    {
        with(wrong).await.refused(400, "invalid_grant");
    }
    assert_eq!(with(Some(VERIFIER)).await.status, 200);
}

#[tokio::test]
async fn rfc7636_4_6_public_clients_too() {
    let world = World::new();
    let uri = "https://app.example/cb";
    let code = world.code_of(&Flow::of("app", uri)).await;
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", uri)];
    world.token(APP, &fields).await.refused(400, "invalid_grant");
    assert_eq!(world.redeem_as(APP, &code, Some(uri)).await.status, 200);
}

#[tokio::test]
async fn rfc9700_4_8_2_a_verifier_without_a_challenge_is_refused() {
    let world = World::new();
    let code = world.code_of(&Flow::of("no-pkce", NO_PKCE_URI).without_pkce()).await;
    world.redeem_as(NO_PKCE, &code, Some(NO_PKCE_URI)).await.refused(400, "invalid_grant");
    let fields =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", NO_PKCE_URI)];
    assert_eq!(world.token(NO_PKCE, &fields).await.status, 200);
}

#[tokio::test]
async fn rfc9700_4_8_2_a_challenge_counts_also_where_it_is_optional() {
    let world = World::new();
    let code = world.code_of(&Flow::of("no-pkce", NO_PKCE_URI)).await;
    let fields =
        [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", NO_PKCE_URI)];
    world.token(NO_PKCE, &fields).await.refused(400, "invalid_grant");
    assert_eq!(world.redeem_as(NO_PKCE, &code, Some(NO_PKCE_URI)).await.status, 200);
}

#[tokio::test]
async fn rfc7636_4_4_1_the_policy_can_make_it_optional_for_all() {
    let world = World::with(|builder| {
        builder.policy(grantor_core::Policy { require_pkce: false, ..grantor_core::Policy::default() })
    });
    assert!(world.approve(&Flow::web().without_pkce()).await.answer("code").is_some());
    // What is sent must still be S256.
    sent_back(
        &world.browser().get(&Flow::web().without("code_challenge_method").url()).await,
        "invalid_request",
    );
}
