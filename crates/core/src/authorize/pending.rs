//! An authorization request that waits for the user, bound to the browser that brought it.
//!
//! The record has what was validated and the digest of the browser's cookie; the URL carries the record's id only. A
//! decision is a POST with the cookie and a form token derived from it. Whoever removes the record issues the code, so
//! two clicks give one code.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{AuthorizationRequest, Verified};
use crate::cookies::cookies;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::provider::Parts;
use crate::store::{Body, Key, Kind, Record, Removed, Stage, load};
use crate::token::fresh::fresh_id;
use crate::token::swap;
use crate::types::{ClientId, CodeChallenge, Digest, GrantTypeName, ResponseModeName, ResponseType, Scopes};

/// The parameter of the URL that names a waiting request.
pub(crate) const CONTINUE: &str = "continue";
/// The field of a form that proves that the page came from here.
pub(crate) const FORM_TOKEN: &str = "form_token";

#[derive(Encode, Decode)]
#[cbor(map)]
pub(crate) struct Pending {
    #[n(0)]
    redirect_uri: String,
    #[n(1)]
    redirect_uri_asked: bool,
    #[n(2)]
    response_mode: String,
    #[n(3)]
    state: Option<String>,
    #[n(4)]
    response_type: String,
    #[n(5)]
    grant_type: String,
    #[n(6)]
    scopes: String,
    #[n(7)]
    challenge: Option<CodeChallenge>,
    #[n(8)]
    browser: Digest,
    #[n(9)]
    client: String,
}

impl Body for Pending {
    const VERSION: u8 = 1;
    fn write(&self, out: &mut Vec<u8>) {
        // Writing into a Vec cannot fail.
        let _ = minicbor::encode(self, out);
    }
    fn read(_version: u8, fields: &[u8], _record: &Record) -> Option<Self> {
        minicbor::decode(fields).ok()
    }
}

/// The secret in the browser's cookie.
pub(crate) struct Browser {
    secret: Zeroizing<String>,
    /// Whether the browser sent it, so that it need not be set again.
    known: bool,
}

impl Browser {
    /// An id for a new request, which may have to wait, and its browser's secret, a new one where the browser has none.
    pub(crate) fn with_new_request(ctx: &Ctx<'_>, headers: &HeaderMap) -> Result<([u8; 16], Self), Error> {
        if let Some(secret) = secrets(ctx, headers).next() {
            let mut random = [0; 10];
            ctx.random(&mut random)?;
            return Ok((fresh_id(ctx.now(), &random), Self { secret, known: true }));
        }
        let mut random = Zeroizing::new([0; 10 + 32]);
        ctx.random(random.as_mut_slice())?;
        let (id, secret) = random.split_first_chunk().unwrap_or((&[0; 10], &[]));
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret));
        Ok((fresh_id(ctx.now(), id), Self { secret, known: false }))
    }

    fn digest(&self) -> Digest {
        Digest::of(&[b"browser", self.secret.as_bytes()])
    }

    /// What a form of a page for this request must send.
    pub(crate) fn form_token(&self, id: [u8; 16]) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else {
            // HMAC takes a key of any length (RFC 2104 §2).
            return String::new();
        };
        mac.update(b"form");
        mac.update(&id);
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }

    /// Whether a form has the right token.
    pub(crate) fn accepts(&self, id: [u8; 16], form_token: &str) -> bool {
        self.form_token(id).as_bytes().ct_eq(form_token.as_bytes()).into()
    }

    /// `Set-Cookie`, where the browser does not have it yet.
    pub(crate) fn set_cookie(&self, ctx: &Ctx<'_>) -> Option<HeaderValue> {
        if self.known {
            return None;
        }
        let issuer = &ctx.parts.issuer;
        let secure = if issuer.secure { "; Secure" } else { "" };
        let text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", issuer.cookie, *self.secret);
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The well-formed values of our cookie.
fn secrets<'a>(ctx: &Ctx<'a>, headers: &'a HeaderMap) -> impl Iterator<Item = Zeroizing<String>> + 'a {
    cookies(headers, ctx.parts.issuer.cookie)
        .filter(|secret| secret.len() == 43 && URL_SAFE_NO_PAD.decode(secret).is_ok())
        .map(|secret| Zeroizing::new(secret.to_owned()))
}

/// How a page comes back to its request; made only where there is a page.
pub(crate) struct WayBack<'a> {
    parts: &'a Parts,
    id: [u8; 16],
    browser: &'a Browser,
    resume_url: OnceLock<String>,
    form_token: OnceLock<String>,
}

impl<'a> WayBack<'a> {
    pub(crate) fn new(ctx: &Ctx<'a>, id: [u8; 16], browser: &'a Browser) -> Self {
        Self { parts: ctx.parts, id, browser, resume_url: OnceLock::new(), form_token: OnceLock::new() }
    }

    /// Where the user comes back to.
    pub(crate) fn resume_url(&self) -> &str {
        self.resume_url.get_or_init(|| {
            let (issuer, paths) = (&self.parts.issuer, &self.parts.paths);
            format!("{}{}?{CONTINUE}={}", issuer.path, paths.authorize, URL_SAFE_NO_PAD.encode(self.id))
        })
    }

    /// What the page's form must send.
    pub(crate) fn form_token(&self) -> &str {
        self.form_token.get_or_init(|| self.browser.form_token(self.id))
    }
}

