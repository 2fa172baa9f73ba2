//! The requirements of the standards (RFC 9700, OAuth 2.1, RFC 6819, RFC 8252, ASVS 5.0 V10 ..), one test per row of the
//! project's table, named after it. Rows of features that do not exist yet have none.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use grantor_core::{AttemptLimit, Client, CodeChallenge, GrantTypeName, Limits, Peer, RefreshToken, Whose};
use grantor_testkit::{Fault, Gate};
use http::header;

use crate::support::{
    API, APP, Answer, Auth, Flow, ISSUER, NOBODY, OTHER, POST, REDIRECT, Req, VERIFIER, WEB, World, legal,
    sent_back, shown_here,
};

/// Other spellings of `https://rp.example/cb`, and what open redirectors were made of.
const SPELLINGS: [&str; 62] = [
    "https://rp.example/cb/",
    "https://rp.example/cb?",
    "https://rp.example/cb#",
    "https://rp.example/cb#x",
    "https://rp.example/cb?x=1",
    "https://rp.example/cb&x=1",
    "https://rp.example/CB",
    "https://rp.example/c",
    "https://rp.example/cbx",
    "https://rp.example/",
    "https://rp.example",
    "https://rp.example//cb",
    "https://rp.example/./cb",
    "https://rp.example/a/../cb",
    "https://rp.example/cb/../../evil",
    "https://rp.example/cb/..",
    "https://rp.example/..;/cb",
    "https://rp.example/cb;x",
    "https://rp.example/%63b",
    "https://rp.example/cb%2f..%2fevil",
    "https://rp.example/cb%252f..%252fevil",
    "https://rp.example/cb%00",
    "https://rp.example/cb%0d%0aSet-Cookie:x",
    "https://rp.example/cb ",
    " https://rp.example/cb",
    "https://rp.example/\\cb",
    "https://rp.example\\cb",
    "https:\\\\rp.example\\cb",
    "https:/rp.example/cb",
    "https:rp.example/cb",
    "https:///rp.example/cb",
    "https:////rp.example/cb",
    "//rp.example/cb",
    "/cb",
    "cb",
    "rp.example/cb",
    "http://rp.example/cb",
    "HTTPS://rp.example/cb",
    "hTTps://rp.example/cb",
    "https://RP.example/cb",
    "https://rp.example./cb",
    "https://rp.example:443/cb",
    "https://rp.example:/cb",
    "https://rp.example:8443/cb",
    "https://user@rp.example/cb",
    "https://user:pass@rp.example/cb",
    "https://rp.example@evil.example/cb",
    "https://rp.example%40evil.example/cb",
    "https://rp.example:443@evil.example/cb",
    "https://evil.example/https://rp.example/cb",
    "https://evil.example/?https://rp.example/cb",
    "https://evil.example#https://rp.example/cb",
    "https://evil.example\\@rp.example/cb",
    "https://rp.example.evil.example/cb",
    "https://evil-rp.example/cb",
    "https://rpxexample/cb",
    "https://rp\u{3002}example/cb",
    "https://\u{ff52}p.example/cb",
    "https://rp.\u{5b9}example/cb",
    "javascript:alert(1)//https://rp.example/cb",
    "data:text/html,<script>alert(1)</script>",
    "https://[x]/cb",
];

#[tokio::test]
async fn row_01_redirect_uris_are_compared_as_plain_strings() {
    let world = World::new();
    for spelling in SPELLINGS {
        for mode in ["query", "fragment", "form_post"] {
            let request = Flow::web().set("redirect_uri", spelling).set("response_mode", mode);
            let page = world.browser().get(&request.url()).await;
            shown_here(&page, spelling);
        }
    }
    assert_eq!(world.counts().await, (0, 0));
    assert!(world.approve(&Flow::web()).await.answer("code").is_some());
}

#[tokio::test]
async fn row_02_only_the_port_of_a_loopback_address_varies() {
    let world = World::new();
    assert!(world.approve(&Flow::of("native", "http://127.0.0.1:51004/cb")).await.answer("code").is_some());
    for bad in [
        "http://127.0.0.1:51004/x",
        "http://127.0.0.2:1/cb",
        "https://127.0.0.1/cb",
        "http://127.0.0.1:80@e.example/cb",
    ] {
        shown_here(&world.browser().get(&Flow::of("native", bad).url()).await, bad);
    }
}

#[tokio::test]
async fn row_03_an_unknown_client_or_redirect_uri_never_redirects_and_nothing_is_echoed() {
    let world = World::new();
    let evil = "https://evil.example/\"><script>alert(1)</script>";
    for request in [
        Flow::web().set("redirect_uri", evil),
        Flow::web().set("client_id", "<script>alert(1)</script>"),
        Flow::of("unknown", evil),
        Flow::of("unknown", REDIRECT).and("state", "<img src=x onerror=alert(1)>"),
        Flow::web().set("redirect_uri", evil).set("error_description", "phishing text"),
    ] {
        let page = world.browser().get(&request.url()).await;
        shown_here(&page, "bad pair");
        for echo in ["<script", "<img", "evil.example", "phishing"] {
            assert!(!page.text().contains(echo), "{echo} in {}", page.text());
        }
    }
}

fn may_register(uri: &str) -> bool {
    Client::builder("c").secret("s").redirect_uri(uri).build().is_ok()
}

#[test]
fn row_04_a_redirect_uri_is_absolute_without_fragment() {
    for bad in
        ["https://rp.example/#x", "//rp.example/", "/p", "https:///h", "http:/h", "x:%zz", "rp.example", ""]
    {
        assert!(!may_register(bad), "{bad}");
    }
}

#[test]
fn row_05_no_http_but_on_loopback() {
    for bad in [
        "http://a.test/cb",
        "http://localhost.evil/",
        "http://127.0.0.1.evil/",
        "http://localhost@evil/",
        "http://0.0.0.0/",
    ] {
        assert!(!may_register(bad), "{bad}");
    }
    for good in ["http://localhost/cb", "http://127.0.0.1:8080/cb", "http://[::1]/cb", "https://a.test/cb"] {
        assert!(may_register(good), "{good}");
    }
}

#[test]
fn row_06_private_use_schemes_have_a_dot() {
    assert!(
        !may_register("myapp:/cb")
            && !may_register("javascript:alert(1)")
            && may_register("com.example.app:/cb")
    );
}

#[tokio::test]
async fn row_07_the_registered_query_is_kept_and_ours_is_added_once() {
    let world = World::new();
    let uri = "https://query.example/cb?tenant=a&x";
    let target = world.approve(&Flow::of("query", uri)).await.left_for.unwrap();
    let rest = target.strip_prefix(uri).unwrap();
    let names: Vec<&str> = rest.split('&').skip(1).map(|pair| pair.split('=').next().unwrap()).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    // What would be there twice cannot be registered.
    for bad in ["https://q.example/?state=fixed", "https://q.example/?a&code=x", "https://q.example/?i%73s=x"]
    {
        assert!(!may_register(bad), "{bad}");
    }
}

