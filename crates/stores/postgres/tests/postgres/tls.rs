//! TLS: who is believed and who is not, and that nothing is told to those who are not.

use std::path::PathBuf;

use grantor_core::store::{Removed, Replaced, StoreError};
use grantor_testkit::{Certificates, Impostor, engine};

use super::*;

/// The store of a server under this host name, with these options.
async fn connect(host: &str, port: u16, options: &str) -> Result<PostgresStore, StoreError> {
    let url = format!("postgres://grantor:hunter2@{host}:{port}/postgres?deadline_ms=60000&{options}");
    PostgresStore::open(&Options::parse(&url)?).await
}

async fn refused(host: &str, port: u16, options: &str) -> String {
    let error = connect(host, port, options).await.unwrap_err();
    let text = error.to_string();
    assert!(error.nothing_written && !text.contains("hunter2"), "{text}");
    assert!(text.contains(host) && text.contains(&port.to_string()), "{text}");
    text
}

/// A part of the contract, over a connection of which the server itself says whether it is encrypted.
async fn works(store: &PostgresStore, engine: &Engine, encrypted: bool) {
    let revision = create(store, &record(1, "one")).await;
    let replaced = store.replace(&record(1, "two"), revision, NOW).await.unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)));
    assert_eq!(store.load(&record(1, "").key, NOW).await.unwrap().unwrap().0.body, "two");
    assert_eq!(store.remove(&record(1, "").key, NOW).await.unwrap(), Removed::Removed);
    let sql = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE application_name = 'grantor'";
    let row = admin(engine).await.query_one(sql, &[]).await.unwrap();
    assert_eq!(row.get::<_, Option<bool>>(0), Some(encrypted));
    store.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_chain_time_and_name_are_verified() {
    let made = Certificates::new().unwrap();
    let mut engine = engine::postgres_tls(&made.server()).unwrap();
    let port = engine.port();
    let (ca, other) = (made.ca().display().to_string(), made.other_ca().display().to_string());
    for options in [format!("sslmode=verify-full&sslrootcert={ca}"), format!("tls=yes&ca={ca}")] {
        for host in ["127.0.0.1", "localhost"] {
            works(&connect(host, port, &options).await.unwrap(), &engine, true).await;
        }
    }
    works(&connect("127.0.0.1", port, "sslmode=disable").await.unwrap(), &engine, false).await;
    let told = refused("127.0.0.1", port, &format!("tls=yes&ca={other}")).await;
    assert!(told.contains("unknown issuer") && told.contains("ca=FILE"), "{told}");
    let told = refused("127.0.0.1", port, "sslmode=verify-full").await;
    assert!(told.contains("unknown issuer") || told.contains("knows no CA"), "{told}");

    engine.show(&made.expired()).unwrap();
    let told = refused("127.0.0.1", port, &format!("tls=yes&ca={ca}")).await;
    assert!(told.contains("expired"), "{told}");
    let open = connect("127.0.0.1", port, "sslmode=require&danger_unverified=yes").await.unwrap();
    works(&open, &engine, true).await;

    engine.show(&made.of_another_name()).unwrap();
    let told = refused("localhost", port, &format!("tls=yes&ca={ca}")).await;
    assert!(told.contains("another name") && told.contains("db.example"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_where_the_server_asks_for_one_beside_the_password() {
    let made = Certificates::new().unwrap();
    let mut engine = engine::postgres_tls(&made.server().asking_clients()).unwrap();
    let port = engine.port();
    // The administrator of the test comes in without TLS.
    let rules =
        "hostssl all all 127.0.0.1/32 trust clientcert=verify-ca\nhostnossl all all 127.0.0.1/32 trust\n";
    std::fs::write(engine.folder().join("data/pg_hba.conf"), rules).unwrap();
    engine.kill().unwrap();
    engine.start_again().unwrap();
    let tls = format!("tls=yes&ca={}", made.ca().display());
    let with =
        |(cert, key): (PathBuf, PathBuf)| format!("{tls}&cert={}&sslkey={}", cert.display(), key.display());
    works(&connect("127.0.0.1", port, &with(made.client())).await.unwrap(), &engine, true).await;
    let told = refused("127.0.0.1", port, &with(made.stranger())).await;
    assert!(told.contains("client's certificate") && told.contains("cert=FILE"), "{told}");
    let told = refused("127.0.0.1", port, &tls).await;
    assert!(told.contains("client certificate") && told.contains("pg_hba.conf"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_told_nothing() {
    let made = Certificates::new().unwrap();
    let engine = engine::postgres().unwrap();
    let tls = format!("tls=yes&ca={}", made.ca().display());
    let told = refused("127.0.0.1", engine.port(), &tls).await;
    assert!(told.contains("refuses TLS") && told.contains("ssl = on"), "{told}");
}

/// Somebody on the way answers for the server that it has no TLS (`N`), or puts plain text behind its consent (`S`): an
/// error of authentication, or the demand of a password in plain text.
#[tokio::test(flavor = "multi_thread")]
async fn who_strips_tls_hears_neither_user_nor_password() {
    for (answer, why) in
        [(&b"N"[..], "refuses TLS"), (b"SR\0\0\0\x08\0\0\0\x03", "TLS"), (b"R\0\0\0\x08\0\0\0\x03", "TLS")]
    {
        let impostor = Impostor::start(b"", answer).unwrap();
        for options in ["tls=yes", "sslmode=verify-full", "sslmode=require&danger_unverified=yes"] {
            let told = refused("127.0.0.1", impostor.port(), options).await;
            assert!(told.contains(why), "{told}");
        }
        assert!(impostor.heard() >= 24, "it was asked three times");
        assert!(!impostor.has_heard(b"hunter2") && !impostor.has_heard(b"grantor"));
    }
}
