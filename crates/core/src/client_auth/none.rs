//! `none` (RFC 7591 §2): a public client says who it is and proves nothing; PKCE and its redirect URI protect it.

use async_trait::async_trait;

use super::{BackChannel, ClientAuthentication};
use crate::client::Client;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::types::{AuthMethod, ClientId};

/// `client_id` in the request body, without a secret.
#[derive(Debug, Clone, Copy, Default)]
pub struct PublicClient;

#[async_trait]
impl ClientAuthentication for PublicClient {
    fn method(&self) -> AuthMethod {
        AuthMethod::NONE
    }

    /// Never claims by itself: a bare `client_id` counts only where no other method does.
    fn claimed(&self, _request: &BackChannel<'_>) -> Result<Option<ClientId>, Error> {
        Ok(None)
    }

    async fn verify(
        &self,
        _ctx: &Ctx<'_>,
        _request: &BackChannel<'_>,
        _client: &Client,
    ) -> Result<(), Error> {
        Ok(())
    }
}
