//! What the sweep of a million expired records does to the latency of the token endpoint.
//!
//! Requests come at a fixed rate, whether or not earlier ones have been answered, so a server that stalls is not spared.
//! Windows with and without the sweep take turns on one table.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantor::mysql::mysql_async::{self, prelude::Queryable as _};
use grantor::postgres::tokio_postgres::{self, NoTls};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::client::Connection;
use crate::engines::{self, Running};
use crate::figures::{Figures, verdict};
use crate::heading;
use crate::server::{Folder, Server};
use crate::workload::client_credentials_form;

/// The stores that keep what has expired until it is swept, in a table with an index on the expiry.
const STORES: [&str; 3] = ["sqlite", "postgres", "mysql"];
const CONNECTIONS: usize = 64;
/// The p99 with the sweep to that without.
const AIM: f64 = 1.2;

pub(crate) struct Options {
    rounds: usize,
    seconds: u32,
    rate: u32,
    rows: usize,
    batch: usize,
    pause: u64,
    stores: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        let policy = grantor::SweepPolicy::default();
        Self {
            rounds: 10,
            seconds: 20,
            rate: 300,
            rows: 1_000_000,
            batch: policy.batch,
            pause: u64::try_from(policy.pause.as_millis()).expect("a short pause"),
            stores: STORES.to_vec(),
        }
    }
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Self {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = *words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            let number = || value.parse().expect("a number");
            match *word {
                "--rounds" => options.rounds = value.parse().expect("a number"),
                "--seconds" => options.seconds = number(),
                "--rate" => options.rate = number(),
                "--rows" => options.rows = value.parse().expect("a number"),
                "--batch" => options.batch = value.parse().expect("a number"),
                "--pause" => options.pause = value.parse().expect("milliseconds"),
                "--store" => {
                    options.stores = STORES.into_iter().filter(|store| *store == value).collect();
                    assert!(!options.stores.is_empty(), "no sweep of {value}; there are {STORES:?}");
                }
                _ => panic!("unknown option {word} {value}; bench --help says what there is"),
            }
        }
        options
    }
}

pub(crate) fn run(options: &Options) {
    heading(
        "Requests while a million expired records are swept",
        &format!(
            "{} expired records at first; client credentials at {} a second, open loop; {} windows of {} s with the sweep \
             and as many without, in turns; batches of {}, pauses of {} ms. Latency in ms, medians of the windows (span).",
            options.rows, options.rate, options.rounds, options.seconds, options.batch, options.pause
        ),
    );
    println!(
        "| store | p50 without | p50 with | p99 without | p99 with | ratio of p99, median (span) | swept | aim |\n\
         |---|---|---|---|---|---|---|---|"
    );
    let folder = Folder::new("sweep");
    for store in &options.stores {
        let running = Running::start(store, &folder.inside(store));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(fill(store, &running.place, options.rows));
        measure(options, store, &running, &runtime);
    }
}

fn measure(options: &Options, store: &str, running: &Running, runtime: &tokio::runtime::Runtime) {
    let mut figures: [Figures; 4] = Default::default();
    let [p50_without, p50_with, p99_without, p99_with] = &mut figures;
    let mut ratio = Figures::default();
    let at_first = runtime.block_on(count(store, &running.place));
    for round in 0..options.rounds {
        let window = |what: &str| {
            let server = Server::start(what, &running.place, 0);
            runtime.block_on(load(server.port, options))
        };
        let sweeping = format!("sweeping:{}:{}:{store}", options.batch, options.pause);
        // Which of the two comes first changes with each round.
        let (without, with) = if round % 2 == 0 {
            let without = window(store);
            (without, window(&sweeping))
        } else {
            let with = window(&sweeping);
            (window(store), with)
        };
        p50_without.push(without.0);
        p50_with.push(with.0);
        p99_without.push(without.1);
        p99_with.push(with.1);
        ratio.push(with.1 / without.1);
    }
    let swept = at_first.saturating_sub(runtime.block_on(count(store, &running.place)));
    let span = |figures: &Figures| {
        format!("{:.2} ({:.2} to {:.2})", figures.median(), figures.least(), figures.most())
    };
    let [p50_without, p50_with, p99_without, p99_with] = &figures;
    println!(
        "| {store} | {} | {} | {} | {} | {} | {swept} | {AIM} {} |",
        span(p50_without),
        span(p50_with),
        span(p99_without),
        span(p99_with),
        span(&ratio),
        verdict(ratio.median(), AIM),
    );
}

