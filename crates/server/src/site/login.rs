//! Login: name and password, with a limit, and the same answer for an unknown name and a wrong password.

use std::net::IpAddr;

use bytes::Bytes;
use grantor::{Attempt, Attempts, Error, Timestamp};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};
use minijinja::context;

use super::{Site, because};
use crate::config::Limits;
use crate::pages::Page;

/// Counts wrong passwords: per name and network, so that nobody locks a person out everywhere; and per network.
#[derive(Debug)]
pub(super) struct LoginAttempts {
    names: Attempts,
    networks: Attempts,
}

const WHAT: &str = "login";

impl LoginAttempts {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { names: Attempts::new(limits.login_attempts), networks: Attempts::new(limits.network_attempts) }
    }

    /// Begins an attempt, which counts as a failure unless it is taken back.
    fn begin(&self, name: &str, peer: Option<IpAddr>, now: Timestamp) -> Result<[Attempt; 2], u64> {
        let network = self.networks.begin(WHAT, "", peer, now)?;
        match self.names.begin(WHAT, name, peer, now) {
            Ok(name) => Ok([network, name]),
            Err(seconds) => {
                network.take_back();
                Err(seconds)
            }
        }
    }
}

/// What a login form led to.
pub(super) enum Login {
    /// Logged in: the cookie to set.
    In(HeaderValue),
    /// Not: what to say.
    Refused(Refused),
}

/// Why a login was refused, for the page.
pub(super) struct Refused {
    status: StatusCode,
    words: String,
    retry_after: Option<u64>,
    reason: &'static str,
}

/// Where a login page comes back to.
pub(super) struct Form<'a> {
    pub(super) action: &'a str,
    /// Empty on the page that needs none.
    pub(super) form_token: &'a str,
    /// The client's name, where the login is for one.
    pub(super) client: &'a str,
    /// Where the answer may be redirected to afterwards, for the content security policy.
    pub(super) target: &'a str,
}

impl Site {
    /// Checks name and password, and begins a session.
    ///
    /// # Errors
    /// The store does not answer, or too many passwords wait to be checked.
    pub(super) async fn log_in(
        &self,
        name: &str,
        password: &str,
        headers: &HeaderMap,
        peer: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Login, Error> {
        let attempts = match self.attempts.begin(name, peer, now) {
            Ok(attempts) => attempts,
            Err(seconds) => {
                tracing::warn!(target: "grantor", reason = "rate_limited", what = WHAT, peer = peer.map(tracing::field::display), "login refused: too many attempts");
                return Ok(Login::Refused(Refused {
                    status: StatusCode::TOO_MANY_REQUESTS,
                    words: format!("There were too many attempts. Wait {seconds} s, then try again."),
                    retry_after: Some(seconds),
                    reason: "rate_limited",
                }));
            }
        };
        let user = self.users.check(name, password, now).await;
        if !matches!(user, Ok(None)) {
            attempts.into_iter().for_each(Attempt::take_back);
        }
        let Some(user) = user? else {
            tracing::warn!(target: "grantor", reason = "login_wrong", what = WHAT, peer = peer.map(tracing::field::display), "attempt failed");
            return Ok(Login::Refused(Refused {
                status: StatusCode::FORBIDDEN,
                words: "The user name or the password is wrong.".into(),
                retry_after: None,
                reason: "login_wrong",
            }));
        };
        self.attempts.names.succeeded(WHAT, name, peer);
        // A new id at each login: a session that somebody else knows is of no use. The one from before ends.
        let before = self.sessions.current(headers, now).await?;
        let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let cookie = self.sessions.begin(&user, agent, now).await?;
        if let Some(before) = before {
            let _ = self.sessions.end(before.session.id, &before.session.subject, now).await?;
        }
        tracing::info!(target: "grantor", reason = "logged_in", subject = %user.subject, peer = peer.map(tracing::field::display), "logged in");
        Ok(Login::In(cookie))
    }

    /// The login page, again with what was wrong.
    pub(super) fn login_page(
        &self,
        form: &Form<'_>,
        username: &str,
        refused: Option<&Refused>,
    ) -> Response<Bytes> {
        let values = context! {
            action => form.action,
            form_token => form.form_token,
            client => form.client,
            username => username,
            problem => refused.map(|refused| refused.words.as_str()).unwrap_or_default(),
            deny => !form.client.is_empty(),
        };
        let status = refused.map_or(StatusCode::OK, |refused| refused.status);
        let mut page = self.pages.show_with_target(Page::Login, status, values, form.target);
        let Some(refused) = refused else { return page };
        if let Some(seconds) = refused.retry_after {
            page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        because(page, refused.reason)
    }
}
