//! A Redis server that writes each change to its log and evicts nothing.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tls::{self, Files};
use super::{Engine, answers, as_user, program};
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
    let (certificate, key) = shown.client();
    let ready = move |port: u16| {
        let mut ask = Command::new("redis-cli");
        ask.args(["--tls", "--insecure", "-p", &port.to_string(), "--cert"]).arg(&certificate);
        let said = ask.arg("--key").arg(&key).arg("PING").output();
        said.is_ok_and(|said| said.stdout.starts_with(b"PONG") || said.stdout.starts_with(b"NOAUTH"))
    };
    Engine::launch(prepare, move |folder, port| server(folder, port, &settings), ready)
}

/// The command of a server.
pub(super) fn server(folder: &Path, port: u16, settings: &[String]) -> Result<Command> {
    let mut command = as_user(None, &binary()?);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(folder);
    command.args(SAFE).args(["--save", ""]).args(settings);
    if let Some(files) = Files::of(folder) {
        command.args(["--port", "0", "--tls-port", &port.to_string()]);
        command.arg("--tls-cert-file").arg(files.certificate).arg("--tls-key-file").arg(files.key);
        match files.clients {
            Some(clients) => command.arg("--tls-ca-cert-file").arg(clients),
            None => command.args(["--tls-auth-clients", "no"]),
        };
    }
    Ok(command)
}

pub(super) fn binary() -> Result<PathBuf> {
    program(&["redis-server", "valkey-server"], "redis-server")
}

/// Whether it answers, be it that it wants a password.
pub(super) fn ready(port: u16) -> bool {
    answers(port, "PING\r\n", "+PONG") || answers(port, "PING\r\n", "-NOAUTH")
}
