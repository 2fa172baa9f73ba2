//! Site adapters: the page with a form, and one that says yes to everything.

use grantor::{Approval, Ask, BoxError, Ctx, Decision, SiteAdapter, async_trait, html_escaped};
use serde_json::{Map, Value, json};

/// The data that resource servers see.
pub(crate) fn gold() -> Map<String, Value> {
    Map::from_iter([("plan".to_owned(), json!("gold"))])
}

/// A page with a form; the user is alice.
#[derive(Debug)]
pub(crate) struct Page {
    /// One button and a hidden field, as in the original's first example.
    pub(crate) confirm_only: bool,
    /// Fails when the state is `boom`.
    pub(crate) fails_on_boom: bool,
    /// The data is about the request itself: its tenant header, its state, the headers that were handed over.
    pub(crate) about_request: bool,
    /// What resource servers see otherwise.
    pub(crate) data: Map<String, Value>,
}

impl Default for Page {
    fn default() -> Self {
        Self { confirm_only: false, fails_on_boom: false, about_request: false, data: gold() }
    }
}

#[async_trait]
impl SiteAdapter for Page {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        if self.fails_on_boom && ask.request().state() == Some("boom") {
            return Err("the session store at secret-host-17 does not answer".into());
        }
        if ask.form("deny").is_some() {
            return Ok(Decision::Deny);
        }
        if ask.form(if self.confirm_only { "confirm" } else { "allow" }) == Some("1") {
            let data = if self.about_request { about(ask) } else { self.data.clone() };
            return Ok(Decision::Allow(Approval::of("alice").data(data)));
        }
        Ok(Decision::page(self.page(ask)))
    }
}

impl Page {
    fn page(&self, ask: &Ask<'_>) -> String {
        let (client, scopes) = (ask.request().client().display_name(), ask.request().scopes().to_string());
        let mut fields = hidden("form_token", ask.form_token());
        let buttons = if self.confirm_only {
            fields.push_str(&hidden("confirm", "1"));
            "<button type=\"submit\">Confirm</button>"
        } else {
            "<button type=\"submit\" name=\"allow\" value=\"1\">Allow</button> \
             <button type=\"submit\" name=\"deny\" value=\"1\">Deny</button>"
        };
        if self.about_request {
            // What the first request brought: the browser need not send the header again.
            fields.push_str(&hidden("tenant", tenant(ask).unwrap_or_default()));
            fields.push_str(&hidden("names", &names(ask).join(" ")));
        }
        format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Allow?</title></head><body><main>\
             <h1>Allow {}?</h1><p>It asks for: {}</p><form method=\"post\" action=\"{}\">{fields}{buttons}</form>\
             </main></body></html>",
            html_escaped(&client),
            html_escaped(if scopes.is_empty() { "nothing in particular" } else { &scopes }),
            html_escaped(ask.resume_url()),
        )
    }
}

fn tenant<'a>(ask: &'a Ask<'_>) -> Option<&'a str> {
    ask.headers().get("x-tenant").and_then(|value| value.to_str().ok())
}

fn names(ask: &Ask<'_>) -> Vec<String> {
    ask.headers().keys().map(|name| name.as_str().to_owned()).collect()
}

/// The headers of the request that brought the decision, or else of the one that opened the page.
fn about(ask: &Ask<'_>) -> Map<String, Value> {
    let before = ask.form("names").unwrap_or_default().split_whitespace().map(str::to_owned);
    let all = if ask.headers().is_empty() { before.collect() } else { names(ask) };
    Map::from_iter([
        ("tenant".to_owned(), json!(tenant(ask).or(ask.form("tenant")))),
        ("asked".to_owned(), json!(ask.request().state())),
        ("all".to_owned(), json!(all)),
    ])
}

/// Every request is authenticated already.
#[derive(Debug)]
pub(crate) struct Always;

#[async_trait]
impl SiteAdapter for Always {
    async fn decide(&self, _ctx: &Ctx<'_>, _ask: &Ask<'_>) -> Result<Decision, BoxError> {
        Ok(Decision::Allow(Approval::of("alice").data(gold())))
    }
}

fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", html_escaped(value))
}
