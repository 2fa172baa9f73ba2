//! MongoDB: a `mongod` as a replica set of one, where one is on the `PATH`; otherwise a stand-in, mongo-java-server, which
//! speaks the protocol and keeps everything in memory.
//!
//! The stand-in shows handshakes, indexes, errors and races of single documents. It says nothing about durability, write
//! concerns, sessions, fail-over, the TTL monitor or cost: whatever shows results asks [`mongodb_is_stand_in`] and says so.

mod stand_in;
mod wire;

use std::io::Result;
use std::path::Path;
use std::process::Command;

use super::{Engine, as_user, program};

/// Starts one. It has no users, and databases come about by themselves.
///
/// # Errors
/// There is neither a `mongod` nor what the stand-in needs, or it does not come up.
pub fn mongodb() -> Result<Engine> {
    if mongodb_is_stand_in() {
        Engine::launch(|_| stand_in::prepare(), stand_in::start, wire::is_primary)
    } else {
        Engine::launch(|folder| std::fs::create_dir(folder.join("data")), start, ready)
    }
}

/// Whether [`mongodb`] starts the stand-in, because no `mongod` is on the `PATH`. A kill takes all its records with it.
pub fn mongodb_is_stand_in() -> bool {
    program(&["mongod"], "").is_err()
}

fn start(folder: &Path, port: u16) -> Result<Command> {
    let mut command = as_user(None, &program(&["mongod"], "")?);
    command.args(["--bind_ip", "127.0.0.1", "--replSet", "grantor", "--wiredTigerCacheSizeGB", "0.25"]);
    command.args(["--port", &port.to_string(), "--dbpath"]).arg(folder.join("data"));
    Ok(command)
}

/// A new replica set has to be told its members; one that knows them refuses to be told again.
fn ready(port: u16) -> bool {
    wire::is_primary(port) || {
        wire::initiate(port);
        false
    }
}
