//! Client credentials: a program gets a token for itself, and an API of the same application asks for it.
//!
//! `curl -u worker:worker-secret http://localhost:8081/token -d grant_type=client_credentials -d scope=jobs.read`
//! `curl -H "Authorization: Bearer ..." http://localhost:8081/jobs`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use axum::Router;
use axum::routing::get;
use grantor::axum::{Access, GrantorService, GuardLayer};
use grantor::guard::Guard;
use grantor::memory::MemoryStore;
use grantor::{
    BoxError, Client, ClientCredentials, GrantTypeName, Provider, ScopeSet, Scopes, StaticClients,
};

async fn jobs(access: Access) -> String {
    format!("the jobs of {}\n", access.client_id())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let worker = Client::builder("worker")
        .secret("worker-secret")
        .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
        .build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([worker]))
        .scopes(ScopeSet::new(Scopes::parse("jobs.read jobs.write")?))
        .grant(ClientCredentials::new())
        .build()?;
    let guard = Guard::new(provider.clone()).require(Scopes::parse("jobs.read")?);
    let app = Router::new()
        .route("/jobs", get(jobs).layer(GuardLayer::new(guard)))
        .fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
