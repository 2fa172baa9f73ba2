//! Protects an API with the bearer tokens that grantor issued (RFC 6750), in any web framework.
//!
//! [`Guard::check`] takes the headers of a request and answers who it comes from, or how to refuse it. The adapters bring
//! it into their frameworks: `grantor::axum::{GuardLayer, Access}`, `grantor::actix::{GuardMiddleware, Access}`.
//!
//! Where the facts about a token come from is a port, [`Tokens`]: a [`Provider`] in the same process is one, the introspection
//! endpoint of another server is one (`introspection`, a feature), and one's own is one method.
//!
//! [`ProtectedResource`] is the document in which an API says who issues tokens for it (RFC 9728).
//!
//! ```
//! # async fn f(provider: grantor_core::Provider, headers: http::HeaderMap) -> Result<(), Box<dyn std::error::Error>> {
//! use grantor_core::Scopes;
//! use grantor_web_guard::Guard;
//!
//! let guard = Guard::new(provider).require(Scopes::parse("jobs.read")?);
//! match guard.check(&headers).await {
//!     Ok(access) => println!("{} for {:?}", access.client_id(), access.subject()),
//!     Err(refusal) => println!("{}", refusal.status()),
//! }
//! # Ok(())
//! # }
//! ```

mod access;
#[cfg(feature = "introspection")]
pub mod introspection;
mod refusal;
mod resource;

pub use access::Access;
pub use refusal::Refusal;
pub use resource::{InvalidResource, ProtectedResource};

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use grantor_core::{Error, Provider, Scopes, TokenInfo, bearer};
use http::HeaderMap;

/// Where the facts about access tokens come from.
///
/// # To add a source
/// Implement it for whatever knows the tokens:
///
/// ```
/// use grantor_core::{ClientId, Error, GrantTypeName, Scopes, Timestamp, TokenInfo};
/// use grantor_web_guard::Tokens;
///
/// #[derive(Debug)]
/// struct Elsewhere;
///
/// #[async_trait::async_trait]
/// impl Tokens for Elsewhere {
///     async fn token_info(&self, access_token: &str) -> Result<Option<TokenInfo>, Error> {
///         let (client, kind) = (ClientId::parse("worker")?, GrantTypeName::CLIENT_CREDENTIALS);
///         let mut info = TokenInfo::new(client, kind, Timestamp::EPOCH, Timestamp::NEVER);
///         info.scopes = Scopes::parse("jobs.read")?;
///         Ok((access_token == "known-elsewhere").then_some(info))
///     }
/// }
/// ```
#[async_trait]
pub trait Tokens: fmt::Debug + Send + Sync + 'static {
    /// The facts about an access token that is alive; `None` for one that is unknown, expired or revoked.
    ///
    /// # Errors
    /// An error that [is ours](Error::is_ours) where nobody can tell at present, best [`Error::unavailable`].
    async fn token_info(&self, access_token: &str) -> Result<Option<TokenInfo>, Error>;
}

#[async_trait]
impl Tokens for Provider {
    async fn token_info(&self, access_token: &str) -> Result<Option<TokenInfo>, Error> {
        Self::token_info(self, access_token).await
    }
}

/// Lets requests pass that bring a live access token with the scopes that are needed. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Guard {
    tokens: Arc<dyn Tokens>,
    realm: Arc<str>,
    needed: Scopes,
    metadata: Option<Arc<str>>,
}

impl Guard {
    /// A guard that asks this source and needs no scope. A [`Provider`] is a source.
    pub fn new(tokens: impl Tokens) -> Self {
        Self { tokens: Arc::new(tokens), realm: Arc::from("api"), needed: Scopes::empty(), metadata: None }
    }

    /// The same guard for routes that need all these scopes. Clone it first where routes need different ones.
    #[must_use]
    pub fn require(mut self, scopes: Scopes) -> Self {
        self.needed = scopes;
        self
    }

    /// The API that it protects: a challenge then says where its metadata is.
    ///
    /// > WWW-Authenticate: Bearer resource_metadata="https://..." (RFC 9728 §5.1)
    #[must_use]
    pub fn resource(mut self, resource: &ProtectedResource) -> Self {
        self.metadata = Some(Arc::from(resource.metadata_url()));
        self
    }

    /// The name of what it protects, for `WWW-Authenticate`: `api` where nothing is said.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.realm = Arc::from(realm);
        self
    }

    /// Who a request comes from and what it may do.
    ///
    /// # Errors
    /// How to refuse it (RFC 6750 §3.1): 401 without a live token, 403 without the scopes, 400 where the token is
    /// malformed, 503 where the source does not answer.
    pub async fn check(&self, headers: &HeaderMap) -> Result<Access, Refusal> {
        let token = match bearer::token(headers) {
            Ok(Some(token)) => token,
            Ok(None) => return Err(self.refuse(None)),
            Err(error) => return Err(self.refuse(Some(&error))),
        };
        let info = match self.tokens.token_info(token).await {
            Ok(Some(info)) => info,
            Ok(None) => return Err(self.refuse(Some(&bearer::invalid_token()))),
            Err(error) => return Err(self.unanswered(&error)),
        };
        if !self.needed.is_subset_of(&info.scopes) {
            return Err(self.refuse(Some(&bearer::insufficient_scope(&self.needed))));
        }
        Ok(Access::of(info))
    }

    fn refuse(&self, error: Option<&Error>) -> Refusal {
        Refusal::challenge(&self.realm, error, &self.needed, self.metadata.as_deref())
    }

    fn unanswered(&self, error: &Error) -> Refusal {
        tracing::error!(
            target: "grantor", endpoint = "guard", reason = error.reason(), cause = cause(error),
            "a token could not be looked up"
        );
        if error.is_ours() { Refusal::unavailable(error) } else { self.refuse(Some(error)) }
    }
}

/// The error's cause, for the operator's log.
fn cause(error: &Error) -> String {
    std::error::Error::source(error).map(ToString::to_string).unwrap_or_default()
}

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
