//! Where the file is and how it is opened: the builder, and the URL that the server's configuration uses.

use std::path::{Path, PathBuf};
use std::time::Duration;

use grantor_core::store::StoreError;
use grantor_core::store::options::{number, one_of, percent_decoded};

/// When an acknowledged write is on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Synchronous {
    /// Before it is acknowledged: it survives the loss of power. This is the default.
    #[default]
    Full,
    /// At the next checkpoint: a write survives the death of the process, but the loss of power may take the last
    /// ones back. The store then promises neither `durable` nor `never_rewinds`.
    Normal,
}

/// What happens to a file whose schema is older than this release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Migrate {
    /// It is refused, with the command that migrates it. This is the default.
    #[default]
    Manual,
    /// It is migrated when it is opened.
    Auto,
}

/// How much of the file is checked when it is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Check {
    /// The whole file if it is small (at most 4 MiB), otherwise only its head and schema. This is the default.
    #[default]
    Small,
    /// The whole file, whatever its size.
    Full,
    /// Only the head and the schema.
    Head,
}

/// How a [`SqliteStore`](crate::SqliteStore) is opened.
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `synchronous=full\|normal` | `full` | [`Synchronous`] |
/// | `migrate=manual\|auto` | `manual` | [`Migrate`]; a new, empty file gets its schema in any case |
/// | `create=yes\|no` | `yes` | whether a missing file (0600) and its folder (0700) are created |
/// | `check=small\|full\|head` | `small` | [`Check`] |
/// | `busy_timeout_ms=1..600000` | `5000` | how long a write waits while another process writes |
/// | `readers=1..64` | `4` at most, by the number of cores | threads, each with one connection, that answer reads |
/// | `queue=1..65536` | `1024` | requests that wait for the writer (and for the readers); further callers wait to enter |
/// | `max_pages=16..` | none | the file never grows over so many pages of 4 KiB |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) path: PathBuf,
    pub(crate) synchronous: Synchronous,
    pub(crate) migrate: Migrate,
    pub(crate) create: bool,
    pub(crate) check: Check,
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: usize,
    pub(crate) queue: usize,
    pub(crate) max_pages: Option<u32>,
}

