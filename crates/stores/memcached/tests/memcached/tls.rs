//! TLS: who is believed and who is not, and that nothing is told to those who are not. There is a real server that speaks it.

use std::path::PathBuf;

use grantor_core::store::{Removed, StoreError};
use grantor_testkit::engine::{memcached, memcached_tls};
use grantor_testkit::{Certificates, Impostor};

use super::*;

/// The store of a server under this host name, with the marked prefix.
async fn connect(host: &str, port: u16, options: &str) -> Result<MemcachedStore, StoreError> {
    let url = format!("memcacheds://{host}:{port}/?prefix=hunter2:&deadline_ms=60000&{options}");
    MemcachedStore::open(&Options::parse(&url)?).await
}

async fn refused(host: &str, port: u16, options: &str) -> String {
    let error = connect(host, port, options).await.unwrap_err();
    let text = error.to_string();
    assert!(error.nothing_written && text.contains(&format!("{host}:{port}")), "{text}");
    text
}

/// A part of the contract, with bodies that are longer than what TLS sends at once.
async fn works(store: MemcachedStore) {
    let body = |byte| Bytes::from(vec![byte; 300_000]);
    let revision = create(&store, &record(1, body(1))).await;
    let revision = replace(&store, &record(1, body(2)), revision).await;
    assert_eq!(store.load(&key(1), NOW).await.unwrap(), Some((record(1, body(2)), revision)));
    assert_eq!(store.remove(&key(1), NOW).await.unwrap(), Removed::Removed);
    let store = &std::sync::Arc::new(store);
    let tasks = (10..74).map(|number| {
        let store = std::sync::Arc::clone(store);
        tokio::spawn(async move {
            create(&*store, &record(number, body(7))).await;
            assert_eq!(store.remove(&key(number), NOW).await.unwrap(), Removed::Removed);
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn the_servers_chain_time_and_name_are_verified() {
    let made = Certificates::new().unwrap();
    let mut engine = memcached_tls(&made.server()).unwrap();
    let port = engine.port();
    let ours = format!("ca={}", made.ca().display());
    for host in ["127.0.0.1", "localhost"] {
        works(connect(host, port, &ours).await.unwrap()).await;
    }
    let told = refused("127.0.0.1", port, &format!("ca={}", made.other_ca().display())).await;
    assert!(told.contains("unknown issuer") && told.contains("ca=FILE"), "{told}");
    let told = refused("127.0.0.1", port, "").await;
    assert!(told.contains("unknown issuer") || told.contains("knows no CA"), "{told}");
    let told = refused("127.0.0.1", port, "ca=/nowhere/ca.pem").await;
    assert!(told.contains("/nowhere/ca.pem"), "{told}");
    // Plain text at the port of TLS.
    let told = MemcachedStore::open(&options(port)).await.unwrap_err().to_string();
    assert!(told.contains("tls=yes"), "{told}");

    engine.show(&made.expired()).unwrap();
    let told = refused("127.0.0.1", port, &ours).await;
    assert!(told.contains("expired"), "{told}");
    works(connect("127.0.0.1", port, "danger_unverified=yes").await.unwrap()).await;

    engine.show(&made.of_another_name()).unwrap();
    let told = refused("localhost", port, &ours).await;
    assert!(told.contains("another name") && told.contains("db.example"), "{told}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_asks_for_one() {
    let made = Certificates::new().unwrap();
    let engine = memcached_tls(&made.server().asking_clients()).unwrap();
    let tls = format!("ca={}", made.ca().display());
    let with =
        |(cert, key): (PathBuf, PathBuf)| format!("{tls}&cert={}&key={}", cert.display(), key.display());
    works(connect("127.0.0.1", engine.port(), &with(made.client())).await.unwrap()).await;
    for options in [tls.clone(), with(made.stranger())] {
        let told = refused("127.0.0.1", engine.port(), &options).await;
        assert!(told.contains("client's certificate") && told.contains("cert=FILE"), "{told}");
    }
}

#[tokio::test]
async fn a_connection_that_ended_is_made_again_with_tls() {
    let made = Certificates::new().unwrap();
    let mut engine = memcached_tls(&made.server()).unwrap();
    let store = connect("localhost", engine.port(), &format!("ca={}", made.ca().display())).await.unwrap();
    create(&store, &record(1, "one")).await;
    engine.kill().unwrap();
    engine.start_again().unwrap();
    assert!(is_absent(&store, 1).await);
    create(&store, &record(1, "two")).await;
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let made = Certificates::new().unwrap();
    let plain = memcached().unwrap();
    // It takes the greeting of TLS for the beginning of a line, or for one: it waits, or says that it is none.
    let tls = format!("ca={}&deadline_ms=2000", made.ca().display());
    let told = refused("127.0.0.1", plain.port(), &tls).await;
    assert!(told.contains("TLS"), "{told}");
    let impostor = Impostor::start(b"", b"ERROR\r\n").unwrap();
    let store = MemcachedStore::new(
        &Options::parse(&format!("memcacheds://127.0.0.1:{}/?prefix=hunter2:", impostor.port())).unwrap(),
    );
    let error = store.create(&record(1, "hunter2"), NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("not TLS"), "{error}");
    assert!(impostor.heard() > 32 && !impostor.has_heard(b"hunter2") && !impostor.has_heard(b"stats"));
}
