//! TLS: who is believed and who is not, and that nothing is told to those who are not.

use std::path::PathBuf;

use grantor_core::store::{Removed, Replaced, StoreError};
use grantor_testkit::engine::mariadb_tls;
use grantor_testkit::{Certificates, Impostor};

use super::*;

/// The store of a user with a password, under this host name.
async fn connect(host: &str, port: u16, options: &str) -> Result<MysqlStore, StoreError> {
    let url = format!("mysql://grantor:hunter2@{host}:{port}/safe?timeout_ms=60000&{options}");
    MysqlStore::open(&Options::parse(&url)?).await
}

async fn refused(host: &str, port: u16, options: &str) -> String {
    let error = connect(host, port, options).await.unwrap_err();
    let text = error.to_string();
    assert!(error.nothing_written && !text.contains("hunter2"), "{text}");
    assert!(text.contains(host) && text.contains(&port.to_string()), "{text}");
    text
}

/// A server with this user, who must use TLS (`SSL`) or show a certificate (`X509`).
async fn server(shown: &grantor_testkit::ServerTls, require: &str) -> Engine {
    let engine = mariadb_tls(shown).unwrap();
    let mut admin = admin(engine.port()).await;
    let user = format!("CREATE USER grantor@localhost IDENTIFIED BY 'hunter2' REQUIRE {require}");
    for sql in ["CREATE DATABASE safe", &user, "GRANT ALL ON safe.* TO grantor@localhost"] {
        admin.query_drop(sql).await.unwrap();
    }
    admin.disconnect().await.unwrap();
    engine
}

/// A part of the contract. The server lets the user in with TLS alone.
async fn works(store: MysqlStore) {
    let revision = create(&store, &record(1, 1)).await;
    let replaced = store.replace(&record(1, 2), revision, NOW).await.unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)));
    assert_eq!(value(&store.load(&key(1), NOW).await.unwrap().unwrap().0), 2);
    assert_eq!(store.remove(&key(1), NOW).await.unwrap(), Removed::Removed);
    store.close().await;
}

#[tokio::test]
async fn the_servers_chain_time_and_name_are_verified() {
    let made = Certificates::new().unwrap();
    let mut engine = server(&made.server(), "SSL").await;
    let port = engine.port();
    let ours = format!("tls=yes&ca={}", made.ca().display());
    for host in ["127.0.0.1", "localhost"] {
        works(connect(host, port, &ours).await.unwrap()).await;
    }
    let told = refused("127.0.0.1", port, "tls=no").await;
    assert!(told.contains("whether it must use TLS"), "{told}");
    let told = refused("127.0.0.1", port, &format!("tls=yes&ca={}", made.other_ca().display())).await;
    assert!(told.contains("unknown issuer") && told.contains("ca=FILE"), "{told}");
    let told = refused("127.0.0.1", port, "tls=yes").await;
    assert!(told.contains("unknown issuer") || told.contains("knows no CA"), "{told}");

    engine.show(&made.expired()).unwrap();
    let told = refused("127.0.0.1", port, &ours).await;
    assert!(told.contains("expired"), "{told}");
    works(connect("127.0.0.1", port, "tls=yes&danger_unverified=yes").await.unwrap()).await;

    engine.show(&made.of_another_name()).unwrap();
    let told = refused("localhost", port, &ours).await;
    assert!(told.contains("another name") && told.contains("db.example"), "{told}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_the_server_asks_for_one() {
    let made = Certificates::new().unwrap();
    let engine = server(&made.server().asking_clients(), "X509").await;
    let tls = format!("tls=yes&ca={}", made.ca().display());
    let with =
        |(cert, key): (PathBuf, PathBuf)| format!("{tls}&cert={}&key={}", cert.display(), key.display());
    works(connect("127.0.0.1", engine.port(), &with(made.client())).await.unwrap()).await;
    let told = refused("127.0.0.1", engine.port(), &tls).await;
    assert!(told.contains("show a certificate"), "{told}");
    let told = refused("127.0.0.1", engine.port(), &with(made.stranger())).await;
    assert!(told.contains("client's certificate") && told.contains("cert=FILE"), "{told}");
    let told = connect("127.0.0.1", engine.port(), &format!("{tls}&cert=/nowhere&key=/nowhere")).await;
    assert!(told.unwrap_err().to_string().contains("/nowhere"));
}

#[tokio::test]
async fn a_server_without_tls_is_told_nothing() {
    let made = Certificates::new().unwrap();
    let told = refused("127.0.0.1", shared_port(), &format!("tls=yes&ca={}", made.ca().display())).await;
    assert!(told.contains("offers no TLS"), "{told}");
}

/// Somebody on the way takes the flag of TLS out of the server's greeting.
#[tokio::test]
async fn who_strips_tls_hears_neither_user_nor_password() {
    let made = Certificates::new().unwrap();
    let engine = server(&made.server(), "SSL").await;
    let mut greeting = greeting(engine.port());
    let impostor = Impostor::start(&greeting, b"").unwrap();
    // With the flag it is asked for TLS, and has none.
    let told = refused("127.0.0.1", impostor.port(), "tls=yes&timeout_ms=1000").await;
    assert!(told.contains("timeout_ms"), "{told}");
    // Behind the header, the version of the protocol and the server's: number, 8 bytes of nonce, 0, then the flags.
    let version = 5 + greeting[5..].iter().position(|byte| *byte == 0).unwrap();
    let flags = version + 1 + 4 + 8 + 1;
    assert_eq!(greeting[flags + 1] & 0x08, 0x08, "CLIENT_SSL");
    greeting[flags + 1] &= !0x08;
    let stripped = Impostor::start(&greeting, b"").unwrap();
    for options in ["tls=yes", "tls=yes&danger_unverified=yes"] {
        let told = refused("127.0.0.1", stripped.port(), options).await;
        assert!(told.contains("offers no TLS") && told.contains("on the way"), "{told}");
    }
    assert!(impostor.heard() > 32 && !impostor.has_heard(b"grantor"));
    assert!(!stripped.has_heard(b"grantor"));
}

/// The first packet of a server.
fn greeting(port: u16) -> Vec<u8> {
    use std::io::Read as _;
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut header = [0; 4];
    stream.read_exact(&mut header).unwrap();
    let mut packet = vec![0; usize::from(header[0]) + 256 * usize::from(header[1])];
    stream.read_exact(&mut packet).unwrap();
    [&header[..], &packet].concat()
}
