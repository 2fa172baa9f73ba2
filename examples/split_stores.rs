//! Codes and waiting requests in one store, grants in another, clients in a third. The first argument is the port, the second
//! the folder of the databases.
//!
//! Open `http://localhost:8081/authorize?response_type=code&client_id=abc&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::sqlite::{Options, SqliteStore};
use grantor::store::{SplitStore, Store};
use grantor::{
    Approval, Ask, AuthorizationCode, BoxError, Client, Clock as _, Ctx, Decision, Provider, RefreshToken,
    SiteAdapter, StoredClients, SystemClock, async_trait,
};

/// Everybody is signed in already, as behind a company's own gate.
#[derive(Debug)]
struct SignedIn;

#[async_trait]
impl SiteAdapter for SignedIn {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice")))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let folder = PathBuf::from(std::env::args().nth(2).unwrap_or_else(|| ".".to_owned()));
    let codes: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let grants: Arc<dyn Store> = Arc::new(SqliteStore::open(&Options::at(folder.join("grants.db")))?);
    let clients: Arc<dyn Store> = Arc::new(SqliteStore::open(&Options::at(folder.join("clients.db")))?);

    let clients = StoredClients::new(clients, Duration::from_secs(1));
    let abc = Client::builder("abc").secret("xyz").redirect_uri("http://localhost/callback").build()?;
    if clients.create(&abc, SystemClock.now()).await? {
        println!("the client abc is registered");
    }
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(SplitStore::new(codes, Arc::clone(&grants)))
        .standing_store(grants)
        .clients(clients)
        .site(SignedIn)
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::new())
        .build()?;
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
