//! The stores that a URL can name: one file for each engine, one line in [`ENGINES`], and one row in
//! [`promises::ROWS`].

mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(feature = "mysql")]
mod mysql;
#[cfg(feature = "postgres")]
mod postgres;
pub(crate) mod promises;
#[cfg(feature = "redis")]
mod redis;
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use grantor::store::{Store, StoreError};

use self::promises::Row;

/// All that this build has.
const ENGINES: &[&dyn Engine] = &[
    &memory::Memory,
    &sqlite::Sqlite,
    #[cfg(feature = "postgres")]
    &postgres::Postgres,
    #[cfg(feature = "mysql")]
    &mysql::Mysql,
    #[cfg(feature = "redis")]
    &redis::Redis,
    #[cfg(feature = "mongodb")]
    &mongodb::Mongodb,
];

/// There is a store of this scheme, and it does not suit the ready server, which has one store for all.
const FORGETFUL: &[&str] = &["memcached", "memcacheds"];

/// A kind of store.
#[async_trait]
trait Engine: fmt::Debug + Sync {
    /// How its URLs look; what stands before the colon belongs to this engine.
    fn forms(&self) -> &'static [&'static str];

    /// What is said of it.
    fn row(&self) -> &'static Row;

    /// Whether other processes see the same records.
    fn is_shared(&self) -> bool {
        true
    }

    /// Whether the URL is well formed. Nothing is opened.
    fn check(&self, url: &str, folder: &Path) -> Result<(), StoreError>;

    async fn open(&self, url: &str, folder: &Path) -> Result<Opened, StoreError>;

    /// Brings it to the schema of this release; says what was done.
    async fn migrate(&self, url: &str, folder: &Path) -> Result<String, StoreError>;
}

/// A store that lets go of its engine.
#[async_trait]
trait Closing: fmt::Debug + Send + Sync {
    async fn close(&self) -> Result<(), StoreError>;
}

/// An open store, and how it is closed.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    closing: Arc<dyn Closing>,
    row: &'static Row,
}

impl Opened {
    fn of<T: Store + Closing>(engine: &dyn Engine, store: T) -> Self {
        let store = Arc::new(store);
        Self { store: Arc::clone(&store) as Arc<dyn Store>, closing: store, row: engine.row() }
    }

    /// Says in the log what it promises and what it does not.
    pub(crate) fn tell(&self) {
        promises::tell(self.row, self.store.as_ref());
    }

    /// Answers what waits and lets go of the engine.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.closing.close().await
    }
}

/// What a migration did, for people.
fn migrated(what: &str, from: u32, to: u32) -> String {
    if from == to {
        format!("{what} has schema {to} already: nothing to do")
    } else {
        format!("{what} is migrated from schema {from} to {to}")
    }
}

/// What stands before the colon.
fn scheme(url: &str) -> Option<&str> {
    url.split_once(':').map(|(scheme, _)| scheme)
}

fn engine(url: &str) -> Result<&'static dyn Engine, String> {
    let found = ENGINES.iter().find(|engine| engine.forms().iter().any(|form| scheme(form) == scheme(url)));
    found.copied().ok_or_else(|| {
        let forms: Vec<String> =
            ENGINES.iter().flat_map(|engine| engine.forms()).map(|form| format!("\"{form}\"")).collect();
        let forms = forms.join(", ");
        let name = scheme(url).unwrap_or(url);
        if FORGETFUL.contains(&name) {
            return format!(
                "memcached may forget what it is given, but this store has clients, users and what was disabled; write one of \
                 {forms}. An application that embeds grantor can have its codes and tokens in memcached, with another store \
                 for `.standing_store(..)`"
            );
        }
        // A URL can have a password in it: only the scheme is repeated.
        let name: String = name.chars().take(20).flat_map(char::escape_debug).collect();
        format!("there is no store `{name}:`; write one of {forms}")
    })
}

/// Whether the URL names a store and is well formed.
///
/// # Errors
/// What is wrong and what to write instead.
pub(crate) fn check(url: &str, folder: &Path) -> Result<(), String> {
    engine(url)?.check(url, folder).map_err(|error| error.to_string())
}

/// The URL without the password in it, to be shown.
pub(crate) fn shown(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    // In a password a `/` or `?` may stand as it is, so it ends at the last `@`.
    let Some((user, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    match user.split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:***@{host}"),
        None => url.to_owned(),
    }
}

/// Whether other processes see the records of this store.
pub(crate) fn is_shared(url: &str) -> bool {
    engine(url).is_ok_and(Engine::is_shared)
}

/// Opens a store; relative paths begin at the data folder.
pub(crate) async fn open(url: &str, folder: &Path) -> Result<Opened, StoreError> {
    engine(url).map_err(StoreError::nothing_written)?.open(url, folder).await
}

/// Brings a store to the schema of this release; says what was done.
pub(crate) async fn migrate(url: &str, folder: &Path) -> Result<String, StoreError> {
    engine(url).map_err(StoreError::nothing_written)?.migrate(url, folder).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_shown() {
        for (url, seen) in [
            ("postgres://u:secret@h/d", "postgres://u:***@h/d"),
            ("postgres://u:se@cr/et@h/d?a=b", "postgres://u:***@h/d?a=b"),
            ("redis://:secret@h", "redis://:***@h"),
            ("postgres://u@h/d", "postgres://u@h/d"),
            ("sqlite:///a@b:c", "sqlite:///a@b:c"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(shown(url), seen);
        }
    }

    #[test]
    fn an_unknown_scheme_names_those_that_exist() {
        for bad in ["couchdb://u:secret@h/db", "sqlite", "", "sqlite3:x"] {
            let why = check(bad, Path::new(".")).unwrap_err();
            assert!(why.contains("\"memory:\"") && why.contains("\"sqlite:grantor.db\""), "{why}");
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(check("memory:x", Path::new(".")).is_err());
        assert!(check("sqlite:a.db?readers=0", Path::new(".")).is_err());
    }

    #[test]
    #[cfg(all(feature = "postgres", feature = "mysql", feature = "redis", feature = "mongodb"))]
    fn every_engine_of_the_whole_build_takes_its_urls() {
        for good in [
            "redis://h",
            "redis+sentinel://h/m",
            "redis+cluster://h,i",
            "postgres://u@h/d",
            "postgresql://u@h/d",
            "mysql://h/d",
            "mariadb://h/d",
            "mongodb://h,i/d",
        ] {
            assert_eq!(check(good, Path::new(".")), Ok(()), "{good}");
            assert!(is_shared(good));
        }
        let why = check("redis://u:secret@h?nothing=1", Path::new(".")).unwrap_err();
        assert!(why.contains("no such option") && !why.contains("secret"), "{why}");
    }

    #[tokio::test]
    async fn a_store_that_forgets_is_refused_with_what_to_do() {
        for url in ["memcached://u:secret@h/", "memcacheds://u:secret@h/"] {
            let why = check(url, Path::new(".")).unwrap_err();
            for said in ["may forget", "\"sqlite:grantor.db\"", "standing_store"] {
                assert!(why.contains(said), "{why}");
            }
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(open("memcached://h", Path::new(".")).await.is_err());
    }
}
