//! The world that the tests live in: a provider over a memory store with a set clock and seeded randomness, clients of
//! every kind, a site adapter with a page, and short ways to send requests and to walk the whole flow.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use grantor_core::store::{Filter, Kind, Record, Store};
use grantor_core::{
    ApplicationType, Approval, Ask, AuthMethod, AuthorizationCode, BoxError, Client, ClientCredentials,
    Clock as _, CodeChallenge, Ctx, Decision, GrantTypeName, Provider, ProviderBuilder, RefreshToken,
    ResponseType, ScopeSet, Scopes, SiteAdapter, StaticClients,
};
use grantor_store_memory::MemoryStore;
use grantor_testkit::{FaultStore, Page, SeededRandom, SetClock, UserAgent};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use serde_json::Value;

pub(crate) const ISSUER: &str = "https://as.example";
pub(crate) const REDIRECT: &str = "https://rp.example/cb";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) const WEB: Auth = Auth::Basic("web", "web-secret");
pub(crate) const POST: Auth = Auth::Post("post", "post-secret");
pub(crate) const APP: Auth = Auth::Public("app");
pub(crate) const OTHER: Auth = Auth::Basic("other", "other-secret");
pub(crate) const API: Auth = Auth::Basic("api", "api-secret");
pub(crate) const NOBODY: Auth = Auth::None;

/// How a request says which client it is from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Auth {
    Basic(&'static str, &'static str),
    Post(&'static str, &'static str),
    Public(&'static str),
    None,
}

/// The clients that every world has.
pub(crate) fn clients() -> Vec<Client> {
    let all = [
        GrantTypeName::AUTHORIZATION_CODE,
        GrantTypeName::REFRESH_TOKEN,
        GrantTypeName::CLIENT_CREDENTIALS,
        GrantTypeName::from_static("urn:example:grant:ticket"),
    ];
    let web = |id: &str, secret: &str| Client::builder(id).secret(secret).grant_types(all.clone());
    let built = [
        web("web", "web-secret").redirect_uri(REDIRECT).change(|client| {
            client.allowed_origins = vec!["https://rp.example".into()];
        }),
        web("post", "post-secret")
            .redirect_uri("https://post.example/cb")
            .auth_method(AuthMethod::CLIENT_SECRET_POST),
        web("other", "other-secret").redirect_uri("https://other.example/cb"),
        Client::builder("app").public().redirect_uri("https://app.example/cb").change(|client| {
            client.allowed_origins = vec!["https://app.example".into()];
        }),
        Client::builder("native")
            .public()
            .redirect_uri("http://127.0.0.1/cb")
            .redirect_uri("http://[::1]/cb")
            .redirect_uri("http://localhost/cb")
            .redirect_uri("com.example.app:/cb")
            .change(|client| client.application_type = ApplicationType::Native),
        web("two", "two-secret").redirect_uri("https://two.example/a").redirect_uri("https://two.example/b"),
        web("query", "query-secret").redirect_uri("https://query.example/cb?tenant=a&x"),
        web("narrow", "narrow-secret").redirect_uri("https://narrow.example/cb").scope(scopes("read")),
        Client::builder("code-only")
            .secret("code-only-secret")
            .redirect_uri("https://code-only.example/cb")
            .grant_types([GrantTypeName::AUTHORIZATION_CODE]),
        Client::builder("machine").secret("machine-secret").grant_types([GrantTypeName::CLIENT_CREDENTIALS]),
        Client::builder("api")
            .secret("api-secret")
            .grant_types([GrantTypeName::CLIENT_CREDENTIALS])
            .change(|client| client.may_introspect = true),
        Client::builder("off")
            .secret("off-secret")
            .redirect_uri("https://off.example/cb")
            .change(|client| client.disabled = true),
        Client::builder("no-pkce")
            .secret("no-pkce-secret")
            .redirect_uri("https://no-pkce.example/cb")
            .change(|client| {
                client.require_pkce = Some(false);
            }),
        Client::builder("old")
            .secret("old-secret")
            .redirect_uri("https://old.example/cb")
            .grant_types([
                GrantTypeName::AUTHORIZATION_CODE,
                GrantTypeName::REFRESH_TOKEN,
                GrantTypeName::IMPLICIT,
                GrantTypeName::PASSWORD,
            ])
            .response_types([ResponseType::CODE, ResponseType::TOKEN]),
    ];
    built.into_iter().map(|client| client.build().unwrap()).collect()
}

