//! Bearer tokens in requests (RFC 6750 §2.1) and how a resource server refuses (§3).

use std::fmt::Write as _;

use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::error::Error;
use crate::types::{ErrorCode, Scopes};

/// The token of the `Authorization` header.
///
/// ```
/// use http::{HeaderMap, header::AUTHORIZATION};
/// let mut headers = HeaderMap::new();
/// headers.insert(AUTHORIZATION, "Bearer abc".parse()?);
/// assert_eq!(grantor_core::bearer::token(&headers)?, Some("abc"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// `invalid_request` for more than one `Authorization` header or a malformed `Bearer` one.
pub fn token(headers: &HeaderMap) -> Result<Option<&str>, Error> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::invalid_request("There is more than one Authorization header."));
    }
    let malformed = || Error::invalid_request("The Bearer token is malformed (RFC 6750 section 2.1).");
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').unwrap_or((text, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Ok(None);
    }
    let token = token.trim_matches(' ');
    // > b64token = 1*( ALPHA / DIGIT / "-" / "." / "_" / "~" / "+" / "/" ) *"="
    let plain = token.trim_end_matches('=');
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~' | b'+' | b'/');
    if plain.is_empty() || !plain.bytes().all(legal) {
        return Err(malformed());
    }
    Ok(Some(token))
}

/// No token, or none that is alive: 401 (RFC 6750 §3.1).
pub fn invalid_token() -> Error {
    Error::new(ErrorCode::InvalidToken, "The access token is unknown, expired or revoked.")
}

/// The token lacks scopes: 403 (RFC 6750 §3.1).
pub fn insufficient_scope(needed: &Scopes) -> Error {
    Error::new(ErrorCode::InsufficientScope, format!("The access token needs the scope {needed}."))
}

/// Status and `WWW-Authenticate` of a refusal (RFC 6750 §3). `error` is `None` where the request had no token at all.
///
/// > If the request lacks any authentication information ..., the resource server SHOULD NOT include an error code or
/// > other error information.
pub fn challenge(realm: &str, error: Option<&Error>, needed: Option<&Scopes>) -> (StatusCode, HeaderValue) {
    let realm: String =
        realm.chars().filter(|c| matches!(c, ' '..='~') && !matches!(c, '"' | '\\')).collect();
    let mut text = format!("Bearer realm=\"{realm}\"");
    let status = match error {
        None => StatusCode::UNAUTHORIZED,
        Some(error) => {
            let (code, description) = (error.code().as_str(), error.description());
            // Writing into a String cannot fail.
            let _ = write!(text, ", error=\"{code}\", error_description=\"{description}\"");
            error.status()
        }
    };
    if let Some(needed) = needed.filter(|needed| !needed.is_empty()) {
        let _ = write!(text, ", scope=\"{needed}\"");
    }
    // All parts are visible ASCII, so this is a header value.
    (status, HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("Bearer")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(header::AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    #[test]
    fn rfc6750_2_1_the_header() {
        assert_eq!(token(&headers(&[])).unwrap(), None);
        assert_eq!(token(&headers(&["Basic YTpi"])).unwrap(), None);
        assert_eq!(token(&headers(&["bearer abc="])).unwrap(), Some("abc="));
        for bad in ["Bearer", "Bearer ", "Bearer a b", "Bearer =", "Bearer a\"b", "Bearer \u{e9}"] {
            assert!(token(&headers(&[bad])).is_err(), "{bad}");
        }
        assert!(token(&headers(&["Bearer a", "Bearer b"])).is_err());
    }

    #[test]
    fn rfc6750_3_no_error_without_a_token() {
        let (status, value) = challenge("api", None, None);
        assert_eq!((status.as_u16(), value.to_str().unwrap()), (401, "Bearer realm=\"api\""));
        let needed = Scopes::parse("read").unwrap();
        let (status, value) = challenge("api", Some(&insufficient_scope(&needed)), Some(&needed));
        assert_eq!(status.as_u16(), 403);
        assert!(value.to_str().unwrap().ends_with("scope=\"read\""), "{value:?}");
    }

    proptest! {
        #[test]
        fn rfc6750_2_1_what_is_read_is_a_b64token_that_stands_there(
            value in "(Bearer|bearer|BEARER|Basic|Bearers)?[ \t]{0,2}[A-Za-z0-9._~+/=\",-]{0,20}[ =]{0,3}|[ -~]{0,30}",
        ) {
            let headers = headers(&[&value]);
            let Ok(read) = token(&headers) else { return Ok(()) };
            let is_bearer = value.split(' ').next().unwrap().eq_ignore_ascii_case("bearer");
            prop_assert_eq!(read.is_some(), is_bearer, "{:?}", value);
            if let Some(read) = read {
                prop_assert!(value.ends_with(read) || value.trim_end_matches(' ').ends_with(read));
                let plain = read.trim_end_matches('=');
                prop_assert!(!plain.is_empty());
                prop_assert!(plain.chars().all(|c| c.is_ascii_alphanumeric() || "-._~+/".contains(c)));
            }
        }

        #[test]
        fn rfc6750_3_a_challenge_is_a_header_whatever_the_realm(realm in ".{0,40}", scope in "[a-z]{0,5}") {
            let needed = Scopes::parse(&scope).unwrap();
            let (_, value) = challenge(&realm, Some(&insufficient_scope(&needed)), Some(&needed));
            let text = value.to_str().unwrap();
            prop_assert!(text.starts_with("Bearer realm=\""));
            // Each part is closed: an even number of quotes, and none that the realm brought in.
            prop_assert_eq!(text.matches('"').count(), if scope.is_empty() { 6 } else { 8 });
        }
    }
}
