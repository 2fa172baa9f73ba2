//! The resource owner password grant (feature `legacy`): for applications that cannot send their users to a page yet.
//!
//! `curl -u app:app-secret http://localhost:8081/token -d grant_type=password -d username=alice -d password=wonderland`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::net::SocketAddr;

use axum::Router;
use grantor::axum::GrantorService;
use grantor::legacy::{Password, PasswordVerifier};
use grantor::memory::MemoryStore;
use grantor::{
    Approval, BoxError, Client, Ctx, GrantTypeName, Provider, RefreshToken, Secret, StaticClients,
    async_trait,
};

/// Asks whatever knows the users. A real one compares slow hashes, also for names that do not exist.
#[derive(Debug)]
struct Users;

#[async_trait]
impl PasswordVerifier for Users {
    async fn verify(
        &self,
        _ctx: &Ctx<'_>,
        name: &str,
        password: &Secret,
    ) -> Result<Option<Approval>, BoxError> {
        let right = password.matches("wonderland");
        Ok((right && name == "alice").then(|| Approval::of(name)))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let app = Client::builder("app")
        .secret("app-secret")
        .grant_types([GrantTypeName::PASSWORD, GrantTypeName::REFRESH_TOKEN])
        .build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([app]))
        .grant(Password::new(Users))
        .grant(RefreshToken::new())
        .build()?;
    // Wrong passwords are counted by name and network address, so the service must know the address.
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