/// Sends requests at the rate of the options; p50 and p99 in milliseconds.
async fn load(port: u16, options: &Options) -> (f64, f64) {
    let each = Duration::from_secs(1) / options.rate;
    let total = usize::try_from(options.rate * options.seconds).expect("a small number");
    // The first second is not counted: connections are opened, plans are made.
    let uncounted = usize::try_from(options.rate).expect("a small number");
    let next = Arc::new(AtomicUsize::new(0));
    let latencies = Arc::new(Mutex::new(Figures::default()));
    let form = Arc::new(client_credentials_form());
    let begin = Instant::now() + Duration::from_millis(100);
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = Connection::open(port).await;
        let (next, latencies, form) = (Arc::clone(&next), Arc::clone(&latencies), Arc::clone(&form));
        tasks.push(tokio::spawn(async move {
            let mut own = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= total + uncounted {
                    break;
                }
                let due = begin + each * u32::try_from(number).expect("a small number");
                // Who is idle is woken by a timer of a millisecond's grain, which is not the server's fault; who comes
                // late because all connections wait counts from when the request was due.
                let idle = Instant::now() < due;
                tokio::time::sleep_until(due).await;
                let since = if idle { Instant::now() } else { due };
                connection.post("/token", &form).await;
                if number >= uncounted {
                    own.push(since.elapsed().as_secs_f64() * 1000.0);
                }
            }
            latencies.lock().extend(own);
        }));
    }
    for task in tasks {
        task.await.expect("every request to be answered");
    }
    let latencies = latencies.lock();
    (latencies.part(0.5), latencies.part(0.99))
}

/// Makes the store's table, and expired grants in it.
async fn fill(store: &str, place: &str, rows: usize) {
    drop(engines::open(store, place).await);
    match store {
        "sqlite" => {
            let sql = format!(
                "PRAGMA synchronous = OFF;
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 INSERT INTO record (kind, id, revision, stage, expires_at, client, subject, body)
                 SELECT 1, randomblob(16), i, 1, 1000000 + i, 'bench', 'user-' || (i % 100000), randomblob(200) FROM n;
                 PRAGMA wal_checkpoint(TRUNCATE);"
            );
            sqlite(place).execute_batch(&sql).expect("to fill the table");
        }
        "postgres" => {
            let sql = format!(
                "INSERT INTO grantor.record (kind, id, revision, expires_at, sweep_from, stage, client, subject, body)
                 SELECT 1, decode(md5(i::text), 'hex'), i, 1000000 + i, 1000000 + i, 1, 'bench', 'user-' || (i % 100000),
                     decode(repeat(md5(i::text), 12), 'hex')
                 FROM generate_series(1, {rows}) AS i; ANALYZE grantor.record; CHECKPOINT"
            );
            postgres(place).await.batch_execute(&sql).await.expect("to fill the table");
        }
        _ => {
            let sql = format!(
                "INSERT INTO grantor_record (revision, stage, expires_at, client, subject, body, kind, id)
                 SELECT seq, 1, 1000000 + seq, 'bench', CONCAT('user-', seq % 100000), REPEAT('x', 200), 1, UNHEX(MD5(seq))
                 FROM seq_1_to_{rows}"
            );
            mysql(place, &sql, false).await;
        }
    }
}

/// How many expired grants there are.
async fn count(store: &str, place: &str) -> i64 {
    let sql = "SELECT count(*) FROM grantor_record WHERE expires_at < 1000000000";
    match store {
        "sqlite" => {
            let sql = sql.replace("grantor_record", "record");
            sqlite(place).query_row(&sql, [], |row| row.get(0)).expect("a number")
        }
        "postgres" => {
            let sql = sql.replace("grantor_record", "grantor.record");
            postgres(place).await.query_one(&sql, &[]).await.expect("a row").get(0)
        }
        _ => mysql(place, sql, true).await,
    }
}

fn sqlite(place: &str) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(Path::new(place).join("bench.db")).expect("a database");
    connection.busy_timeout(Duration::from_secs(60)).expect("a setting");
    connection
}

async fn postgres(place: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(place, NoTls).await.expect("PostgreSQL");
    tokio::spawn(connection);
    client
}

async fn mysql(place: &str, sql: &str, asks: bool) -> i64 {
    let pool = mysql_async::Pool::from_url(place).expect("a URL");
    let mut conn = pool.get_conn().await.expect("MariaDB");
    let number = if asks {
        conn.query_first(sql).await.expect("an answer").expect("a number")
    } else {
        conn.query_drop(sql).await.expect("to fill the table");
        0
    };
    drop(conn);
    pool.disconnect().await.expect("to close");
    number
}
