//! Programs about grant types and lifetimes.

use serde_json::{Value, json};

use crate::requests::{ALICE, BOB};
use crate::support::{Answer, Example, authorize, redeem, until};

/// RFC 9562 §5.4.
fn is_uuid4(text: &str) -> bool {
    let bytes = text.as_bytes();
    text.len() == 36 && [8, 13, 18, 23].iter().all(|at| bytes[*at] == b'-') && bytes[14] == b'4'
}

fn near(left: &Value, whole: i64) -> bool {
    left.as_i64().is_some_and(|left| left <= whole && left > whole - 60)
}

#[tokio::test]
async fn quickstart() {
    let example = Example::program("quickstart", None);
    let mut browser = example.browser();
    let page = browser.get(&format!("{}&confirm=1", authorize("abc", "code"))).await;
    let forms = page.forms();
    assert_eq!((forms.len(), forms[0].post, forms[0].field("confirm")), (1, true, Some("1")));
    assert_eq!(forms[0].buttons.len(), 1);
    let back = browser.press(&page, "", &[]).await.unwrap();
    assert!(is_uuid4(&back.answer("code").unwrap()), "{back:?}");
    let tokens = example.redeemed(&back).await.ok();
    assert_eq!(tokens["expires_in"], 2_592_000);
    assert!(is_uuid4(tokens["access_token"].as_str().unwrap()), "{tokens}");
    let mut facts = example.facts(&tokens).await;
    assert!(near(&facts["expires_in"].take(), 2_592_000));
    let expected = json!({"client_id": "abc", "grant_type": "authorization_code", "scopes": [], "data": {},
        "user_id": "alice", "expires_in": null});
    assert_eq!(facts, expected);
    let again = example.refresh(&tokens["refresh_token"], "").await.ok();
    assert_eq!(again["expires_in"], 2_592_000);

    let back = example.press(&authorize("abc", "token"), "").await;
    let facts = example.facts(&json!({"access_token": back.answer("access_token").unwrap()})).await;
    assert_eq!((&facts["grant_type"], &facts["user_id"]), (&json!("implicit"), &json!("alice")));
    let other = example.browser().get(&authorize("other", "code")).await;
    assert_eq!((other.status.as_u16(), other.left_for), (400, None), "only abc is registered");
}

#[tokio::test]
async fn authorization_code() {
    let example = Example::program("authorization_code", None);
    let tokens = example.tokens("").await;
    assert_eq!((&tokens["expires_in"], &tokens["refresh_token"]), (&json!(3600), &Value::Null));
    let facts = example.facts(&tokens).await;
    assert_eq!(facts["data"], json!({"plan": "gold"}));
    assert_eq!((&facts["user_id"], &facts["grant_type"]), (&json!("alice"), &json!("authorization_code")));
    assert!(near(&facts["expires_in"], 3600), "{facts}");
    let back = example.press(&authorize("abc", "code"), "deny").await;
    assert_eq!(
        (back.answer("error").as_deref(), back.answer("state").as_deref()),
        (Some("access_denied"), Some("xyz"))
    );
    let page = example.browser().get(&format!("{}&allow=1", authorize("abc", "code"))).await;
    assert!(page.left_for.is_none(), "a parameter of the GET is no consent: {page:?}");
    let back = example.browser().get("/authorize?response_type=code&client_id=abc").await;
    assert_eq!(back.answer("error").as_deref(), Some("invalid_request"), "PKCE is required");
}

#[tokio::test]
async fn resource_wants_a_live_token() {
    let example = Example::program("authorization_code", None);
    let answer = example.get("/resource").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"api\""));
    assert_eq!(example.get_as("/resource", &json!("nonsense")).await.error(), (401, "invalid_token"));
}

