//! Programs about scopes and about how tokens look.

use serde_json::{Value, json};

use crate::requests::{ALICE, BOB};
use crate::support::{Example, authorize};

#[tokio::test]
async fn scopes() {
    let example = Example::program("scopes", None);
    assert_eq!(example.tokens("").await["scope"], "profile_read");
    let both = example.tokens("&scope=profile_write%20profile_read").await;
    assert_eq!(example.facts(&both).await["scopes"], json!(["profile_write", "profile_read"]));
    let back = example.allowed(&authorize("abc", "token")).await;
    assert_eq!(back.answer("scope").as_deref(), Some("profile_read"));
    let page = example.browser().get(&(authorize("abc", "code") + "&scope=profile_write")).await;
    assert!(
        page.text().contains("profile_write") && !page.text().contains("profile_read"),
        "{}",
        page.text()
    );
    let back = example.browser().get(&(authorize("abc", "code") + "&scope=profile_read%20all")).await;
    assert_eq!(back.answer("error").as_deref(), Some("invalid_scope"), "unknown scopes are not dropped");
    assert_eq!(example.machine("").await.error(), (400, "invalid_scope"));
    let tokens = example.machine("profile_write").await.ok();
    assert_eq!(example.facts(&tokens).await["scopes"], json!(["profile_write"]));
}

#[tokio::test]
async fn scope_class() {
    let example = Example::program("scope_class", None);
    for granted in ["status", "repo:x", "status repo:x repo:y/z"] {
        let tokens = example.machine(granted).await.ok();
        let facts = example.facts(&tokens).await;
        assert_eq!(facts["scopes"], json!(granted.split(' ').collect::<Vec<_>>()));
    }
    for refused in ["repos", "status admin", "xrepo:x"] {
        assert_eq!(example.machine(refused).await.error(), (400, "invalid_scope"), "{refused}");
    }
}

#[tokio::test]
async fn unique_tokens() {
    let example = Example::program("unique_tokens", None);
    let (first, second) = (example.tokens("").await, example.tokens("").await);
    assert_eq!(first["access_token"], second["access_token"]);
    let of = async |user, scope| example.password(user, scope).await.ok()["access_token"].clone();
    let alice = of(ALICE, "profile_read").await;
    assert_eq!(alice, of(ALICE, "").await, "profile_read is the default");
    assert_ne!(alice, of(ALICE, "profile_write").await, "another scope");
    assert_ne!(alice, of(BOB, "profile_read").await, "another user");
    assert_ne!(alice, first["access_token"], "another grant");
    let tokens = example.password(ALICE, "").await.ok();
    assert!(tokens["expires_in"].as_i64().unwrap() <= 600, "{tokens}");
    assert_eq!(example.facts(&tokens).await["user_id"], "alice");
    assert_eq!(example.refresh(&tokens["refresh_token"], "").await.status, 200);
}

async fn looks_like(program: &str, right: fn(&str) -> bool) {
    let example = Example::program(program, None);
    let back = example.allowed(&authorize("abc", "code")).await;
    assert!(right(&back.answer("code").unwrap()), "{back:?}");
    let tokens = example.redeemed(&back).await.ok();
    let text = |token: &Value| token.as_str().unwrap().to_owned();
    let again = example.refresh(&tokens["refresh_token"], "").await.ok();
    let machine = example.machine("").await.ok();
    let all = [
        &tokens["access_token"],
        &tokens["refresh_token"],
        &again["access_token"],
        &again["refresh_token"],
        &machine["access_token"],
    ]
    .map(text);
    for (at, token) in all.iter().enumerate() {
        assert!(right(token), "{token}");
        assert!(!all[at + 1..].contains(token), "{token} twice");
    }
    assert_eq!(example.facts(&again).await["user_id"], "alice");
    assert_eq!(example.facts(&machine).await["user_id"], Value::Null);
}

#[tokio::test]
async fn random_tokens() {
    looks_like("random_tokens", |token| token.len() >= 48).await;
}

#[tokio::test]
async fn own_tokens() {
    let right = |token: &str| {
        let hex = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        token.strip_prefix("seed-").is_some_and(|rest| rest.len() == 32 && rest.bytes().all(hex))
    };
    looks_like("own_tokens", right).await;
}
