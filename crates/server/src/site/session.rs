//! Login sessions: who is logged in with which browser.
//!
//! A session is a record of its own kind (`Kind::SESSION`) with the user as its subject, so that sessions can be listed
//! and ended from anywhere. The cookie carries the record's id and 32 random bytes; stored is their digest. The id is new
//! at each login, so that nobody can be made to use a session that somebody else knows.
//!
//! Cookies: `__Host-grantor-session` where the issuer is https, `grantor-session` on a loopback http issuer.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor::store::{Created, Filter, Key, Kind, Record, Removed, Stage, Store, StoreError};
use grantor::{Digest, Random as _, Secret, SystemRandom, Timestamp, cookies};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::body;
use crate::users::User;

/// The id of a session: it names the record, and is no secret.
pub(crate) type SessionId = [u8; 16];

/// So many sessions of one user are listed.
const LISTED: usize = 200;

#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
struct Stored {
    #[n(0)]
    digest: Digest,
    #[n(1)]
    began: i64,
    #[n(2)]
    seen: i64,
    #[n(3)]
    agent: String,
    #[n(4)]
    name: String,
}

/// A session that is alive.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    /// The user.
    pub(crate) subject: Arc<str>,
    /// The user's login name.
    pub(crate) name: String,
    /// When the user logged in.
    pub(crate) began: Timestamp,
    /// When the browser was last here, to about a minute.
    pub(crate) seen: Timestamp,
    /// What the browser calls itself.
    pub(crate) agent: String,
}

/// The session of the browser that sent a request, with the secret of its cookie.
#[derive(Debug, Clone)]
pub(crate) struct Current {
    pub(crate) session: Session,
    secret: Secret,
}

impl Current {
    /// What a form of this session must send; `purpose` keeps the forms apart.
    pub(crate) fn form_token(&self, purpose: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.expose().as_bytes()) else {
            // HMAC takes a key of any length (RFC 2104 §2).
            return String::new();
        };
        mac.update(b"session form\0");
        mac.update(purpose.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether a form has the right token.
    pub(crate) fn accepts(&self, purpose: &str, form_token: &str) -> bool {
        let right = self.form_token(purpose);
        !right.is_empty() && bool::from(right.as_bytes().ct_eq(form_token.as_bytes()))
    }
}

/// The sessions of one server.
#[derive(Debug)]
pub(crate) struct Sessions {
    store: Arc<dyn Store>,
    idle: Duration,
    absolute: Duration,
    secure: bool,
}

impl Sessions {
    /// Sessions in this store, which end when they were not used for `idle`, and `absolute` after the login.
    pub(crate) fn new(store: Arc<dyn Store>, idle: Duration, absolute: Duration, secure: bool) -> Self {
        Self { store, idle, absolute, secure }
    }

    const fn cookie(&self) -> &'static str {
        if self.secure { "__Host-grantor-session" } else { "grantor-session" }
    }

    /// Begins a session after a login: the value of `Set-Cookie`.
    ///
    /// # Errors
    /// The store or the system's generator does not answer; nobody is logged in then.
    pub(crate) async fn begin(
        &self,
        user: &User,
        agent: &str,
        now: Timestamp,
    ) -> Result<HeaderValue, StoreError> {
        let mut random = Zeroizing::new([0; 42]);
        SystemRandom
            .fill(random.as_mut_slice())
            .map_err(|_| StoreError::nothing_written("the system gives no random bytes"))?;
        let (unique, secret) = random.split_at(10);
        let mut id = [0; 16];
        // Ordered by time, as stores with sorted keys like it.
        let millis = now.as_millis().to_be_bytes();
        for (to, from) in id.iter_mut().zip(millis.iter().skip(2).chain(unique)) {
            *to = *from;
        }
        let stored = Stored {
            digest: digest(secret),
            began: now.as_millis(),
            seen: now.as_millis(),
            agent: described(agent),
            name: user.name.clone(),
        };
        match self.store.create(&self.record(id, &user.subject, &stored), now).await? {
            Created::Created(_) => Ok(self.set_cookie(&id, secret)),
            Created::Exists => Err(StoreError::nothing_written("a new session has the id of another one")),
        }
    }

    fn record(&self, id: SessionId, subject: &str, stored: &Stored) -> Record {
        let ends = Timestamp::from_millis(stored.began).after(self.absolute);
        let idle = Timestamp::from_millis(stored.seen).after(self.idle);
        Record {
            key: Key::new(Kind::SESSION, id),
            stage: Stage::Live,
            expires_at: ends.min(idle),
            client: None,
            subject: Some(Arc::from(subject)),
            body: body::write(stored),
        }
    }