#[tokio::test]
async fn the_accounts() {
    let example = Example::program("authorization_code", None);
    for (client, secret) in
        [("other", "other-secret-5b1d"), ("query", "query-secret"), ("codeonly", "codeonly-secret")]
    {
        let back = example.allowed(&authorize(client, "code")).await;
        let code = back.answer("code").unwrap();
        let with =
            |secret| [redeem(&code).as_slice(), &[("client_id", client), ("client_secret", secret)]].concat();
        assert_eq!(example.post("/token", &with("wrong")).await.error(), (401, "invalid_client"));
        assert_eq!(
            example.post_as("/token", (client, secret), &redeem(&code)).await.error(),
            (401, "invalid_client")
        );
        assert_eq!(example.post("/token", &with(secret)).await.ok()["expires_in"], 3600, "{client}");
    }
    let back = example.allowed(&authorize("query", "code")).await;
    assert!(back.left_for.unwrap().starts_with("http://localhost/callback?tenant=a&code="));
    // Of two registered redirect URIs none is guessed.
    let page = example.browser().get(&authorize("two", "code")).await;
    assert_eq!((page.status.as_u16(), page.left_for), (400, None));
    let second = format!("{}&redirect_uri=http%3A%2F%2Flocalhost%2Fsecond", authorize("two", "code"));
    assert!(example.allowed(&second).await.left_for.unwrap().starts_with("http://localhost/second?"));
    let machines = Example::program("client_credentials", None);
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", "codeonly"),
        ("client_secret", "codeonly-secret"),
    ];
    assert_eq!(machines.post("/token", &form).await.error(), (400, "unauthorized_client"));
    let back = Example::program("implicit", None).browser().get(&authorize("codeonly", "token")).await;
    assert_eq!(back.answer("error").as_deref(), Some("unauthorized_client"));
}

#[tokio::test]
async fn implicit() {
    let example = Example::program("implicit", None);
    let back = example.allowed(&authorize("abc", "token")).await;
    assert_eq!(back.answer("expires_in").as_deref(), Some("86400"));
    let facts = example.facts(&json!({"access_token": back.answer("access_token").unwrap()})).await;
    assert_eq!((&facts["grant_type"], &facts["user_id"]), (&json!("implicit"), &json!("alice")));
    assert_eq!(facts["data"], json!({"plan": "gold"}));
}

#[tokio::test]
async fn resource_owner() {
    let example = Example::program("resource_owner", None);
    let tokens = example.password(BOB, "").await.ok();
    assert_eq!(tokens["expires_in"], 600);
    example.assert_lives(&tokens["refresh_token"], 1200).await;
    let facts = example.facts(&tokens).await;
    assert_eq!((&facts["user_id"], &facts["grant_type"]), (&json!("bob"), &json!("password")));
    assert_eq!(facts["data"], json!({"plan": "gold"}));
    let again = example.refresh(&tokens["refresh_token"], "").await.ok();
    assert_eq!(again["expires_in"], 600);
    assert_eq!(example.facts(&again).await["user_id"], "bob");
    for wrong in [("bob", "wonderland"), ("alice", "builder"), ("carol", "x")] {
        assert_eq!(example.password(wrong, "").await.error(), (400, "invalid_grant"), "{wrong:?}");
    }
}

#[tokio::test]
async fn client_credentials() {
    let example = Example::program("client_credentials", None);
    let tokens = example.machine("").await.ok();
    assert_eq!((&tokens["expires_in"], &tokens["refresh_token"]), (&json!(3600), &Value::Null));
    let facts = example.facts(&tokens).await;
    assert_eq!((&facts["user_id"], &facts["grant_type"]), (&Value::Null, &json!("client_credentials")));
    assert_eq!(example.machine("anything").await.error(), (400, "invalid_scope"));
    assert_eq!(example.password(ALICE, "").await.error(), (400, "unsupported_grant_type"));
}

#[tokio::test]
async fn refresh_token() {
    let example = Example::program("refresh_token", None);
    let back = example.browser().get(&authorize("abc", "code")).await;
    assert_eq!(back.answer("error").as_deref(), Some("invalid_scope"), "there is no default");
    let first = example.tokens("&scope=profile_read%20profile_write").await;
    assert_eq!(first["expires_in"], 3600);
    example.assert_lives(&first["refresh_token"], 2_592_000).await;
    for _ in 0..2 {
        let again = example.refresh(&first["refresh_token"], "").await.ok();
        assert!(
            again["refresh_token"].is_null() || again["refresh_token"] == first["refresh_token"],
            "{again}"
        );
        assert_eq!(example.facts(&again).await["scopes"], json!(["profile_read", "profile_write"]));
    }
    let one = example.tokens("&scope=profile_read").await;
    let wider = example.refresh(&one["refresh_token"], "profile_read profile_write").await;
    assert_eq!(wider.error(), (400, "invalid_scope"));
}

