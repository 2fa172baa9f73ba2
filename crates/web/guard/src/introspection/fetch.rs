//! How requests go out: a port, and the client that is used where nobody gives another.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantor_core::BoxError;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::builderstates::WantsSchemes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// How long an answer may take where nothing else is said.
const WITHIN: Duration = Duration::from_secs(2);

/// Sends a request and reads the whole answer.
///
/// # To use a client of one's own
/// Implement it for that: for an HTTP proxy, a client certificate. It must not follow redirects (the request
/// carries credentials), and must come to an end within seconds.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// The answer, whatever its status.
    ///
    /// # Errors
    /// There is none, or its body is longer than `limit` bytes. The text must not contain the request.
    async fn fetch(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, BoxError>;
}

/// HTTP/1.1 over TLS with the CAs of the system or those that it is given, connections kept; two seconds for all of it; no
/// redirects, no proxies.
#[derive(Clone)]
pub struct HttpFetch {
    client: Result<HttpClient, String>,
    within: Duration,
}

type HttpClient = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

/// Bytes that are no certificates of CAs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidAuthorities(&'static str);

impl fmt::Display for InvalidAuthorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidAuthorities {}

impl HttpFetch {
    /// A client without connections that trusts the CAs of the system (those of `SSL_CERT_FILE`, where that is set).
    #[must_use]
    pub fn new() -> Self {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let client = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(provider)
            .map(client)
            .map_err(|error| format!("the system's CAs cannot be read: {error}"));
        Self { client, within: WITHIN }
    }

    /// The same that trusts these CAs alone: one or more certificates in PEM, such as that of the CA of the house.
    ///
    /// # Errors
    /// [`InvalidAuthorities`] where there is none, or one cannot be read.
    pub fn trusting(authorities: &[u8]) -> Result<Self, InvalidAuthorities> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let certificate =
                certificate.map_err(|_| InvalidAuthorities("the certificates are not in PEM"))?;
            roots.add(certificate).map_err(|_| InvalidAuthorities("a certificate cannot be that of a CA"))?;
        }
        if roots.is_empty() {
            return Err(InvalidAuthorities("there is no certificate (-----BEGIN CERTIFICATE-----)"));
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| InvalidAuthorities("this build has no version of TLS"))?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { client: Ok(client(HttpsConnectorBuilder::new().with_tls_config(config))), within: WITHIN })
    }

    /// How long an answer may take, from the connection to its last byte.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }
}

fn client(builder: HttpsConnectorBuilder<WantsSchemes>) -> HttpClient {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(20))
        .build(builder.https_or_http().enable_http1().build())
}

impl Default for HttpFetch {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for HttpFetch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFetch").field("within", &self.within).finish_non_exhaustive()
    }
}

#[async_trait]
impl Fetch for HttpFetch {
    async fn fetch(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, BoxError> {
        let client = self.client.as_ref().map_err(Clone::clone)?;
        let exchange = async {
            let (head, body) = client.request(request.map(Full::new)).await?.into_parts();
            let body = Limited::new(body, limit).collect().await?.to_bytes();
            Ok::<_, BoxError>(Response::from_parts(head, body))
        };
        let late = |_| format!("no answer within {} ms", self.within.as_millis());
        tokio::time::timeout(self.within, exchange).await.map_err(late)?
    }
}
