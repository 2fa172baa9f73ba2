//! The program `login_redirect`: the application has a login page and sessions of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use grantor::{
    Approval, Ask, BoxError, Ctx, Decision, Random as _, Secret, SiteAdapter, SystemRandom, async_trait,
    cookies, html_escaped,
};

use crate::accounts;

/// Who is signed in, by the value of the cookie.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, String>>>);

impl Sessions {
    fn user(&self, headers: &HeaderMap) -> Option<String> {
        let id = cookies(headers, "app_session").next()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The cookie of a new session.
    fn begin(&self, user: &str) -> Result<String, BoxError> {
        let mut bytes = [0; 16];
        SystemRandom.fill(&mut bytes)?;
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), user.to_owned());
        Ok(format!("app_session={id}; Path=/; HttpOnly; SameSite=Lax"))
    }
}

/// Sends the browser to the login page, and takes whoever comes back signed in.
#[async_trait]
impl SiteAdapter for Sessions {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        if let Some(user) = self.user(ask.headers()) {
            return Ok(Decision::Allow(Approval::of(user)));
        }
        let next = ask.resume_url().replace('?', "%3F").replace('=', "%3D");
        let to = Redirect::to(&format!("/login?next={next}"));
        Ok(Decision::Show(to.into_response().map(|_| Bytes::new())))
    }
}

/// The login page.
pub(crate) fn routes(sessions: Sessions) -> Router {
    Router::new().route("/login", get(login).post(sign_in)).with_state(sessions)
}

fn page(next: &str, problem: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Sign in</title></head><body><main>\
         <h1>Sign in</h1><p>{problem}</p><form method=\"post\" action=\"/login\">\
         <input type=\"hidden\" name=\"next\" value=\"{}\"><label>Name <input name=\"username\"></label> \
         <label>Password <input type=\"password\" name=\"password\"></label> \
         <button type=\"submit\">Sign in</button></form></main></body></html>",
        html_escaped(next)
    ))
}

async fn login(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    page(query.get("next").map(String::as_str).unwrap_or_default(), "")
}

async fn sign_in(
    State(sessions): State<Sessions>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response, StatusCode> {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (user, next) = (field("username"), field("next"));
    // Another site must neither sign the user in as somebody else nor choose where the browser goes next.
    let other_site = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if other_site || !next.starts_with("/authorize?") {
        return Err(StatusCode::BAD_REQUEST);
    }
    if !accounts::knows(user, &Secret::from(field("password"))) {
        return Ok((StatusCode::FORBIDDEN, page(next, "Wrong name or password.")).into_response());
    }
    let cookie = sessions.begin(user).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response())
}
