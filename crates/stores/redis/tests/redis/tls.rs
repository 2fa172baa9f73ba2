//! TLS: who is believed and who is not, and that nothing is told to those who are not.

use std::path::PathBuf;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Removed, Replaced, Stage, Store as _, StoreError};
use grantor_store_redis::{Options, RedisStore};
use grantor_testkit::engine::{Engine, redis, redis_tls};
use grantor_testkit::{Certificates, Impostor, ServerTls};

const NOW: Timestamp = Timestamp::from_secs(1_000);
const PATIENT: &str = "deadline_ms=60000&connect_ms=60000&response_ms=60000";

fn record(body: &'static str) -> Record {
    Record {
        key: Key::new(Kind::GRANT, 7_u128.to_be_bytes()),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: Some("client".into()),
        subject: Some("subject".into()),
        body: Bytes::from_static(body.as_bytes()),
    }
}

/// A server with a password.
fn server(shown: &ServerTls) -> Engine {
    redis_tls(shown, &["--requirepass", "hunter2"]).unwrap()
}

async fn connect(host: &str, port: u16, options: &str) -> Result<RedisStore, StoreError> {
    let url = format!("rediss://:hunter2@{host}:{port}/?{PATIENT}&{options}");
    RedisStore::open(&Options::parse(&url)?).await
}

async fn refused(host: &str, port: u16, options: &str) -> String {
    let error = connect(host, port, options).await.unwrap_err();
    let text = error.to_string();
    assert!(error.nothing_written && !text.contains("hunter2"), "{text}");
    assert!(text.contains(&format!("{host}:{port}")), "{text}");
    text
}

/// A part of the contract.
async fn works(store: &RedisStore) {
    let Created::Created(revision) = store.create(&record("one"), NOW).await.unwrap() else {
        panic!("it exists");
    };
    let replaced = store.replace(&record("two"), revision, NOW).await.unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)));
    assert_eq!(store.load(&record("").key, NOW).await.unwrap().unwrap().0.body, "two");
    assert_eq!(store.remove(&record("").key, NOW).await.unwrap(), Removed::Removed);
}

#[tokio::test]
async fn the_servers_chain_time_and_name_are_verified() {
    let made = Certificates::new().unwrap();
    let mut engine = server(&made.server());
    let port = engine.port();
    let ours = format!("ca={}", made.ca().display());
    for host in ["127.0.0.1", "localhost"] {
        works(&connect(host, port, &ours).await.unwrap()).await;
    }
    let told = refused("127.0.0.1", port, &format!("ca={}", made.other_ca().display())).await;
    assert!(told.contains("unknown issuer") && told.contains("ca=FILE"), "{told}");
    let told = refused("127.0.0.1", port, "").await;
    assert!(told.contains("unknown issuer") || told.contains("knows no CA"), "{told}");
    let told = refused("127.0.0.1", port, "ca=/nowhere/ca.pem").await;
    assert!(told.contains("/nowhere/ca.pem"), "{told}");
    // Plain text at the port of TLS.
    let plain = Options::parse(&format!("redis://127.0.0.1:{port}?{PATIENT}")).unwrap();
    let told = RedisStore::open(&plain).await.unwrap_err().to_string();
    assert!(told.contains("rediss://"), "{told}");

    engine.show(&made.expired()).unwrap();
    let told = refused("127.0.0.1", port, &ours).await;
    assert!(told.contains("expired"), "{told}");
    works(&connect("127.0.0.1", port, "danger_unverified=yes").await.unwrap()).await;

    engine.show(&made.of_another_name()).unwrap();
    let told = refused("localhost", port, &ours).await;
    assert!(told.contains("another name") && told.contains("db.example"), "{told}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_asks_for_one() {
    let made = Certificates::new().unwrap();
    let engine = server(&made.server().asking_clients());
    let tls = format!("ca={}", made.ca().display());
    let with =
        |(cert, key): (PathBuf, PathBuf)| format!("{tls}&cert={}&key={}", cert.display(), key.display());
    works(&connect("127.0.0.1", engine.port(), &with(made.client())).await.unwrap()).await;
    for options in [tls.clone(), with(made.stranger())] {
        let told = refused("127.0.0.1", engine.port(), &options).await;
        assert!(told.contains("client's certificate") && told.contains("cert=FILE"), "{told}");
    }
}

#[tokio::test]
async fn a_connection_that_broke_is_made_again_with_tls() {
    let made = Certificates::new().unwrap();
    let mut engine = server(&made.server());
    let store = connect("localhost", engine.port(), &format!("ca={}", made.ca().display())).await.unwrap();
    works(&store).await;
    engine.kill().unwrap();
    engine.start_again().unwrap();
    // A read is sent again, a write would be unknown.
    assert!(store.load(&record("").key, NOW).await.unwrap().is_none());
    works(&store).await;
    // What the server shows is verified each time.
    engine.show(&made.expired()).unwrap();
    let told = store.load(&record("").key, NOW).await.unwrap_err();
    assert!(told.nothing_written && told.to_string().contains("expired"), "{told}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let made = Certificates::new().unwrap();
    let plain = redis().unwrap();
    // It takes the greeting of TLS for the beginning of a command, or for one: it waits, or says that it knows none.
    let tls = format!("ca={}&connect_ms=2000", made.ca().display());
    let told = refused("127.0.0.1", plain.port(), &tls).await;
    assert!(told.contains("TLS"), "{told}");
    for answer in [&b"+PONG\r\n"[..], b"-NOAUTH Authentication required.\r\n", b"+OK\r\n+OK\r\n"] {
        let impostor = Impostor::start(b"", answer).unwrap();
        for options in ["", "danger_unverified=yes"] {
            let told = refused("127.0.0.1", impostor.port(), options).await;
            assert!(told.contains("not TLS"), "{told}");
        }
        assert!(impostor.heard() > 64 && !impostor.has_heard(b"hunter2") && !impostor.has_heard(b"AUTH"));
    }
}
