//! Login, consent, sessions, the account page: what the ready server shows to people.
//!
//! [`Site`] is the site adapter of the provider ([`SiteAdapter`]) and answers the pages beside it. Cookies: the session's
//! ([`session`]), and core's own `__Host-grantor-browser`, which binds a waiting request to its browser.
//!
//! What a token carries about a user: `sub` is the user's identifier, `data.username` the login name.
//!
//! Every form is guarded twice: by what the browser says about its origin ([`origin`]), and by a token. On the pages of an
//! authorization request the token is core's; on the others it is derived from the session.

mod account;
mod authorize;
mod consent;
mod login;
mod origin;
mod session;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use grantor::store::{Store, StoreError};
use grantor::{Error, Reason, Standings, Timestamp};
use http::header::{self, HeaderValue};
use http::{HeaderMap, Response, StatusCode};

use crate::app::App;
use crate::clients::Clients;
use crate::failure::{self, Failure};
use crate::pages::Pages;
use crate::users::{User, Users};
use consent::Consents;
use login::LoginAttempts;
use session::{Current, Sessions};

pub(crate) use account::Act;
pub(crate) use authorize::Adapter;
pub(crate) use consent::withdraw;
pub(crate) use origin::FormOrigin;

/// The pages for people and what is behind them.
#[derive(Debug)]
pub(crate) struct Site {
    pages: Pages,
    sessions: Sessions,
    consents: Consents,
    users: Arc<Users>,
    clients: Clients,
    store: Arc<dyn Store>,
    standings: Arc<Standings>,
    attempts: LoginAttempts,
    /// Scopes in words for people.
    scopes: BTreeMap<String, String>,
    lifetimes: grantor::Lifetimes,
    /// Of the issuer, as browsers send it.
    origin: String,
}

/// Who is logged in with the browser that sent a request.
#[derive(Debug, Clone)]
struct Visitor {
    user: User,
    current: Current,
}

impl Site {
    /// The site of a server.
    ///
    /// # Errors
    /// The issuer is not a URL, or a template does not compile: neither gets past the configuration and the tests.
    pub(crate) fn new(app: &App) -> Result<Self, Failure> {
        let config = &app.config;
        let issuer: url::Url =
            config.issuer().parse().map_err(|error| Failure::usage(format!("issuer: {error}")))?;
        let pages = Pages::new(&issuer).map_err(|error| Failure::new(format!("the pages: {error}")))?;
        let store = &app.store;
        let lifetimes = &config.lifetimes;
        let secure = issuer.scheme() == "https";
        Ok(Self {
            pages,
            sessions: Sessions::new(Arc::clone(store), lifetimes.session_idle, lifetimes.session, secure),
            consents: Consents::new(Arc::clone(store), Arc::clone(&app.standings), Arc::clone(&app.clock)),
            users: Arc::clone(&app.users),
            clients: app.clients.clone(),
            store: Arc::clone(store),
            standings: Arc::clone(&app.standings),
            attempts: LoginAttempts::new(&config.limits),
            scopes: config.scopes.clone(),
            lifetimes: lifetimes.tokens,
            origin: issuer.origin().ascii_serialization(),
        })
    }

    /// The pages, for what else has some.
    pub(crate) const fn pages(&self) -> &Pages {
        &self.pages
    }

    /// Whether a form came from a page of this server.
    pub(crate) fn came_from(&self, headers: &HeaderMap) -> origin::FormOrigin {
        origin::of(headers, &self.origin)
    }

    /// Who sent this request: somebody whose session is alive and not ended by what happened since.
    async fn visitor(&self, headers: &HeaderMap, now: Timestamp) -> Result<Option<Visitor>, StoreError> {
        let Some(current) = self.sessions.current(headers, now).await? else { return Ok(None) };
        let session = &current.session;
        let user = self.users.of_session(&session.name, &session.subject, session.began, now).await?;
        Ok(user.map(|user| Visitor { user, current }))
    }

    /// The store does not answer, or there is too much to do.
    fn unavailable(&self, error: &Error) -> Response<Bytes> {
        tracing::error!(target: "grantor", reason = error.reason(), cause = %failure::causes(error), "a page cannot be answered");
        let words = "The server cannot answer at the moment. Wait a little, then load this page again.";
        let mut page =
            self.pages.message(StatusCode::SERVICE_UNAVAILABLE, "Please try again in a moment", words);
        page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        because(page, "unavailable")
    }

    /// A form that did not come from here.
    fn foreign_form(&self) -> Response<Bytes> {
        let words = "The form did not come from a page of this server, or it is too old. Nothing was done. Go back, load the page again and repeat it.";
        because(self.pages.message(StatusCode::FORBIDDEN, "That form is not valid", words), "form_foreign")
    }

    /// No page has this address.
    pub(crate) fn not_found(&self) -> Response<Bytes> {
        let words = "There is no page at this address.";
        because(self.pages.message(StatusCode::NOT_FOUND, "Not found", words), "not_found")
    }
}

/// The same page, with a reason for the log.
fn because(mut page: Response<Bytes>, reason: &'static str) -> Response<Bytes> {
    page.extensions_mut().insert(Reason::new(reason));
    page
}
