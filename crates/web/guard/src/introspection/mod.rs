//! Tokens that another server knows: its introspection endpoint is asked (RFC 7662), and its answer kept for a short time.
//!
//! - `answer.rs`: what the endpoint says, read with suspicion
//! - `fetch.rs`: the port through which requests go out, and the client that is used where nobody gives another
//!
//! # What it promises
//! - A token that the endpoint calls inactive is let through for at most [`cache_for`](Introspection::cache_for) longer,
//!   counted from before the question was sent; and never after its `exp`.
//! - Where the endpoint does not answer nobody is let through: the guard answers 503. After a failure it is left alone for
//!   a second, then two, up to half a minute.
//! - Of many requests at once with one token one asks.
//! - Kept is the SHA-256 of a token, never the token.

mod answer;
mod fetch;

pub use fetch::{Fetch, HttpFetch, InvalidAuthorities};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use grantor_core::{BoxError, Clock, Error, Secret, SystemClock, Timestamp, TokenInfo};
use http::{HeaderValue, Request, StatusCode, Uri, header};
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use sha2::{Digest as _, Sha256};

use self::answer::Wanted;
use crate::Tokens;

/// No longer token is asked about.
const MAX_TOKEN: usize = 8 * 1024;
/// The longest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 * 1024;
/// How long an endpoint that failed is left alone at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// What is known about a token, and since when.
type Known = (Timestamp, Option<Arc<TokenInfo>>);

/// The introspection endpoint of an authorization server as a source for a [`Guard`](crate::Guard). Cheap to clone.
///
/// ```
/// use std::time::Duration;
/// use grantor_web_guard::Guard;
/// use grantor_web_guard::introspection::Introspection;
///
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let tokens = Introspection::new("https://login.example.com/introspect", "jobs-api", "its secret")?
///     .audience("https://jobs.example.com")
///     .cache_for(Duration::from_secs(5));
/// let guard = Guard::new(tokens);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Introspection(Arc<Inner>);

#[derive(Clone)]
struct Settings {
    endpoint: Uri,
    authorization: Secret,
    wanted: Wanted,
    cache_for: Duration,
    clock: Arc<dyn Clock>,
    fetch: Arc<dyn Fetch>,
}

struct Inner {
    settings: Settings,
    known: Cache<[u8; 32], Known>,
    trouble: Mutex<Trouble>,
}

/// How often the endpoint failed in a row, and until when it is left alone.
#[derive(Debug, Clone, Copy)]
struct Trouble {
    pause: Duration,
    until: Timestamp,
}

impl Trouble {
    const NONE: Self = Self { pause: Duration::ZERO, until: Timestamp::EPOCH };

    fn more(self, now: Timestamp) -> Self {
        let pause = (self.pause * 2).clamp(PAUSES.0, PAUSES.1);
        Self { pause, until: now.after(pause) }
    }

    /// A clock that was set back does not lengthen a pause.
    fn lasts(self, now: Timestamp) -> bool {
        now < self.until && self.until.since(now) <= self.pause
    }
}

impl fmt::Debug for Introspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.0.settings;
        f.debug_struct("Introspection")
            .field("endpoint", &settings.endpoint)
            .field("wanted", &settings.wanted)
            .field("cache_for", &settings.cache_for)
            .finish_non_exhaustive()
    }
}

/// An endpoint or credentials that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidEndpoint(&'static str);

impl fmt::Display for InvalidEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for InvalidEndpoint {}

impl Introspection {
    /// Asks this endpoint, which this API is registered at as a client that may introspect (`client_secret_basic`).
    ///
    /// # Errors
    /// [`InvalidEndpoint`] unless it is `https:`, or `http:` on this machine (RFC 7662 §4: "MUST be protected by TLS").
    pub fn new(endpoint: &str, client_id: &str, client_secret: &str) -> Result<Self, InvalidEndpoint> {
        Ok(Self(Arc::new(Inner::new(Settings {
            endpoint: checked(endpoint)?,
            authorization: basic(client_id, client_secret),
            wanted: Wanted::default(),
            cache_for: Duration::from_secs(10),
            clock: Arc::new(SystemClock),
            fetch: Arc::new(HttpFetch::new()),
        }))))
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.0.settings.clone();
        change(&mut settings);
        Self(Arc::new(Inner::new(settings)))
    }

