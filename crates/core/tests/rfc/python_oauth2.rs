//! What `python-oauth2` set out to be: each thing that it had works, and each known defect of it stays out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use grantor_core::store::{SplitStore, Store};
use grantor_core::{
    Approval, Ask, AuthMethod, Authenticated, AuthorizationCode, BackChannel, BoxError, Client,
    ClientAuthentication, ClientCredentials, ClientId, Ctx, Decision, Error, GrantType, GrantTypeName,
    Issuance, Lifetime, Lifetimes, NewGrant, Provider, RandomBytes, RefreshToken, ScopePolicy, ScopeSet,
    Scopes, Secret, SiteAdapter, StaticClients, StoredClients, TokenGenerator, TokenRequest, Uuid4,
    client_refused,
};
use grantor_store_memory::MemoryStore;
use grantor_testkit::Fault;
use http::{HeaderName, HeaderValue, Response, header};

use crate::legacy::{OLD, implicit, log_in, old_world};
use crate::support::{
    API, Auth, Flow, ISSUER, OTHER, POST, REDIRECT, Req, WEB, World, clients, form, scopes, sent_back,
};

// --- what it had ------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn provider_from_five_parts_each_from_another_backend() {
    // Clients in one store, codes in a second, tokens in a third.
    let clients = StoredClients::new(Arc::new(MemoryStore::new()), Duration::ZERO);
    let client = Client::builder("web").secret("web-secret").redirect_uri(REDIRECT).build().unwrap();
    assert!(clients.create(&client, grantor_core::Timestamp::from_secs(1)).await.unwrap());
    let (codes, tokens): (Arc<dyn Store>, Arc<dyn Store>) =
        (Arc::new(MemoryStore::new()), Arc::new(MemoryStore::new()));
    let world = World::with(|builder| builder.clients(clients).store(SplitStore::new(codes, tokens)));
    let answer = world.tokens().await;
    assert_eq!(world.introspect(WEB, &answer.access_token()).await["active"], true);
    assert_eq!(world.refresh(WEB, &answer.refresh_token()).await.status, 200);
}

#[tokio::test]
async fn response_class_is_map_response() {
    let world = World::with(|builder| {
        builder.map_response(|mut response| {
            response.headers_mut().insert("x-our-header", HeaderValue::from_static("yes"));
            response
        })
    });
    for answer in [
        world.get("/nowhere").await,
        world.get(&Flow::web().url()).await,
        world.get("/.well-known/oauth-authorization-server").await,
        world.client_credentials(WEB).await,
        world.token(WEB, &[]).await,
    ] {
        assert_eq!(answer.header("x-our-header"), "yes");
    }
}

/// Notes what it saw of the HTTP request, then says no.
#[derive(Debug, Clone, Default)]
struct Watching {
    seen: Arc<Mutex<Vec<String>>>,
}

#[derive(Debug, Clone)]
struct Session(&'static str);

#[async_trait::async_trait]
impl SiteAdapter for Watching {
    async fn decide(&self, ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        let headers: Vec<&str> = ask.headers().keys().map(HeaderName::as_str).collect();
        self.seen.lock().unwrap().push(format!(
            "{} {} {:?} session={:?} q={:?} f={:?} decision={} {} {} {} {:?} {} {}",
            ask.method(),
            ask.uri().path(),
            headers,
            ask.extensions().get::<Session>().map(|session| session.0),
            ask.query("scope"),
            ask.form("note"),
            ask.is_decision(),
            ask.request().client().client_id,
            ask.request().redirect_uri(),
            ask.request().redirect_host(),
            ask.request().scopes(),
            ask.request().response_type(),
            ctx.issuer(),
        ));
        if ask.is_decision() {
            return Ok(Decision::Deny);
        }
        Ok(Decision::Show(Response::new(Bytes::from(form(ask)))))
    }
}

#[tokio::test]
async fn environ_reaches_the_site_adapter_as_extensions_and_request_parts() {
    let site = Watching::default();
    let world = World::with(|builder| builder.site(site.clone()));
    let request = Req::get(&Flow::web().url()).header(header::ACCEPT_LANGUAGE, "de").extension(Session("s1"));
    let answer = world.send(request.build()).await;
    let seen = site.seen.lock().unwrap().pop().unwrap();
    assert_eq!(
        seen,
        "GET /authorize [\"accept-language\"] session=Some(\"s1\") q=Some(\"read write\") f=None decision=false \
         web https://rp.example/cb rp.example \"read write\" code https://as.example"
    );
    assert_eq!(answer.status, 200);
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    browser.press(&page, "deny", &[("note", "hello")]).await.unwrap();
    let seen = site.seen.lock().unwrap().pop().unwrap();
    assert!(
        seen.starts_with("POST /authorize") && seen.contains("f=Some(\"hello\") decision=true"),
        "{seen}"
    );
}

#[tokio::test]
async fn site_headers_keeps_the_others_back() {
    let site = Watching::default();
    let world = World::with(|builder| builder.site(site.clone()).site_headers([header::ACCEPT_LANGUAGE]));
    let request = Req::get(&Flow::web().url())
        .header(header::ACCEPT_LANGUAGE, "de")
        .header(header::AUTHORIZATION, "Bearer x")
        .header(header::COOKIE, "a=b");
    world.send(request.build()).await;
    assert!(site.seen.lock().unwrap()[0].contains("[\"accept-language\"]"));
    let none = Watching::default();
    let world = World::with(|builder| builder.site(none.clone()).site_headers([]));
    world.send(Req::get(&Flow::web().url()).header(header::COOKIE, "a=b").build()).await;
    assert!(none.seen.lock().unwrap()[0].starts_with("GET /authorize [] "));
}

/// A grant type of one's own.
#[derive(Debug)]
struct Ticket;

#[async_trait::async_trait]
impl GrantType for Ticket {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::from_static("urn:example:grant:ticket")
    }

    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        if request.required("ticket")? != "golden" {
            return Err(Error::invalid_grant("This ticket is not valid")
                .with_uri("https://as.example/docs/tickets")
                .because("ticket_wrong"));
        }
        let scopes = ctx.scopes(request.get("scope"), client.client(), &self.grant_type())?;
        Ok(Issuance::new_grant(NewGrant::for_subject("bearer of the ticket").scopes(scopes).refreshable()))
    }
}

