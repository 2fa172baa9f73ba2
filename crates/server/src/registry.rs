//! The stores that a URL can name. A new store is one line in [`SCHEMES`].

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use grantor::memory::MemoryStore;
use grantor::postgres::{self, PostgresStore};
use grantor::redis::{self, RedisStore};
use grantor::sqlite::{self, SqliteStore};
use grantor::store::{Store, StoreError};

/// An open store, and how it is closed.
#[derive(Debug, Clone)]
pub(crate) struct Opened {
    /// The store.
    pub(crate) store: Arc<dyn Store>,
    closing: Arc<dyn Closing>,
}

impl Opened {
    /// Answers what waits and lets go of the engine.
    pub(crate) async fn close(&self) -> Result<(), StoreError> {
        self.closing.close().await
    }
}

#[async_trait]
trait Closing: fmt::Debug + Send + Sync {
    async fn close(&self) -> Result<(), StoreError>;
}

#[async_trait]
impl Closing for SqliteStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self).await
    }
}

#[async_trait]
impl Closing for MemoryStore {
    async fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl Closing for RedisStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self).await;
        Ok(())
    }
}

#[async_trait]
impl Closing for PostgresStore {
    async fn close(&self) -> Result<(), StoreError> {
        Self::close(self);
        Ok(())
    }
}

/// A kind of store.
struct Scheme {
    /// What stands before the colon.
    name: &'static str,
    /// How a URL of it looks.
    form: &'static str,
    /// Whether other processes see the same records.
    shared: bool,
    check: fn(&str, &Path) -> Result<(), StoreError>,
    open: fn(&str, &Path) -> Result<Opened, StoreError>,
    migrate: fn(&str, &Path) -> Result<String, StoreError>,
}

const SCHEMES: &[Scheme] = &[
    Scheme {
        name: "memory",
        form: "memory:",
        shared: false,
        check: |url, _| match url {
            "memory:" => Ok(()),
            _ => Err(StoreError::nothing_written("nothing can stand behind memory:")),
        },
        open: |_, _| {
            let store = Arc::new(MemoryStore::new());
            Ok(Opened { store: Arc::clone(&store) as Arc<dyn Store>, closing: store })
        },
        migrate: |_, _| Ok("a store in memory has nothing to migrate".into()),
    },
    Scheme {
        name: "sqlite",
        form: "sqlite:grantor.db",
        shared: true,
        check: |url, folder| sqlite_options(url, folder).map(|_| ()),
        open: |url, folder| {
            let store = Arc::new(SqliteStore::open(&sqlite_options(url, folder)?)?);
            Ok(Opened { store: Arc::clone(&store) as Arc<dyn Store>, closing: store })
        },
        migrate: |url, folder| {
            let options = sqlite_options(url, folder)?;
            let sqlite::Migration { from, to } = sqlite::migrate(&options)?;
            let file = options.path().display();
            Ok(if from == to {
                format!("{file} has schema {to} already: nothing to do")
            } else {
                format!("{file} is migrated from schema {from} to {to}")
            })
        },
    },
    postgres("postgres", "postgres://USER:PASSWORD@HOST/DATABASE"),
    postgres("postgresql", "postgresql://USER:PASSWORD@HOST/DATABASE"),
    redis("redis", "redis://127.0.0.1:6379"),
    redis("redis+sentinel", "redis+sentinel://127.0.0.1:26379/mymaster"),
    redis("redis+cluster", "redis+cluster://127.0.0.1:6379"),
];

/// There is a store of this scheme, and it does not suit the ready server, which has one store for all.
const FORGETFUL: &str = "memcached";

/// The two names of PostgreSQL's URLs.
const fn postgres(name: &'static str, form: &'static str) -> Scheme {
    Scheme {
        name,
        form,
        shared: true,
        check: |url, _| postgres::Options::parse(url).map(|_| ()),
        open: |url, _| {
            let options = postgres::Options::parse(url)?;
            let store = Arc::new(wait(PostgresStore::open(&options))?);
            Ok(Opened { store: Arc::clone(&store) as Arc<dyn Store>, closing: store })
        },
        migrate: |url, _| {
            let postgres::Migration { from, to } = wait(postgres::migrate(&postgres::Options::parse(url)?))?;
            Ok(if from == to {
                format!("the database has schema {to} already: nothing to do")
            } else {
                format!("the database is migrated from schema {from} to {to}")
            })
        },
    }
}

