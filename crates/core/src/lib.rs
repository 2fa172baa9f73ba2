//! OAuth 2.0 as pure steps on one record: the rules of the grantor authorization server.
//!
//! This crate knows no runtime, socket, framework or database: a request is an [`http::Request<Bytes>`](http::Request),
//! an answer an [`http::Response<Bytes>`](http::Response), and [`Provider::handle`] leads from the one to the other.
//!
//! # The map
//! A token request passes these files, in this order: `provider.rs` ([`Provider::handle`]), `endpoint/mod.rs` (the route
//! table, [`BackChannel`]), `client_auth/` ([`ClientAuthentication`]), `endpoint/token.rs`, `grant_type/`
//! ([`GrantType::decide`]), `token/issue.rs` (the one place that mints and writes), `grant/` (the record and its pure
//! steps), `token/swap.rs`, a [`store::Store`], `reply.rs`.
//!
//! An authorization request passes `endpoint/authorize.rs`, `authorize/mod.rs` (the table of checks), the
//! [`SiteAdapter`], `authorize/pending.rs` while it waits for the user, and `authorize/respond.rs`.
//!
//! # Recipes
//! - a grant type: [`GrantType`]
//! - a way to authenticate clients: [`ClientAuthentication`]
//! - login and consent: [`SiteAdapter`]
//! - a store: [`store`]
//! - a token format: [`TokenGenerator`]
//! - a rule for scopes: [`ScopePolicy`]
//! - a web adapter: [`Provider::handle`]

mod authorize;
mod builder;
mod client;
mod client_auth;
mod clock;
mod config;
mod cookies;
mod ctx;
mod endpoint;
mod error;
mod event;
mod grant;
mod grant_type;
mod grants;
mod limit;
mod params;
mod policy;
mod provider;
mod random;
mod reply;
mod site;
mod slow;
mod standing;
pub mod store;
mod sweep;
mod token;
mod types;

pub use authorize::AuthorizationRequest;
pub use builder::{BuildError, ProviderBuilder};
pub use client::{
    ApplicationType, ChainedClients, Client, ClientBuilder, ClientSecret, ClientStore, GeneratedSecret,
    InvalidClient, InvalidClientSecret, StaticClients, StoredClients,
};
pub use client_auth::{
    Authenticated, BackChannel, ClientAuthentication, ClientSecretBasic, ClientSecretPost, PublicClient,
    refused as client_refused,
};
pub use clock::{Clock, SystemClock, Timestamp};
pub use config::{AttemptLimit, Lifetime, LifetimeOverrides, Lifetimes, Limits, Paths};
pub use cookies::cookies;
pub use ctx::{Ctx, Peer};
pub use error::{BoxError, Error, Reason};
#[cfg(feature = "legacy")]
pub use grant_type::legacy;
pub use grant_type::{
    AuthorizationCode, ClientCredentials, Front, GrantType, Issuance, NewGrant, RefreshPolicy, RefreshToken,
    TokenRequest,
};
pub use grants::{GrantInfo, Grants};
pub use limit::{Attempt, Attempts};
pub use params::Params;
pub use policy::{Policy, ScopePolicy, ScopeSet};
pub use provider::Provider;
pub use random::{Random, RandomFailed, SystemRandom};
pub use reply::escaped as html_escaped;
pub use site::{Approval, Ask, Decision, SiteAdapter};
pub use slow::{NoSlowHash, SlowHash};
pub use standing::{Standing, Standings, Whose};
pub use sweep::{SweepPolicy, Sweeper};
pub use token::adopt::{Adopted, Adoption, ForeignToken};
pub use token::bearer;
pub use token::format::{RandomBytes, TokenGenerator, Uuid4};
pub use token::info::TokenInfo;
pub use types::{
    AuthMethod, ClientId, CodeChallenge, Digest, ErrorCode, GrantTypeName, InvalidClientId, InvalidPkce,
    InvalidRedirectUri, InvalidScope, RedirectUri, ResponseModeName, ResponseType, Scopes, Secret,
};
