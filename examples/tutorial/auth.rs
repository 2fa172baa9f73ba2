//! The authorization server of the tutorial, and the guard of its API: the same in each framework.

use grantor::guard::Guard;
use grantor::memory::MemoryStore;
use grantor::{
    BoxError, Client, ClientCredentials, GrantTypeName, Provider, ScopeSet, Scopes, StaticClients,
};

/// The port on which the program listens: 8080, or its first argument.
pub(crate) fn port() -> u16 {
    std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8080)
}

pub(crate) fn provider() -> Result<Provider, BoxError> {
    let worker = Client::builder("worker")
        .secret("worker-secret")
        .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
        .build()?;
    let provider = Provider::builder(format!("http://localhost:{}", port()))
        .store(MemoryStore::new())
        .clients(StaticClients::new([worker]))
        .scopes(ScopeSet::new(Scopes::parse("jobs.read jobs.write")?))
        .grant(ClientCredentials::new())
        .build()?;
    Ok(provider)
}

pub(crate) fn guard(provider: &Provider) -> Result<Guard, BoxError> {
    Ok(Guard::new(provider.clone()).require(Scopes::parse("jobs.read")?))
}
