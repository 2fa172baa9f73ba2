//! RFC 6750, Bearer Token Usage: what a resource server in the same process uses.

use grantor_core::{Scopes, bearer};
use http::{HeaderMap, HeaderValue, header};

use crate::support::{World, scopes};

fn with(values: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

#[tokio::test]
async fn rfc6750_2_1_the_header_carries_the_token() {
    let world = World::new();
    let token = world.tokens().await.access_token();
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let headers = with(&[&format!("{scheme} {token}")]);
        let read = bearer::token(&headers).unwrap().unwrap();
        assert_eq!(read, token);
        let info = world.provider.token_info(read).await.unwrap().unwrap();
        assert_eq!((info.client_id.as_str(), info.subject.as_deref()), ("web", Some("alice")));
        assert_eq!(info.scopes, scopes("read write"));
        assert_eq!(info.data["name"], "alice of the site");
    }
}

#[test]
fn rfc6750_2_1_malformed_headers_are_invalid_requests() {
    for bad in
        [&["Bearer a", "Bearer b"][..], &["Bearer"], &["Bearer a b"], &["Bearer a,b"], &["Bearer \u{e9}"]]
    {
        let error = bearer::token(&with(bad)).unwrap_err();
        assert_eq!((error.code().as_str(), error.status().as_u16()), ("invalid_request", 400), "{bad:?}");
    }
    assert_eq!(bearer::token(&with(&["Basic YTpi"])).unwrap(), None);
    assert_eq!(bearer::token(&HeaderMap::new()).unwrap(), None);
}

#[test]
fn rfc6750_3_the_challenge() {
    let (status, value) = bearer::challenge("a \"realm\"\r\n", None, None);
    assert_eq!((status.as_u16(), value.to_str().unwrap()), (401, "Bearer realm=\"a realm\""));
    let (status, value) = bearer::challenge("api", Some(&bearer::invalid_token()), None);
    assert_eq!(status, 401);
    assert!(value.to_str().unwrap().contains("error=\"invalid_token\""), "{value:?}");
    let needed = scopes("read write");
    let (status, value) = bearer::challenge("api", Some(&bearer::insufficient_scope(&needed)), Some(&needed));
    assert_eq!(status, 403);
    let text = value.to_str().unwrap();
    assert!(
        text.contains("error=\"insufficient_scope\"") && text.ends_with("scope=\"read write\""),
        "{text}"
    );
    let (_, value) = bearer::challenge("api", None, Some(&Scopes::empty()));
    assert!(!value.to_str().unwrap().contains("scope"));
}

#[tokio::test]
async fn rfc6750_3_1_only_live_access_tokens_count() {
    let world = World::new();
    let tokens = world.tokens().await;
    let code = world.code().await;
    for other in [tokens.refresh_token(), code, String::new(), "x".to_owned(), "x".repeat(100_000)] {
        assert!(world.provider.token_info(&other).await.unwrap().is_none());
    }
    assert!(world.provider.token_info(&tokens.access_token()).await.unwrap().is_some());
    world.pass(600);
    assert!(world.provider.token_info(&tokens.access_token()).await.unwrap().is_none());
}
