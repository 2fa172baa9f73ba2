//! A PostgreSQL server that syncs each commit. User and database are `grantor`, without a password.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use super::{Engine, as_user, program, succeeds};

const PACKAGE: &str = "postgresql";
const USER: Option<(&str, &str)> = Some(("postgres", "postgres"));

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn postgres() -> Result<Engine> {
    Engine::launch(prepare, start, |port| {
        let mut ask = Command::new("pg_isready");
        ask.args(["-q", "-h", "127.0.0.1", "-d", "postgres", "-p", &port.to_string()]);
        succeeds(&mut ask)
    })
}

fn prepare(folder: &Path) -> Result<()> {
    let mut init = as_user(USER, &program(&["initdb"], PACKAGE)?);
    init.arg("-D").arg(folder.join("data")).args([
        "-A",
        "trust",
        "-U",
        "grantor",
        "-E",
        "UTF8",
        "--no-locale",
        "-N",
    ]);
    let output = init.output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn start(folder: &Path, port: u16) -> Result<Command> {
    let mut command = as_user(USER, &program(&["postgres"], PACKAGE)?);
    command.arg("-D").arg(folder.join("data")).args(["-p", &port.to_string()]);
    for setting in
        ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "max_connections=200"]
    {
        command.args(["-c", setting]);
    }
    Ok(command)
}
