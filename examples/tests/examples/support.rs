//! Starts an example as the process it is, and talks to it by HTTP.

use std::future::Future;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::pin::Pin;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bytes::Bytes;
use grantor_testkit::process::free_port;
use grantor_testkit::{Page, UserAgent};
use http::{HeaderMap, Request, Response};
use serde_json::Value;

pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The target of an authorization request.
pub(crate) fn authorize(client: &str, response_type: &str) -> String {
    format!(
        "/authorize?response_type={response_type}&client_id={client}&state=xyz&code_challenge={CHALLENGE}&code_challenge_method=S256"
    )
}

/// The form that redeems a code.
pub(crate) fn redeem(code: &str) -> Vec<(&str, &str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("code_verifier", VERIFIER)]
}

/// A running example; it ends with this value.
pub(crate) struct Example {
    child: Child,
    name: &'static str,
    args: Vec<String>,
    base: String,
    http: reqwest::Client,
}

/// An answer, with its body as JSON where it is that, and as text otherwise.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// Status and `error`.
    pub(crate) fn error(&self) -> (u16, &str) {
        (self.status, self.body["error"].as_str().unwrap_or_default())
    }

    /// The body of a success.
    pub(crate) fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{self:?}");
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

impl Example {
    /// Starts the example on a free port, which is its first argument.
    pub(crate) fn start(name: &'static str, args: &[&str]) -> Self {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        Self::launch(name, "localhost", |port| [vec![port.to_string()], args.clone()].concat())
    }

    /// Starts a program of the host `python_oauth2`.
    pub(crate) fn program(program: &str, store: Option<&str>) -> Self {
        Self::launch("python_oauth2", "127.0.0.1", |port| {
            let mut args =
                vec!["--program".to_owned(), program.to_owned(), "--port".to_owned(), port.to_string()];
            args.extend(store.into_iter().flat_map(|store| ["--store".to_owned(), store.to_owned()]));
            args
        })
    }

    fn launch(name: &'static str, host: &str, args: impl Fn(u16) -> Vec<String>) -> Self {
        for _ in 0..5 {
            let port = free_port();
            let args = args(port);
            // It fails where somebody else took the port meanwhile.
            if let Some(child) = spawn(name, &args) {
                return Self { child, name, args, base: format!("http://{host}:{port}"), http: client() };
            }
        }
        panic!("{name} {:?} ends before it listens", args(0));
    }

    /// Kills it, as a crash does, and starts it again.
    pub(crate) fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = spawn(self.name, &self.args).expect("it starts again");
        self.http = client();
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) async fn terminate(&mut self) -> ExitStatus {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} {:?} does not end on SIGTERM", self.name, self.args);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Answer { status, headers, body }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(self.url(path))).await
    }

    /// With a bearer token.
    pub(crate) async fn get_as(&self, path: &str, token: &Value) -> Answer {
        self.send(self.http.get(self.url(path)).bearer_auth(token.as_str().unwrap())).await
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(self.url(path)).form(form)).await
    }

    pub(crate) async fn post_with(&self, path: &str, header: (&str, &str), form: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(self.url(path)).header(header.0, header.1).form(form)).await
    }

    /// A client that authenticates by HTTP Basic.
    pub(crate) async fn post_as(&self, path: &str, basic: (&str, &str), form: &[(&str, &str)]) -> Answer {
        self.send(self.http.post(self.url(path)).basic_auth(basic.0, Some(basic.1)).form(form)).await
    }

    /// A browser without cookies. It follows redirects as long as they stay here.
    pub(crate) fn browser(&self) -> UserAgent<impl Fn(Request<Bytes>) -> Answering + use<>> {
        let (http, base) = (client(), self.base.clone());
        UserAgent::new(&self.base, move |request: Request<Bytes>| -> Answering {
            let (head, body) = request.into_parts();
            let request = http.request(head.method, format!("{base}{}", head.uri)).headers(head.headers);
            Box::pin(async move {
                let answer = request.body(body).send().await.unwrap();
                let mut response = Response::new(Bytes::new());
                *response.status_mut() = answer.status();
                *response.headers_mut() = answer.headers().clone();
                *response.body_mut() = answer.bytes().await.unwrap();
                response
            })
        })
    }

    /// Opens the target in a new browser and presses the button with this name.
    pub(crate) async fn press(&self, target: &str, button: &str) -> Page {
        let mut browser = self.browser();
        let page = browser.get(target).await;
        browser.press(&page, button, &[]).await.unwrap()
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks again until the answer is as awaited: for what only the time brings.
pub(crate) async fn until<F: Future<Output = Answer>>(
    ask: impl Fn() -> F,
    awaited: impl Fn(&Answer) -> bool,
) -> Answer {
    for _ in 0..600 {
        let answer = ask().await;
        if awaited(&answer) {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it does not come, however long one waits");
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// The program, which stands beside the tests.
pub(crate) fn path(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "build the examples first: cargo build --workspace --all-features --examples");
    path
}

/// Starts it and waits for the line that says that it listens; `None` where it ends before.
fn spawn(name: &str, args: &[String]) -> Option<Child> {
    let mut child = Command::new(path(name)).args(args).stdout(Stdio::piped()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    if out.lines().map_while(Result::ok).any(|line| line.starts_with("listening on ")) {
        return Some(child);
    }
    child.wait().unwrap();
    None
}
