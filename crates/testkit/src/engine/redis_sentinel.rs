//! A Redis master with replicas, watched by three Sentinels.

use std::io::{Error, Result};
use std::time::Duration;

use super::redis::{PASSWORD, Way, binary, secure, server};
use super::{Engine, Reply, as_user};
use crate::certificates::ServerTls;
use crate::process::free_port;

/// The name of the master.
const MASTER: &str = "main";
const SENTINELS: usize = 3;
/// How often is looked for what has to come, and how long apart: two minutes.
const LOOKS: usize = 2_400;
const PAUSE: Duration = Duration::from_millis(50);

/// Servers of which one is the master, and the Sentinels that choose it. They take a master for dead after a second.
#[derive(Debug)]
pub struct RedisSentinel {
    servers: Vec<Engine>,
    sentinels: Vec<Engine>,
    way: Way,
}

/// Starts a master, so many replicas, and three Sentinels, and waits until all know each other.
///
/// # Errors
/// There is no Redis on this machine, or it does not come up.
pub fn redis_sentinel(replicas: usize) -> Result<RedisSentinel> {
    start(replicas, Way::plain())
}

/// The same with TLS everywhere, and with a password, that of the Sentinels too. They name servers by this name, or by their
/// address where none is given.
///
/// # Errors
/// As [`redis_sentinel`].
pub fn redis_sentinel_tls(
    replicas: usize,
    shown: &ServerTls,
    name: Option<&'static str>,
) -> Result<RedisSentinel> {
    start(replicas, Way::tls(shown, name))
}

fn start(replicas: usize, way: Way) -> Result<RedisSentinel> {
    let mut all = RedisSentinel { servers: vec![launch_server(&way, None)?], sentinels: Vec::new(), way };
    let master = all.servers.first().map_or(0, Engine::port);
    for _ in 0..replicas {
        all.servers.push(launch_server(&all.way, Some(master))?);
    }
    // A Sentinel that finds the replicas online need not wait for the next look of ten seconds.
    until("the replicas are not online", || all.replicas_online(master) == replicas)?;
    for _ in 0..SENTINELS {
        all.sentinels.push(launch_sentinel(&all.way, master)?);
    }
    until("the Sentinels do not know each other", || {
        let known = |sentinel: &Engine| {
            let about = sentinel.ask(&["SENTINEL", "MASTER", MASTER]).map(|about| about.text());
            let about = about.unwrap_or_default();
            let value = |name| about.lines().skip_while(|line| *line != name).nth(1).map(str::to_owned);
            value("num-slaves") == Some(replicas.to_string())
                && value("num-other-sentinels") == Some((SENTINELS - 1).to_string())
        };
        all.sentinels.iter().all(known)
    })?;
    Ok(all)
}

fn launch_server(way: &Way, master: Option<u16>) -> Result<Engine> {
    // A replica is of use at once, and one whose link is cut learns it soon.
    let common = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"];
    let mut settings: Vec<String> = common.map(str::to_owned).into();
    let mut set = |words: &[&str]| settings.extend(words.iter().map(|&word| word.to_owned()));
    if way.is_named() {
        set(&["--replica-announce-ip", way.host]);
    }
    if let Some(master) = master {
        set(&["--replicaof", way.host, &master.to_string()]);
    }
    way.launch(free_port(), |_| Ok(()), move |folder, port| server(folder, port, &settings))
}

fn launch_sentinel(way: &Way, master: u16) -> Result<Engine> {
    let (port, host) = (free_port(), way.host);
    // The Sentinel writes into its file what it learns.
    let names =
        if way.is_named() { "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n" } else { "" };
    let passwords = match way.shown {
        Some(_) => format!("sentinel auth-pass {MASTER} {PASSWORD}\nsentinel sentinel-pass {PASSWORD}\n"),
        None => String::new(),
    };
    let settings = format!(
        "port {port}\nbind 127.0.0.1\n{names}sentinel monitor {MASTER} {host} {master} 2\n\
         sentinel down-after-milliseconds {MASTER} 1000\nsentinel failover-timeout {MASTER} 3000\n{passwords}"
    );
    way.launch(
        port,
        move |folder| std::fs::write(folder.join("sentinel.conf"), settings),
        |folder, port| {
            let mut command = as_user(None, &binary()?);
            command.arg(folder.join("sentinel.conf")).arg("--sentinel");
            secure(&mut command, folder, port);
            Ok(command)
        },
    )
}

impl RedisSentinel {
    /// The URL of a store behind these Sentinels, without options.
    pub fn url(&self) -> String {
        format!("{}/{MASTER}", self.way.url("sentinel", &self.sentinels))
    }

    /// The port of the server that most Sentinels take for the master.
    ///
    /// # Errors
    /// They do not agree, for a fail-over is under way.
    pub fn master(&self) -> Result<u16> {
        let port = |sentinel: &Engine| {
            let found = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).ok()?;
            found.parts().get(1)?.text().parse::<u16>().ok()
        };
        let named: Vec<u16> = self.sentinels.iter().filter_map(port).collect();
        let most = |port: &&u16| named.iter().filter(|other| other == port).count() > SENTINELS / 2;
        named.iter().find(most).copied().ok_or_else(|| Error::other(format!("the Sentinels name {named:?}")))
    }

    /// The server on this port.
    ///
    /// # Errors
    /// There is none.
    pub fn server(&mut self, port: u16) -> Result<&mut Engine> {
        let mut servers = self.servers.iter_mut();
        servers.find(|server| server.port() == port).ok_or_else(|| Error::other("no server has this port"))
    }

    /// The ports of the Sentinels.
    pub fn ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(Engine::port).collect()
    }

    /// The ports of all servers.
    pub fn servers(&self) -> Vec<u16> {
        self.servers.iter().map(Engine::port).collect()
    }

    /// The Sentinels.
    pub fn sentinels(&mut self) -> &mut [Engine] {
        &mut self.sentinels
    }

    /// Waits until the Sentinels agree on a master other than this, that takes writes; its port.
    ///
    /// # Errors
    /// It does not come to that within two minutes.
    pub fn wait_for_another_master(&self, than: u16) -> Result<u16> {
        let mut master = than;
        until("there is no new master", || {
            master = self.master().unwrap_or(than);
            let role = self.ask(master, &["ROLE"]);
            let is_master =
                role.is_ok_and(|role| role.parts().first() == Some(&Reply::Text("master".into())));
            master != than && is_master
        })?;
        Ok(master)
    }

    /// Waits until all other servers that run follow the master, and how many they are.
    ///
    /// # Errors
    /// It does not come to that within two minutes.
    pub fn wait_for_replicas(&self, replicas: usize) -> Result<()> {
        until("the replicas do not follow the master", || {
            self.master().is_ok_and(|master| self.replicas_online(master) == replicas)
        })
    }

    /// Sends the server on this port a command.
    ///
    /// # Errors
    /// There is none, or it does not answer.
    pub fn ask(&self, port: u16, command: &[&str]) -> Result<Reply> {
        let server = self.servers.iter().find(|server| server.port() == port);
        server.ok_or_else(|| Error::other("no server has this port"))?.ask(command)
    }

    fn replicas_online(&self, master: u16) -> usize {
        let info = self.ask(master, &["INFO", "replication"]).map(|info| info.text()).unwrap_or_default();
        info.lines().filter(|line| line.starts_with("slave") && line.contains("state=online")).count()
    }
}

/// Looks until it is so.
pub(super) fn until(otherwise: &str, mut so: impl FnMut() -> bool) -> Result<()> {
    for _ in 0..LOOKS {
        if so() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(Error::other(format!("{otherwise} after two minutes")))
}
