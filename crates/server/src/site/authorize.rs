//! The site adapter: who is it, and may the client have this?

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use grantor::{
    ApplicationType, Approval, Ask, BoxError, Client, Ctx, Decision, Error, GrantTypeName, SiteAdapter,
};
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use minijinja::context;
use serde_json::{Map, Value};

use super::consent::Consent;
use super::login::{Form, Login};
use super::{Site, Visitor, because, origin, words};
use crate::pages::{Page, authority, form_target, see_other};

/// The purpose of the token that binds the consent form to the login that it was shown to.
const CONSENT: &str = "consent";

/// The site, for the provider.
#[derive(Debug, Clone)]
pub(crate) struct Adapter(pub(crate) Arc<Site>);

#[async_trait]
impl SiteAdapter for Adapter {
    async fn decide(&self, ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        let site = &self.0;
        if ask.is_decision() && site.came_from(ask.headers()) == origin::FormOrigin::Elsewhere {
            return Ok(Decision::Show(site.foreign_form()));
        }
        // What fails here is shown, not redirected: the request still waits, and the user can try again.
        Ok(site.decide(ctx, ask).await.unwrap_or_else(|error| Decision::Show(site.unavailable(&error))))
    }

    fn error_page(&self, _ctx: &Ctx<'_>, error: &Error) -> Option<Response<Bytes>> {
        Some(self.0.error(error))
    }
}

impl Site {
    async fn decide(&self, ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, Error> {
        let decision = ask.form("decision");
        if decision == Some("deny") {
            return Ok(Decision::Deny);
        }
        if let (Some(name), Some(password)) = (ask.form("username"), ask.form("password")) {
            return self.answer_login(ctx, ask, name, password).await;
        }
        let now = ctx.now();
        let Some(visitor) = self.visitor(ask.headers(), now).await? else {
            return Ok(Decision::Show(self.ask_login(ask, "")));
        };
        if decision == Some("switch") {
            return Ok(Decision::Show(self.ask_login(ask, "")));
        }
        let (client, scopes) = (ask.request().client(), ask.request().scopes());
        let subject = &*visitor.user.subject;
        if decision == Some("allow") {
            // Somebody else may have logged in meanwhile, in another tab: they have not seen the question yet.
            let login = ask.form("login").unwrap_or_default();
            if visitor.current.accepts(CONSENT, login) {
                self.consents.remember(client.client_id.as_str(), subject, scopes, now).await?;
                tracing::info!(target: "grantor", reason = "consent_given", client = %client.client_id, subject, scope = %scopes, "consent given");
                return Ok(Decision::Allow(approval(&visitor)));
            }
        }
        if !client.require_consent {
            return Ok(Decision::Allow(approval(&visitor)));
        }
        let before = self.consents.find(client.client_id.as_str(), subject, now).await?;
        let is_covered = before.as_ref().is_some_and(|before| scopes.is_subset_of(&before.scopes));
        if is_covered && !always_asks(client) {
            return Ok(Decision::Allow(approval(&visitor)));
        }
        Ok(Decision::Show(self.ask_consent(ask, &visitor, before.as_ref())))
    }

    async fn answer_login(
        &self,
        ctx: &Ctx<'_>,
        ask: &Ask<'_>,
        name: &str,
        password: &str,
    ) -> Result<Decision, Error> {
        Ok(Decision::Show(match self.log_in(name, password, ask.headers(), ctx.peer(), ctx.now()).await? {
            Login::In(cookie) => {
                let mut response = see_other(ask.resume_url());
                response.headers_mut().append(header::SET_COOKIE, cookie);
                response
            }
            Login::Refused(refused) => {
                let (client, target) = names(ask);
                self.login_page(&form(ask, &client, &target), name, Some(&refused))
            }
        }))
    }

    fn ask_login(&self, ask: &Ask<'_>, username: &str) -> Response<Bytes> {
        let (client, target) = names(ask);
        self.login_page(&form(ask, &client, &target), username, None)
    }

    fn ask_consent(&self, ask: &Ask<'_>, visitor: &Visitor, before: Option<&Consent>) -> Response<Bytes> {
        let (client, target) = names(ask);
        let request = ask.request();
        let lifetimes = self.lifetimes.with(&request.client().lifetimes);
        let refreshes = request.client().may_use(&GrantTypeName::REFRESH_TOKEN);
        let scopes: Vec<_> = request
            .scopes()
            .iter()
            .map(|scope| {
                let in_words = self.scopes.get(scope).filter(|text| !text.is_empty());
                let already = before.is_some_and(|before| before.scopes.contains(scope));
                context! { words => in_words.map_or(scope, String::as_str), already }
            })
            .collect();
        let values = context! {
            client,
            host => host(request.redirect_uri()),
            username => visitor.user.shown(),
            scopes,
            on_device => always_asks(request.client()),
            lasts => words::lasts(refreshes, &lifetimes),
            action => ask.resume_url(),
            form_token => ask.form_token(),
            login => visitor.current.form_token(CONSENT),
        };
        self.pages.show_with_target(Page::Consent, StatusCode::OK, values, &target)
    }

    /// An error of an authorization request that must not be redirected.
    fn error(&self, error: &Error) -> Response<Bytes> {
        if error.reason() == "request_gone" {
            let page = self.pages.message(error.status(), "This is already done", &error.description());
            return because(page, "request_gone");
        }
        let values = context! {
            heading => "This request does not work",
            words => error.description(),
            code => error.code().as_str(),
        };
        let mut page = self.pages.show(Page::Message, error.status(), values);
        if let Some(seconds) = error.retry_after() {
            page.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        page
    }
}

fn form<'a>(ask: &'a Ask<'_>, client: &'a str, target: &'a str) -> Form<'a> {
    Form { action: ask.resume_url(), form_token: ask.form_token(), client, target }
}

/// The client's name, and where its answer goes.
fn names(ask: &Ask<'_>) -> (String, String) {
    (ask.request().client().display_name(), form_target(ask.request().redirect_uri()))
}

/// The host that the answer goes to, with its port; the scheme of an app's own URI.
fn host(redirect_uri: &str) -> String {
    match redirect_uri.parse::<url::Url>() {
        Ok(url) if url.host_str().is_some_and(|host| !host.is_empty()) => authority(&url),
        Ok(url) => format!("{}:", url.scheme()),
        Err(_) => String::new(),
    }
}

/// > Authorization servers SHOULD NOT process authorization requests automatically without user consent or interaction,
/// > except when the identity of the client can be assured. (RFC 8252 §8.6)
fn always_asks(client: &Client) -> bool {
    client.is_public() && client.application_type == ApplicationType::Native
}

fn approval(visitor: &Visitor) -> Approval {
    let mut data = Map::new();
    data.insert("username".into(), Value::from(visitor.user.name.clone()));
    Approval::of(&*visitor.user.subject).auth_time(visitor.current.session.began).data(data)
}
