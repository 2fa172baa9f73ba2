//! grantor as an application mounts it, with a site adapter that says yes at once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::store::Store;
use grantor::{
    Approval, Ask, AuthMethod, AuthorizationCode, BoxError, Client, ClientCredentials, Ctx, Decision,
    GrantTypeName, Provider, RefreshToken, ScopeSet, Scopes, SiteAdapter, StaticClients, SweepPolicy,
    Sweeper,
};

use http::{Request, header};

use crate::workload::{CLIENT, REDIRECT, SECRET, client_credentials_form, field};
use crate::{bare, engines, raw};

#[derive(Debug)]
struct Yes;

#[async_trait::async_trait]
impl SiteAdapter for Yes {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice")))
    }
}

/// Serves until it is ended.
pub(crate) fn serve(what: &str, port: u16, place: &str, tokens: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let app = app(what, port, place, tokens).await;
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        axum::serve(listener, app).await.expect("serving");
    });
}

pub(crate) async fn app(what: &str, port: u16, place: &str, tokens: usize) -> Router {
    if what == "bare" {
        return bare::app();
    }
    if let Some(store) = what.strip_prefix("raw-") {
        return raw::app(store, place).await;
    }
    if let Some(how) = what.strip_prefix("sweeping:") {
        return sweeping(how, place, port).await;
    }
    let provider = provider(engines::open(what, place).await, what, port);
    fill(&provider, tokens, Path::new(place)).await;
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

/// A server that sweeps as the ready server does; `how` is batch, pause in milliseconds, store.
async fn sweeping(how: &str, place: &str, port: u16) -> Router {
    let mut parts = how.split(':');
    let mut number = || parts.next().and_then(|part| part.parse().ok()).expect("a number");
    let (batch, pause) = (number(), number());
    let policy = SweepPolicy {
        batch,
        pause: Duration::from_millis(u64::try_from(pause).expect("a short pause")),
        ..SweepPolicy::default()
    };
    let name = parts.next().expect("a store");
    let store = engines::open(name, place).await;
    let mut sweeper = Sweeper::new(Arc::clone(&store)).policy(policy);
    tokio::spawn(async move {
        // The first step only says how long to wait.
        let _ = sweeper.step().await;
        loop {
            tokio::time::sleep(sweeper.step().await).await;
        }
    });
    Router::new().fallback_service(GrantorService::new(provider(store, name, port)))
}

fn provider(opened: Arc<dyn Store>, store: &str, port: u16) -> Provider {
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
    let provider = Provider::builder(format!("http://localhost:{port}"));
    // Disabled and not-before need a store that keeps.
    let provider =
        if store == "memcached" { provider.standing_store(Arc::new(MemoryStore::new())) } else { provider };
    provider
        .shared_store(opened)
        .clients(StaticClients::new([client]))
        .site(Yes)
        .scopes(ScopeSet::new(scopes))
        .grant(AuthorizationCode::new().code_lifetime(Duration::from_secs(600)))
        .grant(RefreshToken::new())
        .grant(ClientCredentials::new())
        .build()
        .expect("a provider")
}
