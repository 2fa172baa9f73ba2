//! RFC 8414, Authorization Server Metadata: what is announced works, what is not announced is refused.

use grantor_core::{
    AuthorizationCode, ClientCredentials, ClientSecretPost, Paths, PublicClient, RefreshToken,
};
use http::header;
use serde_json::{Value, json};
use std::sync::Arc;

use crate::support::{
    APP, Answer, Auth, Flow, ISSUER, POST, REDIRECT, Req, VERIFIER, WEB, World, basic, sent_back,
};

const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

fn list(document: &Value, name: &str) -> Vec<String> {
    let values = document[name].as_array().cloned().unwrap_or_default();
    values.iter().map(|value| value.as_str().unwrap_or_default().to_owned()).collect()
}

async fn document(world: &World) -> Value {
    let answer = world.get(WELL_KNOWN).await;
    assert_eq!(answer.status, 200);
    answer.json()
}

#[tokio::test]
async fn rfc8414_2_the_document() {
    let world = World::new();
    let expected = json!({
        "issuer": ISSUER,
        "authorization_endpoint": "https://as.example/authorize",
        "token_endpoint": "https://as.example/token",
        "revocation_endpoint": "https://as.example/revoke",
        "introspection_endpoint": "https://as.example/introspect",
        "scopes_supported": ["read", "write", "admin"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
    });
    assert_eq!(document(&world).await, expected);
}

#[tokio::test]
async fn rfc8414_3_1_get_and_head_json_cacheable() {
    let world = World::new();
    let answer = world.get(WELL_KNOWN).await;
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("cache-control"), "public, max-age=300");
    let head = world.send(Req::new(http::Method::HEAD, WELL_KNOWN, "").build()).await;
    assert_eq!((head.status.as_u16(), head.body.len()), (200, 0));
    for method in ["POST", "PUT", "DELETE"] {
        let answer = world.send(Req::new(method.parse().unwrap(), WELL_KNOWN, "").build()).await;
        assert_eq!(answer.status, 405);
    }
}

