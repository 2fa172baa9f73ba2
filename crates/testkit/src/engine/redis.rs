//! A Redis server that writes each change to its log and evicts nothing; and how several of them are reached.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tls::{self, Files};
use super::{Engine, Reply, answers, as_user, program, resp};
use crate::certificates::ServerTls;

/// What a server does unless it is told otherwise.
const SAFE: &[&str] = &["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn redis() -> Result<Engine> {
    redis_with(&[])
}

/// Starts one with settings beyond the usual ones, as on its command line: `["--maxmemory", "4mb"]`. The last of a name
/// counts.
///
/// # Errors
/// As [`redis`].
pub fn redis_with(settings: &[&str]) -> Result<Engine> {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    Engine::launch(|_| Ok(()), move |folder, port| server(folder, port, &settings), ready)
}

/// Starts one that speaks TLS alone, with such settings.
///
/// # Errors
/// As [`redis`].
pub fn redis_tls(shown: &ServerTls, settings: &[&str]) -> Result<Engine> {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    let prepare = |folder: &Path| tls::install(shown, folder, None);
    Engine::launch(prepare, move |folder, port| server(folder, port, &settings), ready_for_tls(shown))
}

/// The password of servers that speak TLS with each other.
pub(super) const PASSWORD: &str = "hunter2";
/// Where such a server is told something past TLS, in its folder.
const SOCKET: &str = "redis.sock";

impl Engine {
    /// Sends a Redis server one command over a connection of its own: over its socket, where it is one of several that speak TLS.
    ///
    /// # Errors
    /// It does not answer within a minute. What it refuses is a [`Reply`].
    pub fn ask(&self, command: &[&str]) -> Result<Reply> {
        let socket = self.folder().join(SOCKET);
        if socket.exists() {
            resp::ask_at(&socket, PASSWORD, command)
        } else {
            resp::ask(self.port(), command)
        }
    }
}

/// How several servers are reached, by each other too.
#[derive(Debug, Clone)]
pub(super) struct Way {
    /// What they show, where they speak TLS.
    pub(super) shown: Option<ServerTls>,
    /// How they call themselves.
    pub(super) host: &'static str,
}

impl Way {
    /// Plain text and the address.
    pub(super) fn plain() -> Self {
        Self { shown: None, host: "127.0.0.1" }
    }

    /// TLS. They call themselves by a name, or by an address where none is given.
    pub(super) fn tls(shown: &ServerTls, name: Option<&'static str>) -> Self {
        Self { shown: Some(shown.clone()), host: name.unwrap_or(Self::plain().host) }
    }

    pub(super) fn is_named(&self) -> bool {
        self.host != Self::plain().host
    }

    /// The beginning of the URL of a store there.
    pub(super) fn url(&self, kind: &str, engines: &[Engine]) -> String {
        let hosts: Vec<String> = engines.iter().map(|one| format!("{}:{}", self.host, one.port())).collect();
        let hosts = hosts.join(",");
        match self.shown {
            Some(_) => format!("rediss+{kind}://:{PASSWORD}@{hosts}"),
            None => format!("redis+{kind}://{hosts}"),
        }
    }

    pub(super) fn launch(
        &self,
        port: u16,
        prepare: impl FnOnce(&Path) -> Result<()>,
        start: impl Fn(&Path, u16) -> Result<Command> + Send + Sync + 'static,
    ) -> Result<Engine> {
        let Some(shown) = &self.shown else { return Engine::launch_on(port, prepare, start, ready) };
        let prepare = |folder: &Path| tls::install_among_others(shown, folder).and_then(|()| prepare(folder));
        Engine::launch_on(port, prepare, start, ready_for_tls(shown))
    }
}

/// The command of a server.
pub(super) fn server(folder: &Path, port: u16, settings: &[String]) -> Result<Command> {
    let mut command = as_user(None, &binary()?);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(folder);
    command.args(SAFE).args(["--save", ""]).args(settings);
    secure(&mut command, folder, port);
    Ok(command)
}

/// Adds what a server or a Sentinel has to be told where there are files of TLS in its folder: to speak nothing else.
pub(super) fn secure(command: &mut Command, folder: &Path, port: u16) {
    let Some(files) = Files::of(folder) else { return };
    command.args(["--port", "0", "--tls-port", &port.to_string()]);
    command.arg("--tls-cert-file").arg(files.certificate).arg("--tls-key-file").arg(files.key);
    let mut believed = files.clients;
    if believed.is_none() {
        command.args(["--tls-auth-clients", "no"]);
    }
    if let Some(peers) = files.peers {
        command.arg("--tls-client-cert-file").arg(peers.certificate);
        command.arg("--tls-client-key-file").arg(peers.key);
        command.args(["--tls-replication", "yes", "--requirepass", PASSWORD, "--masterauth", PASSWORD]);
        command.arg("--unixsocket").arg(folder.join(SOCKET));
        believed = Some(peers.ca);
    }
    if let Some(ca) = believed {
        command.arg("--tls-ca-cert-file").arg(ca);
    }
}

pub(super) fn binary() -> Result<PathBuf> {
    program(&["redis-server", "valkey-server"], "redis-server")
}

/// Whether it answers, be it that it wants a password.
fn ready(port: u16) -> bool {
    answers(port, "PING\r\n", "+PONG") || answers(port, "PING\r\n", "-NOAUTH")
}

/// The same for one that speaks TLS and shows this.
fn ready_for_tls(shown: &ServerTls) -> impl Fn(u16) -> bool + Send + Sync + 'static {
    let (certificate, key) = shown.client();
    move |port| {
        let mut ask = Command::new("redis-cli");
        ask.args(["--tls", "--insecure", "-p", &port.to_string(), "--cert"]).arg(&certificate);
        let said = ask.arg("--key").arg(&key).arg("PING").output();
        said.is_ok_and(|said| said.stdout.starts_with(b"PONG") || said.stdout.starts_with(b"NOAUTH"))
    }
}
