//! The ready server over real engines: two processes over one store, commands beside them, an engine that is down.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "../program/mod.rs"]
mod program;
#[expect(dead_code, reason = "the tests of the server beside this one use the rest")]
#[path = "../server/support.rs"]
mod support;

mod both;
mod down;
mod import;
mod mongodb;

use std::process::Command;

use grantor_testkit::engine::{self, Engine};

use crate::support::{PASSWORD, USER, World};

/// It stands in the URL of each store, and nowhere else.
const STORE_PASSWORD: &str = "hunter2-of-the-store";

/// An engine that the server can have as its store.
pub(crate) struct Kind {
    /// As the log names it.
    name: &'static str,
    start: fn() -> Engine,
    /// The URL at this port.
    url: fn(u16) -> String,
    /// Whether it has a schema, which `grantor migrate` must reach the engine for.
    has_schema: bool,
}

pub(crate) const POSTGRES: Kind = Kind {
    name: "PostgreSQL",
    start: || engine::postgres().unwrap(),
    url: |port| format!("postgres://grantor:{STORE_PASSWORD}@127.0.0.1:{port}/postgres?deadline_ms=60000"),
    has_schema: true,
};

pub(crate) const MARIADB: Kind = Kind {
    name: "MySQL, MariaDB",
    start: || {
        let engine = engine::mariadb().unwrap();
        let make = format!(
            "CREATE DATABASE grantor; CREATE USER grantor IDENTIFIED BY '{STORE_PASSWORD}'; GRANT ALL ON grantor.* TO grantor"
        );
        let port = format!("-P{}", engine.port());
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-h127.0.0.1", &port, "-uroot", "-e", &make]);
        assert!(client.status().unwrap().success());
        engine
    },
    url: |port| format!("mariadb://grantor:{STORE_PASSWORD}@127.0.0.1:{port}/grantor?timeout_ms=60000"),
    has_schema: true,
};

pub(crate) const REDIS: Kind = Kind {
    name: "Redis",
    start: || engine::redis().unwrap(),
    url: |port| {
        format!(
            "redis://default:{STORE_PASSWORD}@127.0.0.1:{port}?deadline_ms=60000&response_ms=60000&connect_ms=60000"
        )
    },
    has_schema: false,
};

/// Where the test is not about time: none is too short on a machine that is busy.
const PATIENT: &str = "[limits]\nstore_timeout = \"60s\"\n";

impl Kind {
    /// A configuration over the engine at this port, and the user.
    fn world(&self, port: u16, settings: &str) -> World {
        let world = World::over(&(self.url)(port), &format!("{PATIENT}{settings}"));
        world.done(&["user", "create", USER], PASSWORD);
        world
    }
}

/// `each_engine!(module: test)`: the function for every engine.
macro_rules! each_engine {
    ($($test:ident),+ $(,)?) => {
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(&crate::POSTGRES).await;
            })+
        }
        mod mariadb {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(&crate::MARIADB).await;
            })+
        }
        mod redis {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() {
                super::$test(&crate::REDIS).await;
            })+
        }
    };
}
pub(crate) use each_engine;
