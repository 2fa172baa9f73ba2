//! A person goes through login and consent.

use crate::program::http;
use crate::support::{LOGIN, PASSWORD, SECRET, Server, USER, World, authorize};

#[tokio::test(flavor = "multi_thread")]
async fn login_consent_code_token() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    assert!(page.text().contains("Log in"), "{}", page.text());
    let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    let text = page.text();
    assert!(text.contains("The &lt;b&gt;web&lt;&#x2f;b&gt; client"), "escaped: {text}");
    assert!(text.contains("localhost:1") && text.contains("Read your notes"), "{text}");
    assert!(text.contains("30 days") && text.contains(USER), "{text}");
    let page = browser.press(&page, "decision=allow", &[]).await.unwrap();
    assert_eq!(page.answer("state").as_deref(), Some("s"));
    let (status, tokens) = server.redeem("web", &page).await;
    assert_eq!(status, 200, "{tokens}");
    let token = tokens["access_token"].as_str().unwrap();
    let (_, info) = server.form("/introspect", "api", &[("token", token)]).await;
    assert_eq!(info["active"], true);
    assert_eq!(info["username"].as_str().or(info["data"]["username"].as_str()), Some(USER), "{info}");
    // Every refusal has its reason in the line of its request.
    assert_eq!(
        server.form("/token", "service", &[("grant_type", "refresh_token"), ("refresh_token", "x")]).await.0,
        400
    );
    // Nothing secret is in the log.
    let log = server.stop();
    for secret in [PASSWORD, SECRET, token, tokens["refresh_token"].as_str().unwrap()] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
    for cookie in browser.cookies() {
        assert!(!log.contains(&cookie.value), "a cookie is in the log");
    }
    assert!(!log.contains("continue="), "a query is in the log");
    let refused =
        log.lines().find(|line| line.contains("\"answered\"") && line.contains("\"status\":400")).unwrap();
    assert!(!refused.contains("\"reason\":\"\"") && refused.contains("\"route\":\"/token\""), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_name_get_the_same_answer() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    let typed = |name: &'static str| [("username", name), ("password", "wrong")];
    let wrong = browser.press(&page, "decision=login", &typed(USER)).await.unwrap();
    let unknown = browser.press(&page, "decision=login", &typed("nobody")).await.unwrap();
    assert_eq!(wrong.status, unknown.status);
    assert_eq!(wrong.text().replace(USER, "nobody"), unknown.text());
    assert!(wrong.text().contains("role=\"alert\""), "{}", wrong.text());
    assert!(browser.cookies().iter().all(|cookie| cookie.name != "grantor-session"));
    // And still the right one works.
    let page = browser.press(&wrong, "decision=login", LOGIN).await.unwrap();
    assert!(page.text().contains("Allow"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn many_wrong_passwords_must_wait_and_others_need_not() {
    let world = World::new("[limits]\nlogin_attempts = 3\nlogin_attempts_refill = \"1h\"\n");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    for attempt in 0..5 {
        let typed = [("username", "eve"), ("password", "wrong")];
        let answer = browser.press(&page, "decision=login", &typed).await.unwrap();
        assert_eq!(answer.status, if attempt < 3 { 403 } else { 429 }, "attempt {attempt}");
        assert_eq!(answer.header("retry-after").is_empty(), attempt < 3);
    }
    let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    assert!(page.text().contains("Allow"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn deny_is_access_denied_before_and_after_login() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    let denied = browser.press(&page, "decision=deny", &[]).await.unwrap();
    assert_eq!(denied.answer("error").as_deref(), Some("access_denied"));
    let page = browser.get(&authorize("web", "read")).await;
    let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    let denied = browser.press(&page, "decision=deny", &[]).await.unwrap();
    assert_eq!(denied.answer("error").as_deref(), Some("access_denied"));
    assert_eq!(denied.answer("state").as_deref(), Some("s"));
    // The question is answered; asking it again says so.
    let again = browser.get(page.url.as_str()).await;
    assert!(again.text().contains("already done"), "{}", again.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_is_remembered_until_more_is_asked() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    let page = browser.press(&page, "decision=allow", &[]).await.unwrap();
    assert!(page.answer("code").is_some());
    assert!(browser.get(&authorize("web", "read")).await.answer("code").is_some(), "asked again");
    let more = browser.get(&authorize("web", "read+write")).await;
    assert!(more.text().contains("already allowed"), "{}", more.text());
    let page = browser.press(&more, "decision=allow", &[]).await.unwrap();
    assert!(page.answer("code").is_some());
    assert!(browser.get(&authorize("web", "read+write")).await.answer("code").is_some(), "asked again");
    // One's own applications never ask, those on a device always (RFC 8252 section 8.6).
    assert!(browser.get(&authorize("trusted", "read")).await.answer("code").is_some());
    let native =
        authorize("native", "read").replace("http%3A//localhost%3A1/callback", "http://127.0.0.1:4711/cb");
    for _ in 0..2 {
        let page = browser.get(&native).await;
        let page = browser.press(&page, "decision=allow", &[]).await.unwrap();
        assert!(page.answer("code").is_some(), "{}", page.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc8252_8_6_what_runs_on_a_device_says_so() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let url =
        authorize("native", "read").replace("http%3A//localhost%3A1/callback", "http://127.0.0.1:4711/cb");
    let page = browser.get(&url).await;
    let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    assert!(page.text().contains("127.0.0.1:4711") && page.text().contains("runs on a device"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' http://127.0.0.1:4711;"), "{policy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_client_walks_through_all_of_it_and_survives_a_restart() {
    let mut world = World::new("");
    let listen = format!("127.0.0.1:{}", world.port);
    world.environment = vec![("GRANTOR_DATA_DIR", "demo-data".into())];
    let start = |world: &World| world.start(&["dev", "--listen", &listen], world.port);
    let mut server = start(&world);
    let printed = |server: &Server, word: &str| -> String {
        let log = server.log();
        let line = log.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("{log}"));
        line.split_whitespace().last().unwrap().to_owned()
    };
    let (name, password) = (printed(&server, "User"), printed(&server, "Password"));
    let mut browser = server.browser();
    let page = browser.get("/demo/start").await;
    let typed = [("username", name.as_str()), ("password", password.as_str())];
    let page = browser.press(&page, "decision=login", &typed).await.unwrap();
    let page = browser.press(&page, "decision=allow", &[]).await.unwrap();
    assert!(page.text().contains("grt_at_") && page.text().contains("200 OK"), "{}", page.text());
    let page = browser.press(&page, "act=refresh", &[]).await.unwrap();
    assert!(page.text().contains("refresh_token="), "{}", page.text());
    let page = browser.press(&page, "act=introspect", &[]).await.unwrap();
    assert!(page.text().contains("&quot;active&quot;: true"), "{}", page.text());
    let service = service(&server.log());
    let fields = [("grant_type", "client_credentials"), ("scope", "notes.read")];
    let (status, granted) = service.post(&server, "/token", &fields).await;
    assert_eq!(status, 200, "{granted}");

    server.stop();
    server = start(&world);
    assert_eq!(printed(&server, "Password"), password, "the password is still known");
    let token = granted["access_token"].as_str().unwrap();
    let (_, info) = service.post(&server, "/introspect", &[("token", token)]).await;
    assert_eq!(info["active"], true, "a live token survives");
    // Session and consent survive too: nothing is asked.
    let page = browser.get("/demo/start").await;
    assert!(page.text().contains("grt_at_"), "{}", page.text());
    let page = browser.press(&page, "act=revoke", &[]).await.unwrap();
    let page = browser.press(&page, "act=introspect", &[]).await.unwrap();
    assert!(page.text().contains("&quot;active&quot;: false"), "{}", page.text());
    server.stop();
}

/// The client of the curl line.
struct Service {
    id: String,
    secret: String,
}

fn service(printed: &str) -> Service {
    let line = printed.lines().find(|line| line.starts_with("curl -u ")).unwrap();
    let (id, secret) = line.split_whitespace().nth(2).unwrap().split_once(':').unwrap();
    Service { id: id.to_owned(), secret: secret.to_owned() }
}

impl Service {
    async fn post(&self, server: &Server, path: &str, fields: &[(&str, &str)]) -> (u16, serde_json::Value) {
        let request = http().post(server.url(path)).basic_auth(&self.id, Some(&self.secret));
        let answer = request.form(fields).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    }
}
