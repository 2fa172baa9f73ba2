//! Runs every example as the program it is, and uses it as its documentation says.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod own_store;
mod programs;
mod requests;
mod support;
mod tutorial;

use serde_json::{Value, json};
use support::{Example, authorize, redeem};

#[tokio::test]
async fn quickstart() {
    let example = Example::start("quickstart", &[]);
    let abc = ("abc", "xyz");
    let back = example.press(&authorize("abc", "code"), "").await;
    assert!(back.left_for.as_deref().unwrap().starts_with("http://localhost/callback?"), "{back:?}");
    assert_eq!(back.answer("state").as_deref(), Some("xyz"));
    let tokens = example.post_as("/token", abc, &redeem(&back.answer("code").unwrap())).await.ok();
    assert_eq!(tokens["expires_in"], 2_592_000);
    let refresh = tokens["refresh_token"].as_str().expect("a refresh token");
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    assert_eq!(example.post_as("/token", abc, &form).await.ok()["expires_in"], 2_592_000);

    let back = example.press(&authorize("abc", "token"), "").await;
    assert!(back.left_for.as_deref().unwrap().starts_with("http://localhost/callback#"), "{back:?}");
    assert!(back.answer("access_token").is_some());
}

#[tokio::test]
async fn quickstart_takes_no_parameter_of_the_url_for_consent() {
    let example = Example::start("quickstart", &[]);
    let page = example.browser().get(&format!("{}&confirm=1", authorize("abc", "code"))).await;
    assert!(page.left_for.is_none() && page.text().contains("<form"), "{page:?}");
}

#[tokio::test]
async fn client_credentials() {
    let example = Example::start("client_credentials", &[]);
    let token = async |scope| {
        let form = [("grant_type", "client_credentials"), ("scope", scope)];
        example.post_as("/token", ("worker", "worker-secret"), &form).await.ok()["access_token"].clone()
    };
    let jobs = example.get_as("/jobs", &token("jobs.read").await).await.ok();
    assert_eq!(jobs, "the jobs of worker\n");
    assert_eq!(example.get("/jobs").await.status, 401);
    assert_eq!(
        example.get_as("/jobs", &token("jobs.write").await).await.error(),
        (403, "insufficient_scope")
    );
}

#[tokio::test]
async fn password() {
    let example = Example::start("password", &[]);
    let ask = async |name, password| {
        let form = [("grant_type", "password"), ("username", name), ("password", password)];
        example.post_as("/token", ("app", "app-secret"), &form).await
    };
    assert!(ask("alice", "wonderland").await.ok()["refresh_token"].is_string());
    assert_eq!(ask("alice", "wrong").await.error(), (400, "invalid_grant"));
    assert_eq!(ask("bob", "wonderland").await.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn implicit() {
    let example = Example::start("implicit", &[]);
    let target = authorize("old-app", "token");
    let back = example.press(&target, "decision=allow").await;
    assert!(back.left_for.as_deref().unwrap().starts_with("http://localhost/callback#"), "{back:?}");
    assert!(back.answer("access_token").is_some());
    let back = example.press(&target, "decision=deny").await;
    assert_eq!(back.answer("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn custom_grant() {
    let example = Example::start("custom_grant", &[]);
    let ask = async |ticket| {
        let form = [("grant_type", "urn:example:grant:ticket"), ("ticket", ticket)];
        example.post_as("/token", ("booth", "booth-secret"), &form).await
    };
    assert_eq!(ask("golden-ticket").await.ok()["scope"], "ride");
    let refused = ask("paper").await;
    assert_eq!(refused.error(), (400, "invalid_grant"));
    assert_eq!(refused.body["error_description"], "This ticket is not valid");
    assert_eq!(refused.body["error_uri"], "https://docs.example.test/errors#ticket");
}

#[tokio::test]
async fn login_redirect() {
    let example = Example::start("login_redirect", &[]);
    let mut browser = example.browser();
    let login = browser.get(&authorize("abc", "code")).await;
    assert_eq!(login.url.path(), "/login");
    let wrong = [("username", "alice"), ("password", "wrong")];
    assert_eq!(browser.press(&login, "", &wrong).await.unwrap().status, 403);
    let right = [("username", "alice"), ("password", "wonderland")];
    let done = browser.press(&login, "", &right).await.unwrap();
    let tokens = example.post_as("/token", ("abc", "xyz"), &redeem(&done.answer("code").unwrap())).await.ok();
    let token = tokens["access_token"].as_str().unwrap();
    assert_eq!(
        example.post_as("/introspect", ("abc", "xyz"), &[("token", token)]).await.ok()["sub"],
        "alice"
    );
    assert!(browser.get(&authorize("abc", "code")).await.answer("code").is_some(), "signed in from now on");
}

#[tokio::test]
async fn login_redirect_goes_nowhere_else() {
    let example = Example::start("login_redirect", &[]);
    for back in ["https://evil.example/", "//evil.example/authorize?", "/authorize.evil"] {
        let form = [("back", back), ("username", "alice"), ("password", "wonderland")];
        let answer = example.post("/login", &form).await;
        assert_eq!((answer.status, answer.header("location")), (400, ""), "{back}");
    }
    let form = [("back", "/authorize?continue=x"), ("username", "alice"), ("password", "wonderland")];
    let answer = example.post_with("/login", ("sec-fetch-site", "cross-site"), &form).await;
    assert_eq!((answer.status, answer.header("set-cookie")), (400, ""), "login from another site");
    let page = example.get("/login?back=%22%3E%3Cscript%3E").await.ok();
    assert!(!page.as_str().unwrap().contains("<script>"), "{page}");
}

#[tokio::test]
async fn own_store() {
    let folder = tempfile::tempdir().unwrap();
    let mut example = Example::start("own_store", &[folder.path().to_str().unwrap()]);
    let form = [("grant_type", "client_credentials")];
    let tokens = example.post_as("/token", ("abc", "xyz"), &form).await.ok();
    example.restart();
    let token = tokens["access_token"].as_str().unwrap();
    let facts = example.post_as("/introspect", ("abc", "xyz"), &[("token", token)]).await.ok();
    assert_eq!(facts["active"], true, "kept over a crash");
}

#[tokio::test]
async fn split_stores() {
    let folder = tempfile::tempdir().unwrap();
    let mut example = Example::start("split_stores", &[folder.path().to_str().unwrap()]);
    let abc = ("abc", "xyz");
    let code = async |example: &Example| {
        example.browser().get(&authorize("abc", "code")).await.answer("code").expect("a code")
    };
    let first = code(&example).await;
    let tokens = example.post_as("/token", abc, &redeem(&first)).await.ok();
    let unused = code(&example).await;
    example.restart();
    let token = tokens["access_token"].as_str().unwrap();
    let facts = example.post_as("/introspect", abc, &[("token", token)]).await.ok();
    assert_eq!((&facts["active"], &facts["sub"]), (&json!(true), &json!("alice")), "grants are on disk");
    let refused = example.post_as("/token", abc, &redeem(&unused)).await;
    assert_eq!(refused.error(), (400, "invalid_grant"), "codes were in memory");
    let again = code(&example).await;
    assert_ne!(example.post_as("/token", abc, &redeem(&again)).await.ok()["access_token"], Value::Null);
}
