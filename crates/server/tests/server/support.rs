//! A server process in a folder of its own, and clients of it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use bytes::Bytes;
use grantor_testkit::process::free_port;
use grantor_testkit::{Page, UserAgent};
use http::{Request, Response};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::program::{LONG, http, program, run};

pub(crate) const USER: &str = "ada";
pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const SECRET: &str = "a-secret-of-the-tests-with-enough-length";
pub(crate) const CALLBACK: &str = "http://localhost:1/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A folder with a configuration, over which servers and commands run.
pub(crate) struct World {
    folder: tempfile::TempDir,
    pub(crate) port: u16,
    pub(crate) environment: Vec<(&'static str, String)>,
}

/// A running server.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    issuer: String,
    log: Arc<Mutex<String>>,
    readers: Vec<JoinHandle<()>>,
}

impl World {
    /// With a user and the clients `web`, `trusted` (asks no consent), `native`, `service` and `api`.
    pub(crate) fn new(settings: &str) -> Self {
        let world = Self::over("sqlite:grantor.db", settings);
        world.done(&["user", "create", USER], PASSWORD);
        world
    }

    /// The same over another store, and without the user.
    pub(crate) fn over(store: &str, settings: &str) -> Self {
        let world = Self { folder: tempfile::tempdir().unwrap(), port: free_port(), environment: Vec::new() };
        let port = world.port;
        let code = format!(
            "redirect_uris = [\"{CALLBACK}\"]\nclient_secret = \"{SECRET}\"\nscope = \"read write\"\n"
        );
        let config = format!(
            "issuer = \"http://localhost:{port}\"\nlisten = \"127.0.0.1:{port}\"\nstore = \"{store}\"\n{settings}\n\
             [passwords]\nmemory_kib = 512\npasses = 1\n\
             [scopes]\nread = \"Read your notes\"\nwrite = \"Change your notes\"\n\
             [[clients]]\nclient_id = \"web\"\nclient_name = \"The <b>web</b> client\"\n{code}\
             [[clients]]\nclient_id = \"trusted\"\nrequire_consent = false\n{code}\
             [[clients]]\nclient_id = \"native\"\napplication_type = \"native\"\ntoken_endpoint_auth_method = \"none\"\nredirect_uris = [\"http://127.0.0.1/cb\"]\n\
             [[clients]]\nclient_id = \"service\"\nclient_secret = \"{SECRET}\"\ngrant_types = [\"client_credentials\"]\nresponse_types = []\nscope = \"read\"\n\
             [[clients]]\nclient_id = \"api\"\nclient_secret = \"{SECRET}\"\ngrant_types = [\"client_credentials\"]\nresponse_types = []\nmay_introspect = true\n"
        );
        fs::write(world.file("grantor.toml"), config).unwrap();
        world
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self) -> Command {
        let mut program = program(self.folder.path());
        program.envs(self.environment.iter().map(|(n, v)| (n, v)));
        program
    }

    /// Runs a command to its end.
    pub(crate) fn command(&self, arguments: &[&str], given: &str) -> Output {
        let mut program = self.program();
        program.args(arguments);
        run(program, &format!("{given}\n"))
    }

    /// Runs a command that must succeed.
    pub(crate) fn done(&self, arguments: &[&str], given: &str) -> String {
        let output = self.command(arguments, given);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "grantor {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts `grantor serve` and waits until it listens.
    pub(crate) fn serve(&self) -> Server {
        self.start(&["serve"], self.port)
    }

    /// Another process over the same store and issuer, on another port.
    pub(crate) fn serve_beside(&self) -> Server {
        let port = free_port();
        let listen = format!("127.0.0.1:{port}");
        self.start(&["serve", "--listen", &listen], port)
    }

    pub(crate) fn start(&self, arguments: &[&str], port: u16) -> Server {
        let mut child = self
            .program()
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        // `dev` says at last how to use it.
        let mark = if arguments[0] == "dev" { "Everything is kept" } else { "\"reason\":\"listening\"" };
        let (listening, wait) = mpsc::channel();
        let out = lines(child.stdout.take().unwrap(), Arc::clone(&log), mark, listening.clone());
        let err = lines(child.stderr.take().unwrap(), Arc::clone(&log), mark, listening);
        let mut server = Server {
            child,
            port,
            issuer: format!("http://localhost:{}", self.port),
            log,
            readers: vec![out, err],
        };
        server.wait_until_it_listens(&wait);
        server
    }
}

fn lines(
    from: impl std::io::Read + Send + 'static,
    log: Arc<Mutex<String>>,
    mark: &'static str,
    listening: mpsc::Sender<()>,
) -> JoinHandle<()> {
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { break };
            let is_listening = line.contains(mark);
            let mut log = log.lock().unwrap();
            log.push_str(&line);
            log.push('\n');
            drop(log);
            if is_listening {
                let _ = listening.send(());
            }
        }
    })
}

