//! A Redis server that writes each change to its log and evicts nothing.

use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::{Engine, answers, as_user, program};

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn redis() -> Result<Engine> {
    Engine::launch(|_| Ok(()), start, |port| answers(port, "PING\r\n", "+PONG"))
}

fn start(folder: &Path, port: u16) -> Result<Command> {
    let mut command = as_user(None, &program(&["redis-server", "valkey-server"], "redis-server")?);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--dir"]).arg(folder);
    command.args([
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--maxmemory-policy",
        "noeviction",
        "--save",
        "",
    ]);
    Ok(command)
}
