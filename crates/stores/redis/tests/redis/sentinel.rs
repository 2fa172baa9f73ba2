//! A master behind Sentinels: fail-overs under load. Without `wait` they may lose what was acknowledged, which is counted; with it
//! nothing is lost. What the store says about a write is true either way.

use grantor_testkit::engine::{RedisSentinel, redis_sentinel};

use super::load::{Load, Outcome};
use super::*;

/// How the master goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Killed,
    Stopped,
    /// Its replicas were cut off a while before, and did not get the last writes.
    CutOffAndKilled,
}

/// Lets the master go so often, in so many ways, and prints what became of the writes.
async fn fail_over(all: &mut RedisSentinel, rounds: u64, how: End, option: &str) -> Outcome {
    let replicas = all.servers().len() - 1;
    let store = open(&options(&format!("{}?{option}", all.url()))).await;
    let load = Load::start(&store, 6).await;
    let mut back = Vec::new();
    for round in 0..rounds {
        load.writes(100).await;
        let master = all.master().unwrap();
        if how == End::CutOffAndKilled {
            for port in all.servers().into_iter().filter(|port| *port != master) {
                // With a password that the master does not know they cannot come back to it.
                tell(port, &["CONFIG", "SET", "masterauth", "another"]);
                tell(port, &["CLIENT", "KILL", "TYPE", "master"]);
            }
            if option.is_empty() {
                load.writes(100).await;
            } else {
                // Each is on the master alone. No load makes it good, so nobody goes on from there.
                load.unanswered(4).await;
            }
        }
        match how {
            End::Stopped => all.server(master).unwrap().freeze().unwrap(),
            _ => all.server(master).unwrap().kill().unwrap(),
        }
        let gone = Instant::now();
        all.wait_for_another_master(master).unwrap();
        let chosen = gone.elapsed();
        if how == End::CutOffAndKilled {
            for port in all.servers().into_iter().filter(|port| *port != master) {
                tell(port, &["CONFIG", "SET", "masterauth", ""]);
            }
        }
        match how {
            End::Stopped => all.server(master).unwrap().thaw().unwrap(),
            _ => all.server(master).unwrap().start_again().unwrap(),
        }
        if option.is_empty() {
            let written = until_it_writes(&store, 1_000 + round).await;
            back.push(format!("{:.1} + {:.1}", chosen.as_secs_f64(), written.as_secs_f64()));
        }
        all.wait_for_replicas(replicas).unwrap();
        load.writes(100).await;
    }
    let outcome = load.end(&store).await;
    let with = if option.is_empty() { "no option" } else { option };
    println!(
        "Sentinels, {rounds} fail-overs, master {how:?}, {with}: {outcome}; chosen + written again: {back:?} s"
    );
    assert_eq!(outcome.lies, 0, "{outcome:?}");
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fail_over_may_lose_writes_and_no_promise_says_otherwise() {
    let mut all = redis_sentinel(1).unwrap();
    let store = open(&patient(&all.url())).await;
    assert_eq!((store.promises().durable, store.promises().never_rewinds), (false, false));
    fail_over(&mut all, 2, End::Killed, "").await;
    fail_over(&mut all, 1, End::Stopped, "").await;
    let lost = fail_over(&mut all, 1, End::CutOffAndKilled, "").await.lost;
    assert!(lost > 0, "the replica did not have the last writes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_wait_no_acknowledged_write_is_lost() {
    let mut all = redis_sentinel(2).unwrap();
    for (rounds, how) in [(2, End::Killed), (1, End::Stopped)] {
        let outcome = fail_over(&mut all, rounds, how, "wait=1").await;
        assert!(outcome.is_perfect(), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_wait_a_master_without_replicas_acknowledges_nothing() {
    let mut all = redis_sentinel(1).unwrap();
    let outcome = fail_over(&mut all, 2, End::CutOffAndKilled, "wait=1").await;
    assert!(outcome.is_perfect() && outcome.unknown > 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_that_have_gone_or_stopped_do_not_matter_while_one_answers() {
    let mut all = redis_sentinel(1).unwrap();
    let store = open(&patient(&all.url())).await;
    create(&store, &record(1, "body")).await;
    all.sentinels()[0].freeze().unwrap();
    all.sentinels()[1].kill().unwrap();
    assert_eq!(body(&*open(&patient(&all.url())).await, 1).await.unwrap(), "body");
    all.sentinels()[0].thaw().unwrap();
    for sentinel in all.sentinels() {
        sentinel.kill().unwrap();
    }
    // Who is connected needs none.
    assert_eq!(body(&store, 1).await.unwrap(), "body");
    let refused = RedisStore::open(&options(&all.url())).await.unwrap_err();
    assert!(refused.nothing_written && refused.to_string().contains("nothing listens there"), "{refused}");
}

#[tokio::test]
async fn a_master_of_another_name_is_told() {
    let all = redis_sentinel(0).unwrap();
    let refused = RedisStore::open(&options(&all.url().replace("/main", "/other"))).await.unwrap_err();
    assert!(refused.to_string().contains("knows no master of this name"), "{refused}");
}
