//! The account page: sessions to end, applications to withdraw, and the logout that asks before it acts.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use grantor::store::{Filter, Kind};
use grantor::{ClientId, ClientStore as _, Error, Peer, Timestamp, Whose};
use http::header;
use http::{Request, Response, StatusCode};
use minijinja::context;
use url::form_urlencoded;

use super::login::{Form, Login};
use super::{Site, Visitor, because, origin, words};
use crate::pages::{Page, see_other};

/// The purposes of form tokens.
const ACCOUNT: &str = "account";
const LOGOUT: &str = "logout";
/// So many grants of one user are looked at.
const GRANTS: usize = 500;

/// A POST to one of these pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// Log in, on the account's own login page.
    LogIn,
    /// End a session.
    End,
    /// Withdraw an application's access.
    Withdraw,
    /// Log out.
    LogOut,
}

/// The fields of a form; of a repeated one the first counts.
struct Fields(BTreeMap<String, String>);

impl Fields {
    fn of(request: &Request<Bytes>) -> Self {
        let mut fields = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(request.body()).take(32) {
            fields.entry(name.into_owned()).or_insert_with(|| value.into_owned());
        }
        Self(fields)
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

impl Site {
    /// `GET /account`.
    pub(crate) async fn account(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let page = async {
            match self.visitor(request.headers(), now).await? {
                Some(visitor) => self.account_page(&visitor, "", now).await,
                None => Ok(self.account_login("", None)),
            }
        };
        page.await.unwrap_or_else(|error: Error| self.unavailable(&error))
    }

    /// `GET /logout`: asks.
    pub(crate) async fn logout(&self, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        match self.visitor(request.headers(), now).await {
            Ok(Some(visitor)) => {
                let form_token = visitor.current.form_token(LOGOUT);
                let values = context! { username => visitor.user.shown(), form_token };
                self.pages.show(Page::Logout, StatusCode::OK, values)
            }
            Ok(None) => self.logged_out("You are not logged in", "Nobody is logged in with this browser."),
            Err(error) => self.unavailable(&error.into()),
        }
    }

    /// A POST to one of these pages.
    pub(crate) async fn act(&self, act: Act, request: &Request<Bytes>, now: Timestamp) -> Response<Bytes> {
        let from = self.came_from(request.headers());
        // The login form has no token of its own, so the browser must say where it came from.
        if from == origin::FormOrigin::Elsewhere || (act == Act::LogIn && from != origin::FormOrigin::Here) {
            return self.foreign_form();
        }
        let fields = Fields::of(request);
        let done = match act {
            Act::LogIn => self.account_log_in(request, &fields, now).await,
            Act::End | Act::Withdraw | Act::LogOut => self.change(act, request, &fields, now).await,
        };
        done.unwrap_or_else(|error| self.unavailable(&error))
    }

    fn account_login(&self, username: &str, refused: Option<&super::login::Refused>) -> Response<Bytes> {
        let action = format!("{}/login", self.pages.base());
        self.login_page(&Form { action: &action, form_token: "", client: "", target: "" }, username, refused)
    }

    async fn account_log_in(
        &self,
        request: &Request<Bytes>,
        fields: &Fields,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Error> {
        let peer: Option<IpAddr> = request.extensions().get::<Peer>().map(|peer| peer.0);
        let (name, password) = (fields.get("username"), fields.get("password"));
        Ok(match self.log_in(name, password, request.headers(), peer, now).await? {
            Login::In(cookie) => {
                let mut response = self.to_account();
                response.headers_mut().append(header::SET_COOKIE, cookie);
                response
            }
            Login::Refused(refused) => self.account_login(name, Some(&refused)),
        })
    }

    /// Where the account's pages lead back to.
    pub(crate) fn to_account(&self) -> Response<Bytes> {
        see_other(&format!("{}/account", self.pages.base()))
    }

    async fn change(
        &self,
        act: Act,
        request: &Request<Bytes>,
        fields: &Fields,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Error> {
        let Some(visitor) = self.visitor(request.headers(), now).await? else {
            return Ok(match act {
                Act::LogOut => self.logged_out("You are logged out", "You can close this page."),
                _ => self.to_account(),
            });
        };
        let purpose = if act == Act::LogOut { LOGOUT } else { ACCOUNT };
        if !visitor.current.accepts(purpose, fields.get("form_token")) {
            return Ok(self.foreign_form());
        }
        let own = &visitor.current.session;
        let subject = &*own.subject;
        match act {
            Act::Withdraw => {
                let client = fields.get("client");
                if ClientId::parse(client).is_ok() {
                    self.consents.withdraw(client, subject, now).await?;
                    self.remove_grants(client, subject, now).await?;
                    tracing::info!(target: "grantor", reason = "consent_withdrawn", client, subject, "consent withdrawn");
                }
                let notice = "The application's access has ended.";
                self.account_page(&visitor, notice, now).await
            }
            Act::End => {
                let id = URL_SAFE_NO_PAD.decode(fields.get("session")).ok().and_then(|id| id.try_into().ok());
                if let Some(id) = id
                    && self.sessions.end(id, subject, now).await?
                {
                    tracing::info!(target: "grantor", reason = "session_ended", subject, "session ended by its user");
                    if id == own.id {
                        return Ok(self.gone());
                    }
                }
                self.account_page(&visitor, "That session has ended.", now).await
            }
            Act::LogOut | Act::LogIn => {
                let _ = self.sessions.end(own.id, subject, now).await?;
                tracing::info!(target: "grantor", reason = "logged_out", subject, "logged out");
                Ok(self.gone())
            }
        }
    }

    /// The not-before has ended the grants already; what the store can list need not lie there until it expires.
    async fn remove_grants(&self, client: &str, subject: &str, now: Timestamp) -> Result<(), Error> {
        let Some(index) = self.store.index() else { return Ok(()) };
        let filter = Filter::kind(Kind::GRANT).client(client).subject(subject);
        for grant in index.list(&filter, None, GRANTS, now).await? {
            let _ = self.store.remove(&grant.key, now).await?;
        }
        Ok(())
    }

    fn gone(&self) -> Response<Bytes> {
        self.logged_out(
            "You are logged out",
            "Your session in this browser has ended. You can close this page.",
        )
    }

    /// Says that nobody is logged in, and takes the cookie away.
    fn logged_out(&self, heading: &str, words: &str) -> Response<Bytes> {
        let href = format!("{}/account", self.pages.base());
        let link = context! { href, words => "Log in again" };
        let mut page = self.pages.show(Page::Message, StatusCode::OK, context! { heading, words, link });
        page.headers_mut().append(header::SET_COOKIE, self.sessions.clear_cookie());
        because(page, "logged_out")
    }

    async fn account_page(
        &self,
        visitor: &Visitor,
        notice: &str,
        now: Timestamp,
    ) -> Result<Response<Bytes>, Error> {
        let subject = &*visitor.current.session.subject;
        let mut not_before = Timestamp::EPOCH;
        for whose in [Whose::All, Whose::Subject(subject)] {
            not_before = not_before.max(self.standings.get(whose, now).await?.not_before());
        }
        let (sessions, applications) =
            (self.sessions.of(subject, now).await?, self.applications(subject, now).await?);
        let incomplete = sessions.is_none() || applications.is_none();
        let sessions: Vec<_> = sessions
            .unwrap_or_else(|| vec![visitor.current.session.clone()])
            .into_iter()
            // What a not-before has ended is still there until it expires.
            .filter(|session| session.began >= not_before)
            .map(|session| {
                context! {
                    id => URL_SAFE_NO_PAD.encode(session.id),
                    current => session.id == visitor.current.session.id,
                    agent => session.agent,
                    since => words::moment(session.began),
                    seen => words::moment(session.seen),
                }
            })
            .collect();
        let values = context! {
            username => visitor.user.shown(),
            form_token => visitor.current.form_token(ACCOUNT),
            notice,
            sessions,
            applications => applications.unwrap_or_default(),
            incomplete,
        };
        Ok(self.pages.show(Page::Account, StatusCode::OK, values))
    }

    /// The applications with a consent or a grant of this user; `None` where the store cannot list.
    async fn applications(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> Result<Option<Vec<minijinja::Value>>, Error> {
        let (Some(consents), Some(index)) = (self.consents.of(subject, now).await?, self.store.index())
        else {
            return Ok(None);
        };
        let mut found: BTreeMap<String, (Option<super::consent::Consent>, bool)> = BTreeMap::new();
        for consent in consents {
            found.insert(consent.client.to_string(), (Some(consent), false));
        }
        for grant in index.list(&Filter::kind(Kind::GRANT).subject(subject), None, GRANTS, now).await? {
            let Some(client) = grant.client else { continue };
            found.entry(client.to_string()).or_default().1 = true;
        }
        let mut applications = Vec::with_capacity(found.len());
        for (id, (consent, grants)) in found {
            let Ok(parsed) = ClientId::parse(&id) else { continue };
            let client = self.clients.find(&parsed, now).await?;
            let scopes = consent.as_ref().map(|consent| self.in_words(&consent.scopes)).unwrap_or_default();
            applications.push(context! {
                name => client.map_or_else(|| id.clone(), |client| client.display_name()),
                id,
                scopes,
                since => consent.map(|consent| words::moment(consent.at)).unwrap_or_default(),
                grants,
            });
        }
        Ok(Some(applications))
    }

    fn in_words(&self, scopes: &grantor::Scopes) -> String {
        let words: Vec<&str> = scopes
            .iter()
            .map(|scope| self.scopes.get(scope).filter(|text| !text.is_empty()).map_or(scope, String::as_str))
            .collect();
        words.join(" · ")
    }
}