impl Options {
    /// The defaults, for the file at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            synchronous: Synchronous::default(),
            migrate: Migrate::default(),
            create: true,
            check: Check::default(),
            busy_timeout: Duration::from_secs(5),
            readers: std::thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 4)),
            queue: 1024,
            max_pages: None,
        }
    }

    /// The same with a relative path taken from this folder.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        self.path = folder.join(self.path);
        self
    }

    /// Reads `sqlite:relative.db?option=value` or `sqlite:///absolute/path.db?option=value`.
    ///
    /// `%` in the path is the beginning of a percent-encoded byte.
    ///
    /// # Errors
    /// Another scheme, a host, no path, `:memory:`, an unknown option or a bad value; the message says what to write.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| {
            StoreError::nothing_written(format!(
                "the store URL {url:?} {why}; write sqlite:relative.db or sqlite:///absolute/path.db"
            ))
        };
        let rest = url.strip_prefix("sqlite:").ok_or_else(|| refuse("does not begin with sqlite:"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let path = match path.strip_prefix("//") {
            None => path,
            Some(after) if after.starts_with('/') => after,
            Some(after) => match after.strip_prefix("localhost/") {
                Some(_) => after.trim_start_matches("localhost"),
                None => return Err(refuse("names a host, but SQLite only opens files of this machine")),
            },
        };
        let path = percent_decoded(path).ok_or_else(|| refuse("has a path with a bad percent-encoding"))?;
        if path.is_empty() {
            return Err(refuse("names no file"));
        }
        if path == ":memory:" {
            return Err(refuse("asks for a database in memory, which cannot keep what it acknowledged"));
        }
        let mut options = Self::at(path);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(name, value).map_err(|why| {
                StoreError::nothing_written(format!("the store URL has the option {pair:?}: {why}"))
            })?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "synchronous" => {
                self.synchronous =
                    one_of(value, &[("full", Synchronous::Full), ("normal", Synchronous::Normal)])?;
            }
            "migrate" => {
                self.migrate = one_of(value, &[("manual", Migrate::Manual), ("auto", Migrate::Auto)])?;
            }
            "create" => self.create = one_of(value, &[("yes", true), ("no", false)])?,
            "check" => {
                let values = [("small", Check::Small), ("full", Check::Full), ("head", Check::Head)];
                self.check = one_of(value, &values)?;
            }
            "busy_timeout_ms" => {
                self.busy_timeout = Duration::from_millis(u64::from(number(value, 1, 600_000)?));
            }
            "readers" => self.readers = number(value, 1, 64)? as usize,
            "queue" => self.queue = number(value, 1, 65_536)? as usize,
            "max_pages" => self.max_pages = Some(number(value, 16, u32::MAX - 2)?),
            _ => {
                return Err("there is no such option; there are synchronous, migrate, create, check, \
                            busy_timeout_ms, readers, queue, max_pages"
                    .to_owned());
            }
        }
        Ok(())
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// When a write is acknowledged.
    #[must_use]
    pub fn synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// What happens to a file with an older schema.
    #[must_use]
    pub fn migrate(mut self, migrate: Migrate) -> Self {
        self.migrate = migrate;
        self
    }

    /// Whether a missing file is created.
    #[must_use]
    pub fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// How much is checked at open.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.check = check;
        self
    }

    /// How long a write waits while another process writes.
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// How many threads answer reads; at least one.
    #[must_use]
    pub fn readers(mut self, readers: usize) -> Self {
        self.readers = readers.clamp(1, 64);
        self
    }

    /// How many requests wait for the writer and for the readers before further callers wait to enter.
    #[must_use]
    pub fn queue(mut self, queue: usize) -> Self {
        self.queue = queue.clamp(1, 65_536);
        self
    }

    /// The largest number of pages of 4 KiB that the file may have.
    #[must_use]
    pub fn max_pages(mut self, pages: u32) -> Self {
        self.max_pages = Some(pages.max(16));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(url: &str) -> String {
        Options::parse(url).unwrap_err().to_string()
    }

    #[test]
    fn paths() {
        for (url, path) in [
            ("sqlite:grantor.db", "grantor.db"),
            ("sqlite:data/grantor.db", "data/grantor.db"),
            ("sqlite:/var/lib/grantor/g.db", "/var/lib/grantor/g.db"),
            ("sqlite:///var/lib/grantor/g.db", "/var/lib/grantor/g.db"),
            ("sqlite://localhost/var/g.db", "/var/g.db"),
            ("sqlite:a%20b%3f.db", "a b?.db"),
        ] {
            assert_eq!(Options::parse(url).unwrap().path(), Path::new(path), "{url}");
        }
    }

    #[test]
    fn only_relative_paths_are_taken_from_a_folder() {
        let below = |url: &str| Options::parse(url).unwrap().below(Path::new("/data")).path().to_owned();
        assert_eq!(below("sqlite:g.db"), Path::new("/data/g.db"));
        assert_eq!(below("sqlite:///var/g.db"), Path::new("/var/g.db"));
    }

    #[test]
    fn options() {
        let options = Options::parse(
            "sqlite:g.db?synchronous=normal&migrate=auto&create=no&check=full&busy_timeout_ms=70&readers=3&queue=9&max_pages=64",
        );
        let expected = Options::at("g.db")
            .synchronous(Synchronous::Normal)
            .migrate(Migrate::Auto)
            .create(false)
            .check(Check::Full)
            .busy_timeout(Duration::from_millis(70))
            .readers(3)
            .queue(9)
            .max_pages(64);
        assert_eq!(options.unwrap(), expected);
    }

    #[test]
    fn refusals_say_what_to_write() {
        assert!(refused("postgres://h/db").contains("write sqlite:"));
        assert!(refused("sqlite://data/g.db").contains("names a host"));
        assert!(refused("sqlite:").contains("names no file"));
        assert!(refused("sqlite::memory:").contains("in memory"));
        assert!(refused("sqlite:%zz").contains("percent-encoding"));
        assert!(refused("sqlite:a%00b").contains("percent-encoding"));
        assert!(refused("sqlite:g.db?sync=off").contains("no such option"));
        assert!(refused("sqlite:g.db?synchronous=off").contains("one of full, normal"));
        assert!(refused("sqlite:g.db?readers=0").contains("from 1 to 64"));
        assert!(refused("sqlite:g.db?queue").contains("from 1 to"));
    }
}
