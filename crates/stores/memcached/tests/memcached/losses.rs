//! A loss makes records absent and never different; for a user it means "log in again".

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::store::{Removed, Replaced, Store as _};
use grantor_core::{Client, ClientCredentials, GrantTypeName, Provider, StaticClients};
use grantor_store_memcached::{Client as Connections, MemcachedStore};
use grantor_store_memory::MemoryStore;
use grantor_testkit::engine::memcached;

use super::*;

#[tokio::test]
async fn after_flush_all_everything_is_absent_and_nothing_comes_back() {
    let engine = memcached().unwrap();
    let store = open(&engine).await;
    let first = create(&store, &record(1, "one")).await;
    let loaded = store.load(&key(1), NOW).await.unwrap().unwrap().1;
    assert_eq!(first, loaded);
    tell(engine.port(), "flush_all", "OK");
    assert!(is_absent(&store, 1).await);
    assert_eq!(store.replace(&record(1, "two"), loaded, NOW).await.unwrap(), Replaced::Stale);
    assert_eq!(store.remove(&key(1), NOW).await.unwrap(), Removed::Absent);
    let again = create(&store, &record(1, "three")).await;
    assert_ne!(first, again);
    assert_eq!(store.replace(&record(1, "two"), first, NOW).await.unwrap(), Replaced::Stale);
    replace(&store, &record(1, "four"), again).await;
}

#[tokio::test]
async fn what_is_evicted_is_absent_and_the_rest_is_unchanged() {
    const MANY: u64 = 400;
    let engine = memcached().unwrap();
    let store = open(&engine).await;
    // More than the server has memory for.
    let body = |number: u64| Bytes::from(vec![u8::try_from(number % 251).unwrap(); 900_000]);
    let mut revisions = Vec::new();
    for number in 0..MANY {
        revisions.push(create(&store, &record(number, body(number))).await);
    }
    let (mut gone, mut there) = (0, 0);
    for (number, revision) in (0..MANY).zip(revisions) {
        match store.load(&key(number), NOW).await.unwrap() {
            Some(found) => {
                assert_eq!(found, (record(number, body(number)), revision));
                there += 1;
            }
            None => {
                let replaced = store.replace(&record(number, "new"), revision, NOW).await.unwrap();
                assert_eq!(replaced, Replaced::Stale);
                gone += 1;
            }
        }
    }
    assert!(gone > 50 && there > 50, "{gone} are gone, {there} are there");
    assert!(!store.promises().keeps && !store.promises().durable);
}

fn client() -> Client {
    Client::builder("abc").secret("xyz").grant_types([GrantTypeName::CLIENT_CREDENTIALS]).build().unwrap()
}

async fn token(provider: &Provider) -> String {
    let request = http::Request::post("https://as.example/token")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("authorization", "Basic YWJjOnh5eg==")
        .body(Bytes::from_static(b"grant_type=client_credentials"))
        .unwrap();
    let answer = provider.handle(request).await;
    let body = String::from_utf8(answer.body().to_vec()).unwrap();
    assert_eq!(answer.status(), 200, "{body}");
    body.split("\"access_token\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_provider_needs_a_store_that_keeps_beside_it_and_a_flush_means_log_in_again() {
    let engine = memcached().unwrap();
    let connections = Connections::new(&options(engine.port()));
    let base = || {
        Provider::builder("https://as.example")
            .store(MemcachedStore::with_client(connections.clone(), "tokens:").unwrap())
            .clients(StaticClients::new([client()]))
            .grant(ClientCredentials::new())
    };
    assert!(base().build().unwrap_err().to_string().contains("standing_store"));
    let provider = base().standing_store(Arc::new(MemoryStore::new())).build().unwrap();
    let first = token(&provider).await;
    assert!(provider.token_info(&first).await.unwrap().is_some());
    tell(engine.port(), "flush_all", "OK");
    assert!(provider.token_info(&first).await.unwrap().is_none());
    let second = token(&provider).await;
    assert!(provider.token_info(&second).await.unwrap().is_some());
    assert!(provider.revoke_token(&second).await.unwrap());
    assert!(provider.token_info(&second).await.unwrap().is_none());
}