#[tokio::test]
async fn rotation() {
    let example = Example::program("rotation", None);
    let first = example.tokens("").await;
    assert_eq!(first["expires_in"], 3600);
    example.assert_lives(&first["refresh_token"], 2_592_000).await;
    let second = example.refresh(&first["refresh_token"], "").await.ok();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    let third = example.refresh(&second["refresh_token"], "").await.ok();
    let stolen = example.refresh(&first["refresh_token"], "").await;
    assert_eq!(stolen.error(), (400, "invalid_grant"));
    assert_eq!(
        example.refresh(&third["refresh_token"], "").await.error(),
        (400, "invalid_grant"),
        "it ends the grant"
    );
    // Inside of the window a retry gets the same again, after it the grant ends.
    let first = example.tokens("").await;
    let second = example.refresh(&first["refresh_token"], "").await.ok();
    let same = |answer: &Answer| {
        assert!(
            answer.status != 200 || answer.body["refresh_token"] == second["refresh_token"],
            "{answer:?}"
        );
        answer.status != 200
    };
    assert_eq!(
        until(|| example.refresh(&first["refresh_token"], ""), same).await.error(),
        (400, "invalid_grant")
    );
    assert_eq!(example.refresh(&second["refresh_token"], "").await.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn short_lifetimes() {
    let example = Example::program("short_lifetimes", None);
    let early = example.allowed(&authorize("abc", "code")).await;
    let back = example.allowed(&authorize("abc", "code")).await;
    let tokens = match example.redeemed(&back).await {
        answer if answer.status == 200 => answer.body,
        // A busy machine needed more than the second that a code lives.
        _ => example.tokens("").await,
    };
    assert_eq!(tokens["expires_in"], 2);
    example.assert_lives(&tokens["refresh_token"], 4).await;
    let next = example.refresh(&tokens["refresh_token"], "").await.ok();
    assert_ne!(next["refresh_token"], tokens["refresh_token"]);
    until(|| example.get_as("/resource", &tokens["access_token"]), |answer| answer.status == 401).await;
    assert_eq!(example.redeemed(&early).await.error(), (400, "invalid_grant"), "a code lives a second");
    let form =
        [("token", next["refresh_token"].as_str().unwrap()), ("client_id", "abc"), ("client_secret", "xyz")];
    until(|| example.post("/introspect", &form), |answer| answer.body["active"] == false).await;
    assert_eq!(example.refresh(&next["refresh_token"], "").await.error(), (400, "invalid_grant"));
}

#[tokio::test]
async fn custom_grant() {
    let example = Example::program("custom_grant", None);
    let ask = async |fields: &[(&str, &str)]| {
        example.token(&[&[("grant_type", "urn:example:grant:ticket")], fields].concat()).await
    };
    let tokens = ask(&[("ticket", "golden-ticket")]).await.ok();
    assert_eq!(tokens["scope"], "ride");
    let facts = example.facts(&tokens).await;
    assert_eq!((&facts["data"], &facts["user_id"]), (&json!({"ticket": "golden"}), &json!("alice")));
    assert_eq!(
        (&facts["grant_type"], &facts["scopes"]),
        (&json!("urn:example:grant:ticket"), &json!(["ride"]))
    );
    let refused = ask(&[("ticket", "paper")]).await;
    assert_eq!(refused.error(), (400, "invalid_grant"));
    assert_eq!(refused.body["error_description"], "This ticket is not valid");
    assert_eq!(refused.body["error_uri"], "https://docs.example.test/errors#ticket");
    assert_eq!(ask(&[]).await.error(), (400, "invalid_request"));
    assert_eq!(ask(&[("ticket", "golden-ticket"), ("scope", "fly")]).await.error(), (400, "invalid_scope"));
    assert_eq!(example.machine("").await.status, 200);
}
