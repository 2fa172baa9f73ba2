//! The authorization request (RFC 6749 §4.1.1, §4.2.1): first who asks and where the answer goes, then the table of
//! checks.
//!
//! Until client and redirect URI are verified an error is shown, never redirected (RFC 6749 §4.1.2.1): only a
//! [`Verified`] can be answered by redirect.
//!
//! # To add a check
//! 1. One file with a plain function of type [`Check`]. What it needs from outside is loaded before.
//! 2. One row in [`CHECKS`].

mod client;
pub(crate) mod pending;
mod pkce;
mod redirect_uri;
mod respond;
mod response_mode;
mod response_type;
mod scope;

pub(crate) use respond::{Answer, respond};
pub(crate) use response_mode::BUILT_IN as RESPONSE_MODES;

use std::fmt;
use std::sync::Arc;

use crate::client::Client;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;
use crate::types::{CodeChallenge, GrantTypeName, ResponseModeName, ResponseType, Scopes};

/// One row of the policy: reads the parameters and completes the request, or refuses.
type Check = fn(&Ctx<'_>, &Params, &mut AuthorizationRequest) -> Result<(), Error>;

/// The whole policy for an authorization request, in the order in which it is checked.
const CHECKS: &[Check] =
    &[repeated::check, response_type::check, response_mode::check, scope::check, pkce::check];

/// Where the answer may go: a known client and one of its redirect URIs.
#[derive(Clone)]
pub(crate) struct Verified {
    pub(crate) client: Arc<Client>,
    pub(crate) redirect_uri: Arc<str>,
    /// Whether the request named it (RFC 6749 §4.1.3 then wants it again at the token endpoint).
    pub(crate) redirect_uri_asked: bool,
    pub(crate) response_mode: ResponseModeName,
    pub(crate) state: Option<String>,
}

/// A validated authorization request, as the site adapter sees it.
#[derive(Clone)]
pub struct AuthorizationRequest {
    pub(crate) verified: Verified,
    pub(crate) response_type: ResponseType,
    pub(crate) grant_type: GrantTypeName,
    pub(crate) scopes: Scopes,
    pub(crate) challenge: Option<CodeChallenge>,
}

impl AuthorizationRequest {
    /// The client that asks.
    pub fn client(&self) -> &Arc<Client> {
        &self.verified.client
    }

    /// What it asks for.
    pub fn scopes(&self) -> &Scopes {
        &self.scopes
    }

    /// Where the answer goes.
    pub fn redirect_uri(&self) -> &str {
        &self.verified.redirect_uri
    }

    /// The host that the answer goes to, for people: `rp.example`, or the scheme of an app's own URI.
    pub fn redirect_host(&self) -> String {
        let uri = url::Url::parse(&self.verified.redirect_uri);
        uri.map_or_else(
            |_| String::new(),
            |uri| uri.host_str().filter(|host| !host.is_empty()).unwrap_or_else(|| uri.scheme()).to_owned(),
        )
    }

    /// `code` or `token`.
    pub fn response_type(&self) -> &ResponseType {
        &self.response_type
    }

    /// How the answer is sent.
    pub fn response_mode(&self) -> &ResponseModeName {
        &self.verified.response_mode
    }

    /// The client's own value, sent back unchanged.
    pub fn state(&self) -> Option<&str> {
        self.verified.state.as_deref()
    }
}

impl fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("client", &self.verified.client.client_id)
            .field("redirect_uri", &self.verified.redirect_uri)
            .field("response_type", &self.response_type)
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// Who asks, and where the answer goes. An error here is shown to the user, never redirected.
pub(crate) async fn verify(ctx: &Ctx<'_>, params: &Params) -> Result<Verified, Error> {
    let client = client::find(ctx, params.unambiguous("client_id")).await?;
    let (redirect_uri, redirect_uri_asked) = redirect_uri::choose(ctx, &client, params)?;
    let response_mode = response_mode::choose(params)?;
    let state = params.unambiguous("state").map(str::to_owned);
    Ok(Verified { client, redirect_uri, redirect_uri_asked, response_mode, state })
}

/// Whether a request that waits may still be answered: its client and redirect URI may have been changed meanwhile.
pub(crate) async fn verify_again(ctx: &Ctx<'_>, request: &AuthorizationRequest) -> Result<(), Error> {
    let client = client::find(ctx, Some(request.verified.client.client_id.as_str())).await?;
    redirect_uri::still_allowed(ctx, &client, &request.verified.redirect_uri)
}

/// Passes the table of checks. An error here is redirected.
pub(crate) fn check(
    ctx: &Ctx<'_>,
    verified: Verified,
    params: &Params,
) -> Result<AuthorizationRequest, Error> {
    let mut request = AuthorizationRequest {
        verified,
        response_type: ResponseType::CODE,
        grant_type: GrantTypeName::AUTHORIZATION_CODE,
        scopes: Scopes::empty(),
        challenge: None,
    };
    for check in CHECKS {
        check(ctx, params, &mut request)?;
    }
    Ok(request)
}

mod repeated {
    use super::{AuthorizationRequest, Ctx, Error, Params};

    /// > Request and response parameters MUST NOT be included more than once. (RFC 6749 §3.1)
    pub(super) fn check(_: &Ctx<'_>, params: &Params, _: &mut AuthorizationRequest) -> Result<(), Error> {
        params.once()
    }
}
