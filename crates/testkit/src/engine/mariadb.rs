//! A MariaDB server that syncs each commit. The user is `root` without a password, the database is `test`, to be created.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

use super::tls::{self, Files};
use super::{Engine, as_user, program, succeeds};
use crate::certificates::ServerTls;

const PACKAGE: &str = "mariadb-server";
const USER: Option<(&str, &str)> = Some(("mysql", "mysql"));

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn mariadb() -> Result<Engine> {
    Engine::launch(prepare, start, ready)
}

/// Starts one that speaks TLS beside plain text. Which users must show a certificate stands in its table of users.
///
/// # Errors
/// As of [`mariadb`].
pub fn mariadb_tls(shown: &ServerTls) -> Result<Engine> {
    let prepare = |folder: &Path| prepare(folder).and_then(|()| tls::install(shown, folder, USER));
    Engine::launch(prepare, start, ready)
}

fn ready(port: u16) -> bool {
    let mut ask = Command::new("mariadb-admin");
    ask.args(["--no-defaults", "--skip-ssl", "-h127.0.0.1", &format!("-P{port}"), "-uroot", "ping"]);
    succeeds(&mut ask)
}

fn prepare(folder: &Path) -> Result<()> {
    let data = folder.join("data");
    let mut init = as_user(USER, &program(&["mariadb-install-db"], PACKAGE)?);
    init.arg("--no-defaults").arg(format!("--datadir={}", data.display()));
    init.arg(format!("--tmpdir={}", folder.display()));
    init.args(["--auth-root-authentication-method=normal", "--skip-test-db"]);
    let output = init.current_dir(folder).output()?;
    if output.status.success() {
        Ok(())
    } else {
        Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned()))
    }
}

fn start(folder: &Path, port: u16) -> Result<Command> {
    let mut command = as_user(USER, &program(&["mariadbd"], PACKAGE)?);
    command.args(["--no-defaults", "--bind-address=127.0.0.1", "--max-connections=300"]);
    command.args([format!("--port={port}"), "--innodb-flush-log-at-trx-commit=1".to_owned()]);
    // Each server empties its folder for temporary tables when it starts: in one that two have, one of them fails.
    for (name, file) in [("datadir", "data"), ("tmpdir", ""), ("socket", "s.sock"), ("pid-file", "pid")] {
        command.arg(format!("--{name}={}", folder.join(file).display()));
    }
    if let Some(files) = Files::of(folder) {
        let clients = files.clients.map(|file| ("ca", file));
        for (name, file) in [("cert", files.certificate), ("key", files.key)].into_iter().chain(clients) {
            command.arg(format!("--ssl-{name}={}", file.display()));
        }
    }
    Ok(command)
}
