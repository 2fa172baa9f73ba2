//! How answers travel: OAuth 2.0 Multiple Response Type Encoding Practices, OAuth 2.0 Form Post Response Mode.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::Digest as _;

use crate::support::{Flow, REDIRECT, World, sent_back, shown_here};

#[tokio::test]
async fn encoding_2_1_query_is_the_default_of_code() {
    let world = World::new();
    for request in
        [Flow::web(), Flow::web().set("response_mode", "query"), Flow::web().set("response_mode", "")]
    {
        let target = world.approve(&request).await.left_for.unwrap();
        assert!(target.starts_with(&format!("{REDIRECT}?code=")) && !target.contains('#'), "{target}");
    }
}

#[tokio::test]
async fn encoding_2_1_fragment() {
    let world = World::new();
    let target = world.approve(&Flow::web().set("response_mode", "fragment")).await.left_for.unwrap();
    assert!(target.starts_with(&format!("{REDIRECT}#code=")) && !target.contains('?'), "{target}");
    let page =
        world.browser().get(&Flow::web().set("response_mode", "fragment").set("scope", "x").url()).await;
    assert!(page.left_for.clone().unwrap().starts_with(&format!("{REDIRECT}#error=invalid_scope")));
}

#[tokio::test]
async fn form_post_2_a_form_with_the_answer() {
    let world = World::new();
    let page = world.approve(&Flow::web().set("response_mode", "form_post")).await;
    assert_eq!((page.status.as_u16(), page.left_for.clone()), (200, None));
    let form = &page.forms()[0];
    assert_eq!((form.action.as_str(), form.post), (REDIRECT, true));
    let names: Vec<&str> = form.fields.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert_eq!(form.field("state"), Some("the-state"));
    // Without script there is a button.
    assert_eq!(form.buttons.len(), 1);
    let code = page.answer("code").unwrap();
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn form_post_2_errors_too() {
    let world = World::new();
    let page =
        world.browser().get(&Flow::web().set("response_mode", "form_post").set("scope", "x").url()).await;
    sent_back(&page, "invalid_scope");
}

#[tokio::test]
async fn form_post_the_page_escapes_and_has_no_foreign_script() {
    let world = World::new();
    for state in [
        "\"><script>alert(1)</script>",
        "' onload='x",
        "</form><img src=x>",
        "{{7*7}}",
        "javascript:x",
        "&amp;",
    ] {
        let page = world.approve(&Flow::web().set("response_mode", "form_post").set("state", state)).await;
        assert_eq!(page.answer("state").as_deref(), Some(state));
        let html = page.text();
        assert_eq!(html.matches("<script>").count(), 1, "{html}");
        assert!(!html.contains("<img") && !html.contains("' onload"), "{html}");
    }
}

#[tokio::test]
async fn form_post_headers() {
    let world = World::new();
    let page = world.approve(&Flow::web().set("response_mode", "form_post")).await;
    let policy = page.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "script-src 'sha256-",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "object-src 'none'",
    ] {
        assert!(policy.contains(part), "{part} in {policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    // The hash is that of the script which stands there.
    let html = page.text();
    let script = html.split_once("<script>").unwrap().1.split_once("</script>").unwrap().0;
    let hash = STANDARD.encode(sha2::Sha256::digest(script.as_bytes()));
    assert!(policy.contains(&format!("'sha256-{hash}'")), "{policy}");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    crate::pages::guarded(&page.headers);
}

#[tokio::test]
async fn encoding_unknown_modes_are_not_redirected() {
    let world = World::new();
    for mode in ["x", "QUERY", "query fragment", "jwt", "query.jwt", "form_post.jwt", "web_message", "none"] {
        let page = world.browser().get(&Flow::web().set("response_mode", mode).url()).await;
        shown_here(&page, mode);
        assert_eq!(page.status, 400);
    }
    let page = world
        .browser()
        .get(&Flow::web().and("response_mode", "query").and("response_mode", "query").url())
        .await;
    shown_here(&page, "twice");
}
