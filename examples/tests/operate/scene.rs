//! The scene of `examples/operate`: two `grantor serve` over one store, and nginx from the system before them, all with the
//! files that stand there.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use grantor_testkit::process::free_port;
use http::{Request, Response, StatusCode};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};

use crate::wire::Client;

/// The name in the configuration.
pub(crate) const NAME: &str = "login.example.com";
/// The issuer of the configuration.
pub(crate) const ISSUER: &str = "https://login.example.com";
/// The secret of each client that has one.
pub(crate) const SECRET: &str = "a-secret-of-the-tests-with-enough-length";
/// The password of all users.
pub(crate) const PASSWORD: &str = "correct horse battery staple";
/// Where the clients of the tests come from. nginx speaks from 127.0.0.1.
pub(crate) const FROM: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

/// How often something that has to come is looked for, and for how long.
const PAUSE: Duration = Duration::from_millis(20);
const LOOKS: usize = 3000;

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS {
        if is_so().await {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("it does not come: {what}");
}

fn operate(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("operate").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A program that ends with this value, and with the test process.
fn spawn(mut command: Command, log: &Path) -> Child {
    let log = fs::OpenOptions::new().create(true).append(true).open(log).unwrap();
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

/// A running `grantor serve`.
pub(crate) struct Process {
    child: Child,
    folder: PathBuf,
    port: u16,
    store: String,
}

impl Process {
    fn start(folder: PathBuf, store: &str) -> Self {
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("grantor.toml"), operate("nginx/grantor.toml")).unwrap();
        let port = free_port();
        let child = spawn(grantor(&folder, store, port, "serve"), &folder.join("log"));
        Self { child, folder, port, store: store.to_owned() }
    }

    /// Starts it again where it was.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(grantor(&self.folder, &self.store, self.port, "serve"), &self.folder.join("log"));
    }

    /// SIGKILL, until nothing is left of it.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and the end, which must be a good one.
    pub(crate) async fn stop(&mut self) {
        let sent = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let mut ended = None;
        until("the end of a process that was told to stop", async || {
            ended = self.child.try_wait().unwrap();
            ended.is_some()
        })
        .await;
        assert_eq!(ended.unwrap().code(), Some(0), "{}", self.log());
    }

    /// A client of this process, past nginx.
    pub(crate) fn client(&self) -> Client {
        Client::plain(([127, 0, 0, 1], self.port).into())
    }

    /// Waits until it is ready. What its request ids begin with.
    pub(crate) async fn ready(&self) -> String {
        let mut id = String::new();
        until("readiness", async || {
            let answer = self.client().send(&get("/readyz")).await;
            let answer = answer.ok().filter(|answer| answer.status() == StatusCode::OK);
            id = answer.as_ref().map(process_of).unwrap_or_default();
            answer.is_some()
        })
        .await;
        id
    }

    /// All that it wrote.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process that gave an answer, by the id of the request.
pub(crate) fn process_of(answer: &Response<Bytes>) -> String {
    let id = answer.headers().get("x-request-id").and_then(|id| id.to_str().ok());
    id.and_then(|id| id.split('-').next()).unwrap_or_default().to_owned()
}

/// A GET.
pub(crate) fn get(path: &str) -> Request<Bytes> {
    Request::get(path).body(Bytes::new()).unwrap()
}

/// A program of this workspace, which stands beside the tests.
pub(crate) fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join(name);
    assert!(program.exists(), "build it first: cargo build --workspace --all-features --bin {name}");
    program
}

fn grantor(folder: &Path, store: &str, port: u16, command: &str) -> Command {
    let mut grantor = Command::new("setpriv");
    grantor.args(["--pdeathsig", "KILL", "--"]).arg(program("grantor")).arg(command).current_dir(folder);
    grantor.env("GRANTOR_STORE", store).env("GRANTOR_LISTEN", format!("127.0.0.1:{port}"));
    grantor
        .env("GRANTOR_TRUSTED_PROXIES", "127.0.0.1")
        .env("NOTES_SECRET", SECRET)
        .env("NOTES_API_SECRET", SECRET);
    // The cost of a password is not what is looked at here.
    grantor.env("GRANTOR_PASSWORDS_MEMORY_KIB", "512").env("GRANTOR_PASSWORDS_PASSES", "1");
    grantor
}

/// Everything.
pub(crate) struct Scene {
    /// The two processes.
    pub(crate) processes: [Process; 2],
    /// Where nginx speaks TLS.
    pub(crate) proxy: SocketAddr,
    tls: TlsConnector,
    nginx: Child,
    folder: tempfile::TempDir,
}

impl Scene {
    /// Starts it over this store, with these users.
    pub(crate) async fn start(store: &str, users: &[String]) -> Self {
        let folder = tempfile::Builder::new().prefix("grantor-operate-").tempdir().unwrap();
        let processes = ["a", "b"].map(|name| Process::start(folder.path().join(name), store));
        for process in &processes {
            process.ready().await;
        }
        for user in users {
            create_user(&processes[0], store, user);
        }
        let (ports, root) = (processes.each_ref().map(|process| process.port), certificate(folder.path()));
        let port = free_port();
        let nginx = nginx(folder.path(), ports, port);
        let mut scene = Self { processes, proxy: ([127, 0, 0, 1], port).into(), tls: root, nginx, folder };
        until("nginx", async || {
            assert_eq!(scene.nginx.try_wait().unwrap(), None, "nginx ended");
            tokio::net::TcpStream::connect(scene.proxy).await.is_ok()
        })
        .await;
        scene
    }

    /// A client through nginx.
    pub(crate) fn client(&self) -> Client {
        Client::tls(self.proxy, FROM, self.tls.clone(), NAME)
    }

    /// Waits until this process answers through nginx.
    pub(crate) async fn behind_nginx(&self, process: &Process) {
        let id = process.ready().await;
        let mut client = self.client();
        until("an answer of the process through nginx", async || {
            let answer = client.send(&get("/.well-known/oauth-authorization-server")).await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
            process_of(&answer) == id
        })
        .await;
    }

    /// What nginx complained about.
    pub(crate) fn complaints(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.nginx.kill();
        let _ = self.nginx.wait();
        if std::thread::panicking() {
            eprintln!("nginx said:\n{}", self.complaints());
        }
    }
}

fn create_user(process: &Process, store: &str, name: &str) {
    let mut create = grantor(&process.folder, store, process.port, "user");
    create.args(["create", name]).stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = create.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), format!("{PASSWORD}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
}

/// A certificate for nginx; who trusts it.
fn certificate(folder: &Path) -> TlsConnector {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    fs::write(folder.join(format!("{NAME}.pem")), made.cert.pem()).unwrap();
    fs::write(folder.join(format!("{NAME}.key")), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

/// nginx with the file of the example, where only places are others; as an ordinary user.
fn nginx(folder: &Path, processes: [u16; 2], port: u16) -> Child {
    let here = folder.display();
    let mut site = operate("nginx/grantor.conf");
    for (theirs, ours) in [
        ("10.0.0.11:8080", format!("127.0.0.1:{}", processes[0])),
        ("10.0.0.12:8080", format!("127.0.0.1:{}", processes[1])),
        ("listen 443 ssl;", format!("listen 127.0.0.1:{port} ssl;")),
        ("listen 80;", format!("listen 127.0.0.1:{};", free_port())),
        ("/etc/nginx/tls/", format!("{here}/")),
        ("/var/log/nginx/", format!("{here}/")),
    ] {
        assert!(site.contains(theirs), "the example has no {theirs}");
        site = site.replace(theirs, &ours);
    }
    fs::write(folder.join("site.conf"), site).unwrap();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
        .concat();
    let main = format!(
        "daemon off; master_process off; pid {here}/pid; error_log {here}/error.log warn;\n\
         events {{ worker_connections 1024; }}\nhttp {{\naccess_log off;\n{temporary}include {here}/site.conf;\n}}\n"
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let mut command = Command::new("setpriv");
    let user = Command::new("id").arg("-u").output().unwrap();
    if user.stdout.trim_ascii() == b"0" {
        command.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"]);
        fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(folder.join(format!("{NAME}.key")), fs::Permissions::from_mode(0o644)).unwrap();
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(system_nginx());
    command.args(["-e", &format!("{here}/error.log"), "-c", &format!("{here}/nginx.conf")]);
    spawn(command, &folder.join("nginx.out"))
}

fn system_nginx() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    places.push("/usr/sbin".into());
    let found = places.into_iter().map(|folder| folder.join("nginx")).find(|place| place.is_file());
    found.expect("nginx is missing; install it: sudo apt-get install -y --no-install-recommends nginx-light   (or ./test --install)")
}
