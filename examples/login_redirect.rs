//! A site adapter that sends the browser to the application's own login page, which brings it back.
//!
//! Open `http://localhost:8081/authorize?response_type=code&client_id=abc&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256`
//! and sign in as alice with the password wonderland.
#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::{
    Approval, Ask, AuthorizationCode, BoxError, Client, Ctx, Decision, Provider, Random as _, RandomFailed,
    Secret, SiteAdapter, StaticClients, SystemRandom, async_trait, cookies, html_escaped,
};

/// Who is signed in, by the value of the cookie: the sessions that your application has already.
#[derive(Debug, Clone, Default)]
struct Sessions(Arc<Mutex<HashMap<String, String>>>);

impl Sessions {
    fn user(&self, headers: &HeaderMap) -> Option<String> {
        let id = cookies(headers, "app_session").next()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }
    fn begin(&self, user: &str) -> Result<String, RandomFailed> {
        let mut bytes = [0; 16];
        SystemRandom.fill(&mut bytes)?;
        let id = format!("{:032x}", u128::from_be_bytes(bytes));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), user.to_owned());
        Ok(format!("app_session={id}; Path=/; HttpOnly; SameSite=Lax")) // with https: `; Secure`
    }
}

/// abc is the application's own client, so nobody is asked again. Others need a page, see `quickstart.rs`.
#[async_trait]
impl SiteAdapter for Sessions {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        if let Some(user) = self.user(ask.headers()) {
            return Ok(Decision::Allow(Approval::of(user)));
        }
        // The address to come back to is no secret: it works in this browser only.
        let to = format!("/login?back={}", ask.resume_url().replace('?', "%3F").replace('=', "%3D"));
        Ok(Decision::Show(Redirect::to(&to).into_response().map(|_| bytes::Bytes::new())))
    }
}

async fn login(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let back = query.get("back").map(String::as_str).unwrap_or_default();
    Html(format!(
        "<!doctype html><html lang=\"en\"><title>Sign in</title><form method=\"post\" action=\"/login\">\
         <input type=\"hidden\" name=\"back\" value=\"{}\"><label>Name <input name=\"username\"></label>\
         <label>Password <input name=\"password\" type=\"password\"></label><button>Sign in</button></form></html>",
        html_escaped(back)
    ))
}

async fn sign_in(
    State(sessions): State<Sessions>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Result<Response, StatusCode> {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    // Another site must neither sign the user in as somebody else nor choose where the browser goes next.
    let other = headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
    if other || !field("back").starts_with("/authorize?") {
        return Err(StatusCode::BAD_REQUEST);
    }
    if field("username") != "alice" || !Secret::from(field("password")).matches("wonderland") {
        return Ok((StatusCode::FORBIDDEN, "Wrong name or password.\n").into_response());
    }
    let cookie =
        [(header::SET_COOKIE, sessions.begin("alice").map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?)];
    Ok((cookie, Redirect::to(field("back"))).into_response())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let sessions = Sessions::default();
    let abc = Client::builder("abc").secret("xyz").redirect_uri("http://localhost/callback").build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([abc]))
        .site(sessions.clone())
        .grant(AuthorizationCode::new())
        .build()?;
    let login = Router::new().route("/login", axum::routing::get(login).post(sign_in)).with_state(sessions);
    let app = login.fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