    /// Takes tokens alone whose `aud` names this API (RFC 7662 §2.2): without it a token for another API passes too.
    #[must_use]
    pub fn audience(self, audience: impl Into<String>) -> Self {
        self.with(|settings| settings.wanted.audience = Some(audience.into()))
    }

    /// Takes tokens alone whose `iss`, where the answer has one, is this issuer.
    #[must_use]
    pub fn issuer(self, issuer: impl Into<String>) -> Self {
        self.with(|settings| settings.wanted.issuer = Some(issuer.into()))
    }

    /// How old an answer may be; 10 seconds where nothing is said, `Duration::ZERO` asks each time. So long a revoked token may
    /// still be let through.
    #[must_use]
    pub fn cache_for(self, age: Duration) -> Self {
        self.with(|settings| settings.cache_for = age)
    }

    /// Sends requests by this client instead of [`HttpFetch`].
    #[must_use]
    pub fn fetch(self, fetch: impl Fetch) -> Self {
        self.with(|settings| settings.fetch = Arc::new(fetch))
    }

    /// Tells the time by this clock.
    #[must_use]
    pub fn clock(self, clock: impl Clock) -> Self {
        self.with(|settings| settings.clock = Arc::new(clock))
    }
}

impl Inner {
    fn new(settings: Settings) -> Self {
        Self { settings, known: Cache::new(10_000), trouble: Mutex::new(Trouble::NONE) }
    }

    /// What is known about the token and new enough; a moment that lies ahead is that of a clock that was set back.
    fn fresh(&self, known: &Known, now: Timestamp) -> bool {
        let (asked, info) = known;
        let alive = info.as_ref().is_none_or(|info| now < info.expires_at);
        *asked <= now && now < asked.after(self.settings.cache_for) && alive
    }

    async fn look_up(&self, token: &str) -> Result<Option<Arc<TokenInfo>>, Error> {
        if token.len() > MAX_TOKEN {
            return Ok(None);
        }
        let digest: [u8; 32] = Sha256::digest(token.as_bytes()).into();
        if let Some(known) = self.known.get(&digest) {
            if self.fresh(&known, self.settings.clock.now()) {
                return Ok(known.1);
            }
            self.known.remove(&digest);
        }
        // One asks, the others with the same token wait for what it learns.
        match self.known.get_value_or_guard_async(&digest).await {
            Ok(known) if self.fresh(&known, self.settings.clock.now()) => Ok(known.1),
            Ok(_) => self.ask(token).await.map(|(_, info)| info),
            Err(place) => {
                let known = self.ask(token).await?;
                let info = known.1.clone();
                // It cannot be kept where it was removed meanwhile, which is fine.
                let _ = place.insert(known);
                Ok(info)
            }
        }
    }

    async fn ask(&self, token: &str) -> Result<Known, Error> {
        let now = self.settings.clock.now();
        if self.trouble.lock().lasts(now) {
            return Err(Error::unavailable("introspection_paused"));
        }
        let answer = self.answer(token, now).await;
        let mut trouble = self.trouble.lock();
        *trouble = if answer.is_ok() { Trouble::NONE } else { trouble.more(now) };
        Ok((now, answer?.map(Arc::new)))
    }

