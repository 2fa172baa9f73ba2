//! `client_secret_post` (RFC 6749 §2.3.1): id and secret in the form.

use async_trait::async_trait;

use super::{BackChannel, ClientAuthentication, check_secret, refused};
use crate::client::Client;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::types::{AuthMethod, ClientId};

/// `client_id` and `client_secret` in the request body.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientSecretPost;

#[async_trait]
impl ClientAuthentication for ClientSecretPost {
    fn method(&self) -> AuthMethod {
        AuthMethod::CLIENT_SECRET_POST
    }

    fn claimed(&self, request: &BackChannel<'_>) -> Result<Option<ClientId>, Error> {
        match (request.get("client_secret"), request.get("client_id")) {
            (None, _) => Ok(None),
            (Some(_), Some(id)) => ClientId::parse(id).map(Some).map_err(|_| refused("client_id_malformed")),
            (Some(_), None) => Err(refused("client_secret_without_client_id")),
        }
    }

    async fn verify(&self, ctx: &Ctx<'_>, request: &BackChannel<'_>, client: &Client) -> Result<(), Error> {
        match request.get("client_secret") {
            Some(secret) => check_secret(ctx, client, secret).await,
            None => Err(refused("client_secret_missing")),
        }
    }
}