#[tokio::test]
async fn add_grant_with_ones_own_grant_type() {
    let world = World::with(|builder| builder.grant(Ticket));
    let name = "urn:example:grant:ticket";
    let answer = world.token(WEB, &[("grant_type", name), ("ticket", "golden")]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(world.introspect(API, &answer.access_token()).await["sub"], "bearer of the ticket");
    assert_eq!(world.refresh(WEB, &answer.refresh_token()).await.status, 200);
    let wrong = world.token(WEB, &[("grant_type", name), ("ticket", "paper")]).await;
    wrong.refused(400, "invalid_grant");
    assert_eq!(wrong.str("error_uri"), "https://as.example/docs/tickets");
    let code_only = Auth::Basic("code-only", "code-only-secret");
    world
        .token(code_only, &[("grant_type", name), ("ticket", "golden")])
        .await
        .refused(400, "unauthorized_client");
    let document = world.get("/.well-known/oauth-authorization-server").await.json();
    assert!(document["grant_types_supported"].as_array().unwrap().contains(&name.into()));
}

#[test]
fn two_that_overlap_are_refused_at_build() {
    let build = |change: fn(grantor_core::ProviderBuilder) -> grantor_core::ProviderBuilder| {
        let base = Provider::builder(ISSUER)
            .store(MemoryStore::new())
            .clients(StaticClients::default())
            .site(Watching::default());
        change(base).build().map(|_| ()).map_err(|error| error.to_string())
    };
    assert!(build(|b| b).unwrap_err().contains("no grant type"));
    assert!(build(|b| b.grant(Ticket).grant(Ticket)).unwrap_err().contains("twice"));
    assert!(build(|b| b.grant(RefreshToken::new()).grant(RefreshToken::new())).is_err());
    assert!(build(|b| b.grant(Ticket).client_authentication(grantor_core::ClientSecretBasic)).is_err());
    assert!(build(|b| b.grant(ClientCredentials::new().unique_tokens())).unwrap_err().contains("key"));
    assert!(build(|b| b.grant(Ticket).key(Secret::new("short"))).unwrap_err().contains("32"));
    assert!(build(|b| b.grant(Ticket)).is_ok());
    let no_site = Provider::builder(ISSUER).store(MemoryStore::new()).clients(StaticClients::default());
    assert!(no_site.grant(AuthorizationCode::new()).build().unwrap_err().to_string().contains("site"));
}

#[tokio::test]
async fn refresh_tokens_only_where_the_grant_type_is_registered_and_the_client_may() {
    let without = World::bare(ISSUER, |builder| builder.grant(AuthorizationCode::new()));
    let answer = without.tokens().await;
    assert_eq!(answer.json().get("refresh_token"), None);
    let world = World::new();
    let uri = "https://code-only.example/cb";
    let code = world.code_of(&Flow::of("code-only", uri)).await;
    let answer = world.redeem_as(Auth::Basic("code-only", "code-only-secret"), &code, Some(uri)).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("refresh_token")), (200, None));
    assert!(!world.tokens().await.refresh_token().is_empty());
}

#[tokio::test]
async fn expires_in_of_the_first_example_30_days() {
    let world = World::bare(ISSUER, |builder| {
        let month = Duration::from_secs(2_592_000);
        builder.grant(AuthorizationCode::new().access_token_lifetime(month)).grant(RefreshToken::new())
    });
    assert_eq!(world.tokens().await.json()["expires_in"], 2_592_000);
}

