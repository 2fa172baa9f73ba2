//! RFC 6749, The OAuth 2.0 Authorization Framework.

use grantor_core::{AuthMethod, Client, GrantTypeName, ResponseType};
use http::header;

use crate::support::{
    APP, Auth, Flow, ISSUER, NOBODY, OTHER, POST, REDIRECT, Req, VERIFIER, WEB, World, legal, scopes,
    sent_back, shown_here,
};

// --- §2 clients -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_2_3_1_basic_and_post_authenticate() {
    let world = World::new();
    assert_eq!(world.client_credentials(WEB).await.status, 200);
    assert_eq!(world.client_credentials(POST).await.status, 200);
}

#[tokio::test]
async fn rfc6749_2_3_1_basic_is_form_encoded() {
    let odd = "s:e%c r+e&t=?/\u{e9}\u{1f980}\"";
    let client =
        Client::builder("odd: client+%").secret(odd).grant_types([GrantTypeName::CLIENT_CREDENTIALS]);
    let world = World::with_clients(vec![client.build().unwrap()]);
    let fields = [("grant_type", "client_credentials")];
    let request = Req::form("/token", NOBODY, &fields)
        .header(header::AUTHORIZATION, &crate::support::basic("odd: client+%", odd));
    assert_eq!(world.send(request.build()).await.status, 200);
}

#[tokio::test]
async fn rfc6749_2_3_1_two_secrets_while_one_is_changed() {
    let client = Client::builder("turning")
        .secret("old")
        .secret("new")
        .grant_types([GrantTypeName::CLIENT_CREDENTIALS]);
    let world = World::with_clients(vec![client.build().unwrap()]);
    for secret in ["old", "new"] {
        assert_eq!(world.client_credentials(Auth::Basic("turning", secret)).await.status, 200);
    }
    world.client_credentials(Auth::Basic("turning", "oldnew")).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn rfc6749_2_3_one_method_per_request() {
    let world = World::new();
    let fields =
        [("grant_type", "client_credentials"), ("client_id", "web"), ("client_secret", "web-secret")];
    world.token(WEB, &fields).await.refused(400, "invalid_request");
}

#[tokio::test]
async fn rfc6749_2_3_the_registered_method_only() {
    let world = World::new();
    world.client_credentials(Auth::Post("web", "web-secret")).await.refused(401, "invalid_client");
    world.client_credentials(Auth::Basic("post", "post-secret")).await.refused(401, "invalid_client");
    world.client_credentials(Auth::Public("web")).await.refused(401, "invalid_client");
}

#[tokio::test]
async fn rfc6749_2_3_1_credentials_never_in_the_uri() {
    let world = World::new();
    for query in
        ["client_secret=web-secret", "client_id=post&client_secret=post-secret", "code=x", "password=x"]
    {
        let fields = [("grant_type", "client_credentials")];
        let request = Req::form(&format!("/token?{query}"), WEB, &fields);
        world.send(request.build()).await.refused(400, "invalid_request");
    }
}

#[tokio::test]
async fn rfc6749_2_3_1_a_client_id_beside_basic_must_be_the_same() {
    let world = World::new();
    let fields = [("grant_type", "client_credentials"), ("client_id", "other")];
    world.token(WEB, &fields).await.refused(401, "invalid_client");
    let fields = [("grant_type", "client_credentials"), ("client_id", "web")];
    assert_eq!(world.token(WEB, &fields).await.status, 200);
}

// --- §3.1 authorization endpoint ------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_3_1_get_and_post() {
    let world = World::new();
    let request = Flow::web();
    assert_eq!(world.browser().get(&request.url()).await.status, 200);
    let mut browser = world.browser();
    let page = browser.post("/authorize", &request.fields()).await;
    assert_eq!(page.status, 200);
    let page = browser.press(&page, "allow", &[]).await.unwrap();
    assert_eq!(page.answer("state").as_deref(), Some("the-state"));
    assert!(page.answer("code").is_some());
}

#[tokio::test]
async fn rfc6749_3_1_other_methods_are_refused() {
    let world = World::new();
    for method in ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"] {
        let request = Req::new(method.parse().unwrap(), &Flow::web().url(), "");
        let answer = world.send(request.build()).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "GET, POST"), "{method}");
    }
}

