//! The demo client of `grantor dev`: plays an application that wants to act for a user.
//!
//! Authorization code flow with PKCE (RFC 7636), `state` and the check of `iss` (RFC 9207), then refresh, introspection and
//! revocation. It talks to the provider as every client does, by requests to the endpoints, and shows what it sent and what
//! was answered. What it knows about a browser is kept in memory under a cookie, `grantor-demo`.

mod client;
mod visits;

use bytes::Bytes;
use grantor::Provider;
use http::header;
use http::{HeaderMap, Request, Response, StatusCode};
use minijinja::{Value, context};
use url::form_urlencoded;

use crate::pages::{Page, see_other};
use crate::site::{FormOrigin, Site};
use client::{Asked, Endpoints};
use visits::{Visit, Visits};

pub(crate) use client::DemoClient;

/// A step of the demo, each at an address of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Sends the browser to the authorization endpoint.
    Start,
    /// Takes the answer of the authorization endpoint.
    Callback,
    /// Shows where things stand.
    Result,
    /// Refreshes, introspects, revokes.
    Act,
}

/// The demo client.
#[derive(Debug)]
pub(crate) struct Demo {
    endpoints: Endpoints,
    visits: Visits,
}

/// The tokens that the client holds.
#[derive(Debug, Clone, Default)]
struct Tokens {
    access_token: String,
    refresh_token: String,
    scope: String,
    expires_in: u64,
}

/// What was sent and what was answered, as the page shows it.
#[derive(Debug, Clone, Default)]
struct Exchange {
    title: &'static str,
    sent: String,
    answered: String,
}

/// Why there are no tokens.
#[derive(Debug, Clone)]
struct Problem {
    error: String,
    words: String,
}

impl From<Tokens> for Value {
    fn from(tokens: Tokens) -> Self {
        let Tokens { access_token, refresh_token, scope, expires_in } = tokens;
        context! { access_token, refresh_token, scope, expires_in }
    }
}

impl From<Exchange> for Value {
    fn from(Exchange { title, sent, answered }: Exchange) -> Self {
        context! { title, sent, answered }
    }
}

impl From<Problem> for Value {
    fn from(Problem { error, words }: Problem) -> Self {
        context! { error, words }
    }
}

impl Problem {
    fn new(error: &str, words: &str) -> Self {
        Self { error: error.to_owned(), words: words.to_owned() }
    }
}

impl Demo {
    /// The demo of a server with this issuer and these paths.
    pub(crate) fn new(issuer: String, paths: &grantor::Paths, client: DemoClient) -> Self {
        Self { endpoints: Endpoints::new(issuer, paths, client), visits: Visits::default() }
    }

    /// `GET /` and `GET /demo/result`.
    pub(crate) fn page(&self, site: &Site, request: &Request<Bytes>) -> Response<Bytes> {
        let visit = self.visits.find(request.headers()).map(|(_, visit)| visit).unwrap_or_default();
        let values = context! {
            tokens => visit.tokens.map(Value::from),
            exchange => visit.exchange.map(Value::from),
            problem => visit.problem.map(Value::from),
            start => self.endpoints.own("/demo/start"),
            metadata => self.endpoints.metadata(),
        };
        site.pages().show(Page::Demo, StatusCode::OK, values)
    }

    /// Answers a step.
    pub(crate) async fn answer(
        &self,
        step: Step,
        provider: &Provider,
        site: &Site,
        request: &Request<Bytes>,
    ) -> Response<Bytes> {
        match step {
            Step::Result => return self.page(site, request),
            Step::Start => return self.start(request.headers()),
            Step::Callback => self.callback(provider, request).await,
            Step::Act if site.came_from(request.headers()) == FormOrigin::Here => {
                self.act(provider, request).await;
            }
            Step::Act => {}
        }
        // So that a reload repeats nothing.
        see_other(&self.endpoints.own("/demo/result"))
    }

    /// Sends the browser to the authorization endpoint, with a new `state` and a new verifier.
    fn start(&self, headers: &HeaderMap) -> Response<Bytes> {
        let (Some(asked), Some((id, cookie))) = (Asked::new(), self.visits.begin(headers)) else {
            return see_other(&self.endpoints.own("/"));
        };
        let mut response = see_other(&self.endpoints.authorization(&asked));
        self.visits.change(id, |visit| visit.asked = Some(asked));
        if let Some(cookie) = cookie {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }

    /// Takes the answer of the authorization endpoint: a code, which it exchanges, or an error.
    async fn callback(&self, provider: &Provider, request: &Request<Bytes>) {
        let Some((id, visit)) = self.visits.find(request.headers()) else { return };
        let query: Vec<(String, String)> =
            form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes())
                .into_owned()
                .collect();
        let one = |name: &str| query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
        let mut after = Visit { tokens: None, ..Visit::default() };
        match (visit.asked, one("state"), one("code")) {
            (Some(asked), Some(state), _) if asked.state != state => {
                after.problem =
                    Some(Problem::new("wrong state", "The answer belongs to another request (CSRF)."));
            }
            (None, _, _) | (_, None, _) => {
                after.problem =
                    Some(Problem::new("no request", "This browser has asked for nothing. Start again."));
            }
            _ if one("iss") != Some(self.endpoints.issuer()) => {
                after.problem =
                    Some(Problem::new("wrong issuer", "The answer is of another server (RFC 9207)."));
            }
            (Some(asked), _, Some(code)) => {
                let answer = self.endpoints.redeem(provider, code, &asked).await;
                match answer.tokens() {
                    Some(tokens) => after.tokens = Some(tokens),
                    None => after.problem = Some(answer.problem()),
                }
                after.exchange = Some(answer.exchange("The code was exchanged for tokens"));
            }
            (Some(_), _, None) => {
                let (error, words) = (one("error").unwrap_or("no code"), one("error_description"));
                after.problem = Some(Problem::new(error, words.unwrap_or("The answer has no code.")));
            }
        }
        self.visits.change(id, |visit| *visit = after);
    }

    /// Refreshes, introspects or revokes.
    async fn act(&self, provider: &Provider, request: &Request<Bytes>) {
        let act = form_urlencoded::parse(request.body()).find(|(name, _)| name == "act");
        let Some((_, act)) = act else { return };
        let Some((id, mut visit)) = self.visits.find(request.headers()) else { return };
        let Some(tokens) = visit.tokens.clone() else { return };
        visit.problem = None;
        match &*act {
            "refresh" => {
                let answer = self.endpoints.refresh(provider, &tokens.refresh_token).await;
                match answer.tokens() {
                    Some(fresh) => visit.tokens = Some(fresh),
                    None => visit.problem = Some(answer.problem()),
                }
                visit.exchange = Some(answer.exchange("The tokens were refreshed"));
            }
            "introspect" => {
                let answer = self.endpoints.introspect(provider, &tokens.access_token).await;
                visit.exchange = Some(answer.exchange("The access token was introspected"));
            }
            "revoke" => {
                // The refresh token carries the whole grant: with it the access token ends too.
                let whole = [&tokens.refresh_token, &tokens.access_token];
                let token = whole.into_iter().find(|token| !token.is_empty());
                let answer = self.endpoints.revoke(provider, token.map_or("", String::as_str)).await;
                visit.exchange = Some(answer.exchange("The tokens were revoked"));
            }
            _ => return,
        }
        self.visits.change(id, |before| *before = visit);
    }
}
