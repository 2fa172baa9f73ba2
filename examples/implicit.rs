//! The implicit grant (feature `legacy`): the token comes in the fragment of the redirect. For applications that are too old
//! for the code grant.
//!
//! Open `http://localhost:8081/authorize?response_type=token&client_id=old-app&state=xyz`
#![expect(clippy::print_stdout, reason = "says where it listens")]

use axum::Router;
use grantor::axum::GrantorService;
use grantor::legacy::Implicit;
use grantor::memory::MemoryStore;
use grantor::{
    Approval, Ask, BoxError, Client, Ctx, Decision, GrantTypeName, Provider, ResponseType, SiteAdapter,
    StaticClients, async_trait, html_escaped,
};

#[derive(Debug)]
struct Consent;

#[async_trait]
impl SiteAdapter for Consent {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        match ask.form("decision") {
            Some("allow") => return Ok(Decision::Allow(Approval::of("alice"))),
            Some(_) => return Ok(Decision::Deny),
            None => {}
        }
        Ok(Decision::page(format!(
            "<!doctype html><html lang=\"en\"><title>Allow?</title><form method=\"post\" action=\"{}\">\
             <input type=\"hidden\" name=\"form_token\" value=\"{}\"><p>Allow {}?</p>\
             <button name=\"decision\" value=\"allow\">Allow</button> \
             <button name=\"decision\" value=\"deny\">Deny</button></form></html>",
            html_escaped(ask.resume_url()),
            html_escaped(ask.form_token()),
            html_escaped(&ask.request().client().display_name()),
        )))
    }
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let port = std::env::args().nth(1).unwrap_or_else(|| "8081".to_owned());
    let old_app = Client::builder("old-app")
        .public()
        .redirect_uri("http://localhost/callback")
        .grant_types([GrantTypeName::IMPLICIT])
        .response_types([ResponseType::TOKEN])
        .build()?;
    let provider = Provider::builder(format!("http://localhost:{port}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([old_app]))
        .site(Consent)
        .grant(Implicit::new())
        .build()?;
    let app = Router::new().fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("listening on http://localhost:{port}");
    Ok(axum::serve(listener, app).await?)
}