#[tokio::test]
async fn row_08_no_parameter_twice_at_any_endpoint() {
    let world = World::new();
    let code = world.code().await;
    let forms: [(&str, Vec<(&str, &str)>); 4] = [
        (
            "/token",
            vec![
                ("grant_type", "authorization_code"),
                ("code", &code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
                ("scope", "read"),
            ],
        ),
        ("/token", vec![("grant_type", "refresh_token"), ("refresh_token", "x"), ("scope", "read")]),
        ("/revoke", vec![("token", "x"), ("token_type_hint", "access_token")]),
        ("/introspect", vec![("token", "x"), ("token_type_hint", "access_token")]),
    ];
    for (path, fields) in forms {
        for doubled in &fields {
            let mut fields = fields.clone();
            fields.push(*doubled);
            world.form(path, WEB, &fields).await.refused(400, "invalid_request");
        }
    }
    let doubled = "client_id=post&client_id=post&client_secret=post-secret&grant_type=client_credentials";
    world.send(Req::raw("/token", doubled).build()).await.refused(400, "invalid_request");
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn row_09_pkce_is_supported_announced_and_enforced_s256_only() {
    let world = World::new();
    let document = world.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    let good = CodeChallenge::of(VERIFIER).to_text();
    for request in [
        Flow::web().without_pkce(),
        Flow::web().set("code_challenge_method", "plain"),
        Flow::web().without("code_challenge_method"),
        Flow::web().set("code_challenge", &good[..42]),
        Flow::web().set("code_challenge", &format!("{good}x")),
        Flow::web().set("code_challenge", &format!("{good}=")),
    ] {
        sent_back(&world.browser().get(&request.url()).await, "invalid_request");
    }
}

#[tokio::test]
async fn row_10_a_verifier_if_and_only_if_a_challenge() {
    let world = World::new();
    let (auth, uri) = (Auth::Basic("no-pkce", "no-pkce-secret"), "https://no-pkce.example/cb");
    let code = world.code_of(&Flow::of("no-pkce", uri).without_pkce()).await;
    world.redeem_as(auth, &code, Some(uri)).await.refused(400, "invalid_grant");
    let code = world.code().await;
    let without = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", REDIRECT)];
    world.token(WEB, &without).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn row_11_a_code_once_for_a_minute_bound_to_client_uri_and_challenge() {
    let world = World::new();
    let code = world.code().await;
    world.redeem_as(OTHER, &code, Some(REDIRECT)).await.refused(400, "invalid_grant");
    world.redeem_as(WEB, &code, Some("https://rp.example/other")).await.refused(400, "invalid_grant");
    assert_eq!(world.redeem(&code).await.status, 200);
    world.redeem(&code).await.refused(400, "invalid_grant");
    let late = world.code().await;
    world.pass(61);
    world.redeem(&late).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn row_12_a_valid_replay_revokes_and_an_invalid_one_does_not() {
    let world = World::new();
    let code = world.code().await;
    let tokens = world.redeem(&code).await;
    let replay = |auth, verifier: &'static str, uri: &'static str| {
        let (world, code) = (&world, code.as_str());
        async move {
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", uri),
                ("code_verifier", verifier),
            ];
            world.token(auth, &fields).await.refused(400, "invalid_grant");
        }
    };
    replay(WEB, "WRONG-VERIFIER-WRONG-VERIFIER-WRONG-VERIFIER", REDIRECT).await;
    replay(WEB, VERIFIER, "https://rp.example/other").await;
    replay(OTHER, VERIFIER, REDIRECT).await;
    assert!(world.is_active(&tokens.access_token()).await);
    // Only its own: another grant of the same client and user lives on.
    let untouched = world.tokens().await;
    replay(WEB, VERIFIER, REDIRECT).await;
    assert!(!world.is_active(&tokens.access_token()).await);
    assert!(world.is_active(&untouched.access_token()).await);
}

/// Tokens that are looked at; each has 256 random bits.
const SAMPLES: usize = 5_000;

#[tokio::test]
async fn row_13_codes_and_tokens_cannot_be_guessed() {
    use base64::Engine as _;
    // The system's generator; what follows the id are 256 bits.
    let world = World::bare(ISSUER, |builder| {
        builder.random(grantor_core::SystemRandom).grant(grantor_core::ClientCredentials::new())
    });
    let (mut secrets, mut ids, mut ones) = (BTreeSet::new(), BTreeSet::new(), vec![0_usize; 256]);
    for _ in 0..SAMPLES {
        let token = world.client_credentials(WEB).await.access_token();
        let payload = token.strip_prefix("grt_at_").unwrap();
        let payload = &payload[..payload.len() - 6];
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
        let (id, secret) = bytes.split_at(16);
        assert_eq!(secret.len() * 8, 256);
        for (bit, count) in ones.iter_mut().enumerate() {
            *count += usize::from(secret[bit / 8] >> (bit % 8) & 1);
        }
        assert!(secrets.insert(secret.to_vec()) && ids.insert(id.to_vec()));
    }
    // Each bit is one in about half of the samples: seven standard deviations of leeway.
    let (middle, leeway) = (SAMPLES / 2, 7 * SAMPLES.isqrt() / 2);
    assert!(ones.iter().all(|count| count.abs_diff(middle) < leeway), "{ones:?}");
}

#[tokio::test]
async fn row_14_no_implicit_and_no_password_grant() {
    let world = World::new();
    sent_back(
        &world.browser().get(&Flow::web().set("response_type", "token").url()).await,
        "unsupported_response_type",
    );
    let fields = [("grant_type", "password"), ("username", "a"), ("password", "b")];
    world.token(WEB, &fields).await.refused(400, "unsupported_grant_type");
}

#[tokio::test]
async fn row_15_iss_in_every_answer_also_errors() {
    let world = World::new();
    let good = world.approve(&Flow::web()).await;
    let bad = world.browser().get(&Flow::web().set("scope", "x").url()).await;
    for page in [good, bad] {
        let issuers: Vec<_> = page.answers().into_iter().filter(|(name, _)| name == "iss").collect();
        assert_eq!(issuers, [("iss".to_owned(), ISSUER.to_owned())]);
    }
}

#[tokio::test]
async fn row_16_303_after_a_post() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    assert_eq!(browser.press(&page, "allow", &[]).await.unwrap().status, 303);
    let page = browser.get(&Flow::web().url()).await;
    assert_eq!(browser.press(&page, "deny", &[]).await.unwrap().status, 303);
}

#[tokio::test]
async fn row_17_no_open_redirector() {
    let world = World::new();
    // Only to what the operator registered for this client, whatever the parameter.
    for name in ["redirect_uri", "return_to", "next", "continue", "url", "target", "post_logout_redirect_uri"]
    {
        for target in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"] {
            let page = world.browser().get(&Flow::web().set(name, target).set("scope", "x").url()).await;
            let left = page.left_for.unwrap_or_default();
            assert!(
                left.is_empty() || left.starts_with("https://rp.example/cb?error="),
                "{name}={target}: {left}"
            );
        }
    }
}

#[tokio::test]
async fn row_18_no_cors_at_authorize() {
    let world = World::new();
    let url = Flow::web().url();
    for method in ["GET", "OPTIONS", "POST"] {
        let request =
            Req::new(method.parse().unwrap(), &url, "").header(header::ORIGIN, "https://rp.example");
        let answer = world.send(request.build()).await;
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn row_19_20_pages_are_not_framed_and_send_no_referrer() {
    let world = World::new();
    let consent = world.browser().get(&Flow::web().url()).await;
    let error = world.browser().get("/authorize").await;
    let form_post = world.approve(&Flow::web().set("response_mode", "form_post")).await;
    for page in [consent, error, form_post] {
        crate::pages::guarded(&page.headers);
    }
}

#[tokio::test]
async fn row_21_a_decision_is_bound_to_its_browser_and_its_own_request() {
    let world = World::new();
    let (mut alice, mut mallory) = (world.browser(), world.browser());
    let hers = alice.get(&Flow::web().url()).await;
    let his = mallory.get(&Flow::web().url()).await;
    let action = hers.forms()[0].action.clone();
    let token = hers.forms()[0].field("form_token").unwrap().to_owned();
    // Cross-site: her browser, without the form token or with his.
    let his_token = his.forms()[0].field("form_token").unwrap().to_owned();
    for bad in ["", his_token.as_str()] {
        shown_here(&alice.post(&action, &[("allow", "1"), ("form_token", bad)]).await, "forged");
    }
    // His browser with her form: another session.
    shown_here(&mallory.post(&action, &[("allow", "1"), ("form_token", &token)]).await, "other browser");
    shown_here(&mallory.get(&action).await, "other browser");
    shown_here(&world.browser().post(&action, &[("allow", "1"), ("form_token", &token)]).await, "no cookie");
    // Another tab of hers: its form does not decide here.
    let tab = alice.get(&Flow::of("other", "https://other.example/cb").url()).await;
    let tab_token = tab.forms()[0].field("form_token").unwrap().to_owned();
    shown_here(&alice.post(&action, &[("allow", "1"), ("form_token", &tab_token)]).await, "other tab");
    // In the URL neither the token nor the decision counts.
    let page = alice.post(&format!("{action}&form_token={token}&allow=1"), &[]).await;
    shown_here(&page, "in the URL");
    let page = alice.get(&format!("{action}&form_token={token}&allow=1")).await;
    assert_eq!((page.forms().len(), page.left_for.clone()), (1, None), "a GET decides nothing");
    assert_eq!(world.counts().await.0, 0, "no code so far");
    assert!(alice.press(&hers, "allow", &[]).await.unwrap().answer("code").is_some());
}

#[tokio::test]
async fn row_21_two_clicks_give_one_code() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    assert!(browser.press(&page, "allow", &[]).await.unwrap().answer("code").is_some());
    shown_here(&browser.press(&page, "allow", &[]).await.unwrap(), "second click");
    shown_here(&browser.press(&page, "deny", &[]).await.unwrap(), "second thoughts");
    assert_eq!(world.counts().await, (1, 0));
}

#[tokio::test]
async fn row_21_two_clicks_at_the_same_moment_give_one_code() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    let form = page.forms()[0].clone();
    let cookie = format!("{}={}", browser.cookies()[0].name, browser.cookies()[0].value);
    let click = || {
        let fields = [("form_token", form.field("form_token").unwrap()), ("allow", "1")];
        world.send(Req::form(&form.action, NOBODY, &fields).header(header::COOKIE, &cookie).build())
    };
    // Both have seen the waiting request before either ends the wait.
    let gate = Gate::new();
    world.store.next_remove(Fault::HoldBefore(gate.clone()));
    let (first, second) = tokio::join!(click(), async {
        gate.reached().await;
        let answer = click().await;
        gate.open();
        answer
    });
    assert!(second.header("location").starts_with("https://rp.example/cb?code="), "{second:?}");
    assert_eq!((first.status.as_u16(), first.header("location")), (400, ""));
    assert_eq!(world.counts().await, (1, 0));
}

#[tokio::test]
async fn row_21_what_a_form_says_about_the_request_is_ignored() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().set("scope", "read").url()).await;
    let typed = [
        ("scope", "read write admin"),
        ("client_id", "other"),
        ("redirect_uri", "https://evil.example/"),
        ("state", "other"),
        ("response_type", "token"),
        ("response_mode", "fragment"),
        ("code_challenge", "x"),
    ];
    let done = browser.press(&page, "allow", &typed).await.unwrap();
    assert!(done.left_for.clone().unwrap().starts_with("https://rp.example/cb?code="), "{:?}", done.left_for);
    assert_eq!(done.answer("state").as_deref(), Some("the-state"));
    assert_eq!(world.redeem(&done.answer("code").unwrap()).await.str("scope"), "read");
}

