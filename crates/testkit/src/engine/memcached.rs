//! A memcached server.

use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::tls::{self, Files};
use super::{Engine, answers, as_user, listens, program};
use crate::certificates::ServerTls;

const USER: Option<(&str, &str)> = Some(("nobody", "nogroup"));

/// Starts one.
///
/// # Errors
/// There is none on this machine, or it does not come up.
pub fn memcached() -> Result<Engine> {
    memcached_with(&[])
}

/// Starts one with settings beyond the usual ones, as on its command line: `["-m", "8"]`. The last of a name counts.
///
/// # Errors
/// As of [`memcached`].
pub fn memcached_with(settings: &[&str]) -> Result<Engine> {
    let settings: Vec<String> = settings.iter().map(|&setting| setting.to_owned()).collect();
    let start = move |folder: &Path, port| {
        let mut command = start(folder, port)?;
        command.args(&settings);
        Ok(command)
    };
    Engine::launch(|_| Ok(()), start, |port| answers(port, "mn\r\n", "MN"))
}

/// Starts one that speaks TLS alone; it must have been built so, as Debian's is.
///
/// # Errors
/// As of [`memcached`].
pub fn memcached_tls(shown: &ServerTls) -> Result<Engine> {
    Engine::launch(|folder| tls::install(shown, folder, USER), start, listens)
}

fn start(folder: &Path, port: u16) -> Result<Command> {
    let mut command = as_user(USER, &program(&["memcached"], "memcached")?);
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
    if let Some(files) = Files::of(folder) {
        let (certificate, key) = (files.certificate.display(), files.key.display());
        command.args(["-Z", "-o", &format!("ssl_chain_cert={certificate},ssl_key={key}")]);
        if let Some(clients) = files.clients {
            // 2: a client without a certificate is refused.
            command.args(["-o", &format!("ssl_verify_mode=2,ssl_ca_cert={}", clients.display())]);
        }
    }
    Ok(command)
}