#[tokio::test]
async fn rfc6749_3_1_each_parameter_once() {
    let world = World::new();
    for name in Flow::web().names() {
        let page = world.browser().get(&Flow::web().and(&name, "again").url()).await;
        match name.as_str() {
            "client_id" | "redirect_uri" => shown_here(&page, &name),
            "state" => {
                sent_back(&page, "invalid_request");
                assert_eq!(page.answer("state"), None, "which of both?");
            }
            _ => {
                sent_back(&page, "invalid_request");
                assert_eq!(page.answer("state").as_deref(), Some("the-state"));
            }
        }
    }
    assert_eq!(world.counts().await, (0, 0));
}

#[tokio::test]
async fn rfc6749_3_1_a_parameter_in_query_and_body_is_there_twice() {
    let world = World::new();
    let page = world.browser().post(&Flow::web().url(), &[("scope", "admin")]).await;
    sent_back(&page, "invalid_request");
}

#[tokio::test]
async fn rfc6749_3_1_empty_is_absent_and_unknown_is_ignored() {
    let world = World::new();
    let request = Flow::web().set("state", "").and("nonce", "").and("foo", "bar").and("x[]", "y");
    let page = world.approve(&request).await;
    assert!(page.answer("code").is_some());
    assert_eq!(page.answer("state"), None);
    let page = world.browser().get(&Flow::web().set("client_id", "").url()).await;
    shown_here(&page, "empty client_id");
}

#[tokio::test]
async fn rfc6749_3_1_1_response_type_missing_or_unknown() {
    let world = World::new();
    sent_back(&world.browser().get(&Flow::web().without("response_type").url()).await, "invalid_request");
    for unknown in ["x", "token", "code token", "code code", "none", "CODE", "code "] {
        let page = world.browser().get(&Flow::web().set("response_type", unknown).url()).await;
        sent_back(&page, "unsupported_response_type");
    }
}

#[tokio::test]
async fn rfc6749_3_1_1_only_registered_response_types() {
    let client = Client::builder("typeless").secret("s").redirect_uri(REDIRECT).response_types([]);
    let world = World::with_clients(vec![client.build().unwrap()]);
    let page = world.browser().get(&Flow::of("typeless", REDIRECT).url()).await;
    sent_back(&page, "unauthorized_client");
}

#[tokio::test]
async fn rfc6749_3_1_2_the_query_of_the_redirect_uri_is_retained() {
    let world = World::new();
    let uri = "https://query.example/cb?tenant=a&x";
    let page = world.approve(&Flow::of("query", uri)).await;
    let target = page.left_for.clone().unwrap();
    assert!(target.starts_with(&format!("{uri}&code=")), "{target}");
    assert_eq!(target.matches('?').count(), 1);
    for name in ["code", "state", "iss", "tenant", "x"] {
        assert_eq!(page.answers().iter().filter(|(own, _)| own == name).count(), 1, "{name} in {target}");
    }
}

#[tokio::test]
async fn rfc6749_3_1_2_2_endings_of_the_query() {
    for (registered, joint) in [
        ("https://q.example/cb", "?code="),
        ("https://q.example/cb?", "?code="),
        ("https://q.example/cb?a=b&", "&code="),
        ("https://q.example/cb?a", "&code="),
        ("https://q.example", "?code="),
    ] {
        let client = Client::builder("q").secret("s").redirect_uri(registered).build().unwrap();
        let world = World::with_clients(vec![client]);
        let target = world.approve(&Flow::of("q", registered)).await.left_for.unwrap();
        let base = registered.trim_end_matches(['?', '&']);
        assert!(target.starts_with(&format!("{base}{joint}")), "{target}");
    }
}

#[tokio::test]
async fn rfc6749_3_1_2_3_the_only_registered_uri_is_the_default() {
    let world = World::new();
    let page = world.approve(&Flow::web().without("redirect_uri")).await;
    assert!(page.left_for.clone().unwrap().starts_with(&format!("{REDIRECT}?code=")));
    // §4.1.3: not named then, so not wanted now.
    let code = page.answer("code").unwrap();
    assert_eq!(world.redeem_as(WEB, &code, None).await.status, 200);
}

#[tokio::test]
async fn rfc6749_3_1_2_3_two_registered_uris_have_no_default() {
    let world = World::new();
    let page = world.browser().get(&Flow::of("two", "").without("redirect_uri").url()).await;
    shown_here(&page, "two URIs");
    assert!(world.approve(&Flow::of("two", "https://two.example/b")).await.answer("code").is_some());
}