    fn set_cookie(&self, id: &SessionId, secret: &[u8]) -> HeaderValue {
        let value = Zeroizing::new(URL_SAFE_NO_PAD.encode([id.as_slice(), secret].concat()));
        let secure = if self.secure { "; Secure" } else { "" };
        let text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", self.cookie(), *value);
        sensitive(&text)
    }

    /// `Set-Cookie` that takes the cookie away.
    pub(crate) fn clear_cookie(&self) -> HeaderValue {
        let secure = if self.secure { "; Secure" } else { "" };
        sensitive(&format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}", self.cookie()))
    }

    /// The session of the browser that sent these headers; whatever is wrong with its cookie, it has none then.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn current(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Option<Current>, StoreError> {
        for cookie in secrets(headers, self.cookie()) {
            let Some((id, secret)) = cookie.split_first_chunk::<16>() else { continue };
            let Some((record, revision)) = self.store.load(&Key::new(Kind::SESSION, *id), now).await? else {
                continue;
            };
            let Some(subject) = record.subject.clone() else { continue };
            let mut stored: Stored = body::read(&record)?;
            if !stored.digest.matches(&digest(secret)) {
                continue;
            }
            let seen = Timestamp::from_millis(stored.seen);
            // Each visit moves the idle end, but not each visit is worth a write.
            if now.since(seen) > Duration::from_secs(60).min(self.idle / 4) {
                stored.seen = now.as_millis();
                let moved = self.record(*id, &subject, &stored);
                if let Err(cause) = self.store.replace(&moved, revision, now).await {
                    tracing::warn!(target: "grantor", reason = "session_not_moved", %cause, "the idle end of a session was not moved");
                }
            }
            let secret = Secret::new(URL_SAFE_NO_PAD.encode(secret));
            return Ok(Some(Current { session: session(*id, subject, stored), secret }));
        }
        Ok(None)
    }

    /// Ends a session of this user; false where it has no such session.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn end(&self, id: SessionId, subject: &str, now: Timestamp) -> Result<bool, StoreError> {
        let key = Key::new(Kind::SESSION, id);
        match self.store.load(&key, now).await? {
            Some((record, _)) if record.subject.as_deref() == Some(subject) => {
                Ok(self.store.remove(&key, now).await? == Removed::Removed)
            }
            _ => Ok(false),
        }
    }

    /// The sessions of a user, the latest first; `None` where the store cannot list.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn of(&self, subject: &str, now: Timestamp) -> Result<Option<Vec<Session>>, StoreError> {
        let Some(index) = self.store.index() else { return Ok(None) };
        let records = index.list(&Filter::kind(Kind::SESSION).subject(subject), None, LISTED, now).await?;
        let mut sessions = Vec::with_capacity(records.len());
        for record in records {
            let stored: Stored = body::read(&record)?;
            sessions.push(session(record.key.id, Arc::from(subject), stored));
        }
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seen));
        Ok(Some(sessions))
    }
}

fn session(id: SessionId, subject: Arc<str>, stored: Stored) -> Session {
    let (began, seen) = (Timestamp::from_millis(stored.began), Timestamp::from_millis(stored.seen));
    Session { id, subject, name: stored.name, began, seen, agent: stored.agent }
}

fn digest(secret: &[u8]) -> Digest {
    Digest::of(&[b"session", secret])
}

fn sensitive(text: &str) -> HeaderValue {
    // Names, base64url and attributes: always a header value.
    let mut value = HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""));
    value.set_sensitive(true);
    value
}

/// The well-formed values of our cookie.
fn secrets<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = Zeroizing<Vec<u8>>> + 'a {
    cookies(headers, name)
        .filter_map(|value| URL_SAFE_NO_PAD.decode(value).ok().filter(|bytes| bytes.len() == 48))
        .map(Zeroizing::new)
        // A browser sends one; whoever sends many shall not cost many look-ups.
        .take(4)
}

/// What a person recognises a browser by, from its `User-Agent`.
fn described(agent: &str) -> String {
    let first = |names: &[(&str, &'static str)]| {
        names.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ]);
    let system = first(&[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) => "A browser".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_have_names() {
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36";
        assert_eq!(described(chrome), "Chrome on Linux");
        assert_eq!(described("<script>"), "A browser");
    }

    #[test]
    fn only_whole_cookies_of_our_name_count() {
        let good = URL_SAFE_NO_PAD.encode([7; 48]);
        let mut headers = HeaderMap::new();
        let text =
            format!("x=1; grantor-session={good}; grantor-session=short; other-grantor-session={good}");
        headers.insert(http::header::COOKIE, HeaderValue::from_str(&text).unwrap());
        assert_eq!(secrets(&headers, "grantor-session").count(), 1);
        assert_eq!(secrets(&headers, "__Host-grantor-session").count(), 0);
    }
}
