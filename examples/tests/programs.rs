//! The programs of the host `python_oauth2`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use serde_json::{Value, json};

use crate::support::{Browser, Example, Page, VERIFIER, authorize_query, path};

const ABC: [(&str, &str); 2] = [("client_id", "abc"), ("client_secret", "xyz")];

/// The form with the credentials of abc.
fn as_abc<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    ABC.into_iter().chain(fields.iter().copied()).collect()
}

async fn allowed(example: &Example, browser: &mut Browser, query: &str) -> Page {
    let page = browser.get(&example.url(&format!("/authorize?{query}"))).await;
    browser.submit(&page, "Allow").await
}

/// The tokens of a code flow.
async fn tokens(example: &Example, extra: &str) -> Value {
    let query = format!("{}{extra}", authorize_query("abc", "code"));
    let back = allowed(example, &mut Browser::new(), &query).await;
    let code = back.param("code").unwrap_or_else(|| panic!("no code: {back:?}"));
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    let (status, tokens) = example.token(None, &as_abc(&form)).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

async fn resource(example: &Example, tokens: &Value) -> Value {
    let (status, body) = example.get_with("/resource", tokens["access_token"].as_str()).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

async fn refreshed(example: &Example, token: &Value) -> (u16, Value) {
    let form = [("grant_type", "refresh_token"), ("refresh_token", token.as_str().unwrap())];
    example.token(None, &as_abc(&form)).await
}

async fn machine(example: &Example, scope: &str) -> (u16, Value) {
    example.token(None, &as_abc(&[("grant_type", "client_credentials"), ("scope", scope)])).await
}

#[tokio::test]
async fn authorization_code() {
    let example = Example::program("authorization_code", None);
    let tokens = tokens(&example, "").await;
    assert_eq!((&tokens["expires_in"], &tokens["refresh_token"]), (&json!(3600), &Value::Null));
    let facts = resource(&example, &tokens).await;
    assert_eq!(facts["data"], json!({"plan": "gold"}));
    assert_eq!((&facts["user_id"], &facts["grant_type"]), (&json!("alice"), &json!("authorization_code")));
    assert_eq!(example.get_with("/resource", Some("nonsense")).await.0, 401);
    assert_eq!(example.get_with("/resource", None).await.0, 401);
    // Of two registered redirect URIs none is guessed; a query that is there stays.
    let page =
        Browser::new().get(&example.url(&format!("/authorize?{}", authorize_query("two", "code")))).await;
    assert_eq!((page.status, page.location.as_str()), (400, ""));
    let back = allowed(&example, &mut Browser::new(), &authorize_query("query", "code")).await;
    assert!(back.location.starts_with("http://localhost/callback?tenant=a&code="), "{}", back.location);
    let back = Browser::new()
        .get(&example.url(&format!("/authorize?{}", authorize_query("codeonly", "token"))))
        .await;
    assert_eq!(back.param("error").as_deref(), Some("unsupported_response_type"));
}

#[tokio::test]
async fn implicit_and_scopes() {
    let example = Example::program("implicit", None);
    let back = allowed(&example, &mut Browser::new(), &authorize_query("abc", "token")).await;
    assert_eq!(back.param("expires_in").as_deref(), Some("86400"));
    let example = Example::program("scopes", None);
    let granted = tokens(&example, "").await;
    assert_eq!(granted["scope"], "profile_read");
    let page = Browser::new()
        .get(&example.url(&format!("/authorize?{}&scope=profile_write", authorize_query("abc", "code"))))
        .await;
    assert!(page.body.contains("profile_write"), "the page shows the scopes");
    assert_eq!(machine(&example, "").await.1["error"], "invalid_scope");
    assert_eq!(machine(&example, "profile_write").await.1["scope"], "profile_write");
    let example = Example::program("scope_class", None);
    assert_eq!(machine(&example, "status repo:x").await.1["scope"], "status repo:x");
    assert_eq!(machine(&example, "repos").await.1["error"], "invalid_scope");
}

#[tokio::test]
async fn resource_owner() {
    let example = Example::program("resource_owner", None);
    let form = [("grant_type", "password"), ("username", "bob"), ("password", "builder")];
    let (status, tokens) = example.token(None, &as_abc(&form)).await;
    assert_eq!((status, &tokens["expires_in"]), (200, &json!(600)), "{tokens}");
    assert_eq!(resource(&example, &tokens).await["user_id"], "bob");
    let (status, again) = refreshed(&example, &tokens["refresh_token"]).await;
    assert_eq!((status, &again["expires_in"]), (200, &json!(600)), "{again}");
    let form = [("grant_type", "password"), ("username", "bob"), ("password", "wonderland")];
    let (status, error) = example.token(None, &as_abc(&form)).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")));
}

#[tokio::test]
async fn client_credentials_without_scopes() {
    let example = Example::program("client_credentials", None);
    let (status, tokens) = example.token(None, &as_abc(&[("grant_type", "client_credentials")])).await;
    assert_eq!((status, &tokens["expires_in"]), (200, &json!(3600)), "{tokens}");
    assert_eq!(resource(&example, &tokens).await["user_id"], Value::Null);
    assert_eq!(machine(&example, "anything").await.1["error"], "invalid_scope");
}

#[tokio::test]
async fn refresh_with_and_without_rotation() {
    let example = Example::program("refresh_token", None);
    let first = tokens(&example, "&scope=profile_read").await;
    let (status, again) = refreshed(&example, &first["refresh_token"]).await;
    assert_eq!((status, &again["refresh_token"]), (200, &first["refresh_token"]), "{again}");
    let example = Example::program("rotation", None);
    let first = tokens(&example, "").await;
    let (status, second) = refreshed(&example, &first["refresh_token"]).await;
    assert_eq!(status, 200, "{second}");
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let (status, _) = refreshed(&example, &second["refresh_token"]).await;
    assert_eq!(status, 200);
    let (status, error) = refreshed(&example, &first["refresh_token"]).await;
    assert_eq!((status, &error["error"]), (400, &json!("invalid_grant")), "a former token ends the grant");
}

#[tokio::test]
async fn slow_store_gives_one_successor() {
    let example = Example::program("slow_store", None);
    let first = tokens(&example, "").await;
    let token = &first["refresh_token"];
    let (a, b, c) =
        tokio::join!(refreshed(&example, token), refreshed(&example, token), refreshed(&example, token));
    assert_eq!((a.0, b.0, c.0), (200, 200, 200), "{a:?} {b:?} {c:?}");
    assert_eq!(a.1["refresh_token"], b.1["refresh_token"]);
    assert_eq!(a.1["access_token"], c.1["access_token"]);
}

#[tokio::test]
async fn failing_store_says_nothing_about_itself() {
    let example = Example::program("failing_store", None);
    let (status, error) = example.token(None, &as_abc(&[("grant_type", "client_credentials")])).await;
    assert_eq!((status, &error["error"]), (503, &json!("temporarily_unavailable")));
    assert!(!error.to_string().contains("secret-host-17"));
    let back = allowed(&example, &mut Browser::new(), &authorize_query("abc", "code")).await;
    let code = back.param("code").expect("codes can be written");
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    assert_eq!(example.token(None, &as_abc(&form)).await.0, 503);
    let query = authorize_query("abc", "code").replace("state=xyz", "state=boom");
    let back = Browser::new().get(&example.url(&format!("/authorize?{query}"))).await;
    assert_eq!(back.param("error").as_deref(), Some("server_error"));
    assert!(!back.location.contains("secret-host"), "{}", back.location);
}

#[tokio::test]
async fn custom_grant() {
    let example = Example::program("custom_grant", None);
    let form = as_abc(&[("grant_type", "urn:example:grant:ticket"), ("ticket", "golden-ticket")]);
    let (status, tokens) = example.token(None, &form).await;
    assert_eq!((status, &tokens["scope"]), (200, &json!("ride")), "{tokens}");
    let facts = resource(&example, &tokens).await;
    assert_eq!((&facts["data"], &facts["user_id"]), (&json!({"ticket": "golden"}), &json!("alice")));
}

#[tokio::test]
async fn unique_tokens() {
    let example = Example::program("unique_tokens", None);
    let (first, second) = (tokens(&example, "").await, tokens(&example, "").await);
    assert_eq!(first["access_token"], second["access_token"]);
    let form = |scope| {
        as_abc(&[
            ("grant_type", "password"),
            ("username", "alice"),
            ("password", "wonderland"),
            ("scope", scope),
        ])
    };
    let (_, first) = example.token(None, &form("profile_read")).await;
    let (_, second) = example.token(None, &form("profile_read")).await;
    let (_, other) = example.token(None, &form("profile_write")).await;
    assert_eq!(first["access_token"], second["access_token"], "{first} {second}");
    assert_ne!(first["access_token"], other["access_token"]);
}

#[tokio::test]
async fn client_authentication() {
    let example = Example::program("basic_auth", None);
    let form = [("grant_type", "client_credentials")];
    assert_eq!(example.token(Some(("abc", "xyz")), &form).await.0, 200);
    assert_eq!(example.token(None, &as_abc(&form)).await.0, 401);
    let example = Example::program("own_client_auth", None);
    assert_eq!(example.token(Some(("abc", "xyz")), &form).await.0, 401);
    let mut browser = Browser::new();
    let fields = [("grant_type".to_owned(), "client_credentials".to_owned())];
    browser.headers.insert("x-client-key", "abc/xyz");
    assert_eq!(browser.post(&example.url("/token"), &fields).await.status, 200);
    browser.headers.insert("x-client-key", "abc/wrong");
    assert_eq!(browser.post(&example.url("/token"), &fields).await.status, 401);
}

#[tokio::test]
async fn token_formats() {
    let example = Example::program("random_tokens", None);
    let (_, tokens) = example.token(None, &as_abc(&[("grant_type", "client_credentials")])).await;
    assert!(tokens["access_token"].as_str().unwrap().len() >= 48);
    let example = Example::program("own_tokens", None);
    let (_, tokens) = example.token(None, &as_abc(&[("grant_type", "client_credentials")])).await;
    let token = tokens["access_token"].as_str().unwrap();
    assert!(token.starts_with("seed-") && token.len() == 37, "{token}");
    resource(&example, &tokens).await;
}

#[tokio::test]
async fn paths() {
    let example = Example::program("paths", None);
    let mut browser = Browser::new();
    browser.headers.insert("x-tenant", "acme");
    browser.headers.insert("x-other", "hidden");
    let page =
        browser.get(&example.url(&format!("/oauth/authorize?{}", authorize_query("abc", "code")))).await;
    let back = browser.submit(&page, "Allow").await;
    let code = back.param("code").unwrap();
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    let (_, tokens) = example.post("/oauth/token", None, &as_abc(&form)).await;
    let data = resource(&example, &tokens).await["data"].clone();
    assert_eq!(data, json!({"tenant": "acme", "asked": "xyz", "all": ["x-tenant"]}));
    assert_eq!(example.get_with("/token", None).await.0, 404);
}

#[tokio::test]
async fn login_redirect() {
    let example = Example::program("login_redirect", None);
    let mut browser = Browser::new();
    let to_login = browser.get(&example.url(&format!("/authorize?{}", authorize_query("abc", "code")))).await;
    let page = browser.get(&example.url(&to_login.location)).await;
    let back = browser.fill(&page, "Sign in", &[("username", "bob"), ("password", "builder")]).await;
    let done = browser.get(&example.url(&back.location)).await;
    let code = done.param("code").unwrap_or_else(|| panic!("{done:?}"));
    let form = [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
    let (_, tokens) = example.token(None, &as_abc(&form)).await;
    assert_eq!(resource(&example, &tokens).await["user_id"], "bob");
}

#[tokio::test]
async fn own_store_keeps_and_is_shared() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str();
    let mut example = Example::program("own_store", folder);
    let tokens = tokens(&example, "").await;
    let other = Example::program("own_store", folder);
    resource(&other, &tokens).await;
    example.restart();
    resource(&example, &tokens).await;
    assert_eq!(refreshed(&other, &tokens["refresh_token"]).await.0, 200);
}

#[tokio::test]
async fn applications() {
    for (program, token_type) in [("flask_app", false), ("tornado_app", true)] {
        let example = Example::program(program, None);
        assert_eq!(example.get_with("/hello", None).await, (200, "the application's own route".to_owned()));
        let mut browser = Browser::new();
        let url = example.url(&format!("/authorize?{}", authorize_query("abc", "code")));
        assert!(browser.get(&url).await.param("code").is_some(), "{program}");
        let fields: Vec<(String, String)> = reqwest::Url::parse(&url)
            .unwrap()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        let back = browser.post(&example.url("/authorize"), &fields).await;
        let code = back.param("code").unwrap_or_else(|| panic!("{program} {back:?}"));
        assert_eq!(back.status, 303);
        let form =
            [("grant_type", "authorization_code"), ("code", code.as_str()), ("code_verifier", VERIFIER)];
        let (_, tokens) = example.token(None, &as_abc(&form)).await;
        assert_eq!(resource(&example, &tokens).await["user_id"], "alice", "{program}");
        if token_type {
            let url = example.url(&format!("/authorize?{}", authorize_query("abc", "token")));
            assert!(browser.get(&url).await.param("access_token").is_some());
        }
    }
}

#[test]
fn programs_of_other_stores_are_refused_by_name() {
    for program in
        ["memcache_client", "memcache_servers", "mongodb", "redis_store", "mixed_stores", "nonsense"]
    {
        let output = std::process::Command::new(path("python_oauth2"))
            .args(["--program", program, "--port", "1"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(program));
    }
}
