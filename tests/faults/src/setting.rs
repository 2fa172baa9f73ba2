//! The settings: one engine for everything, or several that share the work. Engines are started once and serve all faults.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;

use grantor_testkit::engine::{self, Engine, RedisCluster, RedisSentinel};
use tempfile::TempDir;

use crate::Result;
use crate::host::Options;

/// A kind of store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// In the process.
    Memory,
    /// A file.
    Sqlite,
    /// A PostgreSQL server.
    Postgres,
    /// A MariaDB server.
    Mariadb,
    /// A Redis server.
    Redis,
    /// A Redis master with a replica, behind three Sentinels.
    Sentinels,
    /// A Redis Cluster of three masters.
    Cluster,
    /// Two memcached servers.
    Memcached,
    /// A MongoDB server, or what stands in for it.
    Mongodb,
}

impl Kind {
    /// Whether several processes see the same records.
    pub const fn is_shared(self) -> bool {
        !matches!(self, Self::Memory)
    }

    /// Whether what was acknowledged survives the sudden end of the engine and of the process.
    pub fn is_durable(self) -> bool {
        match self {
            Self::Memory | Self::Memcached | Self::Sentinels => false,
            // What stands in for it has all in memory.
            Self::Mongodb => !engine::mongodb_is_stand_in(),
            _ => true,
        }
    }

    /// Whether it is a server, or several, of which each is killed and started for itself.
    pub const fn is_engine(self) -> bool {
        !self.engines().is_empty()
    }

    const fn engines(self) -> &'static [fn() -> std::io::Result<Engine>] {
        match self {
            Self::Memory | Self::Sqlite | Self::Sentinels | Self::Cluster => &[],
            Self::Postgres => &[engine::postgres],
            Self::Mariadb => &[engine::mariadb],
            Self::Redis => &[engine::redis],
            Self::Memcached => &[engine::memcached, engine::memcached],
            Self::Mongodb => &[engine::mongodb],
        }
    }

    /// The URL; `patient` gives a call a minute, where it is not the time that is tried.
    fn url(self, ports: &[u16], folder: &Path, patient: bool) -> String {
        let port = ports.first().copied().unwrap_or_default();
        let all: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
        let all = all.join(",");
        let redis = "deadline_ms=60000&response_ms=60000&connect_ms=60000";
        let (base, with_patience) = match self {
            Self::Memory => ("memory:".to_owned(), ""),
            Self::Sqlite => {
                (format!("sqlite:{}", folder.join("store.db").display()), "busy_timeout_ms=60000")
            }
            Self::Postgres => (format!("postgres://grantor@127.0.0.1:{port}/postgres"), "deadline_ms=60000"),
            Self::Mariadb => (format!("mysql://root@127.0.0.1:{port}/test"), "timeout_ms=60000"),
            Self::Redis => (format!("redis://{all}"), redis),
            Self::Sentinels => (format!("redis+sentinel://{all}/main"), redis),
            Self::Cluster => (format!("redis+cluster://{all}"), redis),
            Self::Memcached => (format!("memcached://{all}"), "deadline_ms=60000"),
            Self::Mongodb => (format!("mongodb://{all}/grantor"), "deadline_ms=60000"),
        };
        if patient && !with_patience.is_empty() { format!("{base}?{with_patience}") } else { base }
    }
}

/// Which stores a provider has.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in the table.
    pub name: &'static str,
    /// Where grants are.
    pub live: Kind,
    /// Where codes and waiting requests are, where not there.
    pub pending: Option<Kind>,
    /// Where disabled and not-before are, where not there.
    pub standing: Option<Kind>,
    /// Where clients are, where the provider does not have them from the beginning.
    pub clients: Option<Kind>,
}

const fn single(name: &'static str, live: Kind) -> Setting {
    Setting { name, live, pending: None, standing: None, clients: None }
}

/// All settings.
pub const ALL: &[Setting] = &[
    single("memory", Kind::Memory),
    single("SQLite", Kind::Sqlite),
    single("PostgreSQL", Kind::Postgres),
    single("MariaDB", Kind::Mariadb),
    single("Redis", Kind::Redis),
    single("Redis behind Sentinels", Kind::Sentinels),
    single("Redis Cluster", Kind::Cluster),
    single("MongoDB", Kind::Mongodb),
    Setting { standing: Some(Kind::Sqlite), ..single("memcached, two servers", Kind::Memcached) },
    Setting {
        pending: Some(Kind::Redis),
        clients: Some(Kind::Mariadb),
        ..single("codes in Redis, grants in PostgreSQL, clients in MariaDB", Kind::Postgres)
    },
    Setting {
        pending: Some(Kind::Memcached),
        clients: Some(Kind::Sqlite),
        standing: Some(Kind::Sqlite),
        ..single("codes in memcached, grants and clients in SQLite", Kind::Sqlite)
    },
    Setting {
        pending: Some(Kind::Postgres),
        clients: Some(Kind::Sqlite),
        standing: Some(Kind::Postgres),
        ..single("codes in PostgreSQL, grants in memcached, clients in SQLite", Kind::Memcached)
    },
];

impl Setting {
    /// The name, and what is not the real thing in it.
    pub fn title(&self) -> String {
        let stand_in = self.kinds().contains(&Kind::Mongodb) && engine::mongodb_is_stand_in();
        if stand_in { format!("{} (stand-in)", self.name) } else { self.name.to_owned() }
    }

