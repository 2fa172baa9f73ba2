//! Forms that did not come from here, sessions that somebody else knows, and the headers of every page (RFC 9700 §4.7, §4.16).

use std::collections::BTreeSet;

use grantor_testkit::Page;
use http::{HeaderName, HeaderValue};

use crate::program::http;
use crate::support::{LOGIN, World, authorize};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

#[tokio::test(flavor = "multi_thread")]
async fn rfc9700_4_7_a_cross_site_post_does_nothing() {
    let world = World::new("");
    let server = world.serve();
    for (name, value) in
        [(FETCH_SITE, "cross-site"), (FETCH_SITE, "same-site"), (http::header::ORIGIN, "null")]
    {
        let value = HeaderValue::from_static(value);
        let mut attacked = server.browser().with_header(name, value);
        let page = attacked.get(&authorize("web", "read")).await;
        let answer = attacked.press(&page, "decision=login", LOGIN).await.unwrap();
        assert_eq!(answer.status, 403);
        assert!(attacked.cookies().iter().all(|cookie| cookie.name != "grantor-session"), "logged in");
        assert_eq!(attacked.post("/login", LOGIN).await.status, 403);
    }
    // A form without any origin, as curl sends it, cannot log in where the form has no token.
    let answer = http().post(server.url("/login")).form(LOGIN).send().await.unwrap();
    assert_eq!(answer.status(), 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_browser_or_tab_is_refused() {
    let world = World::new("");
    let server = world.serve();
    let (mut mine, mut theirs) = (server.browser(), server.browser());
    let page = mine.get(&authorize("web", "read")).await;
    let consent = mine.press(&page, "decision=login", LOGIN).await.unwrap();
    // Another browser has neither the cookie nor the token.
    let answer = theirs.press(&consent, "decision=allow", &[]).await.unwrap();
    assert!(answer.status.is_client_error() && answer.left_for.is_none(), "{}", answer.text());
    // The token of another tab's form.
    let other = mine.get(&authorize("web", "write")).await;
    let token = other.forms()[0].field("form_token").unwrap().to_owned();
    let answer = mine.press(&consent, "decision=allow", &[("form_token", &token)]).await.unwrap();
    assert!(answer.status.is_client_error() && answer.left_for.is_none(), "{}", answer.text());
    // No token at all.
    let answer = mine.press(&consent, "decision=allow", &[("form_token", "")]).await.unwrap();
    assert!(answer.status.is_client_error(), "{}", answer.text());
    // The form itself still works, once.
    let answer = mine.press(&consent, "decision=allow", &[]).await.unwrap();
    assert!(answer.answer("code").is_some());
    let answer = mine.press(&consent, "decision=allow", &[]).await.unwrap();
    assert_eq!(answer.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_not_seen_the_question_has_not_answered_it() {
    let world = World::new("");
    world.done(&["user", "create", "bob"], "another long password");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    let asked_ada = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    // In another tab Bob logs in.
    let switch = browser.press(&asked_ada, "decision=switch", &[]).await.unwrap();
    let bob = [("username", "bob"), ("password", "another long password")];
    let asked_bob = browser.press(&switch, "decision=login", &bob).await.unwrap();
    assert!(asked_bob.text().contains("bob"), "{}", asked_bob.text());
    // Ada's form, sent now, asks Bob again.
    let answer = browser.press(&asked_ada, "decision=allow", &[]).await.unwrap();
    assert!(answer.left_for.is_none() && answer.text().contains("bob"), "{}", answer.text());
    let answer = browser.press(&answer, "decision=allow", &[]).await.unwrap();
    assert!(answer.answer("code").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_new_at_each_login_and_garbage_is_none() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let session = |browser: &[grantor_testkit::Cookie]| {
        browser.iter().find(|cookie| cookie.name == "grantor-session").map(|cookie| cookie.value.clone())
    };
    browser.post("/login", LOGIN).await;
    let first = session(browser.cookies()).unwrap();
    let cookie = browser.cookies().iter().find(|cookie| cookie.name == "grantor-session").unwrap();
    for attribute in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.header.contains(attribute), "{}", cookie.header);
    }
    browser.post("/login", LOGIN).await;
    let second = session(browser.cookies()).unwrap();
    assert_ne!(first, second);
    assert_ne!(first.get(..20), second.get(..20), "not only the secret is new");
    // The session from before the login is of no use to whoever knows it.
    let with = |value: &str| HeaderValue::from_str(&format!("grantor-session={value}")).unwrap();
    let logged_in = async |value: &str| {
        let mut browser = server.browser().with_header(http::header::COOKIE, with(value));
        browser.get("/account").await.text().contains("Your account")
    };
    assert!(logged_in(&second).await);
    assert!(!logged_in(&first).await);
    let mut wrong = second.clone().into_bytes();
    *wrong.last_mut().unwrap() ^= 1;
    for garbage in ["", "x", &"A".repeat(64), &"A".repeat(4000), std::str::from_utf8(&wrong).unwrap()] {
        assert!(!logged_in(garbage).await, "{garbage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_its_headers() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let mut pages: Vec<(&str, Page)> = Vec::new();
    pages.push(("home", browser.get("/").await));
    pages.push(("error", browser.get("/authorize?client_id=nobody").await));
    pages.push(("not found", browser.get("/nothing").await));
    pages.push(("account login", browser.get("/account").await));
    let login = browser.get(&authorize("web", "read")).await;
    pages.push(("login", login.clone()));
    let wrong = [("username", "ada"), ("password", "wrong")];
    pages.push(("login refused", browser.press(&login, "decision=login", &wrong).await.unwrap()));
    pages.push(("consent", browser.press(&login, "decision=login", LOGIN).await.unwrap()));
    pages.push(("account", browser.get("/account").await));
    let logout = browser.get("/logout").await;
    pages.push(("logout", logout.clone()));
    pages.push(("logged out", browser.press(&logout, "decision=logout", &[]).await.unwrap()));
    let mut titles = BTreeSet::new();
    for (name, page) in &pages {
        let text = page.text();
        assert!(text.contains("<html lang=\"en\">"), "{name}: {text}");
        let title = text.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        assert!(title.contains(&format!("localhost:{}", world.port)), "{name}: {title}");
        titles.insert(title.to_owned());
        assert!(!text.contains("<script") && !text.contains(" style=") && !text.contains("//cdn"), "{name}");
        let policy = page.header("content-security-policy");
        assert!(
            policy.starts_with(
                "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'"
            ),
            "{name}: {policy}"
        );
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("base-uri 'none'"), "{name}");
        let is_asked_by_client = matches!(*name, "login" | "login refused" | "consent");
        assert_eq!(
            policy.contains("form-action 'self' http://localhost:1;"),
            is_asked_by_client,
            "{name}: {policy}"
        );
        for (header, value) in [
            ("cache-control", "no-store"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "same-origin"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(page.header(header), value, "{name}: {header}");
        }
        assert!(page.header("permissions-policy").contains("camera=()"), "{name}");
        assert!(!page.header("x-request-id").is_empty(), "{name}");
        assert!(page.header("server").is_empty() && page.header("strict-transport-security").is_empty());
    }
    assert!(titles.len() >= 7, "titles tell pages apart: {titles:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_https_issuer_has_host_cookies_and_hsts() {
    let mut world = World::new("");
    world.environment = vec![
        ("GRANTOR_ISSUER", "https://login.example/auth".into()),
        ("GRANTOR_LISTEN", format!("127.0.0.1:{}", world.port)),
    ];
    let server = world.serve();
    let answer = http()
        .post(server.url("/auth/login"))
        .header("origin", "https://login.example")
        .form(LOGIN)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(answer.headers()["location"], "/auth/account");
    let cookie = answer.headers()["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-grantor-session=") && cookie.contains("; Secure"), "{cookie}");
    assert!(answer.headers()["strict-transport-security"].to_str().unwrap().starts_with("max-age=31536000"));
}
