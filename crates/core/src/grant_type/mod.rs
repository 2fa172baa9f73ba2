//! Grant types (RFC 6749 §1.3): each DECIDES whether a token request may have what it asks; it never mints, never writes.
//!
//! # To add a grant type
//! 1. One type that implements [`GrantType`]: read the request, check, return an [`Issuance`].
//! 2. `.grant(YourType)` on the builder. Discovery lists it, clients get it by its name in `grant_types`.
//!
//! ```
//! use grantor_core::{Authenticated, Ctx, Error, GrantType, GrantTypeName, Issuance, NewGrant, TokenRequest};
//!
//! #[derive(Debug)]
//! struct Ticket;
//!
//! #[async_trait::async_trait]
//! impl GrantType for Ticket {
//!     fn grant_type(&self) -> GrantTypeName {
//!         GrantTypeName::from_static("urn:example:grant:ticket")
//!     }
//!
//!     async fn decide(&self, ctx: &Ctx<'_>, client: &Authenticated, request: &TokenRequest<'_>) -> Result<Issuance, Error> {
//!         if request.required("ticket")? != "golden-ticket" {
//!             return Err(Error::invalid_grant("This ticket is not valid"));
//!         }
//!         let scopes = ctx.scopes(request.get("scope"), client.client(), &self.grant_type())?;
//!         Ok(Issuance::new_grant(NewGrant::for_subject("alice").scopes(scopes)))
//!     }
//! }
//! ```

mod authorization_code;
mod client_credentials;
#[cfg(feature = "legacy")]
pub mod legacy;
mod refresh_token;

pub use authorization_code::AuthorizationCode;
pub use client_credentials::ClientCredentials;
pub use refresh_token::RefreshToken;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};

use crate::client_auth::{Authenticated, BackChannel};
use crate::clock::Timestamp;
use crate::config::LifetimeOverrides;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::grant::Grant;
use crate::policy::ScopePolicy;
use crate::site::Approval;
use crate::store::Loaded;
use crate::token::credential::Presented;
use crate::types::{GrantTypeName, ResponseType, Scopes, Secret};

/// A token request (RFC 6749 §3.2): the form and the HTTP request around it.
pub type TokenRequest<'a> = BackChannel<'a>;

impl<'a> TokenRequest<'a> {
    /// The value of a form parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` where it is absent or empty.
    pub fn required(&self, name: &'static str) -> Result<&'a str, Error> {
        self.params().required(name)
    }
}

/// One grant type.
#[async_trait]
pub trait GrantType: fmt::Debug + Send + Sync + 'static {
    /// Its name: a registered one or an absolute URI (RFC 6749 §4.5).
    fn grant_type(&self) -> GrantTypeName;

    /// What it answers at the authorization endpoint, if it begins there.
    fn front(&self) -> Front {
        Front::None
    }

    /// Its own rule for scopes; the provider's where there is none.
    fn scopes(&self) -> Option<&dyn ScopePolicy> {
        None
    }

    /// Its own lifetimes.
    fn lifetimes(&self) -> LifetimeOverrides {
        LifetimeOverrides::default()
    }

    /// Whether equal requests get the token that is still alive, instead of a new one each. It needs the builder's `key`.
    fn unique_tokens(&self) -> bool {
        false
    }

    /// For the one that brings refresh tokens: how they behave.
    fn refresh(&self) -> Option<RefreshPolicy> {
        None
    }

    /// Decides about a token request. It reads and checks; it never mints and never writes.
    ///
    /// # Errors
    /// The RFC error that the client gets.
    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error>;
}

/// What a grant type does at the authorization endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Front {
    /// Nothing: it begins at the token endpoint.
    None,
    /// Answers `response_type=code` with a code (RFC 6749 §4.1.2).
    Code,
    /// Answers `response_type=token` with an access token (RFC 6749 §4.2.2).
    Token,
}

impl Front {
    /// The `response_type` that asks for it.
    pub const fn response_type(self) -> Option<ResponseType> {
        match self {
            Self::None => None,
            Self::Code => Some(ResponseType::CODE),
            Self::Token => Some(ResponseType::TOKEN),
        }
    }
}

/// How refresh tokens behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// Each use gives the next token (RFC 9700 §4.14.2).
    pub rotate: bool,
    /// How long the previous token gives the same successor again.
    pub retry_window: Duration,
    /// Lifetimes of refresh tokens.
    pub lifetimes: LifetimeOverrides,
}

/// What a grant type decided. It is data: `token/issue.rs` carries it out.
#[derive(Debug)]
#[must_use]
pub struct Issuance(pub(crate) Kind);

#[derive(Debug)]
pub(crate) enum Kind {
    New(NewGrant),
    Redeem(Box<Redeem>),
    Refresh(Box<RefreshRequest>),
}

/// A loaded grant and the code that was presented for it.
#[derive(Debug)]
pub(crate) struct Redeem {
    pub(crate) loaded: Loaded<Grant>,
    pub(crate) presented: Presented,
    pub(crate) redirect_uri: Option<String>,
    pub(crate) verifier: Option<Secret>,
}

/// A loaded grant and the refresh token that was presented for it.
#[derive(Debug)]
pub(crate) struct RefreshRequest {
    pub(crate) loaded: Loaded<Grant>,
    pub(crate) presented: Presented,
    pub(crate) scopes: Option<Scopes>,
}

impl Issuance {
    /// A new grant with its first tokens.
    pub fn new_grant(grant: NewGrant) -> Self {
        Self(Kind::New(grant))
    }
}

/// A grant to be made.
#[derive(Debug, Clone, Default)]
pub struct NewGrant {
    pub(crate) approval: Approval,
    pub(crate) scopes: Scopes,
    pub(crate) refreshable: bool,
}

impl NewGrant {
    /// For the client itself: no user.
    pub fn for_client() -> Self {
        Self::default()
    }

    /// For a user.
    pub fn for_subject(subject: impl Into<String>) -> Self {
        Self::approved(Approval::of(subject))
    }

    /// As somebody approved it.
    pub fn approved(approval: Approval) -> Self {
        Self { approval, ..Self::default() }
    }

    /// With these scopes; take them from [`Ctx::scopes`], which refuses what is not configured.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = scopes;
        self
    }

    /// With data for resource servers.
    #[must_use]
    pub fn data(mut self, data: Map<String, Value>) -> Self {
        self.approval = self.approval.data(data);
        self
    }

    /// With a refresh token, where the grant type `refresh_token` is registered and the client may use it.
    #[must_use]
    pub fn refreshable(mut self) -> Self {
        self.refreshable = true;
        self
    }

    /// When the user proved who they are.
    #[must_use]
    pub fn auth_time(mut self, at: Timestamp) -> Self {
        self.approval = self.approval.auth_time(at);
        self
    }
}
