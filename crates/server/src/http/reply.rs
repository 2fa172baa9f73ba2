//! Answers that come before or instead of an endpoint's: JSON, as the token endpoint has it (RFC 6749 §5.2).

use bytes::Bytes;
use grantor::Reason;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;

fn refusal(
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    reason: &'static str,
) -> Response<Bytes> {
    // Both texts are constants without characters that JSON would escape.
    let body = format!("{{\"error\":\"{error}\",\"error_description\":\"{description}\"}}");
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.extensions_mut().insert(Reason::new(reason));
    response
}

/// The same, and the connection ends: what is left of the body is not worth reading.
fn last(
    status: StatusCode,
    error: &'static str,
    description: &'static str,
    reason: &'static str,
) -> Response<Full<Bytes>> {
    let mut response = refusal(status, error, description, reason);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response.map(Full::new)
}

pub(super) fn too_large() -> Response<Full<Bytes>> {
    let words = "The request body is too large.";
    last(StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", words, "body_too_large")
}

pub(super) fn slow_body() -> Response<Full<Bytes>> {
    let words = "The request body did not arrive in time.";
    last(StatusCode::REQUEST_TIMEOUT, "invalid_request", words, "body_too_slow")
}

pub(super) fn broken_body() -> Response<Full<Bytes>> {
    let words = "The request body is broken.";
    last(StatusCode::BAD_REQUEST, "invalid_request", words, "body_broken")
}

pub(super) fn not_one_host() -> Response<Full<Bytes>> {
    let words = "The request has no Host header, or more than one.";
    last(StatusCode::BAD_REQUEST, "invalid_request", words, "host_not_one")
}

pub(super) fn uri_too_long() -> Response<Bytes> {
    let words = "The request's URI is too long.";
    refusal(StatusCode::URI_TOO_LONG, "invalid_request", words, "uri_too_long")
}

pub(super) fn too_slow() -> Response<Full<Bytes>> {
    let words = "The server could not answer in time. Try again.";
    let mut response =
        last(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", words, "request_timeout");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

pub(super) fn panicked() -> Response<Full<Bytes>> {
    let words = "Something went wrong in the server. The operator finds it in the log.";
    last(StatusCode::INTERNAL_SERVER_ERROR, "server_error", words, "panicked")
}

/// A short text, for machines.
pub(super) fn text(status: StatusCode, text: &'static str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(text.as_bytes()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// This path takes other methods only.
pub(super) fn other_method(allow: &'static str) -> Response<Bytes> {
    let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "This address does not take that method.\n");
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response.extensions_mut().insert(Reason::new("method_not_allowed"));
    response
}