#[tokio::test]
async fn lifetimes_of_provider_grant_type_and_client() {
    let client = Client::builder("quick")
        .secret("s")
        .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
        .change(|client| client.lifetimes.access_token = Some(Lifetime::secs(7)))
        .build()
        .unwrap();
    let lifetimes =
        Lifetimes { access_token: Lifetime::secs(100), code: Duration::from_secs(5), ..Lifetimes::default() };
    let world = World::bare(ISSUER, |builder| {
        builder
            .lifetimes(lifetimes)
            .clients(StaticClients::new(clients().into_iter().chain([client])))
            .grant(AuthorizationCode::new())
            .grant(ClientCredentials::new().access_token_lifetime(Duration::from_secs(50)))
            .grant(RefreshToken::new())
    });
    assert_eq!(world.tokens().await.json()["expires_in"], 100);
    assert_eq!(world.client_credentials(WEB).await.json()["expires_in"], 50);
    assert_eq!(world.client_credentials(Auth::Basic("quick", "s")).await.json()["expires_in"], 7);
    let code = world.code().await;
    world.pass(5);
    world.redeem(&code).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn never_expires_by_name_only_and_with_a_warning() {
    let logs = crate::capture::Capture::default();
    logs.start();
    let world = World::bare(ISSUER, |builder| {
        builder.grant(ClientCredentials::new().access_token_lifetime(Lifetime::Never))
    });
    crate::capture::Capture::stop();
    assert!(logs.text().contains("tokens_never_expire"), "{}", logs.text());
    let answer = world.client_credentials(WEB).await;
    assert_eq!(answer.json().get("expires_in"), None);
    world.pass(100 * 365 * 24 * 3600);
    assert!(world.is_active(&answer.access_token()).await);
}

#[test]
fn a_lifetime_of_zero_is_no_word_for_never() {
    let build = |change: fn(grantor_core::ProviderBuilder) -> grantor_core::ProviderBuilder| {
        let base = Provider::builder(ISSUER).store(MemoryStore::new()).clients(StaticClients::default());
        change(base.site(Watching::default())).build().map(|_| ()).map_err(|error| error.to_string())
    };
    for refused in [
        build(|b| b.grant(ClientCredentials::new().access_token_lifetime(Duration::ZERO))),
        build(|b| b.grant(AuthorizationCode::new().code_lifetime(Duration::ZERO))),
        build(|b| b.grant(Ticket).grant(RefreshToken::new().idle_lifetime(Duration::ZERO))),
        build(|b| b.grant(Ticket).grant(RefreshToken::new().absolute_lifetime(Duration::ZERO))),
        build(|b| {
            b.grant(Ticket)
                .lifetimes(Lifetimes { access_token: Lifetime::For(Duration::ZERO), ..Lifetimes::default() })
        }),
        build(|b| b.grant(Ticket).lifetimes(Lifetimes { request: Duration::ZERO, ..Lifetimes::default() })),
    ] {
        assert!(refused.unwrap_err().contains("Lifetime::Never"));
    }
}

#[test]
fn an_http_issuer_on_another_host_warns() {
    let warned = |issuer: &str| {
        let logs = crate::capture::Capture::default();
        logs.start();
        let _ = World::bare(issuer, |builder| builder.insecure_issuer().grant(ClientCredentials::new()));
        crate::capture::Capture::stop();
        logs.text().contains("insecure_issuer")
    };
    assert!(warned("http://as.internal") && warned("http://localhost.evil.example"));
    assert!(!warned("http://localhost:8080") && !warned("http://[::1]") && !warned(ISSUER));
}

#[tokio::test]
async fn legacy_grants_warn() {
    let logs = crate::capture::Capture::default();
    logs.start();
    let _ = old_world(grantor_core::Limits::default());
    crate::capture::Capture::stop();
    assert_eq!(logs.text().matches("legacy_grant").count(), 2, "{}", logs.text());
}

#[tokio::test]
async fn reissue_refresh_tokens_off() {
    let world = World::bare(ISSUER, |builder| {
        builder.grant(AuthorizationCode::new()).grant(RefreshToken::new().rotate(false))
    });
    let first = world.tokens().await;
    for _ in 0..3 {
        world.pass(60);
        let next = world.refresh(WEB, &first.refresh_token()).await;
        assert_eq!((next.status.as_u16(), next.refresh_token()), (200, first.refresh_token()));
        assert_ne!(next.access_token(), first.access_token());
    }
}

/// Scopes by one's own rule: everything that begins with the client's name.
#[derive(Debug)]
struct OwnRule;

impl ScopePolicy for OwnRule {
    fn scopes(&self, asked: Option<&Scopes>, client: &Client, _: &GrantTypeName) -> Result<Scopes, Error> {
        let asked = asked.cloned().unwrap_or_default();
        let own = asked.iter().all(|scope| scope.starts_with(client.client_id.as_str()));
        if own { Ok(asked) } else { Err(Error::invalid_scope("These are not yours.")) }
    }
}

#[tokio::test]
async fn scopes_of_provider_grant_type_and_client_and_ones_own_rule() {
    let ask = async |world: &World, auth, scope| {
        world.token(auth, &[("grant_type", "client_credentials"), ("scope", scope)]).await
    };
    // Of the provider, narrowed by the client.
    let world = World::new();
    let narrow = Auth::Basic("narrow", "narrow-secret");
    assert_eq!(ask(&world, WEB, "admin").await.status, 200);
    ask(&world, narrow, "admin").await.refused(400, "invalid_scope");
    ask(&world, narrow, "read write").await.refused(400, "invalid_scope");
    assert_eq!(ask(&world, narrow, "read").await.status, 200);
    // Of the grant type.
    let world = World::bare(ISSUER, |builder| {
        builder.grant(AuthorizationCode::new()).grant(
            ClientCredentials::new().scopes(ScopeSet::new(scopes("jobs")).with_default(scopes("jobs"))),
        )
    });
    ask(&world, WEB, "read").await.refused(400, "invalid_scope");
    assert_eq!(world.client_credentials(WEB).await.str("scope"), "jobs");
    assert_eq!(world.tokens().await.str("scope"), "read write");
    let document = world.get("/.well-known/oauth-authorization-server").await.json();
    assert!(document["scopes_supported"].as_array().unwrap().contains(&"jobs".into()));
    // One's own.
    let world = World::bare(ISSUER, |builder| builder.grant(ClientCredentials::new()).scopes(OwnRule));
    assert_eq!(ask(&world, WEB, "web:all").await.status, 200);
    ask(&world, WEB, "other:all").await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn with_no_scopes_configured_nothing_is_granted() {
    let world = World::with(|builder| builder.scopes(ScopeSet::default()));
    let answer = world.client_credentials(WEB).await;
    assert_eq!((answer.status.as_u16(), answer.json().get("scope")), (200, None));
    world
        .token(WEB, &[("grant_type", "client_credentials"), ("scope", "read")])
        .await
        .refused(400, "invalid_scope");
    sent_back(&world.browser().get(&Flow::web().url()).await, "invalid_scope");
    assert!(world.approve(&Flow::web().without("scope")).await.answer("code").is_some());
}

/// Allows at once, but less than was asked.
#[derive(Debug)]
struct Less;

#[async_trait::async_trait]
impl SiteAdapter for Less {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice").scopes(scopes("read admin"))))
    }
}

#[tokio::test]
async fn the_site_may_allow_less_and_never_more() {
    let world = World::with(|builder| builder.site(Less));
    let page = world.browser().get(&Flow::web().url()).await;
    let answer = world.redeem(&page.answer("code").unwrap()).await;
    assert_eq!(answer.str("scope"), "read");
}

fn unique_world() -> World {
    World::bare(ISSUER, |builder| {
        builder
            .key(Secret::new("k".repeat(32)))
            .unique_tokens()
            .grant(AuthorizationCode::new())
            .grant(RefreshToken::new())
            .grant(ClientCredentials::new())
    })
}

#[tokio::test]
async fn unique_tokens_come_again_while_they_live() {
    let world = unique_world();
    let first = world.client_credentials(WEB).await;
    world.pass(100);
    let second = world.client_credentials(WEB).await;
    assert_eq!(first.access_token(), second.access_token());
    assert_eq!(second.json()["expires_in"], 500);
    assert_ne!(world.client_credentials(POST).await.access_token(), first.access_token());
    let other_scope = world.token(WEB, &[("grant_type", "client_credentials"), ("scope", "write")]).await;
    assert_ne!(other_scope.access_token(), first.access_token());
    world.pass(500);
    assert_ne!(world.client_credentials(WEB).await.access_token(), first.access_token());
    assert!(!world.is_active(&first.access_token()).await);
}

#[tokio::test]
async fn unique_tokens_after_a_code_by_user_and_grant() {
    let world = unique_world();
    let (first, second) = (world.tokens().await, world.tokens().await);
    assert_eq!(first.access_token(), second.access_token());
    assert_eq!(first.refresh_token(), second.refresh_token());
    let page = world.approve_as(&Flow::web(), "bob").await;
    let bob = world.redeem(&page.answer("code").unwrap()).await;
    assert_ne!(bob.access_token(), first.access_token());
    assert_eq!(world.introspect(API, &bob.access_token()).await["sub"], "bob");
    // A replay ends what the code gave.
    let code = world.code().await;
    let tokens = world.redeem(&code).await;
    world.redeem(&code).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access_token()).await);
}

