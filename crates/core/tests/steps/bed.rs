//! A provider on a store with faults, with a clock and a generator that tests command.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use grantor_core::store::{Filter, Kind, Record, Replaced, Store};
use grantor_core::{
    Approval, Ask, AuthMethod, AuthorizationCode, BoxError, Client, ClientCredentials, Clock as _, Ctx,
    Decision, GrantTypeName, Provider, ProviderBuilder, RefreshToken, ScopeSet, Scopes, SiteAdapter,
    StaticClients,
};
use grantor_store_memory::MemoryStore;
use grantor_testkit::{FaultStore, SeededRandom, SetClock};
use http::{Request, Response, StatusCode, header};
use serde_json::Value;

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(crate) const URI: &str = "https://rp.example/cb";

/// Everybody is alice, and says yes.
#[derive(Debug)]
struct Alice;

#[async_trait]
impl SiteAdapter for Alice {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice")))
    }
}

pub(crate) struct Bed {
    pub(crate) provider: Provider,
    /// The store as the provider has it.
    pub(crate) store: FaultStore,
    /// The same without faults: what other processes do.
    pub(crate) raw: Arc<dyn Store>,
    pub(crate) clock: SetClock,
}

/// The body of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) retry_after: Option<String>,
    pub(crate) json: Value,
    /// Status, headers and body as they are.
    pub(crate) whole: String,
}

impl Answer {
    fn of(response: &Response<Bytes>) -> Self {
        let text = |value: &header::HeaderValue| value.to_str().unwrap().to_owned();
        Self {
            status: response.status(),
            retry_after: response.headers().get(header::RETRY_AFTER).map(text),
            json: serde_json::from_slice(response.body()).unwrap_or_default(),
            whole: format!("{:?} {:?} {:?}", response.status(), response.headers(), response.body()),
        }
    }

    pub(crate) fn text(&self, name: &str) -> String {
        self.json[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.whole)).to_owned()
    }

    /// The `error` value; empty where there is none.
    pub(crate) fn error(&self) -> &str {
        self.json["error"].as_str().unwrap_or_default()
    }

    /// 503 with `Retry-After: 1`: nobody's fault, try again.
    pub(crate) fn is_try_again(&self) -> bool {
        self.status == StatusCode::SERVICE_UNAVAILABLE
            && self.error() == "temporarily_unavailable"
            && self.retry_after.as_deref() == Some("1")
    }

    pub(crate) fn is_ok(&self) -> bool {
        self.status == StatusCode::OK
    }
}

impl Bed {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    pub(crate) fn with(change: impl FnOnce(ProviderBuilder) -> ProviderBuilder) -> Self {
        Self::on(Arc::new(MemoryStore::new()), change)
    }

    pub(crate) fn refreshing(refresh: RefreshToken) -> Self {
        Self::made(Arc::new(MemoryStore::new()), refresh, |builder| builder)
    }

    pub(crate) fn on(store: Arc<dyn Store>, change: impl FnOnce(ProviderBuilder) -> ProviderBuilder) -> Self {
        Self::made(store, RefreshToken::new(), change)
    }

    fn made(
        store: Arc<dyn Store>,
        refresh: RefreshToken,
        change: impl FnOnce(ProviderBuilder) -> ProviderBuilder,
    ) -> Self {
        let raw = Arc::clone(&store);
        let store = FaultStore::new(store);
        let clock = SetClock::default();
        let client = |id: &str| {
            let types = [
                GrantTypeName::AUTHORIZATION_CODE,
                GrantTypeName::REFRESH_TOKEN,
                GrantTypeName::CLIENT_CREDENTIALS,
            ];
            Client::builder(id)
                .secret("xyz")
                .auth_method(AuthMethod::CLIENT_SECRET_POST)
                .redirect_uri(URI)
                .grant_types(types)
                .build()
                .unwrap()
        };
        let builder = Provider::builder("https://login.example")
            .store(store.clone())
            .clients(StaticClients::new([client("abc"), client("other")]))
            .site(Alice)
            .grant(AuthorizationCode::new())
            .grant(ClientCredentials::new())
            .grant(refresh)
            .scopes(
                ScopeSet::new(Scopes::parse("read write").unwrap())
                    .with_default(Scopes::parse("read write").unwrap()),
            )
            .clock(clock.clone())
            .random(SeededRandom::new(42));
        Self { provider: change(builder).build().unwrap(), store, raw, clock }
    }

    /// A code for the client `abc`, or the error of the answer.
    pub(crate) async fn code(&self) -> Result<String, String> {
        let uri = format!(
            "https://login.example/authorize?response_type=code&client_id=abc&redirect_uri={URI}&state=s\
             &code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let request = Request::get(uri).body(Bytes::new()).unwrap();
        let response = self.provider.handle(request).await;
        let location = response.headers()[header::LOCATION].to_str().unwrap().to_owned();
        let value = |name: &str| {
            let query = location.split_once('?').unwrap().1.to_owned();
            query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")).map(str::to_owned))
        };
        value("code").ok_or_else(|| value("error").unwrap())
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut body = form_urlencoded_of(form);
        if !form.iter().any(|(name, _)| *name == "client_id") {
            body.push_str("&client_id=abc&client_secret=xyz");
        }
        let request = Request::post(format!("https://login.example{path}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Bytes::from(body))
            .unwrap();
        Answer::of(&self.provider.handle(request).await)
    }

    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", URI),
            ("code_verifier", VERIFIER),
        ];
        self.post("/token", &form).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.post("/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub(crate) async fn revoke(&self, token: &str) -> Answer {
        self.post("/revoke", &[("token", token)]).await
    }

    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let answer = self.post("/introspect", &[("token", token)]).await;
        assert!(answer.is_ok(), "{}", answer.whole);
        answer.json["active"].as_bool().unwrap()
    }

    /// The records of a kind.
    pub(crate) async fn records(&self, kind: Kind) -> Vec<Record> {
        let index = self.raw.index().unwrap();
        index.list(&Filter::kind(kind), None, 100, self.clock.now()).await.unwrap()
    }

    /// Another process writes the only grant with another body.
    pub(crate) async fn change_grant(&self, change: impl FnOnce(&mut Vec<u8>)) -> Record {
        let now = self.clock.now();
        let mut record = self.records(Kind::GRANT).await.remove(0);
        let (_, revision) = self.raw.load(&record.key, now).await.unwrap().unwrap();
        let mut body = record.body.to_vec();
        change(&mut body);
        record.body = body.into();
        let done = self.raw.replace(&record, revision, now).await.unwrap();
        assert!(matches!(done, Replaced::Replaced(_)));
        record
    }

    /// Access and refresh token of a new grant.
    pub(crate) async fn tokens(&self) -> (String, String) {
        let answer = self.redeem(&self.code().await.unwrap()).await;
        (answer.text("access_token"), answer.text("refresh_token"))
    }
}

/// Both at once. A test that goes another way than it means to must end too.
pub(crate) async fn together<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let both = futures_util::future::join(one, other);
    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap()
}

fn form_urlencoded_of(form: &[(&str, &str)]) -> String {
    let pair = |(name, value): &(&str, &str)| {
        let value: String = value
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect();
        format!("{name}={value}")
    };
    form.iter().map(pair).collect::<Vec<_>>().join("&")
}
