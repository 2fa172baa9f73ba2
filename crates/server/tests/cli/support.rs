//! A folder with a configuration, commands that run in it, and a server over it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use grantor_testkit::process::free_port;
use serde_json::Value;

use crate::program::{http, program, run};

/// A folder of one test.
pub(crate) struct Place {
    folder: tempfile::TempDir,
    port: u16,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    /// Its output, for a command that must succeed.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    /// Its output as JSON.
    #[track_caller]
    pub(crate) fn json(self) -> Value {
        serde_json::from_str(&self.ok()).unwrap()
    }

    /// Its message, for a command that must end with this exit code.
    #[track_caller]
    pub(crate) fn refused(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert!(self.err.starts_with("grantor: ") && self.out.is_empty(), "{self:?}");
        self.err
    }
}

/// Rules that let a test see at once what a command did.
pub(crate) const FRESH: &str = "[policy]\nstanding_copies_for = \"0s\"\nclient_copies_for = \"0s\"\ngrant_types = [\"authorization_code\", \"refresh_token\", \"client_credentials\", \"password\"]\n[passwords]\nmemory_kib = 512\npasses = 1\n[scopes]\nread = \"Read your notes\"\nwrite = \"Change your notes\"\n";

impl Place {
    /// A folder with this configuration after issuer and address.
    pub(crate) fn new(rest: &str) -> Self {
        let port = free_port();
        let place = Self { folder: tempfile::tempdir().unwrap(), port };
        place.configure(rest);
        place
    }

    /// Another configuration.
    pub(crate) fn configure(&self, rest: &str) {
        let top = format!("issuer = \"{}\"\nlisten = \"127.0.0.1:{}\"\n", self.issuer(), self.port);
        fs::write(self.path("grantor.toml"), top + rest).unwrap();
    }

    pub(crate) fn issuer(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(self.folder.path());
        command.args(arguments);
        command
    }

    /// Runs a command with this on its standard input and these variables.
    pub(crate) fn run_with(&self, arguments: &[&str], given: &str, variables: &[(&str, &str)]) -> Done {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        let done = run(command, given);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Done { code: done.status.code().unwrap(), out: text(done.stdout), err: text(done.stderr) }
    }

    /// Runs a command that is given nothing.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        self.run_with(arguments, "", &[])
    }

    /// What `grantor dev` tells when it is ready; then it is ended.
    pub(crate) fn dev(&self, arguments: &[&str]) -> String {
        let listen = format!("127.0.0.1:{}", self.port);
        let mut command = self.command(&["dev", "--listen", &listen]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut told = String::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            told = told + &line.unwrap() + "\n";
            if told.contains("Ctrl-C") {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        told
    }

    /// Starts a server and waits until it is ready.
    pub(crate) async fn serve(&self) -> Serving<'_> {
        let log = self.path("server.log");
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let mut command = self.command(&["serve"]);
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let mut serving = Serving { child: command.spawn().unwrap(), place: self, http: http(), log };
        while serving
            .http
            .get(format!("{}/readyz", self.issuer()))
            .send()
            .await
            .map_or(0, |a| a.status().as_u16())
            != 200
        {
            assert!(serving.child.try_wait().unwrap().is_none(), "it ended: {}", serving.log());
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        serving
    }
}

/// A running server; it is ended when this is dropped.
pub(crate) struct Serving<'a> {
    child: Child,
    place: &'a Place,
    http: reqwest::Client,
    log: PathBuf,
}

impl Serving<'_> {
    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    async fn post(&self, path: &str, client: (&str, &str), fields: &[(&str, &str)]) -> (u16, Value) {
        let url = format!("{}{path}", self.place.issuer());
        let request = self.http.post(url).basic_auth(client.0, Some(client.1)).form(fields);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default())
    }

    /// Status and answer of a token request.
    pub(crate) async fn token(&self, client: (&str, &str), fields: &[(&str, &str)]) -> (u16, Value) {
        self.post("/token", client, fields).await
    }

    /// Status and answer of a client-credentials request.
    pub(crate) async fn credentials(&self, client: (&str, &str)) -> (u16, Value) {
        self.token(client, &[("grant_type", "client_credentials"), ("scope", "read")]).await
    }

    /// Status and answer of a password request.
    pub(crate) async fn login(&self, client: (&str, &str), name: &str, password: &str) -> (u16, Value) {
        let fields =
            [("grant_type", "password"), ("username", name), ("password", password), ("scope", "read")];
        self.token(client, &fields).await
    }

    /// Status of a refresh.
    pub(crate) async fn refresh(&self, client: (&str, &str), tokens: &Value) -> u16 {
        let token = tokens["refresh_token"].as_str().unwrap();
        self.token(client, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await.0
    }

    /// Whether the access token of an answer is active, as the client `api` sees it.
    pub(crate) async fn is_active(&self, tokens: &Value) -> bool {
        let token = tokens["access_token"].as_str().unwrap();
        let (status, answer) = self.post("/introspect", ("api", "api-secret"), &[("token", token)]).await;
        assert_eq!(status, 200, "{answer}");
        answer["active"].as_bool().unwrap()
    }

    /// Stops it by SIGTERM; its exit status must be 0.
    pub(crate) fn stop(mut self) {
        self.terminate();
        assert_eq!(self.child.wait().unwrap().code(), Some(0), "{}", self.log());
    }

    fn terminate(&self) {
        let done = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The permissions of a file.
pub(crate) fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// The resource server and a first-party client that takes passwords, in the file.
pub(crate) const CLIENTS: &str = "[[clients]]\nclient_id = \"api\"\nclient_secret = \"api-secret\"\ngrant_types = [\"client_credentials\"]\nmay_introspect = true\n[[clients]]\nclient_id = \"own\"\nclient_secret = \"own-secret\"\ngrant_types = [\"password\", \"refresh_token\"]\n";
/// That client.
pub(crate) const OWN: (&str, &str) = ("own", "own-secret");
