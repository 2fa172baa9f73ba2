//! The pages of core, and the headers that every answer has.

use http::{HeaderMap, header};

use crate::support::{Answer, Flow, Req, WEB, World, shown_here};

/// What every page must have, whoever wrote it: no framing (RFC 9700 §4.16), no referrer to others (§4.2.4).
#[track_caller]
pub(crate) fn guarded(headers: &HeaderMap) {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    assert_eq!(text("x-frame-options"), "DENY");
    assert!(text("content-security-policy").contains("frame-ancestors 'none'"), "{headers:?}");
    assert!(text("content-security-policy").contains("base-uri 'none'"), "{headers:?}");
    assert_eq!(text("referrer-policy"), "same-origin");
    assert_eq!(text("x-content-type-options"), "nosniff");
    assert_eq!(text("cache-control"), "no-store");
    assert_eq!(text("cross-origin-opener-policy"), "same-origin");
    assert_eq!(text("cross-origin-resource-policy"), "same-origin");
    assert_eq!(text("permissions-policy"), "");
    assert!(headers.contains_key("permissions-policy"));
    assert!(!headers.contains_key("server") && !headers.contains_key("x-powered-by"));
}

#[tokio::test]
async fn the_error_page() {
    let world = World::new();
    let page = world.browser().get(&Flow::web().set("client_id", "unknown").url()).await;
    shown_here(&page, "unknown client");
    guarded(&page.headers);
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("form-action 'none'"), "{policy}");
    let html = page.text();
    assert!(
        html.contains("<html lang=\"en\">") && html.contains("<title>") && html.contains("<h1>"),
        "{html}"
    );
    assert!(!html.contains("<script") && !html.contains("http:") && !html.contains("https:"), "{html}");
}

#[tokio::test]
async fn the_error_page_as_json_for_who_asks() {
    let world = World::new();
    let url = Flow::web().set("client_id", "unknown").url();
    let answer = world.send(Req::get(&url).header(header::ACCEPT, "application/json").build()).await;
    answer.refused(400, "invalid_request");
    let answer =
        world.send(Req::get(&url).header(header::ACCEPT, "text/html,application/json;q=0.9").build()).await;
    assert!(answer.header("content-type").starts_with("text/html"));
}

#[tokio::test]
async fn pages_of_the_site_adapter_are_guarded_too() {
    let world = World::new();
    let page = world.browser().get(&Flow::web().url()).await;
    guarded(&page.headers);
}

#[tokio::test]
async fn nosniff_and_no_store_on_every_answer() {
    let world = World::new();
    let answers = [
        world.get("/nowhere").await,
        world.get("/token").await,
        world.revoke(WEB, "x").await,
        world.client_credentials(WEB).await,
        world.form("/introspect", WEB, &[("token", "x")]).await,
        world.get(&Flow::web().url()).await,
        world.get(&Flow::web().set("scope", "x").url()).await,
        world.get("/authorize").await,
        world.get(&Flow::web().set("scope", "x").set("response_mode", "form_post").url()).await,
    ];
    for answer in answers {
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{answer:?}");
        assert_eq!(answer.header("cache-control"), "no-store", "{answer:?}");
    }
    let answer = world.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn rfc9700_4_12_a_redirect_after_a_post_is_303() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    let done = browser.press(&page, "allow", &[]).await.unwrap();
    assert_eq!(done.status, 303);
    assert_eq!(done.header("referrer-policy"), "no-referrer");
    assert!(done.body.is_empty());
    let posted = world.browser().post("/authorize", &Flow::web().set("scope", "x").fields()).await;
    assert_eq!(posted.status, 303);
}

#[tokio::test]
async fn the_cookie_of_a_browser() {
    let world = World::new();
    let answer = world.get(&Flow::web().url()).await;
    let cookie = answer.header("set-cookie");
    assert!(cookie.starts_with("__Host-grantor-browser="), "{cookie}");
    for part in ["; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"] {
        assert!(cookie.contains(part), "{part} in {cookie}");
    }
    assert!(!cookie.contains("Domain") && cookie.len() < 4096);
    assert!(answer.headers["set-cookie"].is_sensitive());

    let local =
        World::bare("http://localhost:8080", |builder| builder.grant(grantor_core::AuthorizationCode::new()));
    let cookie = local.get(&Flow::web().url()).await.header("set-cookie").to_owned();
    assert!(cookie.starts_with("grantor-browser=") && !cookie.contains("Secure"), "{cookie}");
    let mut browser = local.browser_at("http://localhost:8080");
    let page = browser.get(&Flow::web().url()).await;
    assert!(browser.press(&page, "allow", &[]).await.unwrap().answer("code").is_some());
}

#[tokio::test]
async fn a_second_request_keeps_the_cookie() {
    let world = World::new();
    let mut browser = world.browser();
    browser.get(&Flow::web().url()).await;
    let first = browser.cookies()[0].value.clone();
    let page = browser.get(&Flow::web().url()).await;
    assert_eq!(page.header("set-cookie"), "");
    assert_eq!(browser.cookies()[0].value, first);
    assert_eq!(first.len(), 43);
}

#[tokio::test]
async fn the_embedders_own_error_page() {
    #[derive(Debug)]
    struct Own;
    #[async_trait::async_trait]
    impl grantor_core::SiteAdapter for Own {
        async fn decide(
            &self,
            _ctx: &grantor_core::Ctx<'_>,
            _ask: &grantor_core::Ask<'_>,
        ) -> Result<grantor_core::Decision, grantor_core::BoxError> {
            Ok(grantor_core::Decision::Deny)
        }
        fn error_page(
            &self,
            _ctx: &grantor_core::Ctx<'_>,
            error: &grantor_core::Error,
        ) -> Option<http::Response<bytes::Bytes>> {
            Some(http::Response::new(bytes::Bytes::from(format!("our page: {}", error.reason()))))
        }
    }
    let world = World::with(|builder| builder.site(Own));
    let answer: Answer = world.get("/authorize").await;
    assert_eq!((answer.status.as_u16(), answer.text().as_str()), (400, "our page: client_id_missing"));
    guarded(&answer.headers);
}
