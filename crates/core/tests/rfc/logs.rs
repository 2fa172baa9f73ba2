//! What the operator reads: every refusal with a stable reason code, and never a secret; nor is one in the store or in a
//! `Debug` text (ASVS 16.2.5, 16.4.1).

use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use grantor_core::{
    Approval, AuthorizationCode, Client, ClientCredentials, ClientSecret, Decision, Limits, Params, Provider,
    RandomBytes, RefreshToken, Secret, StaticClients,
};
use grantor_testkit::{Fault, Page};
use http::{Method, header};

use crate::capture::{Capture, contains};
use crate::legacy::{implicit, log_in, old_world, password};
use crate::support::{
    API, APP, Answer, Auth, Flow, ISSUER, OTHER, POST, REDIRECT, Req, VERIFIER, WEB, World, basic, clients,
};

/// Every secret that went through a test.
#[derive(Default)]
struct Secrets(Vec<(&'static str, String)>);

impl Secrets {
    fn add(&mut self, what: &'static str, secret: impl Into<String>) {
        let secret = secret.into();
        if !secret.is_empty() {
            self.0.push((what, secret));
        }
    }

    fn tokens(&mut self, answer: &Answer) {
        self.add("access token", answer.access_token());
        self.add("refresh token", answer.refresh_token());
    }

    fn page(&mut self, page: &Page) {
        self.add(
            "form token",
            page.forms().first().and_then(|form| form.field("form_token")).unwrap_or_default(),
        );
        for name in ["code", "access_token"] {
            self.add("answer", page.answer(name).unwrap_or_default());
        }
    }

    #[track_caller]
    fn absent_from(&self, what: &str, text: &[u8]) {
        for (kind, secret) in &self.0 {
            assert!(!contains(text, secret), "a {kind} is in {what}");
            let Some(payload) = secret.strip_prefix("grt_").and_then(|rest| rest.get(3..)) else { continue };
            let payload = &payload[..payload.len() - 6];
            // Behind the id, which is no secret: neither as text nor as raw bytes.
            assert!(!contains(text, &payload[22..]), "part of a {kind} is in {what}");
            let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap();
            let random = &bytes[16..];
            assert!(
                !text.windows(random.len()).any(|window| window == random),
                "bytes of a {kind} are in {what}"
            );
        }
    }
}

/// Everything that can happen, good and bad; answers the secrets that occurred.
async fn everything(world: &World, secrets: &mut Secrets) {
    for (kind, secret) in [
        ("client secret", "web-secret"),
        ("client secret", "post-secret"),
        ("client secret", "old-secret"),
        ("wrong client secret", "wrong-secret-of-web"),
        ("verifier", VERIFIER),
        ("wrong verifier", "WRONG-VERIFIER-WRONG-VERIFIER-WRONG-VERIFIER"),
        ("wrong password", "wrong-password-of-alice"),
        ("unknown token", "unknown-token-of-somebody"),
    ] {
        secrets.add(kind, secret);
    }
    secrets.add("password", password());
    secrets.add("Basic", STANDARD.encode("web:web-secret"));
    secrets.add("Basic", STANDARD.encode("web:wrong-secret-of-web"));

    // The browser: allowed, denied, in all modes, and everything that may be wrong.
    for mode in ["query", "fragment", "form_post"] {
        for button in ["allow", "deny"] {
            let mut browser = world.browser();
            let page = browser.get(&Flow::web().set("response_mode", mode).url()).await;
            secrets.page(&page);
            let done = browser.press(&page, button, &[]).await.unwrap();
            secrets.page(&done);
            secrets.add("cookie", browser.cookies()[0].value.clone());
            secrets.page(&browser.press(&page, button, &[]).await.unwrap());
        }
    }
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    secrets.page(&page);
    secrets.add("cookie", browser.cookies()[0].value.clone());
    browser.press(&page, "allow", &[("form_token", "wrong-form-token-of-somebody")]).await.unwrap();
    secrets.add("wrong form token", "wrong-form-token-of-somebody");
    for wrong in [
        Flow::web().set("client_id", "unknown"),
        Flow::web().set("redirect_uri", "https://evil.example/?secret=in-a-redirect-uri"),
        Flow::web().set("scope", "secret-in-a-scope"),
        Flow::web().set("state", "secret-in-a-state").set("response_type", "x"),
        Flow::web().without_pkce(),
        Flow::web().and("client_secret", "web-secret"),
    ] {
        world.browser().get(&wrong.url()).await;
    }
    for secret in ["in-a-redirect-uri", "secret-in-a-scope", "secret-in-a-state"] {
        secrets.add("text from outside", secret);
    }

    // The back channel.
    let code = world.code().await;
    secrets.add("code", code.clone());
    let wrong = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", "WRONG-VERIFIER-WRONG-VERIFIER-WRONG-VERIFIER"),
    ];
    world.token(WEB, &wrong).await.refused(400, "invalid_grant");
    world.redeem_as(OTHER, &code, Some(REDIRECT)).await.refused(400, "invalid_grant");
    let tokens = world.redeem(&code).await;
    secrets.tokens(&tokens);
    world.client_credentials(Auth::Basic("web", "wrong-secret-of-web")).await.refused(401, "invalid_client");
    world.client_credentials(Auth::Post("post", "wrong-secret-of-web")).await.refused(401, "invalid_client");
    world.client_credentials(POST).await;
    for path in ["/revoke", "/introspect"] {
        world.form(path, WEB, &[("token", "unknown-token-of-somebody")]).await;
        world.send(Req::form(&format!("{path}?token=unknown-token-of-somebody"), WEB, &[]).build()).await;
        world.form(path, OTHER, &[("token", &tokens.access_token())]).await;
    }
    world.refresh(WEB, "unknown-token-of-somebody").await;
    world.introspect(API, &tokens.access_token()).await;
    let next = world.refresh(WEB, &tokens.refresh_token()).await;
    secrets.tokens(&next);
    world.pass(11);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    world.redeem(&code).await.refused(400, "invalid_grant");
    let code = world.code().await;
    secrets.add("code", code.clone());
    secrets.tokens(&world.redeem(&code).await);
    world.redeem(&code).await.refused(400, "invalid_grant");
    let again = world.tokens().await;
    secrets.tokens(&again);
    world.revoke(WEB, &again.access_token()).await;
    world.revoke(WEB, &again.refresh_token()).await;
    log_in(world, "alice", "wrong-password-of-alice").await.refused(400, "invalid_grant");
    log_in(world, "broken", "wrong-password-of-alice").await.refused(503, "temporarily_unavailable");
    secrets.tokens(&log_in(world, "alice", &password()).await);
    secrets.page(&world.approve(&implicit()).await);

    // A store that fails in every way.
    for fault in [Fault::ErrorBefore, Fault::ErrorAfterWrite, Fault::ErrorWithoutWrite] {
        let code = world.code().await;
        secrets.add("code", code.clone());
        world.store.next_replace(fault.clone());
        secrets.tokens(&world.redeem(&code).await);
        world.store.next_create(fault.clone());
        secrets.tokens(&world.client_credentials(WEB).await);
        world.store.next_load(fault);
        secrets.tokens(&world.client_credentials(WEB).await);
    }
}

#[tokio::test]
async fn row_80_no_secret_in_the_log() {
    let logs = Capture::default();
    logs.start();
    let (world, _) = old_world(Limits::default());
    let mut secrets = Secrets::default();
    everything(&world, &mut secrets).await;
    Capture::stop();
    let text = logs.text();
    assert!(secrets.0.len() > 45, "{}", secrets.0.len());
    for expected in ["tokens_issued", "code_replayed", "refresh_reused", "write_outcome_unknown", "revoked"] {
        assert!(text.contains(expected), "{expected} is not in the log: it captured nothing?");
    }
    secrets.absent_from("the log", text.as_bytes());
}

#[tokio::test]
async fn row_82_no_live_secret_in_the_store() {
    let (world, _) = old_world(Limits::default());
    let mut secrets = Secrets::default();
    everything(&world, &mut secrets).await;
    // Live ones of each kind, in this very moment.
    secrets.tokens(&world.tokens().await);
    secrets.add("code", world.code().await);
    let mut browser = world.browser();
    secrets.page(&browser.get(&Flow::web().url()).await);
    secrets.add("cookie", browser.cookies()[0].value.clone());
    let dump = world.dump().await;
    assert!(dump.len() > 1000);
    secrets.absent_from("the store", &dump);
    // Nor is a provider's Debug, which shows its parts, any better.
    secrets.absent_from("Debug of the provider", format!("{:?}", world.provider).as_bytes());
}

#[tokio::test]
async fn row_82_no_foreign_token_in_the_store() {
    let world = World::with(|builder| builder.token_generator(RandomBytes { bytes: 32 }));
    let mut secrets = Secrets::default();
    secrets.add("code", world.code().await);
    secrets.tokens(&world.tokens().await);
    secrets.absent_from("the store", &world.dump().await);
    let world = World::bare(ISSUER, |builder| {
        let key = Secret::new("the key of unique tokens, 32 bytes");
        builder.key(key).unique_tokens().grant(AuthorizationCode::new()).grant(RefreshToken::new())
    });
    let mut secrets = Secrets::default();
    secrets.add("key", "the key of unique tokens");
    secrets.tokens(&world.tokens().await);
    secrets.absent_from("the store", &world.dump().await);
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn row_80_each_refusal_has_its_reason() {
    let logs = Capture::default();
    logs.start();
    let world = World::new();
    let code = world.code().await;
    let tokens = world.tokens().await;
    let token = tokens.refresh_token();
    let redeem = |auth, code: String, uri: &'static str, verifier: &'static str| {
        let world = &world;
        async move {
            let mut fields =
                vec![("grant_type", "authorization_code"), ("code", code.as_str()), ("redirect_uri", uri)];
            fields.retain(|(_, value)| !value.is_empty());
            if !verifier.is_empty() {
                fields.push(("code_verifier", verifier));
            }
            world.token(auth, &fields).await
        }
    };
    logs.take();
    let check = |reason: &str| {
        let lines = logs.take();
        let found = lines.iter().any(|line| {
            line.contains("grantor") && line.ends_with(&format!("reason={reason}"))
                || line.contains(&format!(" reason={reason} "))
        });
        assert!(found, "{reason} is not in {lines:#?}");
    };
    // Shown, redirected and answered refusals.
    for (request, reason) in [
        (Flow::web().without("client_id"), "client_id_missing"),
        (Flow::web().set("client_id", "\u{e9}"), "client_id_malformed"),
        (Flow::web().set("client_id", "unknown"), "client_unknown"),
        (Flow::of("off", "https://off.example/cb"), "client_disabled"),
        (Flow::web().set("redirect_uri", "https://evil.example/"), "redirect_uri_not_registered"),
        (Flow::of("two", "").without("redirect_uri"), "redirect_uri_missing"),
        (Flow::web().set("response_mode", "x"), "response_mode_unknown"),
        (Flow::web().set("response_type", "x"), "unsupported_response_type"),
        (Flow::web().set("scope", "x"), "scope_not_available"),
        (Flow::web().without_pkce(), "pkce_missing"),
        (Flow::web().set("code_challenge_method", "plain"), "pkce_not_s256"),
        (Flow::web().and("scope", "read"), "repeated_parameter"),
        (Flow::web().without("response_type"), "parameter_missing"),
        (Flow::web().set("code_challenge", "x"), "pkce_malformed"),
        (Flow::web().set("scope", "a  b"), "scope_malformed"),
        (Flow::web().and("note", &"x".repeat(9000)), "parameter_too_long"),
        (Flow::web().and("note", "\u{0}"), "control_character"),
    ] {
        world.browser().get(&request.url()).await;
        check(reason);
    }
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    logs.take();
    browser.press(&page, "allow", &[("form_token", "x")]).await.unwrap();
    check("form_token_wrong");
    world.browser().get(&page.forms()[0].action).await;
    check("request_of_other_browser");
    browser.press(&page, "deny", &[]).await.unwrap();
    check("user_denied");
    browser.press(&page, "deny", &[]).await.unwrap();
    check("request_gone");

    redeem(OTHER, code.clone(), REDIRECT, VERIFIER).await;
    check("code_of_other_client");
    redeem(WEB, code.clone(), "", VERIFIER).await;
    check("code_redirect_uri_missing");
    redeem(WEB, code.clone(), "https://x.example/", VERIFIER).await;
    check("code_redirect_uri_differs");
    redeem(WEB, code.clone(), REDIRECT, "").await;
    check("code_verifier_missing");
    redeem(WEB, code.clone(), REDIRECT, "x").await;
    check("code_verifier_wrong");
    redeem(WEB, "x".to_owned(), REDIRECT, VERIFIER).await;
    check("code_unknown");
    world.refresh(OTHER, &token).await;
    check("refresh_of_other_client");
    world.token(WEB, &[("grant_type", "refresh_token"), ("refresh_token", &token), ("scope", "admin")]).await;
    check("refresh_scope_wider");
    world.refresh(WEB, "x").await;
    check("refresh_unknown");
    world.refresh(WEB, &token).await;
    world.pass(11);
    logs.take();
    world.refresh(WEB, &token).await;
    check("refresh_reused");
    let spent = world.code().await;
    world.redeem(&spent).await;
    logs.take();
    world.redeem(&spent).await;
    check("code_replayed");
    let late = world.code().await;
    world.pass(61);
    logs.take();
    world.redeem(&late).await;
    check("code_expired");
    world.client_credentials(Auth::Basic("web", "x")).await;
    check("client_credentials_wrong");
    world.client_credentials(Auth::Basic("unknown", "x")).await;
    check("client_unknown");
    world.client_credentials(Auth::Post("web", "web-secret")).await;
    check("client_registered_for_other_method");
    world.client_credentials(Auth::Basic("off", "off-secret")).await;
    check("client_disabled");
    world.client_credentials(Auth::None).await;
    check("no_client_authentication");
    world.form("/introspect", APP, &[("token", "x")]).await;
    check("public_client_may_not_introspect");
    world.send(Req::raw("/token", "x".repeat(70_000)).build()).await;
    check("body_too_large");
    world
        .send(Req::new(Method::POST, "/token", "{}").header(header::CONTENT_TYPE, "application/json").build())
        .await;
    check("content_type");
    for (body, reason) in [
        ("a=%zz".to_owned(), "percent_encoding"),
        ("a=%ff".to_owned(), "not_utf8"),
        ("a=b&".repeat(65), "too_many_parameters"),
    ] {
        world.send(Req::raw("/token", body).build()).await;
        check(reason);
    }
    let twice = Req::form("/token", WEB, &[]).header(header::AUTHORIZATION, "Basic x");
    world.send(twice.build()).await;
    check("authorization_repeated");
    world.send(Req::form("/token?code=x", WEB, &[]).build()).await;
    check("parameter_in_query");
    world.store.next_load(Fault::ErrorBefore);
    world.client_credentials(WEB).await;
    check("store_failed");
    world.random.fail(true);
    world.client_credentials(WEB).await.refused(503, "temporarily_unavailable");
    check("random_failed");
    Capture::stop();
}

#[tokio::test]
async fn row_80_text_from_outside_cannot_forge_a_line() {
    let logs = Capture::default();
    logs.start();
    let world = World::new();
    let evil = "x\r\nINFO grantor reason=tokens_issued client=admin \u{1b}[31m\u{202e}";
    world.browser().get(&Flow::web().set("client_id", evil).url()).await;
    world.client_credentials(Auth::Post("post", "x")).await;
    let (old, _) = old_world(Limits::default());
    log_in(&old, "al\nice\tINFO\u{202e}", "x").await;
    log_in(&old, &"n".repeat(5000), "x").await;
    Capture::stop();
    for line in logs.take() {
        assert!(!line.contains(['\n', '\r', '\u{1b}']), "{line:?}");
        assert!(line.len() < 1000, "{line}");
    }
}

#[tokio::test]
async fn debug_of_public_types_has_no_secret() {
    let secret = "hunter2-hunter2-hunter2-hunter2-hunter2";
    let generated = ClientSecret::generate(&grantor_testkit::SeededRandom::new(5)).unwrap();
    let client = Client::builder("a").secret(secret).redirect_uri("https://a.example/").build().unwrap();
    let page = http::Response::new(bytes::Bytes::from(format!("<input value={secret}>")));
    let form = Params::parse(format!("client_secret={secret}&code={secret}").as_bytes(), &Limits::default())
        .unwrap();
    let world = World::new();
    let token = world.tokens().await.access_token();
    let info = world.provider.token_info(&token).await.unwrap();
    let builder = Provider::builder(ISSUER)
        .key(Secret::new(secret))
        .clients(StaticClients::new([client.clone()]))
        .grant(ClientCredentials::new());
    let texts = [
        format!("{:?}", Secret::new(secret)),
        format!("{:?}", ClientSecret::digest_of(secret)),
        format!("{generated:?}"),
        format!("{client:?}"),
        format!("{:?}", Client::builder("a").secret(secret)),
        format!("{:?}", StaticClients::new([client])),
        format!("{:?}", Decision::Show(page)),
        format!("{:?}", Decision::Allow(Approval::of("alice"))),
        format!("{form:?}"),
        format!("{builder:?}"),
        format!("{info:?}"),
        format!("{:#?}", world.provider),
        format!("{:?}", grantor_core::Digest::of(&[secret.as_bytes()])),
    ];
    for text in texts {
        for secret in [secret, generated.secret.expose(), token.as_str(), "web-secret"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
    assert!(clients().len() > 5);
}

/// What a grant type, a client authentication and a site adapter get to see has no secret in `Debug` either.
#[tokio::test]
async fn debug_of_what_ports_get_has_no_secret() {
    #[derive(Debug, Clone, Default)]
    struct Nosy(Arc<Mutex<String>>);
    #[async_trait::async_trait]
    impl grantor_core::GrantType for Nosy {
        fn grant_type(&self) -> grantor_core::GrantTypeName {
            grantor_core::GrantTypeName::from_static("urn:example:grant:ticket")
        }
        async fn decide(
            &self,
            ctx: &grantor_core::Ctx<'_>,
            client: &grantor_core::Authenticated,
            request: &grantor_core::TokenRequest<'_>,
        ) -> Result<grantor_core::Issuance, grantor_core::Error> {
            *self.0.lock().unwrap() = format!("{ctx:?} {client:?} {request:?}");
            let inner = AuthorizationCode::new().decide(ctx, client, request).await;
            let _ = write!(self.0.lock().unwrap(), "{inner:?}");
            Err(grantor_core::Error::invalid_grant("no"))
        }
    }
    #[async_trait::async_trait]
    impl grantor_core::SiteAdapter for Nosy {
        async fn decide(
            &self,
            ctx: &grantor_core::Ctx<'_>,
            ask: &grantor_core::Ask<'_>,
        ) -> Result<Decision, grantor_core::BoxError> {
            let _ = write!(self.0.lock().unwrap(), "{ctx:?} {ask:?} {:?}", ask.request());
            if ask.is_decision() {
                return Ok(Decision::Allow(Approval::of("alice")));
            }
            Ok(Decision::Show(http::Response::new(bytes::Bytes::from(crate::support::form(ask)))))
        }
    }
    let nosy = Nosy::default();
    let world = World::with(|builder| builder.site(nosy.clone()).grant(nosy.clone()));
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().and("secret", "in-the-query").url()).await;
    let form_token = page.forms()[0].field("form_token").unwrap().to_owned();
    let cookie = browser.cookies()[0].value.clone();
    let code =
        browser.press(&page, "allow", &[("user", "typed-secret")]).await.unwrap().answer("code").unwrap();
    let fields = [
        ("grant_type", "urn:example:grant:ticket"),
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
        ("redirect_uri", REDIRECT),
    ];
    world.token(WEB, &fields).await.refused(400, "invalid_grant");
    let seen = nosy.0.lock().unwrap().clone();
    assert!(seen.contains("Redeem") && seen.contains("code_verifier"), "{seen}");
    let basic = basic("web", "web-secret").replace("Basic ", "");
    for secret in [form_token.as_str(), &cookie, &code, VERIFIER, &basic, "web-secret", "typed-secret"] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}
