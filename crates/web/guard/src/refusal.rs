//! How a request is refused (RFC 6750 §3).

use bytes::Bytes;
use grantor_core::{Error, ErrorCode, Scopes, bearer};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde_json::json;

/// The answer to a request that may not pass: status, `WWW-Authenticate` or `Retry-After`, and the error as JSON.
#[derive(Debug)]
pub struct Refusal {
    response: Box<Response<Bytes>>,
}

impl Refusal {
    /// > If the protected resource request does not include authentication credentials or does not contain an access
    /// > token that enables access ..., the resource server MUST include the HTTP "WWW-Authenticate" response header
    pub(crate) fn challenge(
        realm: &str,
        error: Option<&Error>,
        needed: &Scopes,
        metadata: Option<&str>,
    ) -> Self {
        let lacks_scope = error.is_some_and(|error| *error.code() == ErrorCode::InsufficientScope);
        let (status, challenge) = bearer::challenge(realm, error, lacks_scope.then_some(needed));
        let mut refusal = Self::of(status, error);
        refusal.response.headers_mut().insert(header::WWW_AUTHENTICATE, with_metadata(challenge, metadata));
        refusal
    }

    /// The source of the facts does not answer: the client may try again with the same token.
    pub(crate) fn unavailable(error: &Error) -> Self {
        let mut refusal = Self::of(error.status(), Some(error));
        let seconds = HeaderValue::from(error.retry_after().unwrap_or(1));
        refusal.response.headers_mut().insert(header::RETRY_AFTER, seconds);
        refusal
    }

    fn of(status: StatusCode, error: Option<&Error>) -> Self {
        let body = error.map(|error| {
            json!({"error": error.code().as_str(), "error_description": error.description()}).to_string()
        });
        let mut response = Response::new(body.map(Bytes::from).unwrap_or_default());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if error.is_some() {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        Self { response: Box::new(response) }
    }

    /// 401, 403, 400 or 503.
    pub fn status(&self) -> StatusCode {
        self.response.status()
    }

    /// The whole answer.
    pub fn into_response(self) -> Response<Bytes> {
        *self.response
    }
}

/// > resource_metadata: The URL of the protected resource metadata. (RFC 9728 §5.1)
fn with_metadata(challenge: HeaderValue, metadata: Option<&str>) -> HeaderValue {
    let Some(url) = metadata else { return challenge };
    let begin = challenge.to_str().unwrap_or("Bearer");
    let comma = if begin.contains('=') { "," } else { "" };
    // A URL has neither quotes nor anything that is no ASCII.
    HeaderValue::from_str(&format!("{begin}{comma} resource_metadata=\"{url}\"")).unwrap_or(challenge)
}
