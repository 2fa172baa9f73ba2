//! Two grantor processes behind nginx over one store, with the files of `examples/operate`: ten thousand flows in all, one process
//! killed and started again on the way, then both restarted in turn, again and again.
//!
//! - Lost are at most the requests that the killed process had in its hands, one for each driver.
//! - A restart by SIGTERM costs nobody anything.
//! - Each token that was acknowledged is good at both processes afterwards, each that was revoked at none.
//! - nginx sends no request to the token endpoint twice.
//! - A request has the address that nginx saw, whatever the client says.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "figures, and what nginx said to a failure")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod files;
mod flows;
mod scene;
mod wire;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use flows::{Account, driver, is_active};
use grantor_testkit::engine;
use scene::{FROM, Process, Scene, until};

/// Flows over each store, and how many are under way at once.
const FLOWS: usize = 5000;
const DRIVERS: usize = 16;

/// One scene after the other: each takes the whole machine.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_behind_nginx_over_one_postgresql() {
    let _turn = TURN.lock().await;
    let postgres = engine::postgres().unwrap();
    run("PostgreSQL", &format!("postgres://grantor@127.0.0.1:{}/postgres", postgres.port())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_behind_nginx_over_one_redis() {
    let _turn = TURN.lock().await;
    let redis = engine::redis().unwrap();
    run("Redis", &format!("redis://127.0.0.1:{}", redis.port())).await;
}

async fn run(name: &str, store: &str) {
    let users: Vec<String> = (0..DRIVERS).map(|number| format!("user-{number}")).collect();
    let mut scene = Scene::start(store, &users).await;
    let account = Arc::new(Account::default());
    let started = Instant::now();
    let drivers: Vec<_> = users
        .into_iter()
        .map(|user| {
            let mut driver = driver(&account, user, scene.client());
            tokio::spawn(async move { driver.drive(FLOWS).await })
        })
        .collect();
    let is_over = || drivers.iter().all(tokio::task::JoinHandle::is_finished);

    until("a quarter of the flows", async || is_over() || account.done.load(Ordering::SeqCst) > FLOWS / 4)
        .await;
    account.killing.fetch_add(1, Ordering::SeqCst);
    scene.processes[0].kill();
    account.killed.fetch_add(1, Ordering::SeqCst);
    scene.processes[0].start_again();
    scene.behind_nginx(&scene.processes[0]).await;

    let mut restarts = 0;
    while !is_over() {
        let next = restarts % 2;
        scene.processes[next].stop().await;
        scene.processes[next].start_again();
        scene.behind_nginx(&scene.processes[next]).await;
        restarts += 1;
    }
    for driver in drivers {
        driver.await.unwrap();
    }
    let seconds = started.elapsed().as_secs();

    let (done, busy) = (account.done.load(Ordering::SeqCst), account.busy.load(Ordering::SeqCst));
    let lost = account.lost.lock().clone();
    assert_eq!(done + lost.len() + busy, FLOWS, "{lost:?}");
    assert!(busy <= FLOWS / 20, "{busy} flows met a store that was too slow");
    assert!(lost.len() <= DRIVERS, "more is lost than was in the hands of one process: {lost:?}");
    assert!(restarts >= 2, "both were restarted: {restarts}");
    let (alive, ended) = (account.alive.lock().clone(), account.ended.lock().clone());
    for process in &scene.processes {
        everything_is_as_acknowledged(process, &alive, &ended).await;
        knows_where_requests_come_from(process);
    }
    let answered: usize = scene.processes.iter().map(token_requests).sum();
    let asked = account.token_requests.load(Ordering::Relaxed);
    assert!((asked - lost.len()..=asked).contains(&answered), "asked {asked} times, answered {answered}");
    let requests = account.requests.load(Ordering::Relaxed);
    println!(
        "| {name} | {done} flows, {requests} requests in {seconds} s | lost to a kill: {} ({}) | too busy: {busy} | \
         {restarts} restarts: 0 errors | {} tokens good at both, {} revoked at none |",
        lost.len(),
        lost.join(", "),
        alive.len(),
        ended.len()
    );
}

async fn everything_is_as_acknowledged(process: &Process, alive: &[String], ended: &[String]) {
    let tokens: Vec<(String, bool)> = alive
        .iter()
        .map(|token| (token.clone(), true))
        .chain(ended.iter().map(|token| (token.clone(), false)))
        .collect();
    let checks: Vec<_> = tokens
        .chunks(tokens.len().div_ceil(DRIVERS))
        .map(|part| {
            let (part, mut client) = (part.to_vec(), process.client());
            tokio::spawn(async move {
                for (token, good) in part {
                    assert_eq!(is_active(&mut client, &token).await, good, "an acknowledged token");
                }
            })
        })
        .collect();
    for check in checks {
        check.await.unwrap();
    }
}

/// Requests to the token endpoint that this process answered, whether or not the answer arrived.
fn token_requests(process: &Process) -> usize {
    process.log().lines().filter(|line| line.contains("\"route\":\"/token\"")).count()
}

fn knows_where_requests_come_from(process: &Process) {
    let log = process.log();
    let of_users = || log.lines().filter(|line| line.contains("\"route\":\"/authorize\""));
    let from = format!("\"peer\":\"{FROM}\"");
    assert!(of_users().count() > 0);
    let other = of_users().find(|line| !line.contains(&from));
    assert_eq!(other, None, "what a client says about itself was believed");
    assert!(!log.contains("panicked"), "{log}");
}
