//! The first example of python-oauth2, on axum: memory stores, the client abc/xyz, a page with a confirm form, code,
//! implicit and refresh grants, access tokens of 30 days.
//!
//! Open http://localhost:8081/authorize?response_type=code&client_id=abc&state=xyz&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256
//! and confirm; then redeem the code:
//! `curl -u abc:xyz http://localhost:8081/token -d grant_type=authorization_code -d code_verifier=dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk -d code=...`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use grantor::axum::GrantorService;
use grantor::legacy::Implicit;
use grantor::memory::MemoryStore;
use grantor::{
    Approval, Ask, AuthorizationCode, BoxError, Client, Ctx, Decision, GrantTypeName, Provider, RefreshToken,
    SiteAdapter, StaticClients, Uuid4,
};

const MONTH: Duration = Duration::from_secs(2_592_000);

#[derive(Debug)]
struct Confirm;

#[async_trait::async_trait]
impl SiteAdapter for Confirm {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        if ask.form("confirm") == Some("1") {
            return Ok(Decision::Allow(Approval::anonymous()));
        }
        let page = format!(
            "<!doctype html><html lang=en><title>Confirm</title><form method=post action=\"{}\">\
             <input type=hidden name=form_token value=\"{}\"><input type=hidden name=confirm value=1>\
             <p>Allow {} to act for you?</p><button>Confirm</button></form></html>",
            ask.resume_url(),
            ask.form_token(),
            ask.request().client().client_id
        );
        let page = http::Response::builder()
            .header("content-type", "text/html; charset=utf-8")
            .body(Bytes::from(page))?;
        Ok(Decision::Show(page))
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
        .build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([abc]))
        .site(Confirm)
        .token_generator(Uuid4)
        .grant(AuthorizationCode::new().access_token_lifetime(MONTH))
        .grant(Implicit::new())
        .grant(RefreshToken::new().idle_lifetime(2 * MONTH).absolute_lifetime(12 * MONTH))
        .build()?;
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