    /// > The protected resource calls the introspection endpoint using an HTTP POST request with parameters sent as
    /// > "application/x-www-form-urlencoded" data. (RFC 7662 §2.1)
    async fn answer(&self, token: &str, now: Timestamp) -> Result<Option<TokenInfo>, Error> {
        let failed = |reason, source: BoxError| Error::unavailable(reason).with_source(source);
        let form: String = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("token", token), ("token_type_hint", "access_token")])
            .finish();
        let request = Request::post(self.settings.endpoint.clone())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ACCEPT, "application/json")
            .header(header::AUTHORIZATION, self.authorization())
            .body(Bytes::from(form))
            .map_err(|error| failed("introspection_failed", error.into()))?;
        let response = self.settings.fetch.fetch(request, MAX_ANSWER).await;
        let response = response.map_err(|error| failed("introspection_failed", error))?;
        match response.status() {
            StatusCode::OK => self
                .settings
                .wanted
                .read(response.body(), now)
                .map_err(|why| failed("introspection_malformed", why.into())),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(failed(
                "introspection_refused",
                format!("the endpoint answered {}: check the client", response.status()).into(),
            )),
            status => Err(failed("introspection_failed", format!("the endpoint answered {status}").into())),
        }
    }

    fn authorization(&self) -> HeaderValue {
        // Base64 is ASCII.
        let value = HeaderValue::from_str(self.settings.authorization.expose());
        let mut value = value.unwrap_or(HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }
}

#[async_trait]
impl Tokens for Introspection {
    async fn token_info(&self, access_token: &str) -> Result<Option<TokenInfo>, Error> {
        Ok(self.0.look_up(access_token).await?.map(|info| (*info).clone()))
    }
}

/// `client_secret_basic`: both parts are form-encoded first (RFC 6749 §2.3.1).
fn basic(client_id: &str, client_secret: &str) -> Secret {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client_id), encoded(client_secret));
    Secret::new(format!("Basic {}", STANDARD.encode(pair)))
}

fn checked(endpoint: &str) -> Result<Uri, InvalidEndpoint> {
    const FORM: &str = "an introspection endpoint is an https: URL with a host (http: only on 127.0.0.1, [::1] or localhost)";
    let uri: Uri = endpoint.parse().map_err(|_| InvalidEndpoint(FORM))?;
    let host = uri.host().unwrap_or_default();
    let local = matches!(host, "127.0.0.1" | "[::1]" | "localhost");
    let userinfo = uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    match uri.scheme_str() {
        Some("https") if !host.is_empty() && !userinfo => Ok(uri),
        Some("http") if local && !userinfo => Ok(uri),
        _ => Err(InvalidEndpoint(FORM)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7662_4_tls_but_on_this_machine() {
        for good in [
            "https://a.example/introspect",
            "http://127.0.0.1:8080/i",
            "http://[::1]/i",
            "http://localhost/i",
        ] {
            assert!(checked(good).is_ok(), "{good}");
        }
        for bad in [
            "http://a.example/i",
            "http://127.0.0.1@evil/i",
            "https://u:p@h/i",
            "ftp://h",
            "/i",
            "",
            "https:///i",
        ] {
            assert!(checked(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc6749_2_3_1_both_parts_are_form_encoded() {
        let header = basic("a:b", "s &\u{e9}");
        assert_eq!(header.expose(), format!("Basic {}", STANDARD.encode("a%3Ab:s+%26%C3%A9")));
    }

    #[test]
    fn nothing_secret_is_shown() {
        let source = Introspection::new("https://a.example/i", "api", "hidden").unwrap();
        assert!(!format!("{source:?}").contains("hidden"));
        assert!(!format!("{source:?}").contains(&STANDARD.encode("api:hidden")));
    }

    #[test]
    fn pauses_double_up_to_half_a_minute_and_obey_no_clock_that_is_set_back() {
        let now = Timestamp::from_secs(1_000);
        let mut trouble = Trouble::NONE;
        let mut pauses = Vec::new();
        for _ in 0..7 {
            trouble = trouble.more(now);
            pauses.push(trouble.pause.as_secs());
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert!(trouble.lasts(now) && trouble.lasts(Timestamp::from_secs(1_029)));
        assert!(!trouble.lasts(Timestamp::from_secs(1_030)));
        assert!(!trouble.lasts(Timestamp::from_secs(10)));
    }
}
