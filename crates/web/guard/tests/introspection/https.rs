//! The endpoint is asked by TLS (RFC 7662 §4): who cannot show a certificate for its name is told nothing.

use std::fs::read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use grantor_testkit::{Certificates, SetClock};
use grantor_web_guard::Guard;
use grantor_web_guard::introspection::{HttpFetch, Introspection};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::server::{API, Server};
use super::{status, with};

/// A port that speaks TLS with this certificate and passes on to the server what it is told.
async fn in_front_of(server: &Server, certificate: &Path, key: &Path) -> u16 {
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_file(key).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = server.address();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let Ok(mut outside) = acceptor.accept(socket).await else { return };
                let mut inside = TcpStream::connect(behind).await.unwrap();
                let _ = copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    port
}

/// What the guard answers to a live token where the endpoint is asked at this port, by this client.
async fn asked(server: &Server, clock: &SetClock, port: u16, fetch: HttpFetch) -> u16 {
    let endpoint = format!("https://localhost:{port}/introspect");
    let source = Introspection::new(&endpoint, API.0, API.1).unwrap().clock(clock.clone()).fetch(fetch);
    let token = server.token("jobs.read").await;
    status(&Guard::new(source).check(&with(&token)).await)
}

#[tokio::test]
async fn rfc7662_4_a_ca_of_the_house_is_trusted_and_no_other() {
    let (clock, certificates) = (SetClock::default(), Certificates::new().unwrap());
    let server = Server::start(&clock).await;
    let trusting = |file: PathBuf| HttpFetch::trusting(&read(file).unwrap()).unwrap();
    let shown = |name: &str| {
        let folder = certificates.ca().parent().unwrap().to_owned();
        (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")))
    };
    let (certificate, key) = shown("server");
    let good = in_front_of(&server, &certificate, &key).await;
    assert_eq!(asked(&server, &clock, good, trusting(certificates.ca())).await, 200);
    let questions = server.questions();
    assert_eq!(asked(&server, &clock, good, trusting(certificates.other_ca())).await, 503, "another CA");
    assert_eq!(asked(&server, &clock, good, HttpFetch::new()).await, 503, "the CAs of the system");
    for name in ["expired", "other-name"] {
        let (certificate, key) = shown(name);
        let port = in_front_of(&server, &certificate, &key).await;
        assert_eq!(asked(&server, &clock, port, trusting(certificates.ca())).await, 503, "{name}");
    }
    assert_eq!(server.questions(), questions, "nobody was told the token and the secret");
}

#[test]
fn what_is_no_certificate_is_refused() {
    for bad in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        assert!(HttpFetch::trusting(bad.as_bytes()).is_err(), "{bad:?}");
    }
}

const PORT: &str = "GRANTOR_TEST_HTTPS_PORT";

/// A process of its own, since the variable is one of the process.
#[tokio::test(flavor = "multi_thread")]
async fn the_cas_of_the_system_are_those_of_ssl_cert_file() {
    if let Ok(port) = std::env::var(PORT) {
        let request =
            http::Request::get(format!("https://localhost:{port}/")).body(bytes::Bytes::new()).unwrap();
        let answer = grantor_web_guard::introspection::Fetch::fetch(&HttpFetch::new(), request, 65_536).await;
        println!("answered: {}", answer.is_ok());
        return;
    }
    let certificates = Certificates::new().unwrap();
    let server = Server::start(&SetClock::default()).await;
    let (certificate, key) =
        (certificates.ca().with_file_name("server.pem"), certificates.ca().with_file_name("server.key"));
    let port = in_front_of(&server, &certificate, &key).await;
    let answered = |authorities: PathBuf| async move {
        tokio::task::spawn_blocking(move || {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "https::the_cas_of_the_system_are_those_of_ssl_cert_file", "--nocapture"])
                .env(PORT, port.to_string())
                .env("SSL_CERT_FILE", authorities)
                .output()
                .unwrap();
            String::from_utf8(output.stdout).unwrap().contains("answered: true")
        })
        .await
        .unwrap()
    };
    assert!(answered(certificates.ca()).await);
    assert!(!answered(certificates.other_ca()).await);
}
