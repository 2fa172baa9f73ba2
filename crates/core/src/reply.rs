//! Answers: bodies, and the headers that each of them must have. With `error.rs` the only place that chooses status codes.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

use crate::error::{Error, Reason};

/// For pages that load nothing and are framed by nobody.
pub(crate) const STRICT_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

fn with_headers(status: StatusCode, body: Bytes, headers: &[(HeaderName, HeaderValue)]) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in headers {
        response.headers_mut().insert(name, value.clone());
    }
    response
}

/// JSON that must not be kept by anybody.
///
/// > The authorization server MUST include the HTTP "Cache-Control" response header field with a value of "no-store" ...
/// > as well as the "Pragma" response header field with a value of "no-cache". (RFC 6749 §5.1)
pub(crate) fn json(status: StatusCode, value: &impl Serialize) -> Response<Bytes> {
    // Maps with text keys, text and numbers only: this cannot fail. Should it ever, it is not the client's fault.
    let Ok(body) = serde_json::to_vec(value) else { return status_only(StatusCode::INTERNAL_SERVER_ERROR) };
    with_headers(
        status,
        Bytes::from(body),
        &[
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::PRAGMA, HeaderValue::from_static("no-cache")),
        ],
    )
}

/// The body of an error answer (RFC 6749 §5.2).
#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    #[serde(skip_serializing_if = "String::is_empty")]
    error_description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_uri: Option<&'a str>,
}

/// A direct error answer (RFC 6749 §5.2).
///
/// > If the client attempted to authenticate via the "Authorization" request header field, the authorization server MUST
/// > respond with an HTTP 401 (Unauthorized) status code and include the "WWW-Authenticate" response header field
pub(crate) fn error(error: &Error) -> Response<Bytes> {
    let body = ErrorBody {
        error: error.code().as_str(),
        error_description: error.description(),
        error_uri: error.uri(),
    };
    let mut response = json(error.status(), &body);
    if error.status() == StatusCode::UNAUTHORIZED {
        let basic = HeaderValue::from_static("Basic realm=\"grantor\", charset=\"UTF-8\"");
        response.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
    }
    about_refusal(&mut response, error);
    response
}

/// When to try again, for the client; why it was refused, for the log.
fn about_refusal(response: &mut Response<Bytes>, error: &Error) {
    response.extensions_mut().insert(Reason::of(error));
    if let Some(seconds) = error.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// An answer without a body.
pub(crate) fn status_only(status: StatusCode) -> Response<Bytes> {
    with_headers(status, Bytes::new(), &[(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))])
}

/// 303, so that a POST becomes a GET and credentials are not sent on (RFC 9700 §4.12).
pub(crate) fn redirect(location: &str) -> Response<Bytes> {
    match HeaderValue::from_str(location) {
        Ok(location) => with_headers(
            StatusCode::SEE_OTHER,
            Bytes::new(),
            &[
                (header::LOCATION, location),
                (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
                (header::PRAGMA, HeaderValue::from_static("no-cache")),
                (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            ],
        ),
        // Redirect URIs are visible ASCII and what is added is encoded, so this cannot fail.
        Err(_) => status_only(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// A page.
pub(crate) fn page(status: StatusCode, html: String, content_security_policy: &str) -> Response<Bytes> {
    let mut response = with_headers(
        status,
        Bytes::from(html),
        &[(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))],
    );
    if let Ok(policy) = HeaderValue::from_str(content_security_policy) {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    guard_page(response.headers_mut());
    response
}

/// Gives a page, also one of the site adapter, the headers that it does not have: no framing (RFC 9700 §4.16), no
/// referrer to others (§4.2.4), no cache, no guessing of types, which without a type would show the page as plain text.
pub(crate) fn guard_page(headers: &mut HeaderMap) {
    let wanted = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::CONTENT_SECURITY_POLICY, "frame-ancestors 'none'; base-uri 'none'; object-src 'none'"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), ""),
    ];
    for (name, value) in wanted {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// An error for a person: a page, or JSON for who asks for that.
pub(crate) fn error_page(error: &Error, accept: Option<&str>) -> Response<Bytes> {
    if accept.is_some_and(|accept| accept.contains("application/json") && !accept.contains("text/html")) {
        return self::error(error);
    }
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign-in problem</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;margin:3rem auto;max-width:34rem;padding:0 1rem}}</style>\
         </head><body><main><h1>This does not work</h1><p>{}</p><p><code>{}</code></p></main></body></html>\n",
        escaped(&error.description()),
        escaped(error.code().as_str())
    );
    let mut response = page(error.status(), html, STRICT_POLICY);
    about_refusal(&mut response, error);
    response
}

/// Text as HTML may have it, in quoted attributes too. For what a page shows of a request: names, scopes, addresses.
///
/// ```
/// assert_eq!(grantor_core::html_escaped("<b> & \"c\""), "&lt;b&gt; &amp; &quot;c&quot;");
/// ```
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}
