//! A PostgreSQL server that syncs each commit. User and database are `grantor`, without a password.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use super::tls::{self, Files};
use super::{Engine, as_user, program, succeeds};
use crate::certificates::ServerTls;

const PACKAGE: &str = "postgresql";
const USER: Option<(&str, &str)> = Some(("postgres", "postgres"));

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn postgres() -> Result<Engine> {
    Engine::launch(prepare, start, ready)
}

/// Starts one that speaks TLS beside plain text. Who must use it, and show a certificate, stands in its `pg_hba.conf`.
///
/// # Errors
/// As of [`postgres`].
pub fn postgres_tls(shown: &ServerTls) -> Result<Engine> {
    let prepare = |folder: &Path| prepare(folder).and_then(|()| tls::install(shown, folder, USER));
    Engine::launch(prepare, start, ready)
}

fn ready(port: u16) -> bool {
    let mut ask = Command::new("pg_isready");
    ask.args(["-q", "-h", "127.0.0.1", "-d", "postgres", "-p", &port.to_string()]);
    succeeds(&mut ask)
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
    if let Some(files) = Files::of(folder) {
        let clients = files.clients.map(|file| ("ca", file));
        command.args(["-c", "ssl=on"]);
        for (name, file) in [("cert", files.certificate), ("key", files.key)].into_iter().chain(clients) {
            command.args(["-c", &format!("ssl_{name}_file={}", file.display())]);
        }
    }
    Ok(command)
}
