//! A Redis Cluster of three masters, with or without replicas, whose slots can be moved.

use std::io::{Error, Result};
use std::ops::Range;
use std::path::Path;

use super::redis::{PASSWORD, Way, server};
use super::redis_sentinel::until;
use super::{Engine, Reply};
use crate::certificates::ServerTls;
use crate::process::free_port;

const MASTERS: usize = 3;
const SLOTS: usize = 16_384;

/// The nodes: first the masters, then their replicas in the same order.
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<Engine>,
    way: Way,
}

/// Starts three masters with so many replicas each, and waits until the Cluster takes writes. A node is taken for dead after
/// two seconds.
///
/// # Errors
/// There is no Redis on this machine, or it does not come up.
pub fn redis_cluster(replicas_each: usize) -> Result<RedisCluster> {
    redis_cluster_with(replicas_each, &[])
}

/// The same with settings beyond the usual ones for each node, as on its command line.
///
/// # Errors
/// As [`redis_cluster`].
pub fn redis_cluster_with(replicas_each: usize, settings: &[&str]) -> Result<RedisCluster> {
    start(replicas_each, settings, Way::plain())
}

/// The same with TLS everywhere, and with a password. They call themselves by this name, or by their address where none is given.
///
/// # Errors
/// As [`redis_cluster`].
pub fn redis_cluster_tls(
    replicas_each: usize,
    shown: &ServerTls,
    name: Option<&'static str>,
) -> Result<RedisCluster> {
    let mut settings = vec!["--tls-cluster", "yes"];
    if let Some(name) = name {
        settings.extend(["--cluster-announce-hostname", name]);
        settings.extend(["--cluster-preferred-endpoint-type", "hostname"]);
    }
    start(replicas_each, &settings, Way::tls(shown, name))
}

fn start(replicas_each: usize, settings: &[&str], way: Way) -> Result<RedisCluster> {
    let ports: Vec<(u16, u16)> =
        (0..MASTERS * (1 + replicas_each)).map(|_| (free_port(), free_port())).collect();
    let launch = |(number, &(port, bus)): (usize, &(u16, u16))| {
        let mut own: Vec<String> = ["--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf"]
            .into_iter()
            .chain(["--cluster-node-timeout", "2000", "--repl-diskless-sync-delay", "0"])
            .chain(["--cluster-replica-validity-factor", "0", "--cluster-allow-replica-migration", "no"])
            .chain(settings.iter().copied())
            .map(str::to_owned)
            .collect();
        own.extend(["--cluster-port".to_owned(), bus.to_string()]);
        let map = map(&ports, number, if way.is_named() { way.host } else { "" });
        way.launch(
            port,
            |folder: &Path| std::fs::write(folder.join("nodes.conf"), map),
            move |folder, port| server(folder, port, &own),
        )
    };
    let nodes = ports.iter().enumerate().map(launch).collect::<Result<_>>()?;
    let cluster = RedisCluster { nodes, way };
    cluster.wait_until_whole()?;
    Ok(cluster)
}

/// What a node knows of all at its start: so they need not be introduced.
fn map(ports: &[(u16, u16)], myself: usize, name: &str) -> String {
    let name = if name.is_empty() { String::new() } else { format!(",{name}") };
    let line = |(number, (port, bus)): (usize, &(u16, u16))| {
        let me = if number == myself { "myself," } else { "" };
        let place = format!("{} 127.0.0.1:{port}@{bus}{name}", id(number));
        if number < MASTERS {
            let Range { start, end } = slots(number);
            format!("{place} {me}master - 0 0 {} connected {start}-{}\n", number + 1, end - 1)
        } else {
            format!("{place} {me}slave {} 0 0 {} connected\n", id(number % MASTERS), number % MASTERS + 1)
        }
    };
    let lines: String = ports.iter().enumerate().map(line).collect();
    format!("{lines}vars currentEpoch {MASTERS} lastVoteEpoch 0\n")
}

/// The name of a node.
fn id(number: usize) -> String {
    format!("{:040x}", number + 1)
}

/// The slots of a master at the start.
fn slots(number: usize) -> Range<usize> {
    SLOTS * number / MASTERS..SLOTS * (number + 1) / MASTERS
}

impl RedisCluster {
    /// The URL of a store in this Cluster, without options.
    pub fn url(&self) -> String {
        self.way.url("cluster", &self.nodes)
    }

