//! `client_id` of an authorization request (RFC 6749 §4.1.1).

use std::sync::Arc;

use crate::client::Client;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::types::ClientId;

/// The client that asks. One sentence for unknown and disabled ones.
pub(super) async fn find(ctx: &Ctx<'_>, client_id: Option<&str>) -> Result<Arc<Client>, Error> {
    let Some(text) = client_id else {
        return Err(Error::invalid_request("The parameter client_id must be there, once.")
            .because("client_id_missing"));
    };
    let unknown = |reason| Error::invalid_request("There is no client with this client_id.").because(reason);
    let id = ClientId::parse(text).map_err(|_| unknown("client_id_malformed"))?;
    let client = ctx.client(&id).await?.ok_or_else(|| unknown("client_unknown"))?;
    if client.disabled || ctx.standing(&client, None).await?.disabled {
        return Err(unknown("client_disabled"));
    }
    Ok(client)
}