#[tokio::test]
async fn row_22_the_site_is_asked_for_each_request() {
    let world = World::new();
    let mut browser = world.browser();
    for _ in 0..3 {
        let page = browser.get(&Flow::of("app", "https://app.example/cb").url()).await;
        assert_eq!(page.forms().len(), 1);
        browser.press(&page, "allow", &[]).await.unwrap();
    }
}

#[tokio::test]
async fn row_22_a_waiting_request_of_a_changed_client_is_not_answered() {
    let clients = Arc::new(grantor_store_memory::MemoryStore::new());
    let stored = grantor_core::StoredClients::new(clients.clone(), Duration::ZERO);
    let now = grantor_core::Timestamp::from_secs(1);
    for client in crate::support::clients() {
        stored.create(&client, now).await.unwrap();
    }
    let world = World::with(|builder| builder.clients(stored));
    let other = grantor_core::StoredClients::new(clients, Duration::ZERO);
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    let id = grantor_core::ClientId::parse("web").unwrap();
    let uri = grantor_core::RedirectUri::parse("https://rp.example/new").unwrap();
    other.change(&id, now, |client| client.redirect_uris = vec![uri.clone()]).await.unwrap();
    shown_here(&browser.press(&page, "allow", &[]).await.unwrap(), "its redirect URI is gone");
    let page = browser.get(&Flow::web().set("redirect_uri", "https://rp.example/new").url()).await;
    other.change(&id, now, |client| client.disabled = true).await.unwrap();
    shown_here(&browser.press(&page, "allow", &[]).await.unwrap(), "disabled");
    let page = browser.get(&Flow::of("other", "https://other.example/cb").url()).await;
    other.remove(&grantor_core::ClientId::parse("other").unwrap(), now).await.unwrap();
    shown_here(&browser.press(&page, "allow", &[]).await.unwrap(), "deleted");
}

#[tokio::test]
async fn row_30_confidential_clients_authenticate_at_every_back_channel_endpoint() {
    let world = World::new();
    for path in ["/token", "/revoke", "/introspect"] {
        let fields = [("token", "x"), ("grant_type", "client_credentials")];
        for auth in [NOBODY, Auth::Public("web"), Auth::Basic("web", ""), Auth::Post("post", "")] {
            let answer = world.form(path, auth, &fields).await;
            answer.refused(401, "invalid_client");
            assert!(!answer.header("www-authenticate").is_empty());
        }
    }
}

