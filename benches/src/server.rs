//! A server as a process of its own, which ends with the value.

use std::ffi::OsStr;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Server {
    /// Starts `bench serve` and waits until it listens.
    pub(crate) fn start(what: &str, place: impl AsRef<OsStr>, tokens: usize) -> Self {
        let port = free_port();
        let child = command(what, port, place, tokens).spawn().expect("to start a server");
        let server = Self { child, port };
        let since = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(since.elapsed() < Duration::from_secs(60), "the server {what} does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
        server
    }

    pub(crate) fn of(child: Child, port: u16) -> Self {
        Self { child, port }
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Our own child: ending it twice does no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The command that starts one of our own servers.
pub(crate) fn command(what: &str, port: u16, place: impl AsRef<OsStr>, tokens: usize) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.args(["serve", what, &port.to_string()]).arg(place).arg(tokens.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a socket");
    listener.local_addr().expect("an address").port()
}

/// A folder that goes with the value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("grantor-bench-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the databases");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A new folder inside.
    pub(crate) fn inside(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(&path).expect("a folder for a database");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            println!("{} is left behind: {error}", self.0.display());
        }
    }
}
