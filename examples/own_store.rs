//! A store of one's own (`file_store.rs`, under 120 lines), used like any other. The first argument is the port, the second
//! the folder.
//!
//! `curl -u abc:xyz http://localhost:8081/token -d grant_type=client_credentials`
#![expect(clippy::print_stdout, reason = "says where it listens")]

#[path = "file_store.rs"]
mod file_store;

use axum::Router;
use file_store::FileStore;
use grantor::axum::GrantorService;
use grantor::{BoxError, Client, ClientCredentials, GrantTypeName, Provider, StaticClients};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let folder = std::env::args().nth(2).unwrap_or_else(|| "grantor-records".to_owned());
    let abc =
        Client::builder("abc").secret("xyz").grant_types([GrantTypeName::CLIENT_CREDENTIALS]).build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(FileStore::open(folder)?)
        .clients(StaticClients::new([abc]))
        .grant(ClientCredentials::new())
        .build()?;
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