#[tokio::test]
async fn rfc6749_3_1_2_4_an_invalid_redirect_uri_never_redirects() {
    let world = World::new();
    // Whatever else is wrong with the request.
    let wrong = [
        Flow::web(),
        Flow::web().set("response_type", "x"),
        Flow::web().set("scope", "nothing"),
        Flow::web().without("code_challenge"),
        Flow::web().and("scope", "twice"),
        Flow::web().set("response_mode", "form_post"),
        Flow::web().set("response_mode", "fragment"),
    ];
    for request in wrong {
        let page = world.browser().get(&request.set("redirect_uri", "https://evil.example/cb").url()).await;
        shown_here(&page, "unregistered");
        assert!(!page.text().contains("evil.example"), "{}", page.text());
    }
    assert_eq!(world.counts().await, (0, 0));
}

#[tokio::test]
async fn rfc6749_3_1_2_4_an_unknown_client_never_redirects() {
    let world = World::new();
    for id in ["unknown", "", "off", "web ", "WEB", "\u{e9}", "<script>"] {
        let page = world.browser().get(&Flow::web().set("client_id", id).url()).await;
        shown_here(&page, id);
        assert!(!page.text().contains("<script>"));
    }
    let page = world.browser().get(&Flow::web().without("client_id").url()).await;
    shown_here(&page, "no client_id");
}

// --- §3.2 token endpoint --------------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_3_2_post_only() {
    let world = World::new();
    for method in ["GET", "PUT", "HEAD", "DELETE"] {
        let answer = world.send(Req::new(method.parse().unwrap(), "/token?grant_type=x", "").build()).await;
        assert_eq!((answer.status.as_u16(), answer.header("allow")), (405, "POST, OPTIONS"), "{method}");
    }
}

#[tokio::test]
async fn rfc6749_3_2_each_parameter_once_empty_is_absent_unknown_is_ignored() {
    let world = World::new();
    let code = world.code().await;
    let good = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
        ("client_id", "web"),
    ];
    for (name, value) in good {
        let mut fields = good.to_vec();
        fields.push((name, value));
        world.token(WEB, &fields).await.refused(400, "invalid_request");
        fields.pop();
        fields.push((name, ""));
        world.token(WEB, &fields).await.refused(400, "invalid_request");
    }
    let mut fields = good.to_vec();
    fields.extend([("foo", "bar"), ("scope", "")]);
    assert_eq!(world.token(WEB, &fields).await.status, 200, "none of this burnt the code");
}

#[tokio::test]
async fn rfc6749_3_2_the_body_is_a_form() {
    let world = World::new();
    for kind in ["application/json", "multipart/form-data; boundary=x", "text/plain", ""] {
        let request = Req::new(http::Method::POST, "/token", "grant_type=client_credentials")
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, &crate::support::basic("web", "web-secret"));
        world.send(request.build()).await.refused(400, "invalid_request");
    }
    let request = Req::new(http::Method::POST, "/token", "grant_type=client_credentials")
        .header(header::CONTENT_TYPE, "Application/X-WWW-Form-Urlencoded;charset=UTF-8")
        .header(header::AUTHORIZATION, &crate::support::basic("web", "web-secret"));
    assert_eq!(world.send(request.build()).await.status, 200);
}

#[tokio::test]
async fn rfc6749_3_2_1_confidential_clients_must_authenticate() {
    let world = World::new();
    let code = world.code().await;
    world.redeem_as(NOBODY, &code, Some(REDIRECT)).await.refused(401, "invalid_client");
    world.redeem_as(Auth::Public("web"), &code, Some(REDIRECT)).await.refused(401, "invalid_client");
    world.redeem_as(Auth::Basic("web", "wrong"), &code, Some(REDIRECT)).await.refused(401, "invalid_client");
    assert_eq!(world.redeem(&code).await.status, 200);
}

// --- §3.3 scope -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_3_3_unknown_scopes_are_refused() {
    let world = World::new();
    for bad in ["nothing", "read nothing", "READ", "read\twrite", "read  write", "read\"", "\u{e9}", "a\\b"] {
        let page = world.browser().get(&Flow::web().set("scope", bad).url()).await;
        sent_back(&page, "invalid_scope");
        world
            .token(WEB, &[("grant_type", "client_credentials"), ("scope", bad)])
            .await
            .refused(400, "invalid_scope");
    }
}

