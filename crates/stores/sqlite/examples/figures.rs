//! Measures the store: `cargo run --release -p grantor-store-sqlite --example figures [folder]`.
//!
//! It prints a table: operations a second, and the processor's time of this process for one operation. The folder decides
//! what a sync costs, so give one on the disk in question.
#![expect(clippy::unwrap_used, clippy::print_stdout, clippy::panic, reason = "a tool for a terminal")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Replaced, Stage, Store};
use grantor_store_sqlite::{Check, Options, SqliteStore};

const NOW: Timestamp = Timestamp::from_secs(1_000);

#[tokio::main]
async fn main() {
    let base = std::env::args().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(base).unwrap();
    println!("| callers | operation | a second | CPU µs each |\n|---|---|---|---|");
    for (callers, each) in [(1, 1_500), (64, 300)] {
        let options = Options::at(folder.path().join(format!("figures{callers}.db")));
        let store = Arc::new(SqliteStore::open(&options).unwrap());
        for operation in ["create", "load", "load + replace", "remove"] {
            measure(&store, operation, callers, each).await;
        }
        store.close().await.unwrap();
    }
    openings(folder.path()).await;
}

async fn measure(store: &Arc<SqliteStore>, operation: &'static str, callers: u64, each: u64) {
    let (started, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let store = Arc::clone(store);
            tokio::spawn(async move {
                for number in 0..each {
                    run(&store, operation, caller * each + number).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let count = (callers * each) as f64;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_time().saturating_sub(cpu));
    println!("| {callers} | {operation} | {:.0} | {:.0} |", count / wall, cpu.as_secs_f64() * 1e6 / count);
}

async fn run(store: &SqliteStore, operation: &str, number: u64) {
    let record = record(number);
    match operation {
        "create" => {
            let Created::Created(_) = store.create(&record, NOW).await.unwrap() else { panic!("exists") };
        }
        "load" => assert!(store.load(&record.key, NOW).await.unwrap().is_some()),
        "remove" => {
            let _ = store.remove(&record.key, NOW).await.unwrap();
        }
        _ => {
            let (found, revision) = store.load(&record.key, NOW).await.unwrap().unwrap();
            let replaced = store.replace(&found, revision, NOW).await.unwrap();
            assert!(matches!(replaced, Replaced::Replaced(_)));
        }
    }
}

/// 350 bytes, as a grant has them, under an id that is spread like a random one.
fn record(number: u64) -> Record {
    let id = u128::from(number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    Record {
        key: Key::new(Kind::GRANT, id.to_be_bytes()),
        stage: Stage::Live,
        expires_at: Timestamp::from_secs(10_000).after(Duration::from_millis(number)),
        client: Some(format!("client-{}", number % 10).into()),
        subject: Some(format!("subject-{}", number % 5_000).into()),
        body: Bytes::from(vec![7; 350]),
    }
}

async fn openings(folder: &Path) {
    println!(
        "\n| records | bytes | open, head checked, ms | open, whole file checked, ms |\n|---|---|---|---|"
    );
    for count in [0_u64, 3_000, 30_000] {
        let options = Options::at(folder.join(format!("open{count}.db")));
        let store = Arc::new(SqliteStore::open(&options).unwrap());
        let tasks: Vec<_> = (0..count)
            .map(|number| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { run(&store, "create", number).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        store.close().await.unwrap();
        let bytes = std::fs::metadata(options.path()).unwrap().len();
        let mut times = Vec::new();
        for check in [Check::Head, Check::Full] {
            let started = Instant::now();
            let store = SqliteStore::open(&options.clone().check(check)).unwrap();
            times.push(format!("{:.1}", started.elapsed().as_secs_f64() * 1e3));
            store.close().await.unwrap();
        }
        println!("| {count} | {bytes} | {} |", times.join(" | "));
    }
}

/// The time that all threads of this process have used; the kernel counts it in hundredths of a second.
fn cpu_time() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: u64 =
        after_name.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}
