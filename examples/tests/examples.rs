//! Runs every example as the program it is, and uses it as its documentation says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "../file_store.rs"]
mod file_store;
mod programs;
mod support;

use serde_json::json;
use support::{Browser, Example, VERIFIER, authorize_query};

#[tokio::test]
async fn quickstart() {
    let example = Example::start("quickstart", &[]);
    let mut browser = Browser::new();
    let page = browser.get(&example.url(&format!("/authorize?{}", authorize_query("abc", "code")))).await;
    assert!(page.body.contains("Confirm"), "{}", page.body);
    let back = browser.submit(&page, "Confirm").await;
    let code = back.param("code").expect("a code");
    assert_eq!(code.len(), 36, "UUIDs are asked for: {code}");
    assert_eq!(back.param("state").as_deref(), Some("xyz"));
    let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    let (status, tokens) = example.token(Some(("abc", "xyz")), &form).await;
    assert_eq!((status, &tokens["expires_in"]), (200, &json!(2_592_000)), "{tokens}");
    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    let (status, again) = example.token(Some(("abc", "xyz")), &form).await;
    assert_eq!((status, &again["expires_in"]), (200, &json!(2_592_000)), "{again}");

    let page = browser.get(&example.url(&format!("/authorize?{}", authorize_query("abc", "token")))).await;
    let back = browser.submit(&page, "Confirm").await;
    assert!(back.location.contains('#') && back.param("access_token").is_some(), "{}", back.location);
}

#[tokio::test]
async fn a_parameter_of_the_url_is_no_consent() {
    let example = Example::start("quickstart", &[]);
    let mut browser = Browser::new();
    let url = example.url(&format!("/authorize?{}&confirm=1", authorize_query("abc", "code")));
    let page = browser.get(&url).await;
    assert!(page.location.is_empty() && page.body.contains("<form"), "{page:?}");
}

#[tokio::test]
async fn client_credentials() {
    let example = Example::start("client_credentials", &[]);
    let form = [("grant_type", "client_credentials"), ("scope", "jobs.read")];
    let (status, tokens) = example.token(Some(("worker", "worker-secret")), &form).await;
    assert_eq!(status, 200, "{tokens}");
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(example.get_with("/jobs", Some(token)).await, (200, "the jobs of worker\n".to_owned()));
    assert_eq!(example.get_with("/jobs", None).await.0, 401);
    let form = [("grant_type", "client_credentials"), ("scope", "jobs.write")];
    let (_, tokens) = example.token(Some(("worker", "worker-secret")), &form).await;
    assert_eq!(example.get_with("/jobs", tokens["access_token"].as_str()).await.0, 403);
}

#[tokio::test]
async fn password() {
    let example = Example::start("password", &[]);
    let form = |password| [("grant_type", "password"), ("username", "alice"), ("password", password)];
    let (status, tokens) = example.token(Some(("app", "app-secret")), &form("wonderland")).await;
    assert_eq!(status, 200, "{tokens}");
    assert!(tokens["refresh_token"].is_string());
    let (status, error) = example.token(Some(("app", "app-secret")), &form("wrong")).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn implicit() {
    let example = Example::start("implicit", &[]);
    let mut browser = Browser::new();
    let url = example.url(&format!("/authorize?{}", authorize_query("old-app", "token")));
    let page = browser.get(&url).await;
    let back = browser.submit(&page, "Allow").await;
    assert!(back.location.starts_with("http://localhost/callback#"), "{}", back.location);
    assert!(back.param("access_token").is_some());
    let page = browser.get(&url).await;
    let back = browser.submit(&page, "Deny").await;
    assert_eq!(back.param("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn custom_grant() {
    let example = Example::start("custom_grant", &[]);
    let form = |ticket| [("grant_type", "urn:example:grant:ticket"), ("ticket", ticket)];
    let (status, tokens) = example.token(Some(("booth", "booth-secret")), &form("golden-ticket")).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("ride")), "{tokens}");
    let (status, error) = example.token(Some(("booth", "booth-secret")), &form("paper")).await;
    assert_eq!(status, 400);
    assert_eq!(error["error_description"], "This ticket is not valid");
    assert_eq!(error["error_uri"], "https://docs.example.test/errors#ticket");
}

#[tokio::test]
async fn login_redirect() {
    let example = Example::start("login_redirect", &[]);
    let mut browser = Browser::new();
    let to_login = browser.get(&example.url(&format!("/authorize?{}", authorize_query("abc", "code")))).await;
    assert!(to_login.location.starts_with("/login?back=/authorize"), "{to_login:?}");
    let page = browser.get(&example.url(&to_login.location)).await;
    let back = browser.fill(&page, "Sign in", &[("username", "alice"), ("password", "wonderland")]).await;
    let done = browser.get(&example.url(&back.location)).await;
    assert!(done.param("code").is_some(), "{done:?}");
}

#[tokio::test]
async fn own_store() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    let mut example = Example::start("own_store", &[folder]);
    let (status, tokens) = example.token(Some(("abc", "xyz")), &[("grant_type", "client_credentials")]).await;
    assert_eq!(status, 200, "{tokens}");
    example.restart();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(example.introspect(("abc", "xyz"), token).await["active"], true, "kept over a restart");
}

#[tokio::test]
async fn split_stores() {
    let folder = tempfile::tempdir().unwrap();
    let mut example = Example::start("split_stores", &[folder.path().to_str().unwrap()]);
    let mut browser = Browser::new();
    let back = browser.get(&example.url(&format!("/authorize?{}", authorize_query("abc", "code")))).await;
    let code = back.param("code").expect("a code");
    let form = [("grant_type", "authorization_code"), ("code", &code), ("code_verifier", VERIFIER)];
    let (status, tokens) = example.token(Some(("abc", "xyz")), &form).await;
    assert_eq!(status, 200, "{tokens}");
    example.restart();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        example.introspect(("abc", "xyz"), token).await["active"],
        true,
        "grants and clients are on disk"
    );
    let (status, error) = example.token(Some(("abc", "xyz")), &form).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")), "codes were in memory");
}