#[tokio::test]
async fn rfc6749_3_3_the_default_where_nothing_is_asked_and_the_answer_says_it() {
    let world = World::new();
    let answer = world.client_credentials(WEB).await;
    assert_eq!(answer.str("scope"), "read");
    let page = world.approve(&Flow::web().without("scope")).await;
    let answer = world.redeem(&page.answer("code").unwrap()).await;
    assert_eq!(answer.str("scope"), "read");
}

#[tokio::test]
async fn rfc6749_3_3_without_a_default_a_scope_must_be_asked() {
    let world = World::with(|builder| builder.scopes(grantor_core::ScopeSet::new(scopes("read"))));
    world.client_credentials(WEB).await.refused(400, "invalid_scope");
    sent_back(&world.browser().get(&Flow::web().without("scope").url()).await, "invalid_scope");
}

#[tokio::test]
async fn rfc6749_3_3_repeated_and_reordered_tokens_are_one_set() {
    let world = World::new();
    let answer =
        world.token(WEB, &[("grant_type", "client_credentials"), ("scope", "write read write")]).await;
    assert_eq!(answer.str("scope"), "write read");
}

// --- §4.1 authorization code ----------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_4_1_the_whole_flow() {
    let world = World::new();
    let answer = world.tokens().await;
    assert_eq!(answer.str("token_type"), "Bearer");
    assert_eq!(answer.json()["expires_in"], 600);
    assert_eq!(answer.str("scope"), "read write");
    assert!(!answer.refresh_token().is_empty());
    assert!(world.is_active(&answer.access_token()).await);
}

#[tokio::test]
async fn rfc6749_4_1_2_state_comes_back_unchanged() {
    let world = World::new();
    for state in ["x", "a b+c&d=e?f#g%20", "\u{e9}\u{1f980}", "<script>\"'", "\t\n", &"s".repeat(4000)] {
        let request = Flow::web().set("state", state);
        assert_eq!(world.approve(&request).await.answer("state").as_deref(), Some(state));
        let wrong = request.set("scope", "nothing");
        let page = world.browser().get(&wrong.url()).await;
        sent_back(&page, "invalid_scope");
        assert_eq!(page.answer("state").as_deref(), Some(state));
    }
}

#[tokio::test]
async fn rfc6749_4_1_2_the_code_expires() {
    let world = World::new();
    let (early, late) = (world.code().await, world.code().await);
    world.pass(59);
    assert_eq!(world.redeem(&early).await.status, 200);
    world.pass(1);
    world.redeem(&late).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn rfc6749_4_1_2_the_code_is_used_once() {
    let world = World::new();
    let code = world.code().await;
    let tokens = world.redeem(&code).await;
    assert_eq!(tokens.status, 200);
    world.redeem(&code).await.refused(400, "invalid_grant");
    // > ... SHOULD revoke (when possible) all tokens previously issued based on that authorization code
    assert!(!world.is_active(&tokens.access_token()).await);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn rfc6749_4_1_2_1_access_denied() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    let page = browser.press(&page, "deny", &[]).await.unwrap();
    sent_back(&page, "access_denied");
    assert_eq!(page.answer("state").as_deref(), Some("the-state"));
    assert_eq!(world.counts().await, (0, 0));
}

#[tokio::test]
async fn rfc6749_4_1_2_1_unauthorized_client() {
    let client = Client::builder("cc").secret("s").redirect_uri(REDIRECT).change(|client| {
        client.grant_types = vec![GrantTypeName::CLIENT_CREDENTIALS];
    });
    let world = World::with_clients(vec![client.build().unwrap()]);
    sent_back(&world.browser().get(&Flow::of("cc", REDIRECT).url()).await, "unauthorized_client");
}

#[tokio::test]
async fn rfc6749_4_1_2_1_server_error_and_temporarily_unavailable_go_to_the_client() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    // The page is there; writing the grant fails.
    world.store.next_create(grantor_testkit::Fault::ErrorBefore);
    let page = browser.press(&page, "allow", &[]).await.unwrap();
    sent_back(&page, "temporarily_unavailable");
}

#[tokio::test]
async fn rfc6749_4_1_2_1_a_user_who_may_not_gets_access_denied() {
    let world = World::new();
    let now = world.provider.clock().now();
    let alice = grantor_core::Whose::Subject("alice");
    world.provider.standings().set_disabled(alice, true, now).await.unwrap();
    let page = world.approve(&Flow::web()).await;
    sent_back(&page, "access_denied");
}