#[tokio::test]
async fn row_31_one_method_and_the_registered_one() {
    let world = World::new();
    let grant = ("grant_type", "client_credentials");
    for (auth, fields) in [
        (WEB, vec![grant, ("client_secret", "web-secret")]),
        (WEB, vec![grant, ("client_id", "web"), ("client_secret", "web-secret")]),
        (WEB, vec![grant, ("client_id", "other")]),
        (WEB, vec![grant, ("client_id", "app")]),
        (Auth::Post("web", "web-secret"), vec![grant]),
        (Auth::Basic("post", "post-secret"), vec![grant]),
        (Auth::Basic("app", ""), vec![grant]),
        (Auth::Post("app", "x"), vec![grant]),
    ] {
        let answer = world.token(auth, &fields).await;
        assert!(answer.status.is_client_error(), "{auth:?} {fields:?}: {answer:?}");
        assert!(["invalid_client", "invalid_request"].contains(&answer.error().as_str()));
    }
}

#[tokio::test]
async fn row_32_credentials_are_never_read_from_the_query() {
    let world = World::new();
    let tokens = world.tokens().await;
    for (query, fields) in [
        ("client_secret=post-secret", vec![("client_id", "post"), ("grant_type", "client_credentials")]),
        ("client_id=post&client_secret=post-secret&grant_type=client_credentials", vec![]),
    ] {
        world.form(&format!("/token?{query}"), NOBODY, &fields).await.refused(400, "invalid_request");
    }
    let query = format!("/token?refresh_token={}", tokens.refresh_token());
    world.form(&query, WEB, &[("grant_type", "refresh_token")]).await.refused(400, "invalid_request");
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn row_33_basic_is_strict() {
    use base64::Engine as _;
    let encode = |bytes: &[u8]| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(bytes));
    let world = World::new();
    let fields = [("grant_type", "client_credentials")];
    for bad in [
        "Basic ".to_owned(),
        "Basic !!!".to_owned(),
        "Basic d2ViOndlYi1zZWNyZXQ".to_owned(), // without padding
        "Basic d2ViOndlYi1zZWNyZXQ==".to_owned(),
        "Basic d2Vi\u{e9}".to_owned(),
        "Basic //79".to_owned(),
        encode(b"web"),
        encode(b"\xff\xfe:\xfd"),
        encode(b"web:web-secret%"),
        encode(b"web:%zz"),
        encode(b"we\x00b:web-secret"),
        encode(b":web-secret"),
        encode(b"web:"),
        encode(b"web:web-secret:"),
        encode("x".repeat(20_000).as_bytes()),
    ] {
        let request = Req::form("/token", NOBODY, &fields).header(header::AUTHORIZATION, &bad);
        world.send(request.build()).await.refused(401, "invalid_client");
    }
    let two = Req::form("/token", WEB, &fields)
        .header(header::AUTHORIZATION, &crate::support::basic("web", "web-secret"));
    world.send(two.build()).await.refused(400, "invalid_request");
    assert_eq!(world.client_credentials(WEB).await.status, 200);
}

#[tokio::test]
async fn row_34_secrets_cannot_be_guessed_for_long() {
    let attempts = AttemptLimit { burst: 10, refill: Duration::from_secs(6) };
    let world = World::with(|builder| builder.limits(Limits { attempts, ..Limits::default() }));
    let from = async |address: &str, auth| {
        let request = Req::form("/token", auth, &[("grant_type", "client_credentials")]);
        world.send(request.extension(Peer(address.parse().unwrap())).build()).await
    };
    let mut statuses = BTreeMap::new();
    for _ in 0..1_000 {
        *statuses.entry(from("192.0.2.1", Auth::Basic("web", "guess")).await.status.as_u16()).or_insert(0) +=
            1;
    }
    assert_eq!(statuses, BTreeMap::from([(401, 10), (429, 990)]));
    let throttled = from("192.0.2.1", WEB).await;
    throttled.refused(429, "temporarily_unavailable");
    let wait: u64 = throttled.header("retry-after").parse().unwrap();
    // Others are not concerned, and it is over soon.
    assert_eq!(from("192.0.2.2", WEB).await.status, 200);
    assert_eq!(from("192.0.2.1", OTHER).await.status, 200);
    world.pass(wait);
    assert_eq!(from("192.0.2.1", WEB).await.status, 200);
    // One subscriber's /64 is one.
    for n in 0..20 {
        from(&format!("2001:db8::{n:x}"), Auth::Basic("web", "guess")).await;
    }
    assert_eq!(from("2001:db8::ffff", WEB).await.status, 429);
}

#[tokio::test]
async fn row_45_refresh_tokens_rotate_and_reuse_ends_the_family() {
    let world = World::new();
    let uri = "https://app.example/cb";
    let code = world.code_of(&Flow::of("app", uri)).await;
    let first = world.redeem_as(APP, &code, Some(uri)).await;
    let second = world.refresh(APP, &first.refresh_token()).await;
    assert_ne!(first.refresh_token(), second.refresh_token());
    world.pass(11);
    world.refresh(APP, &first.refresh_token()).await.refused(400, "invalid_grant");
    world.refresh(APP, &second.refresh_token()).await.refused(400, "invalid_grant");
    for token in [first.access_token(), second.access_token()] {
        assert!(!world.is_active(&token).await);
    }
    assert_eq!(world.counts().await.0, 0);
}

#[tokio::test]
async fn row_45_a_stolen_first_token_ends_the_grant_after_two_rotations_also_inside_the_window() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    let third = world.refresh(WEB, &second.refresh_token()).await;
    world.refresh(WEB, &first.refresh_token()).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&third.access_token()).await);
}

