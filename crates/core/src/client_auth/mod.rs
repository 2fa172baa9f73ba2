//! Client authentication (RFC 6749 §2.3): exactly one method per request, and the one that the client is registered for.
//!
//! # To add a method
//! 1. One file with a type that implements [`ClientAuthentication`].
//! 2. One line in the builder's list of built-in methods, or `.client_authentication(..)` for one's own.
//!
//! Discovery and the metadata of clients derive from what is registered.

mod basic;
mod none;
mod post;

pub use basic::ClientSecretBasic;
pub use none::PublicClient;
pub use post::ClientSecretPost;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use http::Request;

use crate::client::Client;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::event;
use crate::limit::Attempt;
use crate::params::Params;
use crate::types::{AuthMethod, ClientId, ErrorCode};

/// One way in which clients prove who they are.
#[async_trait]
pub trait ClientAuthentication: fmt::Debug + Send + Sync + 'static {
    /// Its name (IANA OAuth Token Endpoint Authentication Methods).
    fn method(&self) -> AuthMethod;

    /// Which client the request claims to be from by this method; `None` where it does not use the method.
    ///
    /// # Errors
    /// `invalid_client` or `invalid_request` where it uses the method wrongly.
    fn claimed(&self, request: &BackChannel<'_>) -> Result<Option<ClientId>, Error>;

    /// Checks the proof.
    ///
    /// # Errors
    /// [`refused`] where the proof is wrong; 503 where it cannot be checked.
    async fn verify(&self, ctx: &Ctx<'_>, request: &BackChannel<'_>, client: &Client) -> Result<(), Error>;
}

/// A request of a client to the token, revocation or introspection endpoint: form and headers.
#[derive(Clone, Copy)]
pub struct BackChannel<'a> {
    pub(crate) http: &'a Request<Bytes>,
    pub(crate) params: &'a Params,
}

impl fmt::Debug for BackChannel<'_> {
    /// Names only: headers and values are secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackChannel").field("params", self.params).finish_non_exhaustive()
    }
}

impl<'a> BackChannel<'a> {
    /// The HTTP request.
    pub fn http(&self) -> &'a Request<Bytes> {
        self.http
    }

    /// The form parameters.
    pub fn params(&self) -> &'a Params {
        self.params
    }

    /// The value of a form parameter; `None` where it is absent or empty.
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.params.get(name)
    }
}

/// A client that has proved who it is, or a public one that has only said so.
#[derive(Debug, Clone)]
pub struct Authenticated {
    client: Arc<Client>,
}

impl Authenticated {
    /// The client.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Whether it proved who it is.
    pub fn is_confidential(&self) -> bool {
        !self.client.is_public()
    }
}

/// One sentence for all failures: an unknown client must not look different from a wrong secret.
const FAILED: &str = "Client authentication failed: the client is unknown, its credentials are wrong, or it is registered for another authentication method.";

/// The error of a failed client authentication (RFC 6749 §5.2); `reason` goes to the log only.
pub fn refused(reason: &'static str) -> Error {
    Error::new(ErrorCode::InvalidClient, FAILED).because(reason)
}

/// Authenticates the client of a back-channel request.
///
/// > The client MUST NOT use more than one authentication method in each request (RFC 6749 §2.3)
pub(crate) async fn authenticate(ctx: &Ctx<'_>, request: &BackChannel<'_>) -> Result<Authenticated, Error> {
    let mut claim: Option<(&dyn ClientAuthentication, ClientId)> = None;
    for method in &ctx.parts.client_authentications {
        let Some(id) = method.claimed(request)? else { continue };
        if claim.is_some() {
            return Err(Error::invalid_request(
                "The request uses more than one way to authenticate the client.",
            )
            .because("two_client_authentications"));
        }
        claim = Some((method.as_ref(), id));
    }
    let claim = match claim {
        Some(claim) => claim,
        None => public_claim(ctx, request)?,
    };
    let (method, id) = claim;
    if request.get("client_id").is_some_and(|in_body| in_body != id.as_str()) {
        return Err(refused("client_id_differs_from_credentials"));
    }
    verify(ctx, request, method, &id).await
}

/// A `client_id` without a proof: a public client, if `none` is registered.
fn public_claim<'a>(
    ctx: &'a Ctx<'_>,
    request: &BackChannel<'_>,
) -> Result<(&'a dyn ClientAuthentication, ClientId), Error> {
    let Some(text) = request.get("client_id") else {
        return Err(Error::new(
            ErrorCode::InvalidClient,
            "The request does not authenticate a client: send credentials, or client_id for a public client.",
        )
        .because("no_client_authentication"));
    };
    let id = ClientId::parse(text).map_err(|_| refused("client_id_malformed"))?;
    let none = ctx.parts.client_authentications.iter().find(|method| method.method() == AuthMethod::NONE);
    none.map(|method| (method.as_ref(), id)).ok_or_else(|| refused("public_clients_not_supported"))
}

async fn verify(
    ctx: &Ctx<'_>,
    request: &BackChannel<'_>,
    method: &dyn ClientAuthentication,
    id: &ClientId,
) -> Result<Authenticated, Error> {
    // Who proves nothing cannot guess: no stranger can make a public client wait.
    let attempt = if method.method() == AuthMethod::NONE { None } else { Some(begin(ctx, id)?) };
    let failed = |reason: &'static str| {
        event::attempt_failed("client", id.as_str(), ctx.peer(), reason);
        refused(reason)
    };
    let Some(client) = ctx.client(id).await? else {
        return Err(failed("client_unknown"));
    };
    if client.token_endpoint_auth_method != method.method() {
        return Err(failed("client_registered_for_other_method"));
    }
    let verified = method.verify(ctx, request, &client).await;
    if let Err(error) = &verified
        && *error.code() == ErrorCode::InvalidClient
    {
        return Err(failed("client_credentials_wrong"));
    }
    if let Some(attempt) = attempt {
        attempt.take_back();
    }
    verified?;
    // Only who knows the credentials learns that the client is switched off.
    let standing = ctx.parts.standings.recent(id.as_str(), None, ctx.now()).await?;
    if client.disabled || standing.disabled {
        return Err(refused("client_disabled"));
    }
    Ok(Authenticated { client })
}

fn begin(ctx: &Ctx<'_>, id: &ClientId) -> Result<Attempt, Error> {
    ctx.parts.attempts.begin("client", id.as_str(), ctx.peer(), ctx.now()).map_err(Error::too_many)
}

/// Compares a presented secret with those of the client.
pub(crate) async fn check_secret(ctx: &Ctx<'_>, client: &Client, presented: &str) -> Result<(), Error> {
    use crate::client::Checked;
    let mut right = false;
    for secret in &client.secrets {
        right |= match secret.check(presented) {
            Checked::Known(is_it) => is_it,
            Checked::Slow(hash) => ctx.parts.slow.verify(hash, presented).await?,
        };
    }
    if right { Ok(()) } else { Err(refused("client_secret_wrong")) }
}
