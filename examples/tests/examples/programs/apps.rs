//! Programs about client authentication, paths, and how an application mounts the provider.

use http::{HeaderName, HeaderValue};
use serde_json::json;

use crate::requests::as_abc;
use crate::support::{Example, authorize, redeem};

const MACHINE: [(&str, &str); 1] = [("grant_type", "client_credentials")];

#[tokio::test]
async fn basic_auth() {
    let example = Example::program("basic_auth", None);
    assert_eq!(example.post_as("/token", ("abc", "xyz"), &MACHINE).await.ok()["token_type"], "Bearer");
    let wrong = example.post_as("/token", ("abc", "wrong"), &MACHINE).await;
    assert_eq!(wrong.error(), (401, "invalid_client"));
    assert!(wrong.header("www-authenticate").starts_with("Basic "), "{wrong:?}");
    assert_eq!(example.post("/token", &as_abc(&MACHINE)).await.error(), (401, "invalid_client"));
}

#[tokio::test]
async fn own_client_auth() {
    let example = Example::program("own_client_auth", None);
    let key = async |value| example.post_with("/token", ("x-client-key", value), &MACHINE).await;
    let tokens = key("abc/xyz").await.ok();
    assert_eq!(example.facts(&tokens).await["client_id"], "abc");
    for wrong in ["abc/wrong", "abc", "nobody/xyz", "/", ""] {
        assert_eq!(key(wrong).await.error(), (401, "invalid_client"), "{wrong}");
    }
    assert_eq!(example.post_as("/token", ("abc", "xyz"), &MACHINE).await.error(), (401, "invalid_client"));
    assert_eq!(example.post("/token", &as_abc(&MACHINE)).await.error(), (401, "invalid_client"));
}

#[tokio::test]
async fn paths() {
    let example = Example::program("paths", None);
    let (tenant, other) = (HeaderName::from_static("x-tenant"), HeaderName::from_static("x-other"));
    let mut browser = example
        .browser()
        .with_header(tenant, HeaderValue::from_static("acme"))
        .with_header(other, HeaderValue::from_static("hidden"));
    let target = authorize("abc", "code").replace("/authorize", "/oauth/authorize");
    let page = browser.get(&target).await;
    assert_eq!(page.header("x-served-by"), "grantor-example");
    // The decision may come without the header: what opened the page counts.
    let plain = example.press(&target, "allow").await;
    for (back, data) in [
        (
            browser.press(&page, "allow", &[]).await.unwrap(),
            json!({"tenant": "acme", "asked": "xyz", "all": ["x-tenant"]}),
        ),
        (plain, json!({"tenant": null, "asked": "xyz", "all": []})),
    ] {
        assert_eq!(back.header("x-served-by"), "grantor-example");
        let answer = example.post("/oauth/token", &as_abc(&redeem(&back.answer("code").unwrap()))).await;
        assert_eq!(answer.header("x-served-by"), "grantor-example");
        assert_eq!(example.facts(&answer.ok()).await["data"], data);
    }
    for (path, status) in
        [("/token", 404), ("/authorize", 404), ("/nothing", 404), ("/resource", 401), ("/oauth/token", 405)]
    {
        let answer = example.get(path).await;
        assert_eq!((answer.status, answer.header("x-served-by")), (status, "grantor-example"), "{path}");
    }
}

#[tokio::test]
async fn login_redirect() {
    let example = Example::program("login_redirect", None);
    let mut browser = example.browser();
    let login = browser.get(&authorize("abc", "code")).await;
    assert_eq!(login.url.path(), "/login");
    assert!(login.url.query().is_some() && login.text().contains("name=\"password\""), "{login:?}");
    let again = browser.press(&login, "", &[("username", "bob"), ("password", "wonderland")]).await.unwrap();
    assert!(again.left_for.is_none() && again.text().contains("Wrong name or password"), "{again:?}");
    let back = browser.press(&again, "", &[("username", "bob"), ("password", "builder")]).await.unwrap();
    let facts = example.facts(&example.redeemed(&back).await.ok()).await;
    assert_eq!((&facts["user_id"], &facts["data"]), (&json!("bob"), &json!({})));
    assert!(browser.get(&authorize("other", "code")).await.answer("code").is_some(), "signed in from now on");
    let form = [("next", "https://evil.example/"), ("username", "bob"), ("password", "builder")];
    assert_eq!(example.post("/login", &form).await.status, 400);
}

async fn application(program: &str) -> Example {
    let example = Example::program(program, None);
    assert_eq!(example.get("/hello").await.ok(), "the application's own route");
    let back = example.browser().get(&authorize("abc", "code")).await;
    let tokens = example.redeemed(&back).await.ok();
    assert_eq!(tokens["expires_in"], 3600);
    let facts = example.facts(&tokens).await;
    assert_eq!((&facts["user_id"], &facts["data"]), (&json!("alice"), &json!({"plan": "gold"})));
    // The same request as a POST.
    let target = authorize("abc", "code");
    let (path, query) = target.split_once('?').unwrap();
    let fields: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let back = example.browser().post(path, &fields).await;
    assert_eq!((back.status.as_u16(), back.answer("state").as_deref()), (303, Some("xyz")), "{back:?}");
    assert_eq!(example.redeemed(&back).await.status, 200);
    let answer = example.get("/resource").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"api\""));
    example
}

#[tokio::test]
async fn flask_app() {
    let example = application("flask_app").await;
    let back = example.browser().get(&authorize("abc", "token")).await;
    assert_eq!(back.answer("error").as_deref(), Some("unsupported_response_type"), "code only");
}

#[tokio::test]
async fn tornado_app() {
    let example = application("tornado_app").await;
    let back = example.browser().get(&authorize("abc", "token")).await;
    let tokens = json!({"access_token": back.answer("access_token").unwrap()});
    assert_eq!(example.facts(&tokens).await["grant_type"], "implicit");
}

#[tokio::test]
async fn programs_end_on_sigterm() {
    for program in ["flask_app", "tornado_app"] {
        let mut example = Example::program(program, None);
        // Its connection stays open.
        example.get("/hello").await.ok();
        let status = example.terminate().await;
        assert!(status.success(), "{program} {status:?}");
    }
}
