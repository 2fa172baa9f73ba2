//! Real engines for the tests of stores: each is started on a free port of the loopback, with a data folder of its own,
//! and ends with the test process.
//!
//! A missing engine is no reason to skip: the test fails, and says what installs it.
//!
//! # To add an engine
//! 1. One file with the command that starts it and the question whether it is ready.
//! 2. A line here, and its package in `./test`.

mod freeze;
mod mariadb;
mod memcached;
mod mongodb;
mod postgres;
mod redis;
mod redis_cluster;
mod redis_sentinel;
mod resp;
mod tls;

pub use mariadb::{mariadb, mariadb_tls};
pub use memcached::{memcached, memcached_tls, memcached_with};
pub use mongodb::{mongodb, mongodb_is_stand_in};
pub use postgres::{postgres, postgres_tls};
pub use redis::{redis, redis_tls, redis_with};
pub use redis_cluster::{RedisCluster, redis_cluster, redis_cluster_tls, redis_cluster_with};
pub use redis_sentinel::{RedisSentinel, redis_sentinel, redis_sentinel_tls};
pub use resp::{Reply, ask};

use std::fmt;
use std::io::{Error, Read as _, Result, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::certificates::ServerTls;
use crate::process::free_port;

/// A running engine. It is killed when this is dropped, and when the process ends, however it ends.
pub struct Engine {
    child: Child,
    folder: TempDir,
    port: u16,
    start: Box<Start>,
    ready: Box<Ready>,
}

/// The command that starts an engine in its folder on its port.
type Start = dyn Fn(&Path, u16) -> Result<Command> + Send + Sync;
/// The question whether an engine answers on its port.
type Ready = dyn Fn(u16) -> bool + Send + Sync;

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("pid", &self.pid())
            .field("port", &self.port)
            .field("folder", &self.folder.path())
            .finish_non_exhaustive()
    }
}

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

impl Engine {
    /// Starts an engine in a new folder: `prepare` fills the folder, `start` gives the command, `ready` asks it.
    ///
    /// # Errors
    /// What the engine printed, where it does not come up.
    fn launch(
        prepare: impl FnOnce(&Path) -> Result<()>,
        start: impl Fn(&Path, u16) -> Result<Command> + Send + Sync + 'static,
        ready: impl Fn(u16) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::launch_on(free_port(), prepare, start, ready)
    }

    /// The same on a port that is known before.
    fn launch_on(
        port: u16,
        prepare: impl FnOnce(&Path) -> Result<()>,
        start: impl Fn(&Path, u16) -> Result<Command> + Send + Sync + 'static,
        ready: impl Fn(u16) -> bool + Send + Sync + 'static,
    ) -> Result<Self> {
        let folder = crate::folder("engine")?;
        open_to_all(folder.path())?;
        prepare(folder.path())?;
        let child = spawn(start(folder.path(), port)?, folder.path())?;
        let mut engine = Self { child, folder, port, start: Box::new(start), ready: Box::new(ready) };
        engine.wait_until_ready()?;
        Ok(engine)
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its data and its log.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process, for signals.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it without warning (SIGKILL).
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }

    /// Ends it in order, by a signal such as `-TERM`, and waits until it has ended. PostgreSQL waits for its clients, unless
    /// the signal is `-INT`.
    ///
    /// # Errors
    /// The system refuses.
    pub fn stop(&mut self, signal: &str) -> Result<()> {
        freeze::send(signal, &[self.pid()])?;
        self.child.wait().map(|_| ())
    }

    /// Stops it where it is (SIGSTOP), with the processes that it has started: its connections stay, and when this returns,
    /// nothing of it answers any more.
    ///
    /// # Errors
    /// The system refuses, or it does not stop.
    pub fn freeze(&self) -> Result<()> {
        freeze::freeze(self.pid())
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// The system refuses.
    pub fn thaw(&self) -> Result<()> {
        freeze::thaw(self.pid())
    }

    /// Starts it again on its data and its port. What a kill left of it (a process of its own that still ends) may keep it
    /// from starting for a moment, so that is tried again.
    ///
    /// # Errors
    /// What the engine printed, where it does not come up.
    pub fn start_again(&mut self) -> Result<()> {
        let mut last = Ok(());
        for _ in 0..100 {
            // Whoever has taken the port meanwhile would answer in our engine's place.
            if let Err(taken) = TcpListener::bind(("127.0.0.1", self.port)) {
                last = Err(Error::new(taken.kind(), format!("port {} is taken: {taken}", self.port)));
                std::thread::sleep(Duration::from_millis(100));
                continue;
            }
            self.child = spawn((self.start)(self.folder.path(), self.port)?, self.folder.path())?;
            last = self.wait_until_ready();
            if last.is_ok() || self.child.try_wait()?.is_none() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        last
    }

    /// Starts an engine that speaks TLS again, with other certificates.
    ///
    /// # Errors
    /// The files cannot be written, or as of [`Engine::start_again`].
    pub fn show(&mut self, shown: &ServerTls) -> Result<()> {
        self.kill()?;
        // The files are there, and keep their owners.
        tls::install(shown, self.folder.path(), None)?;
        self.start_again()
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let pause = Duration::from_millis(20);
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            if (self.ready)(self.port) {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                return Err(Error::other(format!("the engine ended with {status}: {}", self.log())));
            }
            std::thread::sleep(pause);
            waited += pause;
        }
        Err(Error::other(format!("the engine does not answer: {}", self.log())))
    }

    /// The last lines that it printed.
    fn log(&self) -> String {
        let all = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = all.lines().collect();
        lines.get(lines.len().saturating_sub(10)..).unwrap_or_default().join("\n")
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // It has ended already, or it ends now.
        let _ = self.kill();
    }
}

/// The first of these programs that is there.
///
/// # Errors
/// None is; the message says what installs it.
fn program(candidates: &[&str], package: &str) -> Result<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&folders).collect();
    folders.extend(["/usr/sbin", "/usr/lib/postgresql/15/bin"].map(PathBuf::from));
    let places = candidates.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file()).ok_or_else(|| {
        Error::other(format!(
            "{} is missing; install it: sudo apt-get install -y --no-install-recommends {package}   (or ./test --install)",
            candidates.join(" or ")
        ))
    })
}

/// A command that runs a program as this user and group where the tests run as root, which some engines refuse; and that ends the
/// program when its parent does.
fn as_user(user: Option<(&str, &str)>, program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if let Some((user, group)) = user.filter(|_| is_root()) {
        command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]);
    }
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// Whether a line to the port is answered by one that begins like this.
fn answers(port: u16, line: &str, begin: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(line.as_bytes())?;
        let mut answer = vec![0; begin.len()];
        stream.read_exact(&mut answer).map(|()| answer)
    };
    ask().is_ok_and(|answer| answer == begin.as_bytes())
}

/// Whether something listens on the port.
fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// The engine's own user must get into its folder; what it keeps there it closes itself.
fn open_to_all(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777))
}

/// Starts a command from a thread that lives as long as the process: the engine ends with the thread that started it.
fn spawn(mut command: Command, folder: &Path) -> Result<Child> {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("log"))?;
    command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).current_dir(folder);
    let (answer, child) = mpsc::channel();
    std::thread::Builder::new().name("engine".to_owned()).spawn(move || {
        if answer.send(command.spawn()).is_ok() {
            loop {
                std::thread::park();
            }
        }
    })?;
    child.recv().map_err(Error::other)?
}