#[tokio::test]
async fn rfc6749_4_1_3_code_is_bound_to_the_client() {
    let world = World::new();
    let code = world.code().await;
    world.redeem_as(OTHER, &code, Some(REDIRECT)).await.refused(400, "invalid_grant");
    world.redeem_as(APP, &code, Some(REDIRECT)).await.refused(400, "invalid_grant");
    assert_eq!(world.redeem(&code).await.status, 200, "the thief did not burn it");
}

#[tokio::test]
async fn rfc6749_4_1_3_redirect_uri_must_be_repeated() {
    let world = World::new();
    let code = world.code().await;
    world.redeem_as(WEB, &code, None).await.refused(400, "invalid_grant");
    for other in ["https://rp.example/cb/", "https://RP.example/cb", "https://rp.example/cb?", "x"] {
        world.redeem_as(WEB, &code, Some(other)).await.refused(400, "invalid_grant");
    }
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn rfc6749_4_1_3_code_must_be_there() {
    let world = World::new();
    world.token(WEB, &[("grant_type", "authorization_code")]).await.refused(400, "invalid_request");
    for bad in ["x", "grt_ac_", &"A".repeat(77), "grt_ac_\u{e9}", "' OR 1=1"] {
        world.redeem(bad).await.refused(400, "invalid_grant");
    }
}

#[tokio::test]
async fn rfc6749_4_1_3_a_token_is_no_code() {
    let world = World::new();
    let tokens = world.tokens().await;
    for token in [tokens.access_token(), tokens.refresh_token()] {
        world.redeem(&token).await.refused(400, "invalid_grant");
    }
    assert!(world.is_active(&tokens.access_token()).await);
}

// --- §4.4 client credentials, §4.5 extensions ------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_4_4_2_client_credentials() {
    let world = World::new();
    let answer = world.client_credentials(WEB).await;
    assert_eq!(answer.status, 200);
    let facts = world.introspect(WEB, &answer.access_token()).await;
    assert_eq!((facts["client_id"].as_str(), facts.get("sub")), (Some("web"), None));
}

#[tokio::test]
async fn rfc6749_4_4_3_no_refresh_token() {
    let world = World::new();
    assert_eq!(world.client_credentials(WEB).await.json().get("refresh_token"), None);
}

#[tokio::test]
async fn rfc6749_4_4_confidential_clients_only() {
    assert!(Client::builder("p").public().grant_types([GrantTypeName::CLIENT_CREDENTIALS]).build().is_err());
    // A client that came from elsewhere, unchecked.
    let mut client = Client::new("unchecked").unwrap();
    client.token_endpoint_auth_method = AuthMethod::NONE;
    client.grant_types = vec![GrantTypeName::CLIENT_CREDENTIALS];
    let world = World::with_clients(vec![client]);
    world.client_credentials(Auth::Public("unchecked")).await.refused(400, "unauthorized_client");
}

// --- §5 answers -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_5_1_no_store_and_json() {
    let world = World::new();
    let answers = [
        world.tokens().await,
        world.client_credentials(Auth::Basic("web", "wrong")).await,
        world.token(WEB, &[("grant_type", "x")]).await,
        world.form("/introspect", WEB, &[("token", "x")]).await,
    ];
    for answer in answers {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("pragma"), "no-cache");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
}

#[tokio::test]
async fn rfc6749_5_2_401_with_a_challenge() {
    let world = World::new();
    for auth in
        [Auth::Basic("web", "wrong"), Auth::Basic("unknown", "x"), NOBODY, Auth::Post("post", "wrong")]
    {
        let answer = world.client_credentials(auth).await;
        answer.refused(401, "invalid_client");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="), "{answer:?}");
    }
}