pub(crate) fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

/// A page with a user name and two buttons; `data` has the user's name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Site;

#[async_trait::async_trait]
impl SiteAdapter for Site {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        if ask.form("deny").is_some() {
            return Ok(Decision::Deny);
        }
        if ask.form("allow").is_some() {
            let user = ask.form("user").unwrap_or("alice");
            let data = serde_json::json!({ "name": format!("{user} of the site") });
            return Ok(Decision::Allow(
                Approval::of(user).data(data.as_object().cloned().unwrap_or_default()),
            ));
        }
        Ok(Decision::Show(Response::new(Bytes::from(form(ask)))))
    }
}

/// The form of the test pages.
pub(crate) fn form(ask: &Ask<'_>) -> String {
    format!(
        "<form method=post action='{}'><input type=hidden name=form_token value='{}'><input name=user value=alice>\
         <button name=allow value=1>Allow</button><button name=deny value=1>Deny</button></form>",
        ask.resume_url(),
        ask.form_token()
    )
}

type Sent = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
type Send_ = Box<dyn Fn(Request<Bytes>) -> Sent + Send + Sync>;
pub(crate) type Browser = UserAgent<Send_>;

/// A provider and what commands it.
pub(crate) struct World {
    pub(crate) provider: Provider,
    pub(crate) store: FaultStore,
    pub(crate) clock: SetClock,
    pub(crate) random: SeededRandom,
}

impl World {
    /// Code, refresh and client credentials.
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// The same, changed.
    pub(crate) fn with(change: impl FnOnce(ProviderBuilder) -> ProviderBuilder) -> Self {
        Self::bare(ISSUER, |builder| {
            change(
                builder
                    .grant(AuthorizationCode::new())
                    .grant(RefreshToken::new())
                    .grant(ClientCredentials::new()),
            )
        })
    }

    /// The same for these clients, beside the usual ones.
    pub(crate) fn with_clients(more: Vec<Client>) -> Self {
        Self::with(|builder| builder.clients(StaticClients::new(clients().into_iter().chain(more))))
    }

