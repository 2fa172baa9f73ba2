//! grantor as an application mounts it, with a site adapter that says yes at once.

use axum::Router;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::sqlite::{Options, SqliteStore};
use grantor::store::Store;
use grantor::{
    Approval, Ask, AuthMethod, AuthorizationCode, BoxError, Client, ClientCredentials, Ctx, Decision,
    GrantTypeName, Provider, RefreshToken, ScopeSet, Scopes, SiteAdapter, StaticClients,
};
use std::sync::Arc;

use crate::workload::{CLIENT, REDIRECT, SECRET};

#[derive(Debug)]
struct Yes;

#[async_trait::async_trait]
impl SiteAdapter for Yes {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice")))
    }
}

pub(crate) fn app(store: &str, folder: Option<&str>, port: u16) -> Router {
    let store: Arc<dyn Store> = match store {
        "memory" => Arc::new(MemoryStore::new()),
        "sqlite" => {
            let path = std::path::Path::new(folder.expect("a folder for the database")).join("bench.db");
            Arc::new(SqliteStore::open(&Options::at(path)).expect("a database"))
        }
        other => panic!("no store {other}"),
    };
    let scopes = Scopes::parse("read").expect("a scope");
    let client = Client::builder(CLIENT)
        .secret(SECRET)
        .auth_method(AuthMethod::CLIENT_SECRET_POST)
        .redirect_uri(REDIRECT)
        .grant_types([
            GrantTypeName::AUTHORIZATION_CODE,
            GrantTypeName::REFRESH_TOKEN,
            GrantTypeName::CLIENT_CREDENTIALS,
        ])
        .build()
        .expect("a client");
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .shared_store(store)
        .clients(StaticClients::new([client]))
        .site(Yes)
        .scopes(ScopeSet::new(scopes))
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::new())
        .grant(ClientCredentials::new())
        .build()
        .expect("a provider");
    Router::new().fallback_service(GrantorService::new(provider))
}