#[tokio::test]
async fn unique_tokens_are_refreshed() {
    let world = unique_world();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    assert_eq!(second.status, 200, "{second:?}");
    assert_ne!(first.refresh_token(), second.refresh_token());
    assert!(world.is_active(&second.access_token()).await);
    // Who logs in again gets what is alive now.
    assert_eq!(world.tokens().await.access_token(), second.access_token());
}

#[tokio::test]
async fn unique_tokens_are_never_those_that_were_revoked() {
    let world = unique_world();
    let first = world.client_credentials(WEB).await.access_token();
    assert_eq!(world.revoke(WEB, &first).await.status, 200);
    let second = world.client_credentials(WEB).await.access_token();
    assert_ne!(first, second);
    assert!(!world.is_active(&first).await && world.is_active(&second).await);
}

/// Whether a token has the shape of its generator.
type Fits = fn(&str) -> bool;

#[tokio::test]
async fn token_generators_uuid4_random_bytes_and_ones_own() {
    #[derive(Debug)]
    struct Own;
    impl TokenGenerator for Own {
        fn generate(&self, seed: &[u8; 32]) -> String {
            format!("own-{:064x}", u128::from_be_bytes(*seed.first_chunk().unwrap()))
        }
    }
    fn generated(generator: impl TokenGenerator) -> World {
        World::with(|builder| builder.token_generator(generator))
    }
    let uuid: fn(&str) -> bool = |text| {
        text.len() == 36
            && text.as_bytes()[14] == b'4'
            && text.bytes().filter(|byte| *byte == b'-').count() == 4
    };
    let worlds: [(World, Fits); 3] = [
        (generated(Uuid4), uuid),
        (generated(RandomBytes { bytes: 20 }), |text| text.len() == 27),
        (generated(Own), |text| text.len() == 68),
    ];
    for (world, fits) in worlds {
        let code = world.code().await;
        assert!(fits(&code), "{code}");
        let first = world.redeem(&code).await;
        let (access, refresh) = (first.access_token(), first.refresh_token());
        assert!(fits(&access) && fits(&refresh) && access != refresh && access != code, "{access} {refresh}");
        assert!(world.is_active(&access).await);
        // They are not what they are not.
        world.refresh(WEB, &access).await.refused(400, "invalid_grant");
        world.redeem(&refresh).await.refused(400, "invalid_grant");
        world.refresh(OTHER, &refresh).await.refused(400, "invalid_grant");
        // Retries give the same, rotation and reuse work.
        let second = world.refresh(WEB, &refresh).await;
        let again = world.refresh(WEB, &refresh).await;
        assert_eq!(
            (second.access_token(), second.refresh_token()),
            (again.access_token(), again.refresh_token())
        );
        world.pass(11);
        world.refresh(WEB, &refresh).await.refused(400, "invalid_grant");
        assert!(!world.is_active(&second.access_token()).await);
        let third = world.tokens().await;
        assert_eq!(world.revoke(WEB, &third.refresh_token()).await.status, 200);
        assert!(!world.is_active(&third.access_token()).await);
    }
}

