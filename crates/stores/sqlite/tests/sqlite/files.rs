//! The file itself: its rights, and the files that are refused.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use grantor_core::store::{Index as _, Store};
use grantor_store_sqlite::{Migration, Options, SqliteStore, Synchronous, migrate};

use crate::{NOW, create, key, record};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn refused(options: &Options) -> String {
    SqliteStore::open(options).expect_err("the file should be refused").to_string()
}

#[tokio::test]
async fn nobody_else_may_read_what_is_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/data/grantor.db");
    let store = SqliteStore::open(&Options::at(&path)).unwrap();
    let _ = create(&store, &record(1, "x")).await;
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(path.parent().unwrap().parent().unwrap()), 0o700);
    for name in ["grantor.db", "grantor.db-wal", "grantor.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    store.close().await.unwrap();
    assert!(!path.with_file_name("grantor.db-wal").exists(), "the log is copied and gone after close");
}

#[tokio::test]
async fn promises_follow_the_settings() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::at(folder.path().join("grantor.db"));
    let full = SqliteStore::open(&options).unwrap().promises();
    assert!(full.durable && full.never_rewinds && full.keeps);
    let normal = SqliteStore::open(&options.synchronous(Synchronous::Normal)).unwrap().promises();
    assert!(!normal.durable && !normal.never_rewinds && normal.keeps);
}

#[tokio::test]
async fn the_largest_promised_body_is_kept_and_a_larger_one_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&Options::at(folder.path().join("grantor.db"))).unwrap();
    let body: Vec<u8> = (0..=255).cycle().take(store.promises().max_body).collect();
    let _ = create(&store, &record(1, body.clone())).await;
    let (found, _) = store.load(&key(1), NOW).await.unwrap().unwrap();
    assert!(found.body == body);
    let error = store.create(&record(2, [body, vec![0]].concat()), NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("body of"), "{error}");
}

#[tokio::test]
async fn a_missing_file_is_refused_where_none_may_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("grantor.db");
    assert!(refused(&Options::at(&path).create(false)).contains("no such file"));
    assert!(!path.exists());
    assert!(refused(&Options::at(folder.path())).contains("this is a folder"));
}

#[tokio::test]
async fn migrate_makes_a_new_file_and_has_nothing_to_do_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::at(folder.path().join("grantor.db"));
    assert_eq!(migrate(&options).unwrap(), Migration { from: 0, to: 1 });
    assert_eq!(migrate(&options).unwrap(), Migration { from: 1, to: 1 });
    assert!(SqliteStore::open(&options).is_ok());
}

#[tokio::test]
async fn a_newer_file_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::at(folder.path().join("grantor.db"));
    SqliteStore::open(&options).unwrap().close().await.unwrap();
    rusqlite::Connection::open(options.path()).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(options.path()).unwrap();
    assert!(refused(&options).contains("version 99"));
    assert!(migrate(&options).unwrap_err().to_string().contains("newer release"));
    assert!(fs::read(options.path()).unwrap() == before);
}

#[tokio::test]
async fn a_file_of_another_program_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::at(folder.path().join("theirs.db"));
    rusqlite::Connection::open(options.path()).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = fs::read(options.path()).unwrap();
    assert!(refused(&options).contains("another program"));
    assert!(fs::read(options.path()).unwrap() == before, "the file was changed");
}

#[tokio::test]
async fn damaged_files_are_refused_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::at(folder.path().join("grantor.db"));
    let store = SqliteStore::open(&options).unwrap();
    for number in 0..200 {
        let _ = create(&store, &record(number, vec![7; 500])).await;
    }
    store.close().await.unwrap();
    let sound = fs::read(options.path()).unwrap();

    let mut head = sound.clone();
    head[..100].fill(0x55);
    fs::write(options.path(), head).unwrap();
    assert!(refused(&options).contains("no SQLite file"));

    fs::write(options.path(), &sound[..sound.len() / 2]).unwrap();
    assert!(refused(&options).contains("damaged"));

    let mut middle = sound.clone();
    let half = middle.len() / 2;
    middle[half - 6_000..half + 6_000].fill(0x55);
    fs::write(options.path(), middle).unwrap();
    assert!(refused(&options).contains("damaged"));

    fs::write(options.path(), "no database at all, only some text that somebody put there".repeat(20))
        .unwrap();
    assert!(refused(&options).contains("no SQLite file"));

    fs::write(options.path(), sound).unwrap();
    let store = SqliteStore::open(&options).unwrap();
    let filter = grantor_core::store::Filter::kind(grantor_core::store::Kind::GRANT);
    assert_eq!(store.list(&filter, None, 1_000, NOW).await.unwrap().len(), 200);
}
