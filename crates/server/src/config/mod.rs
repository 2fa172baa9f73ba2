//! The configuration: a TOML file, environment variables that override it, and defaults that are safe.
//!
//! Every setting is one row of a table ([`settings`]); the loader, `grantor config --explain` and the documentation go
//! by it. One file here is one section. What is wrong is collected, so that one start shows all of it.

mod check;
mod client;
pub(crate) mod explain;
mod lifetimes;
mod limits;
mod log;
mod network;
mod passwords;
mod paths;
mod policy;
mod problem;
mod read;
mod server;
pub(crate) mod setting;
mod sweep;
mod user;
pub(crate) mod value;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use grantor::{Client, Scopes};

pub(crate) use client::{auth_method, grant_type, response_type};
pub(crate) use lifetimes::Lifetimes;
pub(crate) use limits::Limits;
pub(crate) use log::Log;
pub(crate) use network::Network;
pub(crate) use passwords::Passwords;
pub(crate) use policy::Policy;
pub(crate) use problem::{Origin, Problem};
pub(crate) use read::without_line_end;
pub(crate) use setting::Setting;
pub(crate) use sweep::Sweep;
pub(crate) use user::{FilePassword, FileUser};

/// Everything that an operator sets.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// As set; empty where `listen` decides. Read it by [`Config::issuer`].
    issuer: String,
    /// Where the server listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// The URL of the store.
    pub(crate) store: String,
    /// The data folder as set. Read it by [`Config::data_folder`].
    data_dir: PathBuf,
    /// Whether an http issuer is allowed on another host than this machine.
    pub(crate) insecure_issuer: bool,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<Network>,
    /// How long everything lives.
    pub(crate) lifetimes: Lifetimes,
    /// What is allowed.
    pub(crate) policy: Policy,
    /// How much may come from outside.
    pub(crate) limits: Limits,
    /// How expired records go.
    pub(crate) sweep: Sweep,
    /// What passwords cost.
    pub(crate) passwords: Passwords,
    /// Where the endpoints are.
    pub(crate) paths: grantor::Paths,
    /// What is logged.
    pub(crate) log: Log,
    /// The scopes, in words for people, in the order of the file's names.
    pub(crate) scopes: BTreeMap<String, String>,
    /// The clients of the file.
    pub(crate) clients: Vec<Client>,
    /// The users of the file.
    pub(crate) users: Vec<FileUser>,
    /// What works but should be known: to be logged at start.
    pub(crate) warnings: Vec<String>,
    /// The file, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// Where each setting that was set came from, by its name.
    origins: BTreeMap<String, Origin>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            issuer: String::new(),
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            store: "sqlite:grantor.db".into(),
            data_dir: PathBuf::from("."),
            insecure_issuer: false,
            trusted_proxies: Vec::new(),
            lifetimes: Lifetimes::default(),
            policy: Policy::default(),
            limits: Limits::default(),
            sweep: Sweep::default(),
            passwords: Passwords::default(),
            paths: grantor::Paths::default(),
            log: Log::default(),
            scopes: BTreeMap::new(),
            clients: Vec::new(),
            users: Vec::new(),
            warnings: Vec::new(),
            file: None,
            origins: BTreeMap::new(),
        }
    }
}

/// The file that is read where none is named.
pub(crate) const DEFAULT_FILE: &str = "grantor.toml";

impl Config {
    /// Reads the file (where none is named `grantor.toml` if it is there) and the environment.
    ///
    /// # Errors
    /// Everything that is wrong, each with its place, its key, the reason and what to write instead.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, Vec<Problem>> {
        Self::load_changed(file, true, |_| {})
    }

    /// The same after a change of the variables, for commands that have flags or defaults of their own. Where no file is
    /// named and `look_for_one` is false, none is read.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub(crate) fn load_changed(
        file: Option<&Path>,
        look_for_one: bool,
        change: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> Result<Self, Vec<Problem>> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok().filter(|name| name.starts_with("GRANTOR_"))?;
            Some((name, value.to_string_lossy().into_owned()))
        });
        let mut variables = variables.collect();
        change(&mut variables);
        read::load(file, look_for_one, &variables)
    }

    /// The issuer identifier (RFC 8414 §2): as set, or `http://localhost` with the port of `listen`.
    pub(crate) fn issuer(&self) -> String {
        if !self.issuer.is_empty() {
            return self.issuer.clone();
        }
        match self.listen.first().map_or(8080, SocketAddr::port) {
            80 => "http://localhost".into(),
            port => format!("http://localhost:{port}"),
        }
    }

    /// The folder of what the server keeps.
    pub(crate) fn data_folder(&self) -> PathBuf {
        let folder = self.file.as_deref().and_then(Path::parent).unwrap_or_else(|| Path::new("."));
        if self.data_dir == Path::new(".") && !folder.as_os_str().is_empty() {
            return folder.to_owned();
        }
        folder.join(&self.data_dir)
    }

    /// The names of all scopes.
    pub(crate) fn scope_names(&self) -> Scopes {
        let names: Vec<&str> = self.scopes.keys().map(String::as_str).collect();
        // Each name was checked when it was read, and their number too.
        Scopes::parse(&names.join(" ")).unwrap_or_default()
    }

    /// Where the setting of this name (`section.key`) came from.
    pub(crate) fn origin(&self, name: &str) -> &Origin {
        self.origins.get(name).unwrap_or(&Origin::Default)
    }
}

/// All settings but those of clients, users and scopes, in the order of the documentation.
pub(crate) fn settings() -> impl Iterator<Item = &'static Setting<Config>> {
    let sections: [&'static [Setting<Config>]; 8] = [
        server::SETTINGS,
        lifetimes::SETTINGS,
        policy::SETTINGS,
        limits::SETTINGS,
        sweep::SETTINGS,
        passwords::SETTINGS,
        paths::SETTINGS,
        log::SETTINGS,
    ];
    sections.into_iter().flatten()
}
