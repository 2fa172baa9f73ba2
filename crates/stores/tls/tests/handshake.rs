//! What is believed and what is not, over real handshakes with a server in this process.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::sync::Arc;

use grantor_store_tls::rustls::ServerConfig;
use grantor_store_tls::rustls::crypto::aws_lc_rs;
use grantor_store_tls::rustls::pki_types::pem::PemObject as _;
use grantor_store_tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use grantor_store_tls::rustls::server::WebPkiClientVerifier;
use grantor_store_tls::tokio_rustls::TlsAcceptor;
use grantor_store_tls::{Tls, rustls, why};
use grantor_testkit::Certificates;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

fn chain(file: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(file).unwrap().map(Result::unwrap).collect()
}

/// A server that says a byte after the handshake; answers its port.
async fn serve(certificate: &Path, key: &Path, clients: Option<&Path>) -> u16 {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = match clients {
        None => builder.unwrap().with_no_client_auth(),
        Some(ca) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add_parsable_certificates(chain(ca));
            let verifier =
                WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build().unwrap();
            builder.unwrap().with_client_cert_verifier(verifier)
        }
    };
    let config =
        builder.with_single_cert(chain(certificate), PrivateKeyDer::from_pem_file(key).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    stream.write_all(b"!").await.unwrap();
                    // Until the client has gone, so that nothing is lost on the way.
                    let _ = stream.read(&mut [0]).await;
                }
            });
        }
    });
    port
}

/// Connects and reads the byte.
async fn ask(tls: &Tls, host: &str, port: u16) -> Result<(), String> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let prepared = tls.prepare().map_err(|error| error.to_string())?;
    let mut stream = prepared.connect(host, stream).await?;
    // With TLS 1.3 the server's refusal comes with the first byte.
    stream.read_u8().await.map(drop).map_err(|error| why(&error).unwrap_or(error.to_string()))
}

fn files(certificates: &Certificates, name: &str) -> (std::path::PathBuf, std::path::PathBuf) {
    let folder = certificates.ca().parent().unwrap().to_owned();
    (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")))
}

#[tokio::test]
async fn chain_time_and_name_are_verified() {
    let made = Certificates::new().unwrap();
    let (cert, key) = files(&made, "server");
    let port = serve(&cert, &key, None).await;
    let ours = Tls::verified().ca(made.ca());
    for host in ["localhost", "127.0.0.1", "::1"] {
        assert_eq!(ask(&ours, host, port).await, Ok(()), "{host}");
    }
    let told = ask(&ours, "db.example", port).await.unwrap_err();
    assert!(told.contains("another name") && told.contains("localhost"), "{told}");
    let told = ask(&Tls::verified().ca(made.other_ca()), "localhost", port).await.unwrap_err();
    assert!(told.contains("unknown issuer") && told.contains("ca=FILE"), "{told}");
    let told = ask(&Tls::verified(), "localhost", port).await.unwrap_err();
    assert!(told.contains("unknown issuer") || told.contains("knows no CA"), "{told}");
    let told = ask(&ours, "no host", port).await.unwrap_err();
    assert!(told.contains("no name"), "{told}");
    for (shown, word) in [("expired", "expired"), ("other-name", "db.example")] {
        let (cert, key) = files(&made, shown);
        let port = serve(&cert, &key, None).await;
        let told = ask(&ours, "localhost", port).await.unwrap_err();
        assert!(told.contains(word), "{told}");
        // Only by its ugly name.
        assert_eq!(ask(&Tls::verified().danger_unverified(), "localhost", port).await, Ok(()));
    }
}

#[tokio::test]
async fn a_client_certificate_is_shown_where_it_is_asked_for() {
    let made = Certificates::new().unwrap();
    let (cert, key) = files(&made, "server");
    let port = serve(&cert, &key, Some(&made.ca())).await;
    let ours = Tls::verified().ca(made.ca());
    let (cert, key) = made.client();
    assert_eq!(ask(&ours.clone().client_certificate(&cert, &key), "localhost", port).await, Ok(()));
    let (strange_cert, strange_key) = made.stranger();
    for tls in [ours.clone(), ours.clone().client_certificate(strange_cert, &strange_key)] {
        let told = ask(&tls, "localhost", port).await.unwrap_err();
        assert!(told.contains("cert=FILE"), "{told}");
    }
    let told = ask(&ours.client_certificate(cert, strange_key), "localhost", port).await.unwrap_err();
    assert!(told.contains("not that of the certificate"), "{told}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_from_one_with() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        for answer in [&b"-ERR unknown command\r\n"[..], b""] {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.read_u8().await.unwrap();
            stream.write_all(answer).await.unwrap();
        }
    });
    let made = Certificates::new().unwrap();
    for _ in 0..2 {
        let told = ask(&Tls::verified().ca(made.ca()), "localhost", port).await.unwrap_err();
        assert!(told.contains("TLS"), "{told}");
    }
}

#[test]
fn files_that_are_none_are_named_and_not_shown() {
    let made = Certificates::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let empty = write("empty.pem", "hunter2");
    let broken = write("broken.pem", "-----BEGIN CERTIFICATE-----\nhunter2!\n-----END CERTIFICATE-----\n");
    let wrong = write("wrong.pem", "-----BEGIN CERTIFICATE-----\naHVudGVyMg==\n-----END CERTIFICATE-----\n");
    let locked = write(
        "locked.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\naHVudGVyMg==\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let (cert, key) = made.client();
    for (tls, name, why) in [
        (Tls::verified().ca("/nowhere/ca.pem"), "/nowhere/ca.pem", "not found"),
        (Tls::verified().ca(&empty), "empty.pem", "no certificate"),
        (Tls::verified().ca(&broken), "broken.pem", "cannot be read"),
        (Tls::verified().ca(&wrong), "wrong.pem", "cannot be read"),
        (Tls::verified().ca(made.ca()).client_certificate(&empty, &key), "empty.pem", "no certificate"),
        (Tls::verified().ca(made.ca()).client_certificate(&cert, &empty), "empty.pem", "no private key"),
        (Tls::verified().ca(made.ca()).client_certificate(&cert, &locked), "locked.key", "locked"),
    ] {
        let told = tls.prepare().unwrap_err();
        let text = told.to_string();
        assert!(told.nothing_written && text.contains(name) && text.contains(why), "{text}");
        assert!(!text.contains("hunter2") && !text.contains("aHVudGVy"), "{text}");
    }
}