#[tokio::test]
async fn rfc8414_3_path_issuers_at_their_place() {
    for (issuer, path, base) in [
        (
            "https://as.example/tenant",
            "/.well-known/oauth-authorization-server/tenant",
            "https://as.example/tenant",
        ),
        ("https://as.example/a/b/", "/.well-known/oauth-authorization-server/a/b", "https://as.example/a/b"),
        ("https://as.example/", WELL_KNOWN, "https://as.example"),
    ] {
        let world = World::bare(issuer, |builder| {
            builder.grant(AuthorizationCode::new()).grant(RefreshToken::new()).grant(ClientCredentials::new())
        });
        let document = world.get(path).await.json();
        assert_eq!(document["issuer"], issuer);
        assert_eq!(document["token_endpoint"], format!("{base}/token"));
        let below = base.strip_prefix("https://as.example").unwrap();
        if !below.is_empty() {
            for elsewhere in [WELL_KNOWN.to_owned(), format!("{below}{WELL_KNOWN}"), format!("{path}/x")] {
                assert_eq!(world.get(&elsewhere).await.status, 404, "{elsewhere}");
            }
        }
        // The whole flow at the announced endpoints, the page's own address included.
        let mut browser = world.browser();
        let page = browser.get(&Flow::web().at(&format!("{below}/authorize")).url()).await;
        let page = browser.press(&page, "allow", &[]).await.unwrap();
        let code = page.answer("code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        let tokens = world.form(&format!("{below}/token"), WEB, &fields).await;
        assert_eq!(tokens.status, 200, "{tokens:?}");
        assert_eq!(world.provider.paths().len(), 5);
        assert!(world.provider.paths().contains(&path.to_owned()));
    }
}

#[tokio::test]
async fn paths_are_configurable_and_the_old_ones_gone() {
    let paths = Paths {
        authorize: "/oauth/start".into(),
        token: "/oauth/token".into(),
        revoke: "/oauth/end".into(),
        introspect: "/oauth/what".into(),
    };
    let world = World::with(|builder| builder.paths(paths));
    let document = document(&world).await;
    assert_eq!(document["authorization_endpoint"], "https://as.example/oauth/start");
    for (name, path) in [
        ("token_endpoint", "/oauth/token"),
        ("revocation_endpoint", "/oauth/end"),
        ("introspection_endpoint", "/oauth/what"),
    ] {
        assert_eq!(document[name], format!("{ISSUER}{path}"));
        assert_ne!(world.form(path, WEB, &[]).await.status, 404);
    }
    for gone in ["/authorize", "/token", "/revoke", "/introspect"] {
        assert_eq!(world.form(gone, WEB, &[]).await.status, 404);
    }
    assert_eq!(world.browser().get(&Flow::web().at("/oauth/start").url()).await.status, 200);
}

#[tokio::test]
async fn every_announced_thing_works() {
    let world = World::new();
    let document = document(&world).await;
    for response_type in list(&document, "response_types_supported") {
        assert!(
            world.approve(&Flow::web().set("response_type", &response_type)).await.answer("code").is_some()
        );
    }
    for mode in list(&document, "response_modes_supported") {
        let page = world.approve(&Flow::web().set("response_mode", &mode)).await;
        assert!(page.answer("code").is_some(), "{mode}");
        assert_eq!(page.left_for.is_none(), mode == "form_post");
    }
    for scope in list(&document, "scopes_supported") {
        let answer = world.token(WEB, &[("grant_type", "client_credentials"), ("scope", &scope)]).await;
        assert_eq!(answer.str("scope"), scope);
    }
    for method in list(&document, "code_challenge_methods_supported") {
        assert!(
            world.approve(&Flow::web().set("code_challenge_method", &method)).await.answer("code").is_some()
        );
    }
    for grant_type in list(&document, "grant_types_supported") {
        let answer = match grant_type.as_str() {
            "authorization_code" => world.tokens().await,
            "refresh_token" => world.refresh(WEB, &world.tokens().await.refresh_token()).await,
            "client_credentials" => world.client_credentials(WEB).await,
            other => panic!("{other} is announced"),
        };
        assert_eq!(answer.status, 200, "{grant_type}");
    }
    for endpoint in ["token", "revocation", "introspection"] {
        let path = document[format!("{endpoint}_endpoint")]
            .as_str()
            .unwrap()
            .strip_prefix(ISSUER)
            .unwrap()
            .to_owned();
        for method in list(&document, &format!("{endpoint}_endpoint_auth_methods_supported")) {
            let auth = match method.as_str() {
                "client_secret_basic" => WEB,
                "client_secret_post" => POST,
                "none" => APP,
                other => panic!("{other} is announced"),
            };
            let fields = [("token", "x"), ("grant_type", "refresh_token"), ("refresh_token", "x")];
            let answer = world.form(&path, auth, &fields).await;
            assert_ne!(answer.status, 401, "{endpoint} {method}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn everything_else_is_refused() {
    let world = World::new();
    for response_type in ["token", "id_token", "code id_token", "none", "code token"] {
        let page = world.browser().get(&Flow::web().set("response_type", response_type).url()).await;
        sent_back(&page, "unsupported_response_type");
    }
    for grant_type in [
        "password",
        "implicit",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "Authorization_Code",
    ] {
        world.token(WEB, &[("grant_type", grant_type)]).await.refused(400, "unsupported_grant_type");
    }
    for path in [
        "/userinfo",
        "/jwks",
        "/par",
        "/register",
        "/device",
        "/token/",
        "/token;x",
        "//token",
        "/Token",
        "/",
    ] {
        assert_eq!(world.get(path).await.status, 404, "{path}");
        assert_eq!(
            world.form(path, WEB, &[("grant_type", "client_credentials")]).await.status,
            404,
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_document_follows_what_is_registered() {
    let world = World::bare(ISSUER, |builder| builder.grant(ClientCredentials::new()));
    let machine = document(&world).await;
    for absent in ["authorization_endpoint", "response_modes_supported", "code_challenge_methods_supported"] {
        assert_eq!(machine.get(absent), None, "{absent}");
    }
    assert_eq!(machine["response_types_supported"], json!([]));
    assert_eq!(machine["grant_types_supported"], json!(["client_credentials"]));
    assert_eq!(machine.get("authorization_response_iss_parameter_supported"), None);
    // And the authorization endpoint has nothing to give.
    sent_back(&world.browser().get(&Flow::web().url()).await, "unsupported_response_type");

    let world = World::with(|builder| {
        builder.only_client_authentications(vec![Arc::new(ClientSecretPost), Arc::new(PublicClient)])
    });
    let post_only = document(&world).await;
    assert_eq!(post_only["token_endpoint_auth_methods_supported"], json!(["client_secret_post", "none"]));
    world.client_credentials(WEB).await.refused(401, "invalid_client");
    assert_eq!(world.client_credentials(POST).await.status, 200);

    let world = World::with(|builder| builder.only_client_authentications(vec![Arc::new(ClientSecretPost)]));
    let secret_only = document(&world).await;
    assert_eq!(secret_only["token_endpoint_auth_methods_supported"], json!(["client_secret_post"]));
    world.refresh(APP, "x").await.refused(401, "invalid_client");
}

#[tokio::test]
async fn rfc8414_3_3_the_issuer_is_the_configured_one_whatever_the_request_says() {
    let world = World::new();
    let plain = world.get(WELL_KNOWN).await.body;
    let headers = [
        (header::HOST, "evil.example"),
        (header::HOST, "as.example:8443"),
        (header::FORWARDED, "host=evil.example;proto=http"),
        (http::HeaderName::from_static("x-forwarded-host"), "evil.example"),
        (http::HeaderName::from_static("x-forwarded-proto"), "http"),
        (http::HeaderName::from_static("x-forwarded-prefix"), "/evil"),
        (http::HeaderName::from_static("x-original-url"), "/token"),
    ];
    for (name, value) in headers {
        let answer = world.send(Req::get(WELL_KNOWN).header(name.clone(), value).build()).await;
        assert_eq!(answer.body, plain, "{name}: {value}");
        let page = Answer::of(
            world
                .provider
                .handle(Req::get(&Flow::web().set("scope", "x").url()).header(name, value).build())
                .await,
        );
        assert!(page.header("location").starts_with("https://rp.example/cb?"), "{page:?}");
        assert!(page.header("location").ends_with("&iss=https%3A%2F%2Fas.example"), "{page:?}");
    }
    let absolute = format!("http://evil.example{WELL_KNOWN}");
    assert_eq!(world.get(&absolute).await.body, plain);
}

#[tokio::test]
async fn rfc8414_2_what_is_no_issuer_is_refused_at_build() {
    for (issuer, part) in [
        ("as.example", "URL"),
        ("http://as.example", "https"),
        ("ftp://as.example", "https"),
        ("https://as.example?x", "query"),
        ("https://as.example#x", "fragment"),
        ("https://u:p@as.example", "user"),
        ("https://AS.example", "https://as.example"),
        ("https://as.example:443", "https://as.example"),
        ("https://as.example/a/../b", "https://as.example/b"),
        ("", "URL"),
    ] {
        let built = grantor_core::Provider::builder(issuer)
            .store(grantor_store_memory::MemoryStore::new())
            .clients(grantor_core::StaticClients::default())
            .grant(ClientCredentials::new())
            .build();
        let error = built.unwrap_err().to_string();
        assert!(error.contains(part), "{issuer}: {error}");
    }
    for issuer in ["http://localhost:8080", "http://127.0.0.1", "http://[::1]:1", "https://as.example:8443/a"]
    {
        World::bare(issuer, |builder| builder.grant(ClientCredentials::new()));
    }
    World::bare("http://as.internal", |builder| builder.insecure_issuer().grant(ClientCredentials::new()));
}

#[tokio::test]
async fn the_authorization_scheme_is_case_insensitive_and_strict() {
    let world = World::new();
    let good = basic("web", "web-secret");
    let encoded = good.strip_prefix("Basic ").unwrap();
    let with = async |value: String| {
        let request = Req::form("/token", Auth::None, &[("grant_type", "client_credentials")]);
        world.send(request.header(header::AUTHORIZATION, &value).build()).await
    };
    for fine in [format!("basic {encoded}"), format!("BASIC {encoded}"), format!("Basic   {encoded}")] {
        assert_eq!(with(fine.clone()).await.status, 200, "{fine}");
    }
    for bad in
        ["Basic".to_owned(), "Basic ".to_owned(), format!("Basic {encoded}="), format!("Basic\t{encoded}")]
    {
        with(bad.clone()).await.refused(401, "invalid_client");
    }
}
