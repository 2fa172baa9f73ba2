//! Programs about stores.

use serde_json::{Value, json};

use crate::requests::{ALICE, BOB};
use crate::support::{Example, authorize};

#[tokio::test]
async fn slow_store_gives_sixteen_retries_one_successor() {
    let example = Example::program("slow_store", None);
    let first = example.tokens("").await;
    let token = first["refresh_token"].clone();
    let answers = futures_util::future::join_all((0..16).map(|_| example.refresh(&token, ""))).await;
    let answers: Vec<Value> = answers.into_iter().map(crate::support::Answer::ok).collect();
    for answer in &answers {
        assert_eq!(answer["refresh_token"], answers[0]["refresh_token"]);
        assert_eq!(answer["access_token"], answers[0]["access_token"]);
    }
    assert_eq!(example.facts(&answers[0]).await["user_id"], "alice");
    assert_eq!(example.refresh(&answers[0]["refresh_token"], "").await.status, 200);
}

#[tokio::test]
async fn failing_store_says_nothing_about_itself() {
    let example = Example::program("failing_store", None);
    let silent =
        |text: &dyn std::fmt::Debug| assert!(!format!("{text:?}").contains("secret-host"), "{text:?}");
    let answer = example.machine("").await;
    assert_eq!(answer.error(), (503, "temporarily_unavailable"));
    assert_ne!(answer.header("retry-after"), "");
    silent(&answer);
    let back = example.allowed(&authorize("abc", "code")).await;
    let answer = example.redeemed(&back).await;
    assert_eq!(answer.error(), (503, "temporarily_unavailable"), "codes can be written, tokens cannot");
    silent(&answer);
    let boom = authorize("abc", "code").replace("state=xyz", "state=boom");
    let back = example.browser().get(&boom).await;
    assert_eq!(
        (back.answer("error").as_deref(), back.answer("state").as_deref()),
        (Some("server_error"), Some("boom"))
    );
    silent(&back);
}

#[tokio::test]
async fn own_store_keeps_everything_and_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str();
    let mut example = Example::program("own_store", store);
    let tokens = example.tokens("").await;
    assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(3600), &json!("profile_read")));
    example.assert_lives(&tokens["refresh_token"], 2_592_000).await;
    let waiting = example.allowed(&authorize("abc", "code")).await;
    let other = Example::program("own_store", store);
    assert_eq!(other.facts(&tokens).await["user_id"], "alice");
    example.restart();
    assert_eq!(example.facts(&tokens).await["data"], json!({"plan": "gold"}));
    assert_eq!(other.redeemed(&waiting).await.status, 200, "a code of the process that was killed");
    assert_eq!(
        example.redeemed(&waiting).await.error(),
        (400, "invalid_grant"),
        "spent in the other process"
    );
    let next = other.refresh(&tokens["refresh_token"], "").await.ok();
    assert_eq!(example.facts(&next).await["scopes"], json!(["profile_read"]));
    assert!(folder.path().read_dir().unwrap().count() >= 7, "five clients, a grant and the lock are files");
}

#[tokio::test]
async fn own_store_gives_unique_tokens_to_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().to_str();
    let (one, two) = (Example::program("own_store", store), Example::program("own_store", store));
    let first = one.password(ALICE, "profile_write").await.ok();
    let second = two.password(ALICE, "profile_write").await.ok();
    assert_eq!(first["access_token"], second["access_token"]);
    assert!(first["expires_in"].as_i64().unwrap() <= 600, "{first}");
    assert_ne!(first["access_token"], one.password(BOB, "profile_write").await.ok()["access_token"]);
    assert_ne!(one.tokens("").await["access_token"], two.tokens("").await["access_token"], "codes do not");
}