#[tokio::test]
async fn client_authenticator_of_ones_own() {
    /// The client's name in a header that a proxy sets.
    #[derive(Debug)]
    struct ByHeader;
    #[async_trait::async_trait]
    impl ClientAuthentication for ByHeader {
        fn method(&self) -> AuthMethod {
            AuthMethod::from_static("by_header")
        }
        fn claimed(&self, request: &BackChannel<'_>) -> Result<Option<ClientId>, Error> {
            let value = request.http().headers().get("x-client").and_then(|value| value.to_str().ok());
            value.map(|id| ClientId::parse(id).map_err(Error::from)).transpose()
        }
        async fn verify(&self, _: &Ctx<'_>, request: &BackChannel<'_>, client: &Client) -> Result<(), Error> {
            let secret = request.get("pin").unwrap_or_default();
            if client.has_secret(secret) { Ok(()) } else { Err(client_refused("pin_wrong")) }
        }
    }
    let client = Client::builder("headed")
        .secret("1234")
        .auth_method(AuthMethod::from_static("by_header"))
        .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
        .build()
        .unwrap();
    let world = World::with(|builder| {
        builder
            .client_authentication(ByHeader)
            .clients(StaticClients::new(clients().into_iter().chain([client])))
    });
    let send = async |auth, id: &'static str, pin: &'static str| {
        let request = Req::form("/token", auth, &[("grant_type", "client_credentials"), ("pin", pin)]);
        world.send(request.header(HeaderName::from_static("x-client"), id).build()).await
    };
    assert_eq!(send(Auth::None, "headed", "1234").await.status, 200);
    send(Auth::None, "headed", "0000").await.refused(401, "invalid_client");
    send(Auth::None, "web", "web-secret").await.refused(401, "invalid_client");
    send(WEB, "headed", "1234").await.refused(400, "invalid_request");
    let document = world.get("/.well-known/oauth-authorization-server").await.json();
    assert!(
        document["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&"by_header".into())
    );
}

/// Counts how it is asked; deny, allow and page as one question with three answers.
#[tokio::test]
async fn site_adapter_allow_show_deny() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    assert_eq!(page.forms().len(), 1);
    // Reload and back work until the decision.
    let again = browser.get(&page.forms()[0].action).await;
    assert_eq!(again.forms(), page.forms());
    let done = browser.press(&again, "allow", &[("user", "carol")]).await.unwrap();
    let tokens = world.redeem(&done.answer("code").unwrap()).await;
    assert_eq!(world.introspect(API, &tokens.access_token()).await["data"]["name"], "carol of the site");
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    sent_back(&browser.press(&page, "deny", &[]).await.unwrap(), "access_denied");
}

