//! A memcached server.

use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::{Engine, answers, as_user, program};

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn memcached() -> Result<Engine> {
    Engine::launch(|_| Ok(()), start, |port| answers(port, "mn\r\n", "MN"))
}

fn start(_folder: &Path, port: u16) -> Result<Command> {
    let mut command = as_user(Some(("nobody", "nogroup")), &program(&["memcached"], "memcached")?);
    command.args([
        "-l",
        "127.0.0.1",
        "-p",
        &port.to_string(),
        "-U",
        "0",
        "-m",
        "256",
        "-c",
        "1024",
        "-t",
        "2",
    ]);
    Ok(command)
}