#[tokio::test]
async fn row_45_inside_the_window_the_same_successor_and_nothing_is_written() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    world.store.take_calls();
    for _ in 0..5 {
        world.pass(1);
        let again = world.refresh(WEB, &first.refresh_token()).await;
        assert_eq!(again.access_token(), second.access_token());
        assert_eq!(again.refresh_token(), second.refresh_token());
    }
    assert_eq!(world.store.take_calls().writes(), 0);
    // `expires_in` is what is left.
    assert_eq!(world.refresh(WEB, &first.refresh_token()).await.json()["expires_in"], 595);
    let off = World::bare(ISSUER, |builder| {
        let refresh = RefreshToken::new().retry_window(Duration::ZERO);
        builder.grant(grantor_core::AuthorizationCode::new()).grant(refresh)
    });
    let first = off.tokens().await;
    off.refresh(WEB, &first.refresh_token()).await;
    off.refresh(WEB, &first.refresh_token()).await.refused(400, "invalid_grant");
    assert_eq!(off.counts().await.0, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn row_45_two_hundred_at_once_have_one_successor() {
    let world = Arc::new(World::new());
    let token = Arc::new(world.tokens().await.refresh_token());
    let tasks: Vec<_> = (0..200)
        .map(|_| {
            let (world, token) = (Arc::clone(&world), Arc::clone(&token));
            tokio::spawn(async move { world.refresh(WEB, &token).await })
        })
        .collect();
    let mut successors = BTreeSet::new();
    for task in tasks {
        let answer = task.await.unwrap();
        assert!([200, 503].contains(&answer.status.as_u16()), "{answer:?}");
        if answer.status == 200 {
            successors.insert((answer.refresh_token(), answer.access_token()));
        }
    }
    assert_eq!(successors.len(), 1);
    let (refresh, access) = successors.pop_first().unwrap();
    assert!(world.is_active(&access).await);
    assert_eq!(world.refresh(WEB, &refresh).await.status, 200);
}

#[tokio::test]
async fn row_46_refresh_is_bound_to_client_and_scope() {
    let world = World::new();
    let token = world.tokens().await.refresh_token();
    world.refresh(OTHER, &token).await.refused(400, "invalid_grant");
    let wider =
        [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", "read write admin")];
    world.token(WEB, &wider).await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn row_47_an_absolute_end_also_with_sliding_and_an_idle_end() {
    const DAY: u64 = 24 * 60 * 60;
    let world = World::new();
    let mut tokens = world.tokens().await;
    for day in 1..=29 {
        world.pass(DAY);
        tokens = world.refresh(WEB, &tokens.refresh_token()).await;
        assert_eq!(tokens.status, 200, "day {day}");
    }
    world.pass(DAY - 300);
    tokens = world.refresh(WEB, &tokens.refresh_token()).await;
    // No token outlives the absolute end.
    assert_eq!(tokens.json()["expires_in"], 300);
    world.pass(300);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access_token()).await);
    let idle = world.tokens().await;
    world.pass(14 * DAY);
    world.refresh(WEB, &idle.refresh_token()).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn row_49_what_an_operator_or_user_ends_stays_ended() {
    for whose in [
        Whose::All,
        Whose::Client("web"),
        Whose::Subject("alice"),
        Whose::Consent { client: "web", subject: "alice" },
    ] {
        for disable in [false, true] {
            let world = World::new();
            let (tokens, code) = (world.tokens().await, world.code().await);
            let now = world.provider.clock().now();
            let standings = world.provider.standings();
            if disable {
                standings.set_disabled(whose, true, now).await.unwrap();
                world.pass(2);
                let dead = world.refresh(WEB, &tokens.refresh_token()).await;
                assert!(dead.status.is_client_error(), "{whose:?}");
                standings.set_disabled(whose, false, now).await.unwrap();
            } else {
                standings.end_earlier(whose, now).await.unwrap();
            }
            world.pass(2);
            // What was granted before is dead for good, also when all is well again.
            world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
            world.redeem(&code).await.refused(400, "invalid_grant");
            assert!(world.provider.token_info(&tokens.access_token()).await.unwrap().is_none());
            assert!(world.is_active(&world.tokens().await.access_token()).await, "a new grant is fine");
        }
    }
}

#[tokio::test]
async fn row_49_a_disabled_user_or_client_gets_nothing_new() {
    let world = World::new();
    let now = world.provider.clock().now();
    let standings = world.provider.standings();
    standings.set_disabled(Whose::Subject("alice"), true, now).await.unwrap();
    sent_back(&world.approve(&Flow::web()).await, "access_denied");
    assert!(world.approve_as(&Flow::web(), "bob").await.answer("code").is_some());
    standings.set_disabled(Whose::Client("web"), true, now).await.unwrap();
    world.pass(2);
    world.client_credentials(WEB).await.refused(401, "invalid_client");
    shown_here(&world.browser().get(&Flow::web().url()).await, "disabled client");
    assert_eq!(world.counts().await.0, 1);
}

#[tokio::test]
async fn row_50_short_lived_with_the_least_scope() {
    let world = World::new();
    let answer = world.client_credentials(WEB).await;
    assert!(answer.json()["expires_in"].as_u64().unwrap() <= 600);
    assert_eq!(answer.str("scope"), "read");
}

#[tokio::test]
async fn row_55_token_and_error_answers_are_json_not_kept_and_legal() {
    let world = World::new();
    for scope in ["\u{1f980}", "a\"b", "a\\b", "\u{e9}", "a\u{7f}"] {
        let answer = world.token(WEB, &[("grant_type", "client_credentials"), ("scope", scope)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (400, "no-store"));
        assert_eq!(answer.header("content-type"), "application/json");
        legal(&answer.error());
        legal(&answer.str("error_description"));
    }
    let answer = world.send(Req::raw("/token", "grant_type=client_credentials&scope=a%00b").build()).await;
    answer.refused(400, "invalid_request");
}

#[tokio::test]
async fn row_56_introspection_says_inactive_and_nothing_more() {
    let world = World::new();
    let tokens = world.tokens().await;
    let code = world.code().await;
    let expired = world.client_credentials(WEB).await.access_token();
    world.pass(600);
    let revoked = world.tokens().await.access_token();
    world.revoke(WEB, &revoked).await;
    let foreign = world.tokens().await;
    for (auth, token) in [
        (API, expired),
        (API, revoked),
        (API, code),
        (API, tokens.access_token()),
        (API, foreign.refresh_token()),
        (OTHER, foreign.access_token()),
        (POST, foreign.refresh_token()),
        (API, String::from("x")),
        (API, foreign.access_token().to_lowercase()),
        (API, format!(" {}", foreign.access_token())),
        (API, format!("{}\n", foreign.access_token())),
        (API, format!("Bearer {}", foreign.access_token())),
    ] {
        let answer = world.form("/introspect", auth, &[("token", &token)]).await;
        assert_eq!((answer.status.as_u16(), answer.text().as_str()), (200, "{\"active\":false}"), "{token}");
    }
    world
        .form("/introspect", NOBODY, &[("token", &foreign.access_token())])
        .await
        .refused(401, "invalid_client");
    world
        .form("/introspect", APP, &[("token", &foreign.access_token())])
        .await
        .refused(401, "invalid_client");
}

#[tokio::test]
async fn row_57_revocation_by_the_owner_idempotent_and_503_while_the_store_fails() {
    let world = World::new();
    let tokens = world.tokens().await;
    world.revoke(OTHER, &tokens.refresh_token()).await;
    assert!(world.is_active(&tokens.access_token()).await);
    world.store.refuse_writes(true);
    world.revoke(WEB, &tokens.refresh_token()).await.refused(503, "temporarily_unavailable");
    world.store.refuse_writes(false);
    assert!(world.is_active(&tokens.access_token()).await);
    for _ in 0..2 {
        assert_eq!(world.revoke(WEB, &tokens.refresh_token()).await.status, 200);
    }
    assert!(!world.is_active(&tokens.access_token()).await);
    // Nobody knows whether it was removed: it is tried until it is certain.
    let tokens = world.tokens().await;
    world.store.next_remove(Fault::ErrorAfterWrite);
    assert_eq!(world.revoke(WEB, &tokens.refresh_token()).await.status, 200);
    assert!(!world.is_active(&tokens.access_token()).await);
}

#[tokio::test]
async fn row_67_69_no_header_changes_who_we_are_or_where_a_request_came_from() {
    let attempts = AttemptLimit { burst: 2, refill: Duration::from_secs(60) };
    let world = World::with(|builder| builder.limits(Limits { attempts, ..Limits::default() }));
    // Forged addresses do not give a fresh limit.
    for n in 0..5 {
        let request =
            Req::form("/token", Auth::Basic("web", "guess"), &[("grant_type", "client_credentials")])
                .header(http::HeaderName::from_static("x-forwarded-for"), &format!("198.51.100.{n}"))
                .header(header::FORWARDED, &format!("for=198.51.100.{n}"))
                .header(http::HeaderName::from_static("x-real-ip"), &format!("198.51.100.{n}"))
                .extension(Peer("192.0.2.1".parse().unwrap()));
        let status = world.send(request.build()).await.status.as_u16();
        assert_eq!(status, if n < 2 { 401 } else { 429 });
    }
    let request = Req::get("/.well-known/oauth-authorization-server").header(header::HOST, "evil.example");
    assert_eq!(world.send(request.build()).await.json()["issuer"], ISSUER);
}

#[tokio::test]
async fn row_72_only_the_grants_and_response_types_of_the_client() {
    let world = World::new();
    let machine = Auth::Basic("machine", "machine-secret");
    assert_eq!(world.client_credentials(machine).await.status, 200);
    world.redeem_as(machine, "x", None).await.refused(400, "unauthorized_client");
    world.refresh(machine, "x").await.refused(400, "unauthorized_client");
    world
        .client_credentials(Auth::Basic("no-pkce", "no-pkce-secret"))
        .await
        .refused(400, "unauthorized_client");
    let client = Client::builder("codes")
        .secret("s")
        .redirect_uri(REDIRECT)
        .grant_types([GrantTypeName::AUTHORIZATION_CODE])
        .build()
        .unwrap();
    assert!(!client.may_use(&GrantTypeName::REFRESH_TOKEN));
}

#[tokio::test]
async fn row_73_unknown_and_wrong_look_the_same() {
    let world = World::new();
    let wrong: Answer = world.client_credentials(Auth::Basic("web", "wrong")).await;
    for auth in [Auth::Basic("unknown", "wrong"), Auth::Basic("post", "post-secret"), Auth::Basic("app", "x")]
    {
        let answer = world.client_credentials(auth).await;
        assert_eq!(
            (answer.status, &answer.headers, &answer.body),
            (wrong.status, &wrong.headers, &wrong.body)
        );
    }
}

#[tokio::test]
async fn row_74_the_limit_holds_for_many_at_once() {
    let attempts = AttemptLimit { burst: 5, refill: Duration::from_secs(60) };
    let world = World::with(|builder| builder.limits(Limits { attempts, ..Limits::default() }));
    let guesses = (0..50).map(|_| world.client_credentials(Auth::Basic("web", "guess")));
    let answers = futures_util::future::join_all(guesses).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 401).count(), 5);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 45);
}

