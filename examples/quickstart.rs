//! The first example of python-oauth2, on axum: memory stores, the client abc/xyz, a page with a confirm form, code,
//! implicit and refresh grants, access tokens of 30 days.
//!
//! Open `http://localhost:8081/authorize?response_type=code&client_id=abc&state=xyz&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256`
//! and confirm; then redeem the code that stands in the address:
//! `curl -u abc:xyz http://localhost:8081/token -d grant_type=authorization_code -d code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk -d code=...`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::time::Duration;

use axum::Router;
use grantor::axum::GrantorService;
use grantor::legacy::Implicit;
use grantor::memory::MemoryStore;
use grantor::{
    Approval, Ask, AuthorizationCode, BoxError, Client, Ctx, Decision, GrantTypeName, Provider, RefreshToken,
    ResponseType, SiteAdapter, StaticClients, async_trait, html_escaped,
};

const MONTH: Duration = Duration::from_secs(2_592_000);

/// Everybody is alice here: a real site finds out who the user is first, see `login_redirect.rs`.
#[derive(Debug)]
struct Confirm;

#[async_trait]
impl SiteAdapter for Confirm {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        // Only a POST of the form below has fields: a parameter of the URL never counts as consent.
        if ask.form("confirm") == Some("1") {
            return Ok(Decision::Allow(Approval::of("alice")));
        }
        Ok(Decision::page(format!(
            "<!doctype html><html lang=\"en\"><title>Confirm</title><form method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"form_token\" value=\"{}\">\
             <input type=\"hidden\" name=\"confirm\" value=\"1\">\
             <p>Allow {} to act for you?</p><button>Confirm</button></form></html>",
            html_escaped(ask.resume_url()),
            html_escaped(ask.form_token()),
            html_escaped(&ask.request().client().display_name()),
        )))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let abc = Client::builder("abc")
        .secret("xyz")
        .redirect_uri("http://localhost/callback")
        .grant_types([
            GrantTypeName::AUTHORIZATION_CODE,
            GrantTypeName::IMPLICIT,
            GrantTypeName::REFRESH_TOKEN,
        ])
        .response_types([ResponseType::CODE, ResponseType::TOKEN])
        .build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([abc]))
        .site(Confirm)
        .grant(AuthorizationCode::new().access_token_lifetime(MONTH))
        .grant(Implicit::new())
        .grant(RefreshToken::new().idle_lifetime(2 * MONTH).absolute_lifetime(12 * MONTH))
        .build()?;
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