/// The id in a URL.
pub(crate) fn id_of(text: &str) -> Option<[u8; 16]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Keeps a request until the user has decided.
pub(crate) async fn keep(
    ctx: &Ctx<'_>,
    id: [u8; 16],
    browser: &Browser,
    request: &AuthorizationRequest,
) -> Result<(), Error> {
    let verified = &request.verified;
    let pending = Pending {
        redirect_uri: verified.redirect_uri.to_string(),
        redirect_uri_asked: verified.redirect_uri_asked,
        response_mode: verified.response_mode.to_string(),
        state: verified.state.clone(),
        response_type: request.response_type.to_string(),
        grant_type: request.grant_type.to_string(),
        scopes: request.scopes.to_string(),
        challenge: request.challenge.clone(),
        browser: browser.digest(),
        client: verified.client.client_id.to_string(),
    };
    let record = Record {
        key: Key::new(Kind::REQUEST, id),
        stage: Stage::Pending,
        expires_at: ctx.now().after(ctx.parts.lifetimes.request),
        client: Some(verified.client.client_id.shared()),
        subject: None,
        body: pending.to_body(),
    };
    swap::create(ctx, &record).await
}

/// The page where there is nothing left to decide.
fn gone() -> Error {
    Error::invalid_request(
        "This sign-in has expired or is already done. Go back to the application and start again.",
    )
    .because("request_gone")
}

/// The waiting request, for the browser that brought it.
pub(crate) async fn resume(
    ctx: &Ctx<'_>,
    id: [u8; 16],
    headers: &HeaderMap,
) -> Result<(AuthorizationRequest, Browser), Error> {
    let loaded = load::<Pending>(ctx.store(), &Key::new(Kind::REQUEST, id), ctx.now()).await?;
    let pending = *loaded.ok_or_else(gone)?.value;
    let browser = secrets(ctx, headers)
        .map(|secret| Browser { secret, known: true })
        .find(|browser| browser.digest().matches(&pending.browser))
        .ok_or_else(|| {
            Error::invalid_request(
                "This sign-in began in another browser, or cookies are blocked. Go back to the application and start again.",
            )
            .because("request_of_other_browser")
        })?;
    let client_id = ClientId::parse(&pending.client)?;
    let client = ctx.client(&client_id).await?.ok_or_else(gone)?;
    let request = AuthorizationRequest {
        verified: Verified {
            client,
            redirect_uri: Arc::from(pending.redirect_uri),
            redirect_uri_asked: pending.redirect_uri_asked,
            response_mode: ResponseModeName::new(pending.response_mode),
            state: pending.state,
        },
        response_type: ResponseType::new(pending.response_type),
        grant_type: GrantTypeName::new(pending.grant_type),
        scopes: Scopes::parse(&pending.scopes)?,
        challenge: pending.challenge,
    };
    super::verify_again(ctx, &request).await?;
    Ok((request, browser))
}

/// Ends the wait; only one of any number of decisions gets `Ok`.
pub(crate) async fn finish(ctx: &Ctx<'_>, id: [u8; 16]) -> Result<(), Error> {
    match ctx.store().remove(&Key::new(Kind::REQUEST, id), ctx.now()).await? {
        Removed::Removed => Ok(()),
        Removed::Absent => Err(gone()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::store::testing::{hex, record, released};

    #[test]
    fn version_1_request() {
        let pending: Pending = released("request-1.hex");
        assert_eq!(pending.redirect_uri, "https://rp.example/cb");
        assert!(pending.redirect_uri_asked);
        assert_eq!((pending.response_mode.as_str(), pending.response_type.as_str()), ("query", "code"));
        assert_eq!(pending.state.as_deref(), Some("st ate"));
        assert_eq!(pending.grant_type, "authorization_code");
        assert_eq!(pending.scopes, "read write");
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(pending.challenge, Some(CodeChallenge::of(verifier)));
        assert_eq!(*pending.browser.as_bytes(), [1; 32]);
        assert_eq!(pending.client, "abc");
    }

    #[test]
    fn version_1_request_with_the_least() {
        let pending: Pending = released("request-1-least.hex");
        assert!(!pending.redirect_uri_asked);
        assert_eq!((pending.response_mode.as_str(), pending.response_type.as_str()), ("form_post", "token"));
        assert_eq!((pending.grant_type.as_str(), pending.scopes.as_str()), ("implicit", ""));
        assert!(pending.state.is_none() && pending.challenge.is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            texts in proptest::array::uniform6(".{0,30}"),
            asked in any::<bool>(),
            state in proptest::option::of(".{0,30}"),
            challenge in proptest::option::of(".{0,30}"),
            browser in any::<[u8; 32]>(),
        ) {
            let [redirect_uri, response_mode, response_type, grant_type, scopes, client] = texts;
            let pending = Pending {
                redirect_uri: redirect_uri.clone(),
                redirect_uri_asked: asked,
                response_mode: response_mode.clone(),
                state: state.clone(),
                response_type: response_type.clone(),
                grant_type: grant_type.clone(),
                scopes: scopes.clone(),
                challenge: challenge.as_deref().map(CodeChallenge::of),
                browser: Digest::from_bytes(browser),
                client: client.clone(),
            };
            let read = Pending::from_record(&record(pending.to_body())).unwrap();
            prop_assert_eq!(hex(&read.to_body()), hex(&pending.to_body()));
            let read = (
                [read.redirect_uri, read.response_mode, read.response_type, read.grant_type, read.scopes, read.client],
                read.redirect_uri_asked,
                read.state,
                read.challenge,
                *read.browser.as_bytes(),
            );
            let written = (
                [redirect_uri, response_mode, response_type, grant_type, scopes, client],
                asked,
                state,
                challenge.as_deref().map(CodeChallenge::of),
                browser,
            );
            prop_assert_eq!(read, written);
        }
    }
}