#[tokio::test]
async fn the_sites_own_login_page_and_resuming() {
    /// Sends strangers to the site's own login, and allows who comes back signed in.
    #[derive(Debug)]
    struct OwnLogin;
    #[async_trait::async_trait]
    impl SiteAdapter for OwnLogin {
        async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
            if let Some(session) = ask.extensions().get::<Session>() {
                return Ok(Decision::Allow(Approval::of(session.0)));
            }
            let next: String = form_urlencoded::byte_serialize(ask.resume_url().as_bytes()).collect();
            let to = Response::builder().status(303).header("location", format!("/login?next={next}"));
            Ok(Decision::Show(to.body(Bytes::new())?))
        }
    }
    let world = World::with(|builder| builder.site(OwnLogin));
    let away = world.get(&Flow::web().url()).await;
    let target = away.header("location").to_owned();
    let next =
        form_urlencoded::parse(target.split_once('?').unwrap().1.as_bytes()).next().unwrap().1.into_owned();
    let cookie = away.header("set-cookie").split(';').next().unwrap().to_owned();
    let back = Req::get(&next).header(header::COOKIE, &cookie).extension(Session("dave"));
    let answer = world.send(back.build()).await;
    assert!(answer.header("location").starts_with("https://rp.example/cb?code="), "{answer:?}");
}

#[tokio::test]
async fn oauth2_errors_have_code_description_and_uri() {
    let error = Error::invalid_grant("No.").with_uri("https://as.example/docs").because("because");
    assert_eq!((error.code().as_str(), error.description().as_str()), ("invalid_grant", "No."));
    assert_eq!((error.uri(), error.reason()), (Some("https://as.example/docs"), "because"));
    assert_eq!(error.to_string(), "invalid_grant: No.");
}

// --- known defects that must not return --------------------------------------------------------------------------------

#[tokio::test]
async fn defect_error_redirects_lose_state() {
    let world = World::new();
    for wrong in
        [Flow::web().set("scope", "x"), Flow::web().set("response_type", "x"), Flow::web().without_pkce()]
    {
        let page = world.browser().get(&wrong.url()).await;
        assert_eq!(page.answer("state").as_deref(), Some("the-state"));
    }
}

#[tokio::test]
async fn defect_bad_codes_and_refresh_tokens_are_invalid_request() {
    let world = World::new();
    world.redeem("bad").await.refused(400, "invalid_grant");
    world.refresh(WEB, "bad").await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn defect_code_and_refresh_token_are_not_bound_to_the_client() {
    let world = World::new();
    let code = world.code().await;
    world.redeem_as(OTHER, &code, Some(REDIRECT)).await.refused(400, "invalid_grant");
    let tokens = world.redeem(&code).await;
    world.refresh(OTHER, &tokens.refresh_token()).await.refused(400, "invalid_grant");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn defect_a_code_is_redeemed_twice_in_a_race() {
    let world = Arc::new(World::new());
    for _ in 0..10 {
        let code = Arc::new(world.code().await);
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (world, code) = (Arc::clone(&world), Arc::clone(&code));
                tokio::spawn(async move { world.redeem(&code).await.status.as_u16() })
            })
            .collect();
        let mut won = 0;
        for task in tasks {
            match task.await.unwrap() {
                200 => won += 1,
                status => assert!(matches!(status, 400 | 503), "{status}"),
            }
        }
        assert!(won <= 1, "{won} winners");
    }
}

#[tokio::test]
async fn defect_an_access_token_passes_as_refresh_token() {
    let world = World::new();
    let tokens = world.tokens().await;
    world.refresh(WEB, &tokens.access_token()).await.refused(400, "invalid_grant");
    let swapped = tokens.access_token().replace("grt_at_", "grt_rt_");
    world.refresh(WEB, &swapped).await.refused(400, "invalid_grant");
    assert!(world.is_active(&tokens.access_token()).await);
}

