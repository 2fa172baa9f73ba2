//! grantor as an application mounts it, with a site adapter that says yes at once.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use bytes::Bytes;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::sqlite::{Options, SqliteStore};
use grantor::store::Store;
use grantor::{
    Approval, Ask, AuthMethod, AuthorizationCode, BoxError, Client, ClientCredentials, Ctx, Decision,
    GrantTypeName, Provider, RefreshToken, ScopeSet, Scopes, SiteAdapter, StaticClients,
};

use http::{Request, header};

use crate::bare;
use crate::workload::{CLIENT, REDIRECT, SECRET, client_credentials_form, field};

#[derive(Debug)]
struct Yes;

#[async_trait::async_trait]
impl SiteAdapter for Yes {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice")))
    }
}

/// Serves until it is ended.
pub(crate) fn serve(what: &str, port: u16, folder: &str, tokens: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let app = app(what, port, Path::new(folder), tokens).await;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        axum::serve(listener, app).await.expect("serving");
    });
}

pub(crate) async fn app(what: &str, port: u16, folder: &Path, tokens: usize) -> Router {
    if what == "bare" {
        return bare::app();
    }
    let provider = provider(what, folder, port);
    fill(&provider, tokens, folder).await;
    Router::new().fallback_service(GrantorService::new(provider))
}

/// Issues tokens, and writes some four thousand of them, from all over the store, into a file.
async fn fill(provider: &Provider, tokens: usize, folder: &Path) {
    if tokens == 0 {
        return;
    }
    let mut some = String::new();
    let every = tokens.div_ceil(4096);
    for number in 0..tokens {
        let request = Request::post("/token")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(client_credentials_form()))
            .expect("a request");
        let answer = provider.handle(request).await;
        if number.is_multiple_of(every) {
            let body = std::str::from_utf8(answer.body()).expect("text");
            some.push_str(&field(body, "access_token"));
            some.push('\n');
        }
    }
    std::fs::write(folder.join("tokens"), some).expect("to write the tokens");
}

fn provider(store: &str, folder: &Path, port: u16) -> Provider {
    let store: Arc<dyn Store> = match store {
        "memory" => Arc::new(MemoryStore::new()),
        "sqlite" => {
            let options = Options::at(folder.join("bench.db"));
            Arc::new(SqliteStore::open(&options).expect("a database"))
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
    Provider::builder(format!("http://localhost:{port}"))
        .shared_store(store)
        .clients(StaticClients::new([client]))
        .site(Yes)
        .scopes(ScopeSet::new(scopes))
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::new())
        .grant(ClientCredentials::new())
        .build()
        .expect("a provider")
}
