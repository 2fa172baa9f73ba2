//! A provider that remembers what reaches it: every request passes its client authentication.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use grantor_core::{
    Ask, AttemptLimit, AuthMethod, Authenticated, BackChannel, BoxError, Client, ClientAuthentication,
    ClientId, Ctx, Decision, Error, Front, GrantType, GrantTypeName, Issuance, Limits, Peer, Provider,
    SiteAdapter, StaticClients, TokenRequest,
};
use grantor_store_memory::MemoryStore;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri, header};
use parking_lot::Mutex;

use crate::gate::Gate;
use crate::suite::Stop;

/// The largest body that the probe takes.
pub(super) const LIMIT: usize = 4096;
/// The client of every request.
pub(super) const CLIENT: &str = "probe";
/// The only grant type.
pub(super) const GRANT_TYPE: &str = "urn:grantor:test:probe";
/// The page of every authorization request: bytes that are no text.
pub(super) const PAGE: &[u8] = b"\x00\xff\x80page\r\n\r\n\xfe";
/// The two cookies of every page.
pub(super) const COOKIES: [&str; 2] = ["one=1; Path=/", "two=2; Expires=Thu, 01 Jan 2099 00:00:00 GMT"];
/// A status that nobody knows.
pub(super) const STATUS: u16 = 299;

const METHOD: AuthMethod = AuthMethod::from_static("probe");

/// A request as the provider got it.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) peer: Option<IpAddr>,
}

/// What all parts of the probe share.
#[derive(Debug, Clone, Default)]
pub(super) struct Probe {
    seen: Arc<Mutex<Vec<Seen>>>,
    pub(super) gate: Gate,
}

impl Probe {
    pub(super) fn provider(&self, prefix: &str) -> Result<Provider, Stop> {
        let client = Client::builder(CLIENT).auth_method(METHOD).grant_types([GRANT_TYPE.into()]).build();
        let client = client.map_err(|error| Stop::Failed(error.to_string()))?;
        let provider = Provider::builder(format!("http://localhost{prefix}"))
            .store(MemoryStore::new())
            .clients(StaticClients::new([client]))
            .site(self.clone())
            .grant(self.clone())
            .only_client_authentications(vec![Arc::new(self.clone())])
            .limits(Limits {
                body_bytes: LIMIT,
                parameters: 10_000,
                attempts: AttemptLimit::OFF,
                ..Limits::default()
            })
            .build();
        provider.map_err(|error| Stop::Failed(error.to_string()))
    }

    /// The requests since the last call.
    pub(super) fn take(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock())
    }
}

#[async_trait]
impl ClientAuthentication for Probe {
    fn method(&self) -> AuthMethod {
        METHOD
    }

    fn claimed(&self, request: &BackChannel<'_>) -> Result<Option<ClientId>, Error> {
        let http = request.http();
        self.seen.lock().push(Seen {
            method: http.method().clone(),
            uri: http.uri().clone(),
            headers: http.headers().clone(),
            body: http.body().clone(),
            peer: http.extensions().get::<Peer>().map(|peer| peer.0),
        });
        Ok(ClientId::parse(CLIENT).ok())
    }

    async fn verify(&self, _: &Ctx<'_>, _: &BackChannel<'_>, _: &Client) -> Result<(), Error> {
        Ok(())
    }
}

#[async_trait]
impl GrantType for Probe {
    fn grant_type(&self) -> GrantTypeName {
        GrantTypeName::from_static(GRANT_TYPE)
    }

    fn front(&self) -> Front {
        Front::Code
    }

    /// Gives the value of `echo` back in the description of an error, after waiting if the request has `hold`.
    async fn decide(
        &self,
        _: &Ctx<'_>,
        _: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        if request.get("hold").is_some() {
            self.gate.pass().await;
        }
        Err(Error::invalid_grant(request.get("echo").unwrap_or("nothing").to_owned()))
    }
}

#[async_trait]
impl SiteAdapter for Probe {
    async fn decide(&self, _: &Ctx<'_>, _: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Deny)
    }

    /// No authorization request of the suite is valid, so each of them ends here.
    fn error_page(&self, _: &Ctx<'_>, _: &Error) -> Option<Response<Bytes>> {
        let mut page = Response::new(Bytes::from_static(PAGE));
        *page.status_mut() = StatusCode::from_u16(STATUS).ok()?;
        for cookie in COOKIES {
            page.headers_mut().append(header::SET_COOKIE, HeaderValue::from_static(cookie));
        }
        page.headers_mut().insert("x-bytes", HeaderValue::from_bytes(b"caf\xe9").ok()?);
        Some(page)
    }
}
