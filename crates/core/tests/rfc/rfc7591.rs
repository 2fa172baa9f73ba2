//! RFC 7591 §2, client metadata: names, defaults, and what is refused.

use grantor_core::{AuthMethod, Client, ClientSecret, GrantTypeName, ResponseType};
use serde_json::json;

fn read(value: serde_json::Value) -> Result<Client, String> {
    let client: Client = serde_json::from_value(value).map_err(|error| error.to_string())?;
    client.check().map_err(|error| error.to_string())?;
    Ok(client)
}

#[test]
fn rfc7591_2_names_and_defaults() {
    let kept = serde_json::to_value(ClientSecret::digest_of("xyz")).unwrap();
    let client =
        read(json!({ "client_id": "abc", "secrets": [kept], "redirect_uris": ["https://rp.example/cb"] }))
            .unwrap();
    assert_eq!(client.token_endpoint_auth_method, AuthMethod::CLIENT_SECRET_BASIC);
    assert_eq!(client.response_types, [ResponseType::CODE]);
    assert!(client.grant_types.contains(&GrantTypeName::AUTHORIZATION_CODE));
    assert_eq!(client.display_name(), "abc");
    assert!(client.has_secret("xyz") && !client.has_secret("xyZ"));
}

#[test]
fn rfc7591_2_every_name_is_read_and_written_again() {
    let document = json!({
        "client_id": "abc", "client_name": "An app", "redirect_uris": ["com.example.app:/cb"],
        "grant_types": ["authorization_code", "refresh_token"], "response_types": ["code"], "scope": "read write",
        "default_scope": "read", "token_endpoint_auth_method": "none", "application_type": "native",
        "require_pkce": true, "rotate_refresh_tokens": true, "refresh_retry_window": 5,
        "may_introspect": false, "allowed_origins": ["https://app.example"], "require_consent": true,
        "disabled": false, "lifetimes": { "access_token": 60, "refresh_token": "never" },
    });
    let client = read(document.clone()).unwrap();
    assert_eq!(serde_json::to_value(&client).unwrap(), document);
}

#[test]
fn rfc7591_2_what_contradicts_is_refused_with_a_reason() {
    let with = |name: &str, value: serde_json::Value| {
        let mut document = json!({
            "client_id": "abc", "token_endpoint_auth_method": "none", "redirect_uris": ["https://rp.example/cb"]
        });
        document[name] = value;
        read(document).unwrap_err()
    };
    for (name, value, part) in [
        ("client_id", json!(""), "client_id"),
        ("client_id", json!("\u{e9}"), "client_id"),
        ("redirect_uris", json!([]), "redirect_uris"),
        ("redirect_uris", json!(["http://rp.example/cb"]), "https"),
        ("redirect_uris", json!(["/cb"]), "absolute"),
        ("redirect_uris", json!(["myapp:/cb"]), "dot"),
        ("redirect_uris", json!(["https://rp.example/#x"]), "fragment"),
        ("token_endpoint_auth_method", json!("client_secret_basic"), "secret"),
        ("secrets", json!([ClientSecret::digest_of("xyz")]), "remove one of both"),
        ("grant_types", json!(["client_credentials"]), "confidential"),
        ("may_introspect", json!(true), "authenticates"),
        ("scope", json!("a  b"), "scope"),
        ("allowed_origins", json!(["https://a.example/path"]), "origin"),
        ("allowed_origins", json!(["null"]), "origin"),
        ("allowed_origins", json!(["*"]), "origin"),
        ("lifetimes", json!({ "access_token": 0 }), "lifetime"),
        ("lifetimes", json!({ "acess_token": 60 }), "acess_token"),
        ("redirect_url", json!("https://rp.example/cb"), "redirect_url"),
    ] {
        let error = with(name, value.clone());
        assert!(error.contains(part), "{name} = {value}: {error}");
    }
}

#[test]
fn names_for_people_have_no_tricks() {
    let named = |name: &str| Client::builder("abc").secret("x").redirect_uri("https://a.example/").name(name);
    for (name, shown) in [
        ("An app", "An app"),
        ("evil\u{202e}ppa", "evilppa"),
        ("a\u{0}\u{1b}[31mb\n", "a[31mb"),
        ("\u{200b}\u{feff} ", "abc"),
        ("", "abc"),
    ] {
        assert_eq!(named(name).build().unwrap().display_name(), shown);
    }
    assert_eq!(named(&"x".repeat(500)).build().unwrap().display_name().len(), 64);
}

#[test]
fn a_kept_secret_is_a_digest() {
    let client = Client::builder("abc").secret("hunter2").redirect_uri("https://a.example/").build().unwrap();
    let text = serde_json::to_string(&client).unwrap();
    assert!(!text.contains("hunter2") && text.contains("sha256:"), "{text}");
    for bad in ["hunter2", "sha256:", "sha256:short", "$2y$10$x", ""] {
        assert!(serde_json::from_value::<ClientSecret>(json!(bad)).is_err(), "{bad}");
    }
}
