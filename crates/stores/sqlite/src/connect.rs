//! Opening: the file and its rights, the connections and their settings, which are read back and not just believed.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use grantor_core::store::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::failure::describe;
use crate::options::{Check, Migrate, Options, Synchronous};
use crate::schema::{self, Migration, STEPS, Version};

/// Files up to this size are checked whole at each opening.
const SMALL_FILE: u64 = 4 << 20;
/// What the write-ahead log may keep on disk when it starts anew.
const WAL_LIMIT_BYTES: u32 = 64 << 20;

/// The writer's connection to a file whose schema is the present one.
pub(crate) fn writer(options: &Options) -> Result<Connection, StoreError> {
    let mut connection = with_settings(options, options.migrate)?;
    let _: Migration = schema::migrate(&mut connection, &options.path, STEPS)?;
    check(&connection, options)?;
    Ok(connection)
}

/// Migrates the file and closes it.
pub(crate) fn migrate(options: &Options) -> Result<Migration, StoreError> {
    let mut connection = with_settings(options, Migrate::Auto)?;
    schema::migrate(&mut connection, &options.path, STEPS)
}

/// A reader's connection. It is not opened read-only, for then it could not recover the log after the sudden end of
/// another process; `query_only` keeps it from writing.
pub(crate) fn reader(options: &Options) -> Result<Connection, StoreError> {
    let connection = connect(options)?;
    settings(&connection, options)?;
    pragma(&connection, options, "query_only", "1")?;
    Ok(connection)
}

fn with_settings(options: &Options, migrate: Migrate) -> Result<Connection, StoreError> {
    prepare_file(options)?;
    let connection = connect(options)?;
    // Before the first setting, for some settings change the file, which may not be ours.
    let known = u32::try_from(STEPS.len()).unwrap_or(u32::MAX);
    match schema::version(&connection, &options.path)? {
        Version::Ours(version) if version < known && migrate == Migrate::Manual => {
            return Err(StoreError::nothing_written(format!(
                "SQLite file {}: its schema has version {version}, this release needs {known}: \
                 make a backup, then run `grantor migrate` (or open it with migrate=auto)",
                options.path.display()
            )));
        }
        Version::Ours(version) => schema::refuse_newer(&options.path, version, known)?,
        Version::Empty => {}
    }
    settings(&connection, options)?;
    if let Some(pages) = options.max_pages {
        pragma(&connection, options, "max_page_count", &pages.to_string())?;
    }
    Ok(connection)
}

fn connect(options: &Options) -> Result<Connection, StoreError> {
    // Each connection belongs to one thread, and a path is a path: no mutex, no URI.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&options.path, flags)
        .map_err(|error| failed(options, "opening", error))?;
    connection.busy_timeout(options.busy_timeout).map_err(|error| failed(options, "opening", error))?;
    Ok(connection)
}

fn settings(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    // Two processes that switch a new file to the log at once can be told "busy" without the waiting above.
    let mode: String = patiently(options.busy_timeout, || {
        connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))
    })
    .map_err(|error| failed(options, "opening", error))?;
    let (word, level) = match options.synchronous {
        Synchronous::Full => ("full", 2),
        Synchronous::Normal => ("normal", 1),
    };
    pragma(connection, options, "synchronous", word)?;
    // On macOS a plain fsync leaves the data in the drive; elsewhere these two change nothing.
    pragma(connection, options, "fullfsync", "1")?;
    pragma(connection, options, "checkpoint_fullfsync", "1")?;
    pragma(connection, options, "journal_size_limit", &WAL_LIMIT_BYTES.to_string())?;
    let now: i64 = connection
        .query_row("PRAGMA synchronous", [], |row| row.get(0))
        .map_err(|error| failed(options, "opening", error))?;
    if mode != "wal" || now != level {
        return Err(StoreError::nothing_written(format!(
            "SQLite file {}: asked for journal_mode=wal and synchronous={level}, the engine has {mode} and {now}: \
             it would not keep what it acknowledges (is the file on a network file system?)",
            options.path.display()
        )));
    }
    Ok(())
}