    /// Without a grant type.
    pub(crate) fn bare(issuer: &str, change: impl FnOnce(ProviderBuilder) -> ProviderBuilder) -> Self {
        crate::capture::install();
        let store = FaultStore::new(Arc::new(MemoryStore::new()));
        let (clock, random) = (SetClock::default(), SeededRandom::new(1));
        let builder = Provider::builder(issuer)
            .shared_store(Arc::new(store.clone()))
            .clients(StaticClients::new(clients()))
            .site(Site)
            .scopes(ScopeSet::new(scopes("read write admin")).with_default(scopes("read")))
            .clock(clock.clone())
            .random(random.clone());
        let provider = change(builder).build().unwrap();
        Self { provider, store, clock, random }
    }

    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(std::time::Duration::from_secs(seconds));
    }

    pub(crate) async fn send(&self, request: Request<Bytes>) -> Answer {
        Answer::of(self.provider.handle(request).await)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Req::get(path).build()).await
    }

    /// A form to a back-channel endpoint.
    pub(crate) async fn form(&self, path: &str, auth: Auth, fields: &[(&str, &str)]) -> Answer {
        self.send(Req::form(path, auth, fields).build()).await
    }

    pub(crate) async fn token(&self, auth: Auth, fields: &[(&str, &str)]) -> Answer {
        self.form("/token", auth, fields).await
    }

    pub(crate) async fn client_credentials(&self, auth: Auth) -> Answer {
        self.token(auth, &[("grant_type", "client_credentials")]).await
    }

    pub(crate) async fn refresh(&self, auth: Auth, token: &str) -> Answer {
        self.token(auth, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    pub(crate) async fn revoke(&self, auth: Auth, token: &str) -> Answer {
        self.form("/revoke", auth, &[("token", token)]).await
    }

    pub(crate) async fn introspect(&self, auth: Auth, token: &str) -> Value {
        let answer = self.form("/introspect", auth, &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.json()
    }

    /// Whether the resource server is told that the token is alive.
    pub(crate) async fn is_active(&self, token: &str) -> bool {
        self.introspect(API, token).await["active"] == true
    }

    pub(crate) fn browser(&self) -> Browser {
        self.browser_at(ISSUER)
    }

    pub(crate) fn browser_at(&self, origin: &str) -> Browser {
        let provider = self.provider.clone();
        let send: Send_ = Box::new(move |request| {
            let provider = provider.clone();
            Box::pin(async move { provider.handle(request).await })
        });
        UserAgent::new(origin, send)
    }

    /// Walks through the page as this user.
    pub(crate) async fn approve_as(&self, request: &Flow, user: &str) -> Page {
        let mut browser = self.browser();
        let page = browser.get(&request.url()).await;
        browser.press(&page, "allow", &[("user", user)]).await.unwrap()
    }

    pub(crate) async fn approve(&self, request: &Flow) -> Page {
        self.approve_as(request, "alice").await
    }

    /// A code of the client `web` for alice.
    pub(crate) async fn code(&self) -> String {
        self.code_of(&Flow::web()).await
    }

    pub(crate) async fn code_of(&self, request: &Flow) -> String {
        let page = self.approve(request).await;
        page.answer("code").unwrap_or_else(|| panic!("no code: {:?} {}", page.left_for, page.text()))
    }

    /// Redeems a code as the client `web`.
    pub(crate) async fn redeem(&self, code: &str) -> Answer {
        self.redeem_as(WEB, code, Some(REDIRECT)).await
    }

    pub(crate) async fn redeem_as(&self, auth: Auth, code: &str, redirect_uri: Option<&str>) -> Answer {
        let mut fields =
            vec![("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)];
        fields.extend(redirect_uri.map(|uri| ("redirect_uri", uri)));
        self.token(auth, &fields).await
    }

    /// The answer after the whole code flow of the client `web`.
    pub(crate) async fn tokens(&self) -> Answer {
        let answer = self.redeem(&self.code().await).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer
    }

    /// The live records of a kind.
    pub(crate) async fn records(&self, kind: Kind) -> Vec<Record> {
        let store: &dyn Store = &self.store;
        store.index().unwrap().list(&Filter::kind(kind), None, 100_000, self.clock.now()).await.unwrap()
    }

    /// How many grants and waiting requests there are.
    pub(crate) async fn counts(&self) -> (usize, usize) {
        (self.records(Kind::GRANT).await.len(), self.records(Kind::REQUEST).await.len())
    }

    /// Every record of every kind, as bytes.
    pub(crate) async fn dump(&self) -> Vec<u8> {
        let mut all = Vec::new();
        for kind in (1..=9).chain([1024]) {
            for record in self.records(Kind::from_number(kind)).await {
                all.extend_from_slice(&record.key.id);
                all.extend_from_slice(record.client.as_deref().unwrap_or_default().as_bytes());
                all.extend_from_slice(record.subject.as_deref().unwrap_or_default().as_bytes());
                all.extend_from_slice(&record.body);
                all.push(b'\n');
            }
        }
        all
    }
}

/// An authorization request.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    path: String,
    params: Vec<(String, String)>,
}

impl Flow {
    /// A good request of the client `web`.
    pub(crate) fn web() -> Self {
        Self::of("web", REDIRECT)
    }

    pub(crate) fn of(client: &str, redirect_uri: &str) -> Self {
        let challenge = CodeChallenge::of(VERIFIER).to_text();
        let params = [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect_uri),
            ("scope", "read write"),
            ("state", "the-state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let params = params.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { path: "/authorize".to_owned(), params }
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.params.retain(|(own, _)| own != name);
        self
    }

    /// With one more parameter.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.params.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn set(self, name: &str, value: &str) -> Self {
        self.without(name).and(name, value)
    }

    pub(crate) fn without_pkce(self) -> Self {
        self.without("code_challenge").without("code_challenge_method")
    }

    pub(crate) fn at(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn query(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.params).finish()
    }

    pub(crate) fn url(&self) -> String {
        format!("{}?{}", self.path, self.query())
    }

    pub(crate) fn fields(&self) -> Vec<(&str, &str)> {
        self.params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.params.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A request to be sent.
pub(crate) struct Req {
    request: Request<Bytes>,
}

impl Req {
    pub(crate) fn new(method: Method, uri: &str, body: impl Into<Bytes>) -> Self {
        let mut request = Request::new(body.into());
        *request.method_mut() = method;
        *request.uri_mut() = uri.parse().unwrap();
        Self { request }
    }

    pub(crate) fn get(uri: &str) -> Self {
        Self::new(Method::GET, uri, Bytes::new())
    }

    pub(crate) fn form(path: &str, auth: Auth, fields: &[(&str, &str)]) -> Self {
        let mut fields = fields.to_vec();
        let mut authorization = None;
        match auth {
            Auth::Basic(id, secret) => authorization = Some(basic(id, secret)),
            Auth::Post(id, secret) => fields.extend([("client_id", id), ("client_secret", secret)]),
            Auth::Public(id) => fields.push(("client_id", id)),
            Auth::None => {}
        }
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&fields).finish();
        let request = Self::raw(path, body);
        match authorization {
            Some(value) => request.header(header::AUTHORIZATION, &value),
            None => request,
        }
    }

    /// A form with a body that is written by hand.
    pub(crate) fn raw(path: &str, body: impl Into<Bytes>) -> Self {
        Self::new(Method::POST, path, body).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        self.request.headers_mut().append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        self
    }

    pub(crate) fn extension<T: Clone + Send + Sync + 'static>(mut self, value: T) -> Self {
        self.request.extensions_mut().insert(value);
        self
    }

    pub(crate) fn build(self) -> Request<Bytes> {
        self.request
    }
}

pub(crate) fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn of(response: Response<Bytes>) -> Self {
        let (parts, body) = response.into_parts();
        Self { status: parts.status, headers: parts.headers, body }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.to_vec()).unwrap()
    }

    /// A text of the JSON; empty where it is not there.
    pub(crate) fn str(&self, name: &str) -> String {
        self.json()[name].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn access_token(&self) -> String {
        self.str("access_token")
    }

    pub(crate) fn refresh_token(&self) -> String {
        self.str("refresh_token")
    }

    pub(crate) fn error(&self) -> String {
        self.str("error")
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// Asserts status and `error` of a JSON answer, and that its texts have legal characters.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, error: &str) {
        assert_eq!((self.status.as_u16(), self.error().as_str()), (status, error), "{self:?}");
        legal(&self.str("error_description"));
    }
}

/// > MUST NOT include characters outside the set %x20-21 / %x23-5B / %x5D-7E (RFC 6749 §5.2)
#[track_caller]
pub(crate) fn legal(text: &str) {
    assert!(text.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)), "{text:?}");
}

/// Asserts that the browser was sent back to the client with this error, once each with state and issuer.
#[track_caller]
pub(crate) fn sent_back(page: &Page, error: &str) {
    assert_eq!(page.answer("error").as_deref(), Some(error), "{:?} {}", page.left_for, page.text());
    legal(&page.answer("error_description").unwrap_or_default());
    for name in ["error", "iss"] {
        let count = page.answers().iter().filter(|(own, _)| own == name).count();
        assert_eq!(count, 1, "{name} in {:?}", page.left_for);
    }
    assert_eq!(page.answer("iss").as_deref(), Some(ISSUER));
    assert_eq!(page.answer("code"), None);
}

/// Asserts that the error is shown here: a page, no redirect, nothing that leads away.
#[track_caller]
pub(crate) fn shown_here(page: &Page, what: &str) {
    assert_eq!(page.left_for, None, "{what}: redirected");
    assert!(page.status.is_client_error(), "{what}: {} {}", page.status, page.text());
    assert!(page.headers.get(header::LOCATION).is_none(), "{what}");
    assert!(page.forms().is_empty(), "{what}: {}", page.text());
}
