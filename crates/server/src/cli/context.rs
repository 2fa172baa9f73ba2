//! What the commands that act on the store have in common: they open it, do one thing, and close it.

use grantor::store::{Filter, Index, Kind, Record, Removed};
use grantor::{Client, ClientId, ClientStore as _, Grants, Timestamp};

use crate::app::App;
use crate::config::Config;
use crate::failure::Failure;
use crate::registry;
use crate::users::User;

/// A configuration, before its store is open.
pub(super) struct Context {
    config: Config,
    json: bool,
}

/// The open store of a command.
pub(super) struct Own {
    /// Everything.
    pub(super) app: App,
    /// The moment of the command.
    pub(super) now: Timestamp,
    /// Whether to print JSON.
    pub(super) json: bool,
}

/// How many records are read at a time.
const PAGE: usize = 500;

impl Context {
    pub(super) const fn new(config: Config, json: bool) -> Self {
        Self { config, json }
    }

    /// Opens the store, does the work, closes the store.
    pub(super) fn run(self, work: impl AsyncFnOnce(&Own) -> Result<(), Failure>) -> Result<(), Failure> {
        if !registry::is_shared(&self.config.store) {
            return Err(Failure::usage(format!(
                "the store is {}, which nobody but the server process itself sees, so a command cannot act on it; set store = \"sqlite:grantor.db\", or write clients and users into the configuration file",
                self.config.store
            )));
        }
        runtime()?.block_on(async {
            let app = App::open(self.config).await?;
            let own = Own { now: app.clock.now(), app, json: self.json };
            let done = work(&own).await;
            let closed = own.app.close().await;
            done.and(closed)
        })
    }
}

impl Own {
    /// The user with this login name or this subject.
    pub(super) async fn user(&self, name: &str) -> Result<User, Failure> {
        if let Some(user) = self.app.users.by_name(name, self.now).await? {
            return Ok(user);
        }
        let found = self.app.users.by_subject(name, self.now).await?;
        found.ok_or_else(|| no_user(name))
    }

    /// The subject of the user with this name; a subject that is nobody's any more is taken as it is.
    pub(super) async fn subject(&self, name: &str) -> Result<String, Failure> {
        match self.user(name).await {
            Ok(user) => Ok(user.subject),
            Err(_) if name.starts_with("usr_") => Ok(name.to_owned()),
            Err(failure) => Err(failure),
        }
    }

    /// The client with this identifier, and whether the file names it.
    pub(super) async fn client(&self, id: &str) -> Result<(Client, bool), Failure> {
        let id = client_id(id)?;
        let of_file = self.app.clients.of_file(&id).is_some();
        match self.app.clients.find(&id, self.now).await? {
            Some(client) => Ok((client.as_ref().clone(), of_file)),
            None => {
                Err(Failure::new(format!("there is no client {id}; `grantor client list` shows them all")))
            }
        }
    }

    /// The grants.
    pub(super) fn grants(&self) -> Grants {
        Grants::new(std::sync::Arc::clone(&self.app.store))
    }

    /// The listing of the store.
    pub(super) fn index(&self) -> Result<&dyn Index, Failure> {
        self.app.store.index().ok_or_else(|| Failure::new("this store cannot list its records"))
    }

    /// All records of a kind, of this client and this subject.
    pub(super) async fn records(
        &self,
        kind: Kind,
        client: Option<&str>,
        subject: Option<&str>,
    ) -> Result<Vec<Record>, Failure> {
        let mut filter = Filter::kind(kind);
        filter.client = client.map(str::to_owned);
        filter.subject = subject.map(str::to_owned);
        let (index, mut all) = (self.index()?, Vec::<Record>::new());
        loop {
            let after = all.last().map(|record| record.key.id);
            let page = index.list(&filter, after, PAGE, self.now).await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Removes all records of a kind, of this client and this subject; how many there were.
    pub(super) async fn remove_records(
        &self,
        kind: Kind,
        client: Option<&str>,
        subject: Option<&str>,
    ) -> Result<usize, Failure> {
        let mut removed = 0;
        for record in self.records(kind, client, subject).await? {
            let gone = self.app.store.remove(&record.key, self.now).await?;
            removed += usize::from(gone == Removed::Removed);
        }
        Ok(removed)
    }
}

/// What a command runs on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::new(format!("no runtime: {error}")))
}

/// The identifier of a client; one that is gone is taken as it is, for its grants may still be there.
pub(super) fn client_id(id: &str) -> Result<ClientId, Failure> {
    ClientId::parse(id).map_err(|error| Failure::usage(error.to_string()))
}

/// There is no such user.
pub(super) fn no_user(name: &str) -> Failure {
    let name: String = name.chars().take(60).flat_map(char::escape_debug).collect();
    Failure::new(format!("there is no user {name}; `grantor user list` shows them all"))
}

/// Something stands in the configuration file, where no command changes it.
pub(super) fn of_file(own: &Own, what: &str) -> Failure {
    let file =
        own.app.config.file.as_deref().map_or_else(|| "the file".into(), |file| file.to_string_lossy());
    Failure::usage(format!("{what} stands in {file}; change it there and restart the server"))
}
