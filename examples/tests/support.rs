//! Starts an example, and a browser that does what people do: fill in a form and press a button.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The query of an authorization request.
pub fn authorize_query(client: &str, response_type: &str) -> String {
    format!(
        "response_type={response_type}&client_id={client}&state=xyz&code_challenge={CHALLENGE}&code_challenge_method=S256"
    )
}

/// A running example; it ends with this value.
pub struct Example {
    child: Child,
    name: &'static str,
    args: Vec<String>,
    pub base: String,
    http: reqwest::Client,
}

impl Example {
    /// Starts the example on a free port, which is its first argument.
    pub fn start(name: &'static str, args: &[&str]) -> Self {
        let port = free_port();
        let mut all = vec![port.to_string()];
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        Self::launch(name, all, format!("http://localhost:{port}"))
    }

    /// Starts a program of the host `python_oauth2`.
    pub fn program(program: &str, store: Option<&str>) -> Self {
        let port = free_port();
        let mut args = vec!["--program".into(), program.into(), "--port".into(), port.to_string()];
        args.extend(store.into_iter().flat_map(|store| ["--store".to_owned(), store.to_owned()]));
        Self::launch("python_oauth2", args, format!("http://127.0.0.1:{port}"))
    }

    fn launch(name: &'static str, args: Vec<String>, base: String) -> Self {
        let child = spawn(name, &args);
        Self { child, name, args, base, http: http() }
    }

    /// Ends it and starts it again.
    pub fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.name, &self.args);
        self.http = http();
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A token request, by HTTP Basic where credentials are given.
    pub async fn token(&self, basic: Option<(&str, &str)>, form: &[(&str, &str)]) -> (u16, Value) {
        self.post("/token", basic, form).await
    }

    pub async fn post(&self, path: &str, basic: Option<(&str, &str)>, form: &[(&str, &str)]) -> (u16, Value) {
        let mut request = self.http.post(self.url(path)).form(form);
        if let Some((id, secret)) = basic {
            request = request.basic_auth(id, Some(secret));
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub async fn introspect(&self, basic: (&str, &str), token: &str) -> Value {
        self.post("/introspect", Some(basic), &[("token", token)]).await.1
    }

    pub async fn get_with(&self, path: &str, bearer: Option<&str>) -> (u16, String) {
        let mut request = self.http.get(self.url(path));
        if let Some(token) = bearer {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// cargo builds the examples of a package before its tests, beside them.
pub fn path(name: &str) -> std::path::PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples").join(name)
}

/// Starts it and waits for the line that says that it listens.
fn spawn(name: &str, args: &[String]) -> Child {
    let mut child = Command::new(path(name)).args(args).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let listens = out.lines().map_while(Result::ok).any(|line| line.starts_with("listening on "));
    assert!(listens, "{name} {args:?} ended before it listened");
    child
}

/// An answer as a browser sees it.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub url: String,
    pub location: String,
    pub body: String,
}

impl Page {
    /// A parameter of the address that it redirects to, of the query or the fragment.
    pub fn param(&self, name: &str) -> Option<String> {
        let (_, params) = self.location.split_once(['?', '#'])?;
        let url = reqwest::Url::parse(&format!("http://x/?{}", params.replace('#', "&"))).unwrap();
        url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
    }
}

/// Keeps cookies; follows nothing by itself.
pub struct Browser {
    http: reqwest::Client,
    /// Headers that it sends with everything.
    pub headers: HashMap<&'static str, &'static str>,
}

impl Browser {
    pub fn new() -> Self {
        let http = reqwest::Client::builder().no_proxy().cookie_store(true);
        let http = http.redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, headers: HashMap::new() }
    }

    pub async fn get(&mut self, url: &str) -> Page {
        self.send(self.http.get(url), url).await
    }

    pub async fn post(&mut self, url: &str, form: &[(String, String)]) -> Page {
        self.send(self.http.post(url).form(form), url).await
    }

    async fn send(&self, mut request: reqwest::RequestBuilder, url: &str) -> Page {
        for (name, value) in &self.headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.unwrap();
        let location = answer.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        Page {
            status: answer.status().as_u16(),
            url: url.to_owned(),
            location: location.unwrap_or_default(),
            body: answer.text().await.unwrap(),
        }
    }

    /// Presses the button with this text.
    pub async fn submit(&mut self, page: &Page, button: &str) -> Page {
        self.fill(page, button, &[]).await
    }

    /// Fills in fields and presses the button with this text.
    pub async fn fill(&mut self, page: &Page, button: &str, fields: &[(&str, &str)]) -> Page {
        let form = page.body.split("<form").nth(1).unwrap_or_else(|| panic!("no form: {page:?}"));
        let mut values: Vec<(String, String)> = Vec::new();
        for input in form.split("<input").skip(1) {
            let tag = input.split('>').next().unwrap();
            let Some(name) = attribute(tag, "name") else { continue };
            let given = fields.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned());
            values.push((name, given.or_else(|| attribute(tag, "value")).unwrap_or_default()));
        }
        let pressed =
            form.split("<button").skip(1).find(|text| text.contains(&format!(">{button}</button>")));
        let tag =
            pressed.unwrap_or_else(|| panic!("no button {button}: {page:?}")).split('>').next().unwrap();
        if let Some(name) = attribute(tag, "name") {
            values.push((name, attribute(tag, "value").unwrap_or_default()));
        }
        let action = attribute(form.split('>').next().unwrap(), "action").unwrap();
        let to = reqwest::Url::parse(&page.url).unwrap().join(&action).unwrap();
        self.post(to.as_str(), &values).await
    }
}

/// The value of an attribute, quoted or not.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let (_, rest) = tag.split_once(&format!("{name}="))?;
    let value = match rest.chars().next()? {
        quote @ ('"' | '\'') => rest[1..].split(quote).next()?,
        _ => rest.split([' ', '>']).next()?,
    };
    Some(value.replace("&#38;", "&").replace("&amp;", "&").replace("&#34;", "\"").replace("&#39;", "'"))
}
