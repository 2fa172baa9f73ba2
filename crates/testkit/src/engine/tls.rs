//! TLS of an engine: its files stand in the folder `tls` of its own, and where they do, it speaks TLS.

use std::fs::Permissions;
use std::io::{Error, Result};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::is_root;
use crate::certificates::ServerTls;

/// The files of an engine that speaks TLS.
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
    /// The CA of clients, where they must show a certificate.
    pub(super) clients: Option<PathBuf>,
    /// What it needs to speak with others of its kind, where it is one of several.
    pub(super) peers: Option<Peers>,
}

/// What engines that speak TLS with each other believe and show.
pub(super) struct Peers {
    pub(super) ca: PathBuf,
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    fn below(folder: &Path) -> Self {
        let file = |name: &str| folder.join("tls").join(name);
        let peers = Peers { ca: file("peers.pem"), certificate: file("peer.pem"), key: file("peer.key") };
        Self {
            certificate: file("server.pem"),
            key: file("server.key"),
            clients: Some(file("clients.pem")),
            peers: Some(peers),
        }
    }

    /// Those of the engine in this folder, where it speaks TLS.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let files = Self::below(folder);
        let clients = files.clients.filter(|file| file.is_file());
        let peers = files.peers.filter(|peers| peers.ca.is_file());
        files.certificate.is_file().then_some(Self { clients, peers, ..files })
    }
}

/// As [`install`] for one of several engines that speak TLS with each other. They believe both CAs, so that one whose certificate
/// clients do not believe stays among them, and show each other the certificate of a client.
pub(super) fn install_among_others(tls: &ServerTls, folder: &Path) -> Result<()> {
    install(tls, folder, None)?;
    let Some(peers) = Files::below(folder).peers else { return Ok(()) };
    let mut believed = Vec::new();
    for ca in tls.authorities() {
        believed.extend(std::fs::read(ca)?);
    }
    std::fs::write(peers.ca, believed)?;
    let (certificate, key) = tls.client();
    std::fs::copy(certificate, peers.certificate)?;
    std::fs::copy(key, peers.key).map(drop)
}

/// Copies the files to where the engine's user (and group) alone can read the key, as some engines demand.
pub(super) fn install(tls: &ServerTls, folder: &Path, user: Option<(&str, &str)>) -> Result<()> {
    let files = Files::below(folder);
    std::fs::create_dir_all(folder.join("tls"))?;
    std::fs::copy(&tls.certificate, &files.certificate)?;
    std::fs::copy(&tls.key, &files.key)?;
    let clients = files.clients.unwrap_or_default();
    match &tls.clients {
        Some(ca) => drop(std::fs::copy(ca, clients)?),
        None => drop(std::fs::remove_file(clients)),
    }
    std::fs::set_permissions(&files.key, Permissions::from_mode(0o600))?;
    let Some((user, group)) = user.filter(|_| is_root()) else { return Ok(()) };
    let mut chown = Command::new("chown");
    let done = chown.arg("-R").arg(format!("{user}:{group}")).arg(folder.join("tls")).status()?;
    if done.success() { Ok(()) } else { Err(Error::other("chown failed")) }
}
