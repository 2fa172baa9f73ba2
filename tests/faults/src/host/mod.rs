//! The host: a process with a provider over any stores, on a loopback port, with levers for the driver.
//!
//! It says `listening PORT` on its output and ends when its input does, so that none outlives its driver.

mod levers;
mod stores;
mod watched;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use grantor::axum::GrantorService;
use grantor::store::{SplitStore, Store, StoreError};
use grantor::{
    Approval, Ask, AttemptLimit, AuthorizationCode, BoxError, Client, ClientCredentials, ClientId,
    ClientStore, Ctx, Decision, GrantTypeName, Limits, Provider, RefreshToken, ScopeSet, Scopes, SiteAdapter,
    StoredClients, Timestamp, async_trait,
};
use serde::{Deserialize, Serialize};

use crate::app;
use levers::{Levers, OffsetClock};
use watched::Watched;

/// What a host is started with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Options {
    /// Where grants are, as a URL; codes and waiting requests too, where `pending` is not set.
    pub store: String,
    /// Where codes and waiting requests are.
    pub pending: Option<String>,
    /// Where disabled and not-before are.
    pub standing: Option<String>,
    /// Where clients are; where it is not set every client that the driver makes up is known.
    pub clients: Option<String>,
    /// How far its clock is from the system's, in milliseconds.
    pub clock_offset_ms: i64,
    /// How much longer each call of a store takes, in milliseconds.
    pub latency_ms: u64,
    /// The retry window of refresh tokens, in seconds.
    pub window_s: u64,
}

/// Runs the host until its input ends.
///
/// # Panics
/// Where a store cannot be opened: the driver sees that it does not listen.
pub fn run(options: &str) {
    let options: Options = serde_json::from_str(options).expect("options");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    std::thread::spawn(|| {
        while grantor_testkit::process::listen().is_some() {}
        std::process::exit(0);
    });
    runtime.block_on(serve(options));
}

async fn serve(options: Options) {
    let levers = Arc::new(Levers::new(OffsetClock::new(options.clock_offset_ms)));
    let watch = |name, store| Arc::new(Watched::new(name, store, &levers, options.latency_ms));
    let live = watch("live", stores::open(&options.store).await.expect("the store"));
    let store: Arc<dyn Store> = match &options.pending {
        Some(url) => {
            let pending = watch("pending", stores::open(url).await.expect("the store of codes"));
            Arc::new(SplitStore::new(pending, live))
        }
        None => live,
    };
    let clients = match &options.clients {
        Some(url) => {
            let store = stores::open(url).await.expect("the store of clients");
            Apps::Stored(StoredClients::new(store, Duration::ZERO))
        }
        None => Apps::All,
    };
    let clients = Arc::new(clients);
    let mut builder = Provider::builder("http://localhost")
        .shared_store(store)
        .clients(SharedApps(Arc::clone(&clients)))
        .site(Yes)
        .scopes(ScopeSet::new(Scopes::parse(app::SCOPE).expect("a scope")))
        .grant(AuthorizationCode::new())
        .grant(RefreshToken::new().retry_window(Duration::from_secs(options.window_s)))
        .grant(ClientCredentials::new())
        // What was disabled is disabled at once: the driver asks at once.
        .standing_copies_for(Duration::ZERO)
        .limits(Limits { attempts: AttemptLimit::OFF, ..Limits::default() })
        .clock(levers.clock());
    if let Some(url) = &options.standing {
        builder = builder.standing_store(stores::open(url).await.expect("the store of standings"));
    }
    let provider = builder.build().expect("a provider");
    let control = levers::routes(levers, provider.clone(), clients);
    let app: Router = control.fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    grantor_testkit::process::say(&format!("listening {port}")).expect("the driver");
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, app).await.expect("serving");
}

/// Says yes at once, for the user that the request names.
#[derive(Debug)]
struct Yes;

#[async_trait]
impl SiteAdapter for Yes {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of(ask.query("user").unwrap_or("alice"))))
    }
}

/// The clients: all that have one of the driver's names, or those of a store.
#[derive(Debug)]
enum Apps {
    All,
    Stored(StoredClients),
}

#[derive(Debug)]
struct SharedApps(Arc<Apps>);

#[async_trait]
impl ClientStore for SharedApps {
    async fn find(&self, id: &ClientId, now: Timestamp) -> Result<Option<Arc<Client>>, StoreError> {
        match self.0.as_ref() {
            Apps::Stored(clients) => clients.find(id, now).await,
            Apps::All if id.as_str().starts_with(app::CLIENT) => Ok(Some(Arc::new(client(id.as_str())))),
            Apps::All => Ok(None),
        }
    }

    async fn allows_origin(&self, _origin: &str, _now: Timestamp) -> Result<bool, StoreError> {
        Ok(false)
    }
}

impl Apps {
    /// Makes a client known.
    async fn add(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        match self {
            Self::All => Ok(()),
            Self::Stored(clients) => clients.create(&client(id), now).await.map(|_| ()),
        }
    }
}

fn client(id: &str) -> Client {
    Client::builder(id)
        .secret(app::SECRET)
        .auth_method(grantor::AuthMethod::CLIENT_SECRET_POST)
        .redirect_uri(app::REDIRECT)
        .grant_types([
            GrantTypeName::AUTHORIZATION_CODE,
            GrantTypeName::REFRESH_TOKEN,
            GrantTypeName::CLIENT_CREDENTIALS,
        ])
        .change(|client| client.may_introspect = id == app::RESOURCE_SERVER)
        .build()
        .expect("a client")
}