impl Server {
    fn wait_until_it_listens(&mut self, wait: &Receiver<()>) {
        // The channel ends when the process closes its output.
        let listens = wait.recv_timeout(LONG);
        assert!(listens.is_ok(), "the server does not listen: {}", self.log());
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://localhost:{}{path}", self.port)
    }

    pub(crate) fn send(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for the end; the exit status and all that was written.
    pub(crate) fn ended(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().unwrap();
        for reader in std::mem::take(&mut self.readers) {
            reader.join().unwrap();
        }
        (status.code(), self.log())
    }

    /// A graceful stop, which must succeed; all that was written.
    pub(crate) fn stop(self) -> String {
        self.send(Signal::TERM);
        let (status, log) = self.ended();
        assert_eq!(status, Some(0), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        log
    }

    /// The sudden end: SIGKILL.
    pub(crate) fn kill(self) {
        self.send(Signal::KILL);
        self.ended();
    }

    /// A fresh browser.
    pub(crate) fn browser(&self) -> UserAgent<impl Fn(Request<Bytes>) -> Answer + use<>> {
        let port = self.port;
        UserAgent::new(&self.issuer, move |request| Box::pin(exchange(port, request)) as Answer)
            .with_header(http::header::ORIGIN, self.issuer.parse().unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Bytes::new()).unwrap();
        let response = exchange(self.port, request).await;
        (response.status().as_u16(), String::from_utf8_lossy(response.body()).into_owned())
    }

    /// A form, from this client with its secret (or from none).
    pub(crate) async fn form(&self, path: &str, client: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        self.try_form(path, client, fields).await.unwrap()
    }

    /// The same, where the server may go away.
    pub(crate) async fn try_form(
        &self,
        path: &str,
        client: &str,
        fields: &[(&str, &str)],
    ) -> Result<(u16, Value), reqwest::Error> {
        let request = http().post(self.url(path));
        let sent = request.basic_auth(client, Some(SECRET)).form(fields).send().await?;
        let status = sent.status().as_u16();
        Ok((status, serde_json::from_slice(&sent.bytes().await?).unwrap_or_default()))
    }

    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let (status, answer) = self.form("/introspect", "api", &[("token", token)]).await;
        assert_eq!(status, 200, "{answer}");
        answer["active"] == Value::Bool(true)
    }

    /// Exchanges the code that the browser was sent away with.
    pub(crate) async fn redeem(&self, client: &str, page: &Page) -> (u16, Value) {
        let code = page.answer("code").unwrap_or_else(|| panic!("no code: {}", page.text()));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", CALLBACK),
            ("code_verifier", VERIFIER),
        ];
        self.form("/token", client, &fields).await
    }

    /// Login and consent with a fresh browser: the tokens.
    pub(crate) async fn tokens(&self, client: &str) -> Value {
        let mut browser = self.browser();
        let page = browser.get(&authorize(client, "read")).await;
        let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
        let page = match page.left_for {
            Some(_) => page,
            None => browser.press(&page, "decision=allow", &[]).await.unwrap(),
        };
        let (status, tokens) = self.redeem(client, &page).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    pub(crate) async fn refresh(&self, client: &str, refresh_token: &str) -> (u16, Value) {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
        self.form("/token", client, &fields).await
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A test that failed leaves no process behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) type Answer = std::pin::Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;

/// What the login form is filled in with.
pub(crate) const LOGIN: &[(&str, &str)] = &[("username", USER), ("password", PASSWORD)];

pub(crate) fn authorize(client: &str, scope: &str) -> String {
    format!(
        "/authorize?response_type=code&client_id={client}&redirect_uri={}&scope={scope}&state=s&code_challenge={CHALLENGE}&code_challenge_method=S256",
        CALLBACK.replace(':', "%3A")
    )
}

/// One request, no redirect followed, no cookies kept.
pub(crate) async fn exchange(port: u16, request: Request<Bytes>) -> Response<Bytes> {
    let (head, body) = request.into_parts();
    let sent = http()
        .request(head.method, format!("http://localhost:{port}{}", head.uri))
        .headers(head.headers)
        .body(body)
        .send()
        .await
        .unwrap();
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = sent.status();
    *response.headers_mut() = sent.headers().clone();
    *response.body_mut() = sent.bytes().await.unwrap();
    response
}

/// Writes a file whole or not at all.
pub(crate) fn put(path: &Path, text: &str) {
    let beside = path.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}