/// Waits for a store behind a server, on the runtime that there is, or on one for this alone.
fn wait<T>(doing: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    if let Ok(runtime) = tokio::runtime::Handle::try_current() {
        return runtime.block_on(doing);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let no_runtime = |error| StoreError::nothing_written("no runtime").with_source(error);
    runtime.map_err(no_runtime)?.block_on(doing)
}

/// One of the ways in which Redis is set up.
const fn redis(name: &'static str, form: &'static str) -> Scheme {
    Scheme {
        name,
        form,
        shared: true,
        check: |url, _| redis::Options::parse(url).map(|_| ()),
        open: |url, _| {
            let options = redis::Options::parse(url)?;
            let store = Arc::new(now(RedisStore::open(&options))?);
            Ok(Opened { store: Arc::clone(&store) as Arc<dyn Store>, closing: store })
        },
        migrate: |url, _| {
            redis::Options::parse(url)?;
            Ok("a store in Redis has nothing to migrate".into())
        },
    }
}

/// Waits for an opening that is async, on a thread that may block.
fn now<T>(opening: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let runtime = tokio::runtime::Handle::try_current()
        .map_err(|error| StoreError::nothing_written(format!("the store needs a runtime: {error}")))?;
    runtime.block_on(opening)
}

fn sqlite_options(url: &str, folder: &Path) -> Result<sqlite::Options, StoreError> {
    Ok(sqlite::Options::parse(url)?.below(folder))
}

fn scheme(url: &str) -> Result<&'static Scheme, String> {
    let name = url.split(':').next().unwrap_or_default();
    let found = SCHEMES.iter().find(|scheme| scheme.name == name && url.contains(':'));
    found.ok_or_else(|| {
        let forms: Vec<String> = SCHEMES.iter().map(|scheme| format!("\"{}\"", scheme.form)).collect();
        if name == FORGETFUL {
            return format!(
                "memcached may forget what it is given, but this store has clients, users and what was disabled; write one of \
                 {}. An application that embeds grantor can have its codes and tokens in memcached, with another store for \
                 `.standing_store(..)`",
                forms.join(", ")
            );
        }
        // A URL can have a password in it: only the scheme is repeated.
        let name: String = name.chars().take(20).flat_map(char::escape_debug).collect();
        format!("there is no store `{name}:`; write one of {}", forms.join(", "))
    })
}

/// Whether the URL names a store and is well formed.
///
/// # Errors
/// What is wrong and what to write instead.
pub(crate) fn check(url: &str, folder: &Path) -> Result<(), String> {
    (scheme(url)?.check)(url, folder).map_err(|error| error.to_string())
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
    scheme(url).is_ok_and(|scheme| scheme.shared)
}

/// Opens a store; relative paths begin at the data folder. It may block for a while.
pub(crate) fn open(url: &str, folder: &Path) -> Result<Opened, StoreError> {
    let scheme = scheme(url).map_err(StoreError::nothing_written)?;
    (scheme.open)(url, folder)
}

/// Brings a store to the schema of this release; says what was done.
pub(crate) fn migrate(url: &str, folder: &Path) -> Result<String, StoreError> {
    let scheme = scheme(url).map_err(StoreError::nothing_written)?;
    (scheme.migrate)(url, folder)
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
        for bad in ["mongodb://u:secret@h/db", "sqlite", "", "sqlite3:x"] {
            let why = check(bad, Path::new(".")).unwrap_err();
            assert!(why.contains("\"memory:\"") && why.contains("\"sqlite:grantor.db\""), "{why}");
            assert!(!why.contains("secret"), "{why}");
        }
        assert!(check("memory:x", Path::new(".")).is_err());
        assert!(check("sqlite:a.db?readers=0", Path::new(".")).is_err());
        for good in ["redis://h", "redis+sentinel://h/m", "redis+cluster://h,i"] {
            assert_eq!(check(good, Path::new(".")), Ok(()));
            assert!(is_shared(good));
        }
        let why = check("redis://u:secret@h?nothing=1", Path::new(".")).unwrap_err();
        assert!(why.contains("no such option") && !why.contains("secret"), "{why}");
    }

    #[test]
    fn a_store_that_forgets_is_refused_with_what_to_do() {
        let why = check("memcached://u:secret@h/", Path::new(".")).unwrap_err();
        for said in ["may forget", "\"sqlite:grantor.db\"", "standing_store"] {
            assert!(why.contains(said), "{why}");
        }
        assert!(!why.contains("secret"), "{why}");
        assert!(open("memcached://h", Path::new(".")).is_err());
    }

    #[test]
    fn relative_files_begin_at_the_data_folder() {
        let options = sqlite_options("sqlite:a/g.db", Path::new("/data")).unwrap();
        assert_eq!(options.path(), Path::new("/data/a/g.db"));
        let options = sqlite_options("sqlite:///x/g.db", Path::new("/data")).unwrap();
        assert_eq!(options.path(), Path::new("/x/g.db"));
    }
}
