//! What each store promises and what it does not: one table for the book (docs/stores.md), for `grantor stores`, and for
//! what a server says when it starts.

use std::fmt::Write as _;

use grantor::store::{Promises, Store};
use serde::{Serialize, Serializer};

/// Whether a store has a property.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    Always,
    /// And why not.
    Never(&'static str),
    /// Under this condition.
    Where(&'static str),
}

impl Holds {
    fn text(self) -> String {
        match self {
            Self::Always => "yes".into(),
            Self::Never(why) => format!("no: {why}"),
            Self::Where(condition) => condition.into(),
        }
    }

    /// What can be done, where an opened store does not have it.
    fn advice(self, store: &str) -> String {
        match self {
            Self::Always => format!("{store} usually promises it"),
            Self::Never(why) => format!("{store} never promises it: {why}"),
            Self::Where(condition) => format!("{store} promises it {condition}"),
        }
    }
}

impl Serialize for Holds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

/// What is said of one store.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    store: &'static str,
    /// The folder of its crate, which has a README.md.
    #[serde(skip)]
    folder: &'static str,
    url: &'static str,
    durable: Holds,
    never_rewinds: Holds,
    /// So it may have claims too.
    keeps: Holds,
    largest_body: &'static str,
    index: Holds,
    processes: &'static str,
}

pub(super) const MEMORY: Row = Row {
    store: "memory",
    folder: "memory",
    url: "`memory:`",
    durable: Holds::Never("it ends with the process"),
    never_rewinds: Holds::Always,
    keeps: Holds::Always,
    largest_body: "1 MiB",
    index: Holds::Always,
    processes: "one",
};

pub(super) const SQLITE: Row = Row {
    store: "SQLite",
    folder: "sqlite",
    url: "`sqlite:FILE`",
    durable: Holds::Where("with `synchronous=full` (the default)"),
    never_rewinds: Holds::Where("with `synchronous=full` (the default)"),
    keeps: Holds::Always,
    largest_body: "1 MiB",
    index: Holds::Always,
    processes: "any number on one machine",
};

pub(super) const POSTGRES: Row = Row {
    store: "PostgreSQL",
    folder: "postgres",
    url: "`postgres://USER@HOST/DATABASE`",
    durable: Holds::Where("with `fsync` and `full_page_writes` on and `synchronous_commit` not off"),
    never_rewinds: Holds::Where(
        "where it is durable, with `synchronous_commit` on or remote_apply and without `lagging_standby=yes`",
    ),
    keeps: Holds::Always,
    largest_body: "1 MiB",
    index: Holds::Always,
    processes: "any number",
};

pub(super) const MYSQL: Row = Row {
    store: "MySQL, MariaDB",
    folder: "mysql",
    url: "`mysql://USER@HOST/DATABASE`",
    durable: Holds::Where(
        "with `innodb_flush_log_at_trx_commit=1`, `innodb_doublewrite` on, `sync_binlog=1` where there is a binary log, and without `failover=lossy`",
    ),
    never_rewinds: Holds::Where("where it is durable"),
    keeps: Holds::Always,
    largest_body: "1 MiB, or `max_allowed_packet` less 8 KiB",
    index: Holds::Always,
    processes: "any number",
};

pub(super) const REDIS: Row = Row {
    store: "Redis",
    folder: "redis",
    url: "`redis://HOST`, `redis+sentinel://HOST/MASTER`, `redis+cluster://HOST`",
    durable: Holds::Where(
        "with `appendonly yes`, `appendfsync always` and no replica on every node, and never behind Sentinels",
    ),
    never_rewinds: Holds::Where("where it is durable, and on one server only: a fail-over may lose writes"),
    keeps: Holds::Where("with `maxmemory-policy noeviction` on every node"),
    largest_body: "1 MiB",
    index: Holds::Where("as best it can, and heals itself; without `index=no`"),
    processes: "any number",
};

pub(super) const MONGODB: Row = Row {
    store: "MongoDB",
    folder: "mongodb",
    url: "`mongodb://USER@HOST/DATABASE`",
    durable: Holds::Where(
        "with a replica set, or a standalone server whose storage is persistent (not the in-memory engine); so far shown on a stand-in only",
    ),
    never_rewinds: Holds::Where("where it is durable: each write is in the journals of a majority"),
    keeps: Holds::Always,
    largest_body: "1 MiB",
    index: Holds::Always,
    processes: "any number",
};

const MEMCACHED: Row = Row {
    store: "memcached",
    folder: "memcached",
    url: "`memcached://HOST`, for embedders",
    durable: Holds::Never("a restart empties it"),
    never_rewinds: Holds::Where("with one server"),
    keeps: Holds::Never("it evicts, and `flush_all` empties it"),
    largest_body: "what the smallest `item_size_max` leaves",
    index: Holds::Never("it cannot list"),
    processes: "any number",
};

/// All that there are, those that the ready server does not take too.
pub(crate) const ROWS: &[Row] = &[MEMORY, SQLITE, POSTGRES, MYSQL, REDIS, MONGODB, MEMCACHED];

/// What it means that a promise is missing.
struct Missing {
    is_missing: fn(&Promises) -> bool,
    reason: &'static str,
    means: &'static str,
    of: fn(&Row) -> Holds,
}

const MISSING: &[Missing] = &[
    Missing {
        is_missing: |promises| !promises.durable,
        reason: "store_not_durable",
        means: "what was acknowledged may be lost in a crash of the store: logins, consents, new clients and users",
        of: |row| row.durable,
    },
    Missing {
        is_missing: |promises| !promises.never_rewinds,
        reason: "store_rewinds",
        means: "an acknowledged sign-out, revocation or disabling may come undone after a crash or a fail-over of the store, and a spent code or refresh token may work again",
        of: |row| row.never_rewinds,
    },
    Missing {
        is_missing: |promises| !promises.keeps,
        reason: "store_forgets",
        means: "records may go before their end: users have to log in again, and what is disabled may be forgotten",
        of: |row| row.keeps,
    },
];

/// Says in the log what an open store promises, and in plain words what it does not.
pub(super) fn tell(row: &Row, store: &dyn Store) {
    let promises = store.promises();
    let Promises { durable, keeps, never_rewinds, max_body } = promises;
    let (name, index) = (row.store, store.index().is_some());
    tracing::info!(target: "grantor", reason = "store_opened", store = name, durable, keeps, never_rewinds, max_body, index, processes = row.processes, "the store is open, and this is what it promises");
    for missing in MISSING.iter().filter(|missing| (missing.is_missing)(&promises)) {
        let Missing { reason, means, of, .. } = missing;
        let advice = of(row).advice(name);
        tracing::warn!(target: "grantor", reason, store = name, "{means}. {advice}");
    }
    if !index {
        let advice = row.index.advice(name);
        tracing::warn!(target: "grantor", reason = "store_without_index", store = name, "grants, logins, clients and users cannot be listed, and expired records not swept. {advice}");
    }
}

/// The table, as docs/stores.md has it.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "| store | URL | durable | never rewinds | keeps, so may claim | largest body | index | processes |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    for row in ROWS {
        // Writing into a String cannot fail.
        let _ = writeln!(
            out,
            "| [{}](../crates/stores/{}/README.md) | {} | {} | {} | {} | {} | {} | {} |",
            row.store,
            row.folder,
            row.url,
            row.durable.text(),
            row.never_rewinds.text(),
            row.keeps.text(),
            row.largest_body,
            row.index.text(),
            row.processes
        );
    }
    out
}