#[tokio::test]
async fn row_81_fail_closed_while_the_store_is_down() {
    let world = World::new();
    let (code, tokens) = (world.code().await, world.tokens().await);
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    world.store.refuse_all(true);
    world.redeem(&code).await.refused(503, "temporarily_unavailable");
    world.refresh(WEB, &tokens.refresh_token()).await.refused(503, "temporarily_unavailable");
    world.client_credentials(WEB).await.refused(503, "temporarily_unavailable");
    world.revoke(WEB, &tokens.access_token()).await.refused(503, "temporarily_unavailable");
    world
        .form("/introspect", API, &[("token", &tokens.access_token())])
        .await
        .refused(503, "temporarily_unavailable");
    assert!(world.provider.token_info(&tokens.access_token()).await.is_err());
    let answer = browser.press(&page, "allow", &[]).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.answer("code")), (503, None));
    assert_eq!(browser.get(&Flow::web().url()).await.status, 503);
    let answer = world.redeem(&code).await;
    assert!(!answer.header("retry-after").is_empty());
    assert!(!answer.text().contains("fault store"), "the cause is for the operator only");
    world.store.refuse_all(false);
    // Nothing is half-done: all goes on as if nothing had been.
    assert_eq!(world.redeem(&code).await.status, 200);
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200);
    assert!(browser.press(&page, "allow", &[]).await.unwrap().answer("code").is_some());
}

/// A site adapter that cannot tell.
#[derive(Debug)]
struct Broken;
#[async_trait::async_trait]
impl grantor_core::SiteAdapter for Broken {
    async fn decide(
        &self,
        _ctx: &grantor_core::Ctx<'_>,
        _ask: &grantor_core::Ask<'_>,
    ) -> Result<grantor_core::Decision, grantor_core::BoxError> {
        Err("the session database is at 10.0.0.7".into())
    }
}

#[tokio::test]
async fn row_81_a_failing_generator_or_site_issues_nothing() {
    let world = World::new();
    let code = world.code().await;
    world.random.fail(true);
    world.redeem(&code).await.refused(503, "temporarily_unavailable");
    world.client_credentials(WEB).await.refused(503, "temporarily_unavailable");
    assert_eq!(world.browser().get(&Flow::web().url()).await.status, 503);
    world.random.fail(false);
    assert_eq!(world.redeem(&code).await.status, 200);

    let world = World::with(|builder| builder.site(Broken));
    let page = world.browser().get(&Flow::web().url()).await;
    sent_back(&page, "server_error");
    assert!(!page.left_for.unwrap().contains("10.0.0.7"));
    assert_eq!(world.counts().await, (0, 0));
}

#[tokio::test]
async fn row_81_every_lost_answer_of_the_store_ends_well() {
    for fault in [Fault::ErrorAfterWrite, Fault::ErrorWithoutWrite] {
        let world = World::new();
        let code = world.code().await;
        world.store.next_replace(fault.clone());
        let tokens = world.redeem(&code).await;
        assert_eq!(tokens.status, 200, "{fault:?}: {tokens:?}");
        assert!(world.is_active(&tokens.access_token()).await);
        world.store.next_replace(fault.clone());
        let next = world.refresh(WEB, &tokens.refresh_token()).await;
        assert_eq!(next.status, 200, "{fault:?}");
        assert!(world.is_active(&next.access_token()).await);
        world.store.next_create(fault.clone());
        assert_eq!(world.client_credentials(WEB).await.status, 200, "{fault:?}");
        world.store.next_replace(fault.clone());
        assert_eq!(world.revoke(WEB, &next.access_token()).await.status, 200, "{fault:?}");
        assert!(!world.is_active(&next.access_token()).await);
    }
}

/// A slow hash that tells by the hash's last word, and may be too busy.
#[derive(Debug, Clone, Default)]
struct Slow {
    busy: Arc<std::sync::atomic::AtomicBool>,
}

#[async_trait::async_trait]
impl grantor_core::SlowHash for Slow {
    async fn verify(&self, hash: &str, secret: &str) -> Result<bool, grantor_core::Error> {
        if self.busy.load(std::sync::atomic::Ordering::SeqCst) {
            return Err(grantor_core::Error::unavailable("slow_hash_busy"));
        }
        Ok(hash.ends_with(secret))
    }
}