#[tokio::test]
async fn rfc6749_5_2_error_codes() {
    let world = World::new();
    world.token(WEB, &[]).await.refused(400, "invalid_request");
    world.token(WEB, &[("grant_type", "unknown")]).await.refused(400, "unsupported_grant_type");
    world.token(WEB, &[("grant_type", "password")]).await.refused(400, "unsupported_grant_type");
    world
        .client_credentials(Auth::Basic("code-only", "code-only-secret"))
        .await
        .refused(400, "unauthorized_client");
    world.redeem("x").await.refused(400, "invalid_grant");
    world.refresh(WEB, "x").await.refused(400, "invalid_grant");
    let fields = [("grant_type", "client_credentials"), ("scope", "x")];
    world.token(WEB, &fields).await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn rfc6749_5_2_legal_characters_in_what_is_repeated() {
    let world = World::new();
    for odd in ["\u{1f980}", "\"quote\"", "back\\slash", "new\nline", "\u{202e}", "<b>"] {
        let answer = world.token(WEB, &[("grant_type", odd), (odd, "1"), (odd, "2")]).await;
        assert_eq!(answer.status, 400);
        legal(&answer.str("error_description"));
        let answer = world.token(WEB, &[("grant_type", "client_credentials"), ("scope", odd)]).await;
        answer.refused(400, "invalid_scope");
    }
}

#[tokio::test]
async fn rfc6749_5_2_invalid_grant_has_no_challenge() {
    let world = World::new();
    let answer = world.redeem("x").await;
    assert_eq!(answer.header("www-authenticate"), "");
}

// --- §6 refresh -----------------------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_6_a_refresh_gives_new_tokens() {
    let world = World::new();
    let first = world.tokens().await;
    let second = world.refresh(WEB, &first.refresh_token()).await;
    assert_eq!(second.status, 200);
    assert_ne!(first.access_token(), second.access_token());
    assert_ne!(first.refresh_token(), second.refresh_token());
    assert!(world.is_active(&second.access_token()).await);
    let third = world.refresh(WEB, &second.refresh_token()).await;
    assert_eq!(third.status, 200);
}

#[tokio::test]
async fn rfc6749_6_refresh_token_is_bound_to_the_client() {
    let world = World::new();
    let tokens = world.tokens().await;
    world.refresh(OTHER, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    world.refresh(APP, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    assert_eq!(world.refresh(WEB, &tokens.refresh_token()).await.status, 200, "nothing changed");
}

#[tokio::test]
async fn rfc6749_6_scope_may_narrow_and_never_widen() {
    let world = World::new();
    let tokens = world.tokens().await;
    let narrow = |token: String, scope: &'static str| {
        let world = &world;
        async move {
            let fields =
                [("grant_type", "refresh_token"), ("refresh_token", token.as_str()), ("scope", scope)];
            world.token(WEB, &fields).await
        }
    };
    for wide in ["admin", "read admin", "read write admin", "nothing"] {
        narrow(tokens.refresh_token(), wide).await.refused(400, "invalid_scope");
    }
    let narrowed = narrow(tokens.refresh_token(), "read").await;
    assert_eq!((narrowed.status.as_u16(), narrowed.str("scope").as_str()), (200, "read"));
    assert_eq!(world.introspect(WEB, &narrowed.access_token()).await["scope"], "read");
    // Without scope it is all that was granted again.
    let whole = world.refresh(WEB, &narrowed.refresh_token()).await;
    assert_eq!(whole.str("scope"), "read write");
}

#[tokio::test]
async fn rfc6749_6_the_client_authenticates() {
    let world = World::new();
    let token = world.tokens().await.refresh_token();
    for auth in [NOBODY, Auth::Public("web"), Auth::Basic("web", "wrong")] {
        world.refresh(auth, &token).await.refused(401, "invalid_client");
    }
}

// --- §10 ------------------------------------------------------------------------------------------------------------

#[tokio::test]
async fn rfc6749_10_5_a_code_lives_a_minute_and_is_no_token() {
    let world = World::new();
    let code = world.code().await;
    assert!(!world.is_active(&code).await);
    world.refresh(WEB, &code).await.refused(400, "invalid_grant");
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn rfc6749_10_12_a_decision_needs_the_form_token() {
    let world = World::new();
    let mut browser = world.browser();
    let page = browser.get(&Flow::web().url()).await;
    let action = page.forms()[0].action.clone();
    for token in ["", "x", &"A".repeat(43)] {
        let refused = browser.post(&action, &[("allow", "1"), ("form_token", token)]).await;
        shown_here(&refused, "form token");
    }
    let refused = browser.post(&action, &[("allow", "1")]).await;
    shown_here(&refused, "without form token");
    assert_eq!(world.counts().await, (0, 1));
    let done = browser.press(&page, "allow", &[]).await.unwrap();
    assert!(done.answer("code").is_some());
}

#[tokio::test]
async fn rfc6749_11_names_of_responses() {
    assert_eq!(ResponseType::CODE.as_str(), "code");
    let world = World::new();
    let page = world.approve(&Flow::web()).await;
    let names: Vec<String> = page.answers().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["code", "state", "iss"]);
    assert_eq!(page.answer("iss").as_deref(), Some(ISSUER));
}