#[tokio::test]
async fn defect_guessable_keys_pass_as_refresh_token() {
    let world = World::new();
    world.tokens().await;
    for guess in ["web_authorization_code_alice", "web_refresh_token_alice", "web__alice", "alice", "web"] {
        world.refresh(WEB, guess).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn defect_rotated_tokens_stay_valid() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    world.pass(11);
    world.refresh(WEB, &first.refresh_token()).await.refused(400, "invalid_grant");
    world.refresh(WEB, &second.refresh_token()).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn defect_no_key_ever_expires() {
    let world = World::new();
    world.tokens().await;
    world.code().await;
    world.browser().get(&Flow::web().url()).await;
    world.client_credentials(WEB).await;
    assert_eq!(world.counts().await, (3, 1));
    world.pass(31 * 24 * 3600);
    assert_eq!(world.counts().await, (0, 0));
}

#[tokio::test]
async fn defect_implicit_tokens_never_expire_and_forget_their_user() {
    let (world, _) = old_world(grantor_core::Limits::default());
    let token = world.approve(&implicit()).await.answer("access_token").unwrap();
    assert_eq!(world.introspect(API, &token).await["sub"], "alice");
    world.pass(86_400);
    assert!(!world.is_active(&token).await);
}

#[tokio::test]
async fn defect_secrets_and_tokens_are_stored_in_clear() {
    let clients = clients();
    assert!(!format!("{clients:?}").contains("web-secret"));
    let world = World::new();
    let code = world.code().await;
    let tokens = world.tokens().await;
    let dump = world.dump().await;
    assert!(!dump.is_empty());
    for secret in [code, tokens.access_token(), tokens.refresh_token()] {
        assert!(!crate::capture::contains(&dump, &secret));
    }
}

#[tokio::test]
async fn defect_the_query_is_glued_on_with_a_question_mark() {
    let world = World::new();
    let uri = "https://query.example/cb?tenant=a&x";
    let target = world.approve(&Flow::of("query", uri)).await.left_for.unwrap();
    assert!(target.starts_with("https://query.example/cb?tenant=a&x&code="), "{target}");
}

#[tokio::test]
async fn defect_request_state_lives_on_the_shared_client() {
    // Two requests of one client in parallel: each keeps its own redirect URI, state and scopes.
    let world = World::new();
    let (mut one, mut two) = (world.browser(), world.browser());
    let page_one =
        one.get(&Flow::of("two", "https://two.example/a").set("state", "1").set("scope", "read").url()).await;
    let page_two = two
        .get(&Flow::of("two", "https://two.example/b").set("state", "2").set("scope", "write").url())
        .await;
    let done_two = two.press(&page_two, "allow", &[("user", "bob")]).await.unwrap();
    let done_one = one.press(&page_one, "allow", &[("user", "alice")]).await.unwrap();
    for (done, uri, state, user, scope) in [
        (done_one, "https://two.example/a", "1", "alice", "read"),
        (done_two, "https://two.example/b", "2", "bob", "write"),
    ] {
        assert!(done.left_for.clone().unwrap().starts_with(uri));
        assert_eq!(done.answer("state").as_deref(), Some(state));
        let two = Auth::Basic("two", "two-secret");
        let tokens = world.redeem_as(two, &done.answer("code").unwrap(), Some(uri)).await;
        let facts = world.introspect(API, &tokens.access_token()).await;
        assert_eq!((facts["sub"].as_str(), facts["scope"].as_str()), (Some(user), Some(scope)));
    }
}

#[tokio::test]
async fn defect_unknown_scopes_are_dropped_silently() {
    let world = World::new();
    sent_back(&world.browser().get(&Flow::web().set("scope", "read unknown").url()).await, "invalid_scope");
}

#[tokio::test]
async fn defect_a_post_on_the_authorize_path_is_refused() {
    let world = World::new();
    assert_eq!(world.browser().post("/authorize", &Flow::web().fields()).await.status, 200);
    let page = world.approve(&Flow::web()).await;
    assert!(page.answer("code").is_some(), "the documented confirm form works");
}

#[tokio::test]
async fn defect_refresh_tokens_without_a_refresh_grant() {
    let world = World::bare(ISSUER, |builder| builder.grant(AuthorizationCode::new()));
    assert_eq!(world.tokens().await.json().get("refresh_token"), None);
}

#[tokio::test]
async fn defect_a_refresh_loses_the_scopes_and_lets_one_ask_for_more() {
    let world = World::new();
    let first = world.tokens().await;
    let token = first.refresh_token();
    let more =
        [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", "read write admin")];
    world.token(WEB, &more).await.refused(400, "invalid_scope");
    let second = world.refresh(WEB, &token).await;
    assert_eq!(second.str("scope"), "read write");
    assert_eq!(world.introspect(API, &second.access_token()).await["scope"], "read write");
}

#[tokio::test]
async fn defect_a_wrong_grant_type_answers_unsupported_response_type() {
    World::new().token(WEB, &[("grant_type", "x")]).await.refused(400, "unsupported_grant_type");
}

#[tokio::test]
async fn defect_response_type_errors_are_not_redirected() {
    let world = World::new();
    sent_back(
        &world.browser().get(&Flow::web().set("response_type", "x").url()).await,
        "unsupported_response_type",
    );
}

#[tokio::test]
async fn defect_failed_basic_is_400_without_a_challenge() {
    let answer = World::new().client_credentials(Auth::Basic("web", "wrong")).await;
    answer.refused(401, "invalid_client");
    assert!(answer.header("www-authenticate").starts_with("Basic "));
}

#[tokio::test]
async fn defect_a_wrong_user_password_is_invalid_client() {
    let (world, _) = old_world(grantor_core::Limits::default());
    log_in(&world, "alice", "wrong").await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn defect_the_password_grant_answers_on_any_path() {
    let (world, _) = old_world(grantor_core::Limits::default());
    let fields = [("grant_type", "password"), ("username", "alice"), ("password", "x")];
    assert_eq!(world.form("/anything", OLD, &fields).await.status, 404);
    assert_eq!(world.form("/authorize", OLD, &fields).await.status, 400);
}

#[tokio::test]
async fn defect_error_uri_is_never_sent() {
    let world = World::with(|builder| builder.grant(Ticket));
    let answer = world.token(WEB, &[("grant_type", "urn:example:grant:ticket"), ("ticket", "x")]).await;
    assert_eq!(answer.str("error_uri"), "https://as.example/docs/tickets");
}

#[tokio::test]
async fn defect_a_refresh_loses_the_user() {
    let world = World::new();
    let second = world.refresh(WEB, &world.tokens().await.refresh_token()).await;
    let facts = world.introspect(API, &second.access_token()).await;
    assert_eq!(
        (facts["sub"].as_str(), facts["data"]["name"].as_str()),
        (Some("alice"), Some("alice of the site"))
    );
}

#[tokio::test]
async fn defect_a_failing_store_is_400() {
    let world = World::new();
    let code = world.code().await;
    world.store.next_load(Fault::ErrorBefore);
    let answer = world.client_credentials(WEB).await;
    answer.refused(503, "temporarily_unavailable");
    assert_eq!(answer.header("retry-after"), "1");
    world.store.next_replace(Fault::ErrorBefore);
    world.redeem(&code).await.refused(503, "temporarily_unavailable");
    assert_eq!(world.redeem(&code).await.status, 200, "the code was not burnt");
}

#[tokio::test]
async fn defect_repeated_parameters_are_taken() {
    let world = World::new();
    let fields = [("grant_type", "client_credentials"), ("scope", "read"), ("scope", "admin")];
    world.token(WEB, &fields).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn defect_odd_bytes_in_a_body_are_500() {
    let world = World::new();
    for body in [&b"grant_type=%ff"[..], b"\xff\xfe=\x00", b"%", b"a=%zz"] {
        let answer = world.send(Req::raw("/token", Bytes::copy_from_slice(body)).build()).await;
        answer.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn defect_redirect_uri_is_demanded_although_the_request_had_none() {
    let world = World::new();
    let page = world.approve(&Flow::web().without("redirect_uri")).await;
    assert_eq!(world.redeem_as(WEB, &page.answer("code").unwrap(), None).await.status, 200);
}

#[tokio::test]
async fn defect_of_two_registered_uris_the_first_is_guessed() {
    let page = World::new().browser().get(&Flow::of("two", "").without("redirect_uri").url()).await;
    assert_eq!((page.status.as_u16(), page.left_for), (400, None));
}

#[tokio::test]
async fn defect_a_replayed_code_leaves_its_tokens_alive() {
    let world = World::new();
    let code = world.code().await;
    let tokens = world.redeem(&code).await;
    world.redeem(&code).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&tokens.access_token()).await);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
}

/// A generator whose strings nobody could use is refused when the provider is built, not when a user has its token.
#[test]
fn a_generator_of_ones_own_is_tried_when_the_provider_is_built() {
    #[derive(Debug)]
    struct Own(fn(&[u8; 32]) -> String);
    impl TokenGenerator for Own {
        fn generate(&self, seed: &[u8; 32]) -> String {
            (self.0)(seed)
        }
    }
    static CALLS: AtomicU64 = AtomicU64::new(0);
    let build = |generate: fn(&[u8; 32]) -> String| {
        Provider::builder("https://as.example")
            .store(MemoryStore::new())
            .clients(StaticClients::new([]))
            .grant(ClientCredentials::new())
            .token_generator(Own(generate))
            .build()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    let text = |seed: &[u8; 32]| format!("seed-{:032x}", u128::from(seed[0]));
    assert_eq!(build(text), Ok(()));
    for (generate, why) in [
        (
            (|_| format!("token-number-{:08}", CALLS.fetch_add(1, Ordering::Relaxed)))
                as fn(&[u8; 32]) -> String,
            "pure function",
        ),
        (|_| "always-the-same-string".to_owned(), "128 bits"),
        (|seed| format!("short-{}", seed[0]), "16 to 512"),
        (|seed| format!("with a space {:032}", seed[0]), "visible ASCII"),
        (|seed| format!("{}{}", "long".repeat(200), seed[0]), "16 to 512"),
    ] {
        assert!(build(generate).unwrap_err().contains(why), "{why}: {:?}", build(generate));
    }
}
