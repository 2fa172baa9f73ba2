//! A Redis server that writes each change to its log and evicts nothing.

use std::io::Result;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Engine, answers, as_user, program};

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

/// The command of a server.
pub(super) fn server(folder: &Path, port: u16, settings: &[String]) -> Result<Command> {
    let mut command = as_user(None, &binary()?);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(folder);
    command.args(SAFE).args(["--save", ""]).args(settings);
    Ok(command)
}

pub(super) fn binary() -> Result<PathBuf> {
    program(&["redis-server", "valkey-server"], "redis-server")
}

/// Whether it answers, be it that it wants a password.
pub(super) fn ready(port: u16) -> bool {
    answers(port, "PING\r\n", "+PONG") || answers(port, "PING\r\n", "-NOAUTH")
}
