//! A site adapter that sends the browser to the application's own login page, which brings it back.
//!
//! Open http://localhost:8081/authorize?response_type=code&client_id=abc&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256
//! and sign in as alice with the password wonderland.
#![expect(clippy::print_stdout, reason = "says where it listens")]

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::{
    Approval, Ask, AuthorizationCode, BoxError, Client, Ctx, Decision, Provider, Secret, SiteAdapter,
    StaticClients,
};
use std::collections::HashMap;

/// A real application keeps sessions; this one has one user and one cookie value, new at each start.
static SESSION: std::sync::OnceLock<String> = std::sync::OnceLock::new();

#[derive(Debug)]
struct OwnLogin;

#[async_trait::async_trait]
impl SiteAdapter for OwnLogin {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        let cookies = ask.headers().get("cookie").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = cookies.split("; ").find_map(|pair| pair.strip_prefix("app_session="));
        if let (Some(known), Some(session)) = (SESSION.get(), session) {
            if Secret::from(session).matches(known) {
                return Ok(Decision::Allow(Approval::of("alice")));
            }
        }
        // The address to come back to has no secret: it is bound to this browser by a cookie.
        let to = format!("/login?back={}", ask.resume_url().replace('?', "%3F").replace('=', "%3D"));
        let redirect = http::Response::builder().status(303).header("location", to).body(Bytes::new())?;
        Ok(Decision::Show(redirect))
    }
}

async fn login(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let back = query.get("back").map(String::as_str).unwrap_or_default().replace(['"', '<', '>', '&'], "");
    Html(format!(
        "<!doctype html><html lang=en><title>Sign in</title><form method=post action=\"/login\">\
         <input type=hidden name=back value=\"{back}\"><label>Name <input name=username></label>\
         <label>Password <input name=password type=password></label><button>Sign in</button></form></html>"
    ))
}

async fn signed_in(Form(form): Form<HashMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    // Only back to ourselves: never redirect to an address that somebody else chose.
    let back = Some(field("back")).filter(|back| back.starts_with("/authorize?"));
    match (field("username"), Secret::from(field("password")).matches("wonderland"), back, SESSION.get()) {
        ("alice", true, Some(back), Some(session)) => {
            let cookie = format!("app_session={session}; Path=/; HttpOnly; SameSite=Lax");
            ([(header::SET_COOKIE, cookie)], Redirect::to(back)).into_response()
        }
        _ => (StatusCode::FORBIDDEN, "wrong name or password\n").into_response(),
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let abc = Client::builder("abc").secret("xyz").redirect_uri("http://localhost/callback").build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([abc]))
        .site(OwnLogin)
        .grant(AuthorizationCode::new())
        .build()?;
    let mut session = [0; 32];
    provider.ctx().random(&mut session)?;
    SESSION.get_or_init(|| session.iter().map(|byte| format!("{byte:02x}")).collect());
    let app = Router::new()
        .route("/login", get(login).post(signed_in))
        .fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
