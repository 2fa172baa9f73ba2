//! How requests go out: a port, and the client that is used where nobody gives another.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantor_core::BoxError;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};

/// Sends a request and reads the whole answer.
///
/// # To use a client of one's own
/// Implement it for that: for an HTTP proxy, a private CA, a client certificate. It must not follow redirects (the request
/// carries credentials), and must come to an end within seconds.
#[async_trait]
pub trait Fetch: fmt::Debug + Send + Sync + 'static {
    /// The answer, whatever its status.
    ///
    /// # Errors
    /// There is none, or its body is longer than `limit` bytes. The text must not contain the request.
    async fn fetch(&self, request: Request<Bytes>, limit: usize) -> Result<Response<Bytes>, BoxError>;
}

/// HTTP/1.1 over TLS with the CAs of the system, connections kept; two seconds for all of it; no redirects, no proxies.
#[derive(Clone)]
pub struct HttpFetch {
    client: Result<Client<HttpsConnector<HttpConnector>, Full<Bytes>>, String>,
    within: Duration,
}

impl HttpFetch {
    /// A client without connections.
    #[must_use]
    pub fn new() -> Self {
        let connector = HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(rustls::crypto::aws_lc_rs::default_provider())
            .map(|builder| builder.https_or_http().enable_http1().build());
        let client =
            connector.map_err(|error| format!("the system's CAs cannot be read: {error}")).map(|connector| {
                Client::builder(TokioExecutor::new())
                    .pool_timer(TokioTimer::new())
                    .pool_idle_timeout(Duration::from_secs(20))
                    .build(connector)
            });
        Self { client, within: Duration::from_secs(2) }
    }

    /// How long an answer may take, from the connection to its last byte.
    #[must_use]
    pub const fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }
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