fn pragma(connection: &Connection, options: &Options, name: &str, value: &str) -> Result<(), StoreError> {
    // Some settings answer with a row, some do not.
    connection
        .execute_batch(&format!("PRAGMA {name} = {value}"))
        .map_err(|error| failed(options, "opening", error))
}

fn check(connection: &Connection, options: &Options) -> Result<(), StoreError> {
    let whole = match options.check {
        Check::Head => false,
        Check::Full => true,
        Check::Small => fs::metadata(&options.path).is_ok_and(|meta| meta.len() <= SMALL_FILE),
    };
    if !whole {
        return Ok(());
    }
    let found: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| failed(options, "the check", error))?;
    if found == "ok" {
        return Ok(());
    }
    Err(StoreError::nothing_written(format!(
        "SQLite file {}: the file is damaged: stop all processes and restore a backup ({found})",
        options.path.display()
    )))
}

/// Repeats what another process's lock made fail, until the time is over.
pub(crate) fn patiently<T>(
    timeout: Duration,
    mut attempt: impl FnMut() -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let started = Instant::now(); // how long to wait for a lock: no record depends on it
    loop {
        match attempt() {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && started.elapsed() < timeout =>
            {
                std::thread::sleep(Duration::from_micros(500));
            }
            done => return done,
        }
    }
}

/// Creates what is missing with narrow rights, before the engine would do it with wide ones. The engine gives the log
/// the rights of the file.
fn prepare_file(options: &Options) -> Result<(), StoreError> {
    let path = &options.path;
    let refuse = |what: &str, error: io::Error| {
        StoreError::nothing_written(format!("SQLite file {}: {what}: {error}", path.display()))
            .with_source(error)
    };
    match fs::metadata(path) {
        Ok(meta) if meta.is_dir() => {
            return Err(StoreError::nothing_written(format!(
                "SQLite file {}: this is a folder; name the file in it",
                path.display()
            )));
        }
        Ok(meta) => {
            warn_of_wide_rights(path, &meta);
            return Ok(());
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refuse("it cannot be reached", error)),
    }
    if !options.create {
        return Err(StoreError::nothing_written(format!(
            "SQLite file {}: there is no such file, and create=no forbids to make one",
            path.display()
        )));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.exists()) {
        create_folder(folder).map_err(|error| refuse("its folder cannot be created", error))?;
    }
    match create_file(path) {
        Ok(()) => {}
        // Another process was faster.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(refuse("it cannot be created", error)),
    }
    // The file's name must survive the loss of power as well as what is in it.
    if let Ok(folder) = fs::File::open(folder.unwrap_or(Path::new("."))) {
        folder.sync_all().or_else(|error| match error.kind() {
            io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Ok(()),
            _ => Err(refuse("its folder cannot be synced", error)),
        })?;
    }
    Ok(())
}

#[cfg(unix)]
fn create_folder(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

#[cfg(unix)]
fn create_file(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map(drop)
}

#[cfg(unix)]
fn warn_of_wide_rights(path: &Path, meta: &fs::Metadata) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = meta.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        tracing::warn!(
            file = %path.display(),
            mode = format_args!("{mode:03o}"),
            "other users of this machine may open the data file: chmod 600"
        );
    }
}

#[cfg(not(unix))]
fn create_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

#[cfg(not(unix))]
fn create_file(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create_new(true).open(path).map(drop)
}

#[cfg(not(unix))]
fn warn_of_wide_rights(_path: &Path, _meta: &fs::Metadata) {}

fn failed(options: &Options, doing: &str, error: rusqlite::Error) -> StoreError {
    StoreError::nothing_written(describe(&options.path, doing, &error)).with_source(error)
}