#[tokio::test]
async fn row_82_a_secret_that_a_person_chose_is_checked_by_the_slow_hash() {
    let chosen = || {
        let kept =
            grantor_core::ClientSecret::from_phc("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$hunter2").unwrap();
        let client = Client::builder("chosen").grant_types([GrantTypeName::CLIENT_CREDENTIALS]);
        client.change(|client| client.secrets = vec![kept]).build().unwrap()
    };
    let slow = Slow::default();
    let clients = || grantor_core::StaticClients::new([chosen()]);
    let world = World::with(|builder| builder.clients(clients()).slow_hash(slow.clone()));
    assert_eq!(world.client_credentials(Auth::Basic("chosen", "hunter2")).await.status, 200);
    world.client_credentials(Auth::Basic("chosen", "hunter3")).await.refused(401, "invalid_client");
    slow.busy.store(true, std::sync::atomic::Ordering::SeqCst);
    for _ in 0..200 {
        // Not the client's fault: no failed attempt.
        world.client_credentials(Auth::Basic("chosen", "x")).await.refused(503, "temporarily_unavailable");
    }
    slow.busy.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(world.client_credentials(Auth::Basic("chosen", "hunter2")).await.status, 200);
    let without = World::with(|builder| builder.clients(clients()));
    without
        .client_credentials(Auth::Basic("chosen", "hunter2"))
        .await
        .refused(503, "temporarily_unavailable");
}

#[tokio::test]
async fn row_81_what_is_too_large_for_the_store_is_refused_whole() {
    use grantor_core::store::Store as _;
    let world = World::new();
    let promises = world.store.promises();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    world.store.set_promises(grantor_core::store::Promises { max_body: 10, ..promises });
    let done = browser.press(&page, "allow", &[]).await.unwrap();
    sent_back(&done, "server_error");
    assert_eq!(world.counts().await, (0, 0));
}

// --- known vulnerabilities: redirect URI, codes, refresh, client authentication ----------------------------------------

#[tokio::test]
async fn known_01_to_14_hostile_redirect_uris_with_every_other_error() {
    let world = World::new();
    for uri in [
        "https://rp.test.evil.test/cb",
        "https://rp.example/cb/../..;/evil",
        "http://127.0.0.1:80@evil.test",
        "http://localhost.evil/cb",
        "https://rp.example/cb?code=x&state=y",
        "https://RP.EXAMPLE/cb",
        "https://rpxexample/cb",
        "https://rp.example/cbevil",
    ] {
        for request in [
            Flow::web(),
            Flow::web().set("response_type", "x"),
            Flow::web().set("scope", "x"),
            Flow::web().without_pkce(),
            Flow::web().set("response_mode", "form_post"),
            Flow::of("machine", REDIRECT),
            Flow::of("native", REDIRECT),
        ] {
            let page = world.browser().get(&request.set("redirect_uri", uri).url()).await;
            shown_here(&page, uri);
        }
    }
}

#[test]
fn known_15_what_a_browser_reads_differently_is_not_registered() {
    for uri in [
        "https:///h",
        "http:/h",
        "//h",
        "x:%zz",
        "https://h\\@evil/",
        "https://h\t/",
        "https:/\\evil/",
        "https://1.2.3/",
    ] {
        assert!(!may_register(uri), "{uri}");
    }
}

#[tokio::test]
async fn known_17_malformed_hosts_are_400() {
    let world = World::new();
    for uri in ["https://[x]/", "https://[::1", "https://[]/", "https://[::ffff:999.1.1.1]/", "https://%/"] {
        let page = world.browser().get(&Flow::web().set("redirect_uri", uri).url()).await;
        shown_here(&page, uri);
    }
}

#[tokio::test]
async fn known_18_19_markup_in_every_reflected_field_of_form_post() {
    let world = World::new();
    let markup = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>";
    for request in [
        Flow::web().set("response_mode", "form_post").set("state", markup),
        Flow::web().set("response_mode", "form_post").set("state", markup).set("scope", markup),
        Flow::web().set("response_mode", "form_post").set("state", markup).set("response_type", markup),
        Flow::web().set("response_mode", "form_post").set("state", markup).and(markup, "1").and(markup, "2"),
    ] {
        let mut browser = world.browser();
        let mut page = browser.get(&request.url()).await;
        if let Ok(next) = browser.press(&page, "allow", &[]).await {
            page = next;
        }
        let html = page.text();
        assert!(!html.contains("<img") && !html.contains("<script>alert"), "{html}");
        assert_eq!(page.answer("state").as_deref(), Some(markup));
    }
}

#[tokio::test]
async fn known_22_23_foreign_clients_get_nothing_from_codes_and_refresh_tokens() {
    let world = World::new();
    let code = world.code().await;
    for thief in
        [OTHER, POST, APP, Auth::Basic("two", "two-secret"), Auth::Basic("code-only", "code-only-secret")]
    {
        world.redeem_as(thief, &code, Some(REDIRECT)).await.refused(400, "invalid_grant");
    }
    let tokens = world.redeem(&code).await;
    for thief in [OTHER, POST, APP, Auth::Basic("two", "two-secret")] {
        world.refresh(thief, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    }
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn known_25_26_ids_and_altered_codes_are_no_authority() {
    let world = World::new();
    let mut alice = world.browser();
    let page = alice.get(&Flow::web().url()).await;
    shown_here(&world.browser().get(&page.forms()[0].action).await, "another browser");
    let code = world.code().await;
    for at in (7..code.len()).step_by(5) {
        let (head, tail) = code.split_at(at);
        let other = if tail.starts_with('A') { 'B' } else { 'A' };
        world.redeem(&format!("{head}{other}{}", &tail[1..])).await.refused(400, "invalid_grant");
    }
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn known_26_who_knows_the_grant_id_cannot_end_it() {
    // Right id, right check characters, wrong secret: a code, a refresh token, an access token.
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let world = World::new();
    let tokens = world.tokens().await;
    let payload = &tokens.access_token()[7..];
    let id = URL_SAFE_NO_PAD.decode(&payload[..payload.len() - 6]).unwrap()[..16].to_vec();
    let forged = |prefix: &str, secret: usize| {
        let mut bytes = id.clone();
        bytes.extend(std::iter::repeat_n(7, secret));
        let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(bytes));
        let check = URL_SAFE_NO_PAD.encode(crc32fast::hash(text.as_bytes()).to_be_bytes());
        format!("{text}{check}")
    };
    world.redeem(&forged("grt_ac_", 32)).await.refused(400, "invalid_grant");
    world.refresh(WEB, &forged("grt_rt_", 48)).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&forged("grt_at_", 32)).await);
    for token in [forged("grt_rt_", 48), forged("grt_at_", 32)] {
        assert_eq!(world.revoke(WEB, &token).await.status, 200);
    }
    assert!(world.is_active(&tokens.access_token()).await);
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn known_27_of_two_redemptions_held_at_the_same_moment_one_wins() {
    let world = World::new();
    let code = world.code().await;
    let gate = Gate::new();
    world.store.next_replace(Fault::HoldBefore(gate.clone()));
    let (first, second) = tokio::join!(world.redeem(&code), async {
        gate.reached().await;
        let answer = world.redeem(&code).await;
        gate.open();
        answer
    });
    assert_eq!(second.status, 200);
    first.refused(400, "invalid_grant");
    assert!(!world.is_active(&second.access_token()).await, "the loser was a replay");
}

#[tokio::test]
async fn known_28_sweeping_while_redeeming() {
    use grantor_core::store::Store as _;
    let world = World::new();
    for _ in 0..20 {
        let code = world.code().await;
        world.store.index().unwrap().sweep(1_000, world.provider.clock().now()).await.unwrap();
        assert_eq!(world.redeem(&code).await.status, 200);
        world.pass(1);
    }
}

#[tokio::test]
async fn known_30_31_leaving_out_the_verifier_skips_nothing() {
    let world = World::new();
    let code = world.code().await;
    let fields = [("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", REDIRECT)];
    world.token(WEB, &fields).await.refused(400, "invalid_grant");
    let mut empty = fields.to_vec();
    empty.push(("code_verifier", ""));
    world.token(WEB, &empty).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn known_33_34_cookies_and_urls_carry_no_parameters() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().set("state", "find-me").url()).await;
    let action = page.forms()[0].action.clone();
    for place in [action.as_str(), &browser.cookies()[0].header] {
        for value in ["find-me", "read", "web", "rp.example", "code"] {
            assert!(!place.contains(value), "{value} in {place}");
        }
    }
    // Changing what the URL carries gives another request, not other parameters.
    let page = browser
        .get(&format!("{action}&scope=admin&response_type=token&redirect_uri=https://evil.example/"))
        .await;
    let done = browser.press(&page, "allow", &[]).await.unwrap();
    let tokens = world.redeem(&done.answer("code").unwrap()).await;
    assert_eq!(tokens.str("scope"), "read write");
}

