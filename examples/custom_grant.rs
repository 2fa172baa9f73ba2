//! A grant type of one's own (RFC 6749 §4.5): a ticket is exchanged for a token.
//!
//! `curl -u booth:booth-secret http://localhost:8081/token -d grant_type=urn:example:grant:ticket -d ticket=golden-ticket`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use axum::Router;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::{
    Authenticated, BoxError, Client, Ctx, Error, GrantType, GrantTypeName, Issuance, NewGrant, Provider,
    ScopeSet, Scopes, StaticClients, TokenRequest, async_trait,
};

const TICKET: GrantTypeName = GrantTypeName::from_static("urn:example:grant:ticket");

/// It reads and checks. Tokens are minted and written elsewhere, the same way for all grant types.
#[derive(Debug)]
struct Ticket;

#[async_trait]
impl GrantType for Ticket {
    fn grant_type(&self) -> GrantTypeName {
        TICKET
    }

    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        if request.required("ticket")? != "golden-ticket" {
            return Err(Error::invalid_grant("This ticket is not valid")
                .with_uri("https://docs.example.test/errors#ticket"));
        }
        let scopes = ctx.scopes(request.get("scope"), client.client(), &TICKET)?;
        Ok(Issuance::new_grant(NewGrant::for_subject("alice").scopes(scopes)))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let booth = Client::builder("booth").secret("booth-secret").grant_types([TICKET]).build()?;
    let ride = Scopes::parse("ride")?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([booth]))
        .scopes(ScopeSet::new(ride.clone()).with_default(ride))
        .grant(Ticket)
        .build()?;
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
