//! Errors for three readers: the client (code), its developer (description), the operator (reason code and source).
//!
//! With `reply.rs` this is the only place that chooses status codes.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::StatusCode;

use crate::grant::Refusal;
use crate::random::RandomFailed;
use crate::store::StoreError;
use crate::types::{ErrorCode, InvalidClientId, InvalidScope};

/// Any error of a port that belongs to the embedder.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a request was refused.
///
/// `error`, `error_description` and `error_uri` go to the client; the reason code and the source only to the log.
pub struct Error {
    inner: Box<Inner>,
}

struct Inner {
    code: ErrorCode,
    description: Cow<'static, str>,
    uri: Option<Cow<'static, str>>,
    reason: &'static str,
    status: Option<StatusCode>,
    retry_after: Option<u64>,
    source: Option<BoxError>,
}

/// Why a request was refused, for the operator's log: it stands in the extensions of each answer that refuses, and never
/// goes over the wire.
///
/// ```
/// # fn doc(answer: &http::Response<bytes::Bytes>) {
/// if let Some(reason) = answer.extensions().get::<grantor_core::Reason>() {
///     println!("refused: {}", reason.as_str());
/// }
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// One of one's own.
    pub const fn new(reason: &'static str) -> Self {
        Self(Cow::Borrowed(reason))
    }

    /// The stable code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// That of an error.
    pub(crate) fn of(error: &Error) -> Self {
        match error.inner.reason {
            "" => Self(Cow::Owned(error.reason().to_owned())),
            reason => Self::new(reason),
        }
    }
}

impl Error {
    /// An error with this code and a sentence that helps the client's developer.
    pub fn new(code: ErrorCode, description: impl Into<Cow<'static, str>>) -> Self {
        let inner = Inner {
            code,
            description: description.into(),
            uri: None,
            reason: "",
            status: None,
            retry_after: None,
            source: None,
        };
        Self { inner: Box::new(inner) }
    }

    /// The same with a page that explains the error (`error_uri`, RFC 6749 §5.2).
    #[must_use]
    pub fn with_uri(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.inner.uri = Some(uri.into());
        self
    }

    /// The same with a stable reason code for the operator's log.
    #[must_use]
    pub fn because(mut self, reason: &'static str) -> Self {
        self.inner.reason = reason;
        self
    }

    /// The same with its cause, for the operator's log.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.inner.status = Some(status);
        self
    }

    /// `invalid_request`: the request is malformed.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidRequest, description)
    }

    /// `invalid_grant`: what the client presents is not valid.
    pub fn invalid_grant(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidGrant, description)
    }

    /// `invalid_scope`: more than may be had.
    pub fn invalid_scope(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::InvalidScope, description)
    }

    /// `temporarily_unavailable`: not the client's fault; answered with 503 and `Retry-After`.
    pub fn unavailable(reason: &'static str) -> Self {
        let mut error =
            Self::new(ErrorCode::TemporarilyUnavailable, "The server cannot answer now. Try again.");
        error.inner.reason = reason;
        error.inner.retry_after = Some(1);
        error
    }

    /// Too many attempts: 429 with the seconds to wait.
    pub(crate) fn too_many(seconds: u64) -> Self {
        let mut error =
            Self::new(ErrorCode::TemporarilyUnavailable, "Too many failed attempts. Wait and try again.")
                .because("rate_limited")
                .with_status(StatusCode::TOO_MANY_REQUESTS);
        error.inner.retry_after = Some(seconds.max(1));
        error
    }

    /// The body is larger than the limit: 413.
    pub(crate) fn body_too_large() -> Self {
        Self::invalid_request("The request body is too large.")
            .because("body_too_large")
            .with_status(StatusCode::PAYLOAD_TOO_LARGE)
    }

    /// The URI is longer than the limit: 414.
    pub(crate) fn uri_too_long() -> Self {
        Self::invalid_request("The request's URI is too long.")
            .because("uri_too_long")
            .with_status(StatusCode::URI_TOO_LONG)
    }

    /// The `error` value.
    pub fn code(&self) -> &ErrorCode {
        &self.inner.code
    }

    /// The `error_description`, in the characters that RFC 6749 §5.2 allows.
    pub fn description(&self) -> String {
        self.inner.description.chars().map(legal).collect()
    }

    /// The `error_uri`, if there is one.
    pub fn uri(&self) -> Option<&str> {
        self.inner.uri.as_deref()
    }

    /// The stable reason code for the log; the `error` value where there is none.
    pub fn reason(&self) -> &str {
        if self.inner.reason.is_empty() { self.inner.code.as_str() } else { self.inner.reason }
    }

    /// Seconds after which the client may try again.
    pub fn retry_after(&self) -> Option<u64> {
        self.inner.retry_after
    }

    /// The HTTP status of a direct answer (RFC 6749 §5.2).
    pub fn status(&self) -> StatusCode {
        if let Some(status) = self.inner.status {
            return status;
        }
        match self.inner.code {
            ErrorCode::InvalidClient | ErrorCode::InvalidToken => StatusCode::UNAUTHORIZED,
            ErrorCode::InsufficientScope => StatusCode::FORBIDDEN,
            ErrorCode::TemporarilyUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorCode::ServerError => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::InvalidRequest
            | ErrorCode::InvalidGrant
            | ErrorCode::UnauthorizedClient
            | ErrorCode::UnsupportedGrantType
            | ErrorCode::UnsupportedResponseType
            | ErrorCode::InvalidScope
            | ErrorCode::AccessDenied
            | ErrorCode::UnsupportedTokenType
            | ErrorCode::Other(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// Whether this is the server's fault, not the client's.
    pub fn is_ours(&self) -> bool {
        self.status().is_server_error()
    }
}

/// > Values for the "error_description" parameter MUST NOT include characters outside the set %x20-21 / %x23-5B /
/// > %x5D-7E (RFC 6749 §5.2)
fn legal(c: char) -> char {
    match c {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => c,
        _ => '?',
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        Self::unavailable("store_failed").with_source(error)
    }
}

impl From<RandomFailed> for Error {
    fn from(error: RandomFailed) -> Self {
        Self::unavailable("random_failed").with_source(error)
    }
}

impl From<InvalidScope> for Error {
    fn from(error: InvalidScope) -> Self {
        Self::invalid_scope(error.to_string()).because("scope_malformed")
    }
}

impl From<InvalidClientId> for Error {
    fn from(error: InvalidClientId) -> Self {
        Self::invalid_request(error.to_string()).because("client_id_malformed")
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.code(), refusal.description).because(refusal.reason)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("error", &self.inner.code.as_str())
            .field("reason", &self.reason())
            .field("description", &self.inner.description)
            .field("source", &self.inner.source)
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.inner.code.as_str(), self.inner.description)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc6749_5_2_description_has_legal_characters() {
        let error = Error::invalid_request("a \"quote\" \\ \u{0} é 🦀 \r\n");
        assert!(error.description().bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
    }
}