    /// Every kind that takes part.
    pub fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> =
            [Some(self.live), self.pending, self.standing, self.clients].into_iter().flatten().collect();
        kinds.sort_unstable();
        kinds.dedup();
        kinds
    }

    /// Whether codes and grants are in different stores.
    pub const fn is_split(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether several processes can serve together.
    pub fn is_shared(&self) -> bool {
        self.kinds().into_iter().all(Kind::is_shared)
    }

    /// Whether all its engines can be killed at once and go on where they were. Sentinels would choose another master.
    pub fn can_be_killed(&self) -> bool {
        self.is_shared() && !self.kinds().contains(&Kind::Sentinels)
    }

    /// Whether codes and grants survive the sudden end of engines and processes.
    pub fn is_durable(&self) -> bool {
        self.live.is_durable() && self.pending.is_none_or(Kind::is_durable)
    }
}

/// The engines that were started so far; they end with this.
#[derive(Debug, Default)]
pub struct Engines {
    running: BTreeMap<Kind, Vec<Engine>>,
    sentinels: Option<RedisSentinel>,
    cluster: Option<RedisCluster>,
}

impl Engines {
    fn start(&mut self, kind: Kind) -> Result<()> {
        match kind {
            Kind::Sentinels if self.sentinels.is_none() => self.sentinels = Some(engine::redis_sentinel(1)?),
            Kind::Cluster if self.cluster.is_none() => self.cluster = Some(engine::redis_cluster(0)?),
            Kind::Sentinels | Kind::Cluster => {}
            _ => drop(self.of(kind)?),
        }
        Ok(())
    }

    fn of(&mut self, kind: Kind) -> Result<&mut [Engine]> {
        match kind {
            Kind::Sentinels => return Err("servers behind Sentinels are not killed here".into()),
            Kind::Cluster => return Ok(self.cluster.as_mut().ok_or("there is no Cluster")?.nodes()),
            _ => {}
        }
        Ok(match self.running.entry(kind) {
            Entry::Occupied(running) => running.into_mut(),
            Entry::Vacant(place) => {
                let engines: std::io::Result<Vec<_>> = kind.engines().iter().map(|start| start()).collect();
                let engines = engines?;
                if kind == Kind::Mariadb {
                    create_database(&engines)?;
                }
                place.insert(engines)
            }
        })
    }
}

/// The store makes its tables, not the database.
fn create_database(engines: &[Engine]) -> Result<()> {
    for engine in engines {
        let mut client = std::process::Command::new("mariadb");
        client.args(["--no-defaults", "-h127.0.0.1", "-uroot", "-e", "CREATE DATABASE IF NOT EXISTS test"]);
        client.arg(format!("-P{}", engine.port()));
        if !client.status()?.success() {
            return Err("the database test cannot be made".into());
        }
    }
    Ok(())
}

/// A setting whose engines run, with a folder for files.
#[derive(Debug)]
pub struct Stage<'a> {
    /// Which.
    pub setting: Setting,
    engines: &'a mut Engines,
    folder: TempDir,
}

impl<'a> Stage<'a> {
    /// Starts what the setting needs and does not run yet.
    ///
    /// # Errors
    /// An engine is missing, with the line that installs it, or does not come up.
    pub fn new(setting: Setting, engines: &'a mut Engines) -> Result<Self> {
        for kind in setting.kinds() {
            engines.start(kind)?;
        }
        Ok(Self { setting, engines, folder: grantor_testkit::folder("faults")? })
    }

    /// The folder with the files of the stores.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What a host of this setting is started with: calls have a minute, and there is no retry window.
    pub fn options(&self) -> Options {
        self.options_with(true)
    }

    /// The same with the stores' own deadlines.
    pub fn options_with_deadlines(&self) -> Options {
        self.options_with(false)
    }

    fn options_with(&self, patient: bool) -> Options {
        self.options_over(patient, |kind| self.ports(kind))
    }

    /// The ports of the engines of a kind.
    pub fn ports(&self, kind: Kind) -> Vec<u16> {
        match kind {
            Kind::Sentinels => self.engines.sentinels.iter().flat_map(RedisSentinel::ports).collect(),
            Kind::Cluster => self
                .engines
                .cluster
                .iter()
                .flat_map(|cluster| (0..3).map(|node| cluster.port(node)))
                .collect(),
            _ => self.engines.running.get(&kind).into_iter().flatten().map(Engine::port).collect(),
        }
    }

    /// The same with other ports for the engines, such as those of proxies before them.
    pub fn options_over(&self, patient: bool, ports: impl Fn(Kind) -> Vec<u16>) -> Options {
        let url = |kind: Kind| kind.url(&ports(kind), self.folder(), patient);
        Options {
            store: url(self.setting.live),
            pending: self.setting.pending.map(url),
            standing: self.setting.standing.map(url),
            clients: self.setting.clients.map(url),
            ..Options::default()
        }
    }

    /// The engines of a kind, to be killed, stopped and started again.
    ///
    /// # Errors
    /// They did not run, and do not come up.
    pub fn engines(&mut self, kind: Kind) -> Result<&mut [Engine]> {
        self.engines.of(kind)
    }

    /// Kills the servers of a kind (SIGKILL) without starting them again.
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&mut self, kind: Kind) -> Result<()> {
        for engine in self.engines.of(kind)? {
            engine.kill()?;
        }
        Ok(())
    }

    /// Starts the killed servers of a kind on their data.
    ///
    /// # Errors
    /// One does not come up.
    pub fn start_again(&mut self, kind: Kind) -> Result<()> {
        for engine in self.engines.of(kind)? {
            engine.start_again()?;
        }
        if let (Kind::Cluster, Some(cluster)) = (kind, &self.engines.cluster) {
            cluster.wait_until_whole()?;
        }
        Ok(())
    }
}