    /// The nodes.
    pub fn nodes(&mut self) -> &mut [Engine] {
        &mut self.nodes
    }

    /// The port of a node.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes.get(node).map_or(0, Engine::port)
    }

    /// The slot of a key.
    ///
    /// # Errors
    /// No node answers.
    pub fn slot(&self, key: &str) -> Result<u16> {
        match self.ask(0, &["CLUSTER", "KEYSLOT", key])? {
            Reply::Number(slot) => u16::try_from(slot).map_err(Error::other),
            other => Err(Error::other(other.text())),
        }
    }

    /// The node that has the slot, by the word of this one.
    ///
    /// # Errors
    /// It does not answer, or nobody has it.
    pub fn owner(&self, slot: u16, of: usize) -> Result<usize> {
        for range in self.ask(of, &["CLUSTER", "SLOTS"])?.parts() {
            if let [Reply::Number(first), Reply::Number(last), Reply::List(master), ..] = range.parts()
                && (*first..=*last).contains(&slot.into())
            {
                let owner = master.get(2).map(Reply::text).unwrap_or_default();
                let found = (0..self.nodes.len()).find(|node| id(*node) == owner);
                return found.ok_or_else(|| Error::other(format!("no node has the name {owner}")));
            }
        }
        Err(Error::other(format!("nobody has slot {slot}")))
    }

    /// Moves a slot with all its keys, as an operator does it under load: the old node answers `ASK` for keys that have gone
    /// already, and `MOVED` at the end. The number of keys.
    ///
    /// # Errors
    /// A node does not answer or refuses.
    pub fn move_slot(&self, slot: u16, from: usize, to: usize) -> Result<usize> {
        let (number, port) = (slot.to_string(), self.port(to).to_string());
        self.fine(to, &["CLUSTER", "SETSLOT", &number, "IMPORTING", &id(from)])?;
        self.fine(from, &["CLUSTER", "SETSLOT", &number, "MIGRATING", &id(to)])?;
        let mut moved = 0;
        loop {
            let keys = self.ask(from, &["CLUSTER", "GETKEYSINSLOT", &number, "4"])?;
            let keys: Vec<String> = keys.parts().iter().map(Reply::text).collect();
            if keys.is_empty() {
                break;
            }
            let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "60000"];
            if self.way.shown.is_some() {
                migrate.extend(["AUTH", PASSWORD]);
            }
            migrate.push("KEYS");
            migrate.extend(keys.iter().map(String::as_str));
            self.fine(from, &migrate)?;
            moved += keys.len();
        }
        for node in [to, from] {
            self.fine(node, &["CLUSTER", "SETSLOT", &number, "NODE", &id(to)])?;
        }
        self.wait_for_owner(slot, to)?;
        Ok(moved)
    }

    /// Waits until all nodes know that this one has the slot. A move that begins before may give two nodes one epoch, and the
    /// slot back to the wrong one.
    ///
    /// # Errors
    /// It does not come to that within two minutes.
    pub fn wait_for_owner(&self, slot: u16, owner: usize) -> Result<()> {
        until("the nodes do not agree on a slot", || {
            (0..self.nodes.len()).all(|node| self.owner(slot, node).is_ok_and(|found| found == owner))
        })
    }

    /// Waits until all nodes that answer take the Cluster for whole, and follow what is to be followed.
    ///
    /// # Errors
    /// It does not come to that within two minutes.
    pub fn wait_until_whole(&self) -> Result<()> {
        until("the Cluster is not whole", || {
            (0..self.nodes.len()).all(|node| {
                let linked = || {
                    let info = self.ask(node, &["INFO", "replication"]).ok()?;
                    Some(info.field("role")? == "master" || info.field("master_link_status")? == "up")
                };
                let state =
                    self.ask(node, &["CLUSTER", "INFO"]).ok().and_then(|info| info.field("cluster_state"));
                state.as_deref() == Some("ok") && linked() == Some(true)
            })
        })
    }

    /// Sends a node a command.
    ///
    /// # Errors
    /// It does not answer.
    pub fn ask(&self, node: usize, command: &[&str]) -> Result<Reply> {
        let node = self.nodes.get(node).ok_or_else(|| Error::other("there is no such node"))?;
        node.ask(command)
    }

    fn fine(&self, node: usize, command: &[&str]) -> Result<()> {
        match self.ask(node, command)? {
            Reply::Refused(why) => Err(Error::other(format!("{command:?}: {why}"))),
            _ => Ok(()),
        }
    }
}