#[tokio::test]
async fn known_37_no_other_string_passes_as_refresh_token() {
    let world = World::new();
    let tokens = world.tokens().await;
    let code = world.code().await;
    for string in [tokens.access_token(), code, "web_authorization_code_alice".to_owned(), "alice".to_owned()]
    {
        world.refresh(WEB, &string).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn known_39_45_a_deleted_client_loses_everything_and_its_name_starts_anew() {
    let clients = Arc::new(grantor_store_memory::MemoryStore::new());
    let stored = grantor_core::StoredClients::new(clients.clone(), Duration::ZERO);
    let now = grantor_core::Timestamp::from_secs(1);
    let all = crate::support::clients();
    for client in &all {
        stored.create(client, now).await.unwrap();
    }
    let world = World::with(|builder| builder.clients(stored));
    let tokens = world.tokens().await;
    let admin = grantor_core::StoredClients::new(clients, Duration::ZERO);
    admin.remove(&all[0].client_id, now).await.unwrap();
    world.provider.standings().delete_client("web", world.provider.clock().now()).await.unwrap();
    world.pass(2);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(401, "invalid_client");
    assert!(!world.is_active(&tokens.access_token()).await);
    // Registered again by somebody else: nothing of the old comes back.
    admin.create(&all[0], now).await.unwrap();
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access_token()).await);
    assert!(world.is_active(&world.tokens().await.access_token()).await);
}

#[tokio::test]
async fn known_40_a_grant_that_ends_during_a_rotation_stays_ended() {
    let world = World::new();
    let tokens = world.tokens().await;
    let gate = Gate::new();
    world.store.next_replace(Fault::HoldBefore(gate.clone()));
    let token = tokens.refresh_token();
    let (refreshed, ()) = tokio::join!(world.refresh(WEB, &token), async {
        gate.reached().await;
        assert_eq!(world.revoke(WEB, &tokens.refresh_token()).await.status, 200);
        gate.open();
    });
    refreshed.refused(400, "invalid_grant");
    assert_eq!(world.counts().await.0, 0, "nothing came back");
}

#[tokio::test]
async fn known_43_of_two_not_befores_the_newer_counts() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    let standings = world.provider.standings();
    let now = world.provider.clock().now();
    let earlier = now.before(Duration::from_secs(100));
    standings.end_earlier(Whose::All, earlier).await.unwrap();
    world.pass(2);
    assert!(world.is_active(&token).await);
    standings.end_earlier(Whose::Subject("alice"), now).await.unwrap();
    standings.end_earlier(Whose::Subject("alice"), earlier).await.unwrap();
    world.pass(2);
    assert!(!world.is_active(&token).await);
}

#[tokio::test]
async fn known_61_62_strict_credentials_and_a_client_id_that_agrees() {
    let world = World::new();
    let fields = [("grant_type", "client_credentials"), ("client_id", "post")];
    world.token(WEB, &fields).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn known_64_introspection_is_not_open() {
    let world = World::new();
    world.form("/introspect", NOBODY, &[("token", "x")]).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn known_67_unconfigured_scopes_by_client_credentials() {
    let world = World::new();
    let narrow = Auth::Basic("narrow", "narrow-secret");
    for scope in ["admin", "write", "read admin", "goauthentik.io/api", "*", "openid"] {
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        world.token(narrow, &fields).await.refused(400, "invalid_scope");
    }
}

#[tokio::test]
async fn known_69_a_truncated_token_is_none() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    for cut in 1..token.len() {
        assert!(world.provider.token_info(&token[..cut]).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn known_79_82_query_values_and_empty_posts_decide_nothing() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().and("allow", "1").and("user", "admin").url()).await;
    assert_eq!(page.forms().len(), 1, "the request itself is no consent");
    let action = page.forms()[0].action.clone();
    shown_here(&browser.post(&action, &[]).await, "empty");
    // A POST with parameters of the request is not a decision either.
    let mut fields =
        Flow::web().fields().into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect::<Vec<_>>();
    fields.push(("allow".to_owned(), "1".to_owned()));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let page = browser.post("/authorize", &fields).await;
    assert_eq!((page.forms().len(), page.left_for), (1, None));
}

#[tokio::test]
async fn known_84_a_garbage_cookie_is_no_cookie() {
    let world = World::new();
    let name = "__Host-grantor-browser";
    for cookie in [
        format!("{name}=x"),
        format!("{name}="),
        name.to_owned(),
        format!("{name}={}", "A".repeat(44)),
        format!("{name}={}", "\u{e9}".repeat(43)),
        format!("{name}={}; {name}=y", "!".repeat(43)),
        "=;;=;".to_owned(),
        "A".repeat(20_000),
    ] {
        let answer = world.send(Req::get(&Flow::web().url()).header(header::COOKIE, &cookie).build()).await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("set-cookie").starts_with(name), "{cookie}: a new one is set");
    }
}

#[tokio::test]
async fn known_105_odd_path_forms_are_404() {
    let world = World::new();
    for path in [
        "/token;x",
        "/token/",
        "/token/.",
        "/./token",
        "/x/../token",
        "//token",
        "/%74oken",
        "/token%00",
        "/TOKEN",
        "/token.json",
    ] {
        assert_eq!(
            world.form(path, WEB, &[("grant_type", "client_credentials")]).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn known_116_codes_expire() {
    let world = World::new();
    let code = world.code().await;
    world.pass(61);
    world.redeem(&code).await.refused(400, "invalid_grant");
}
