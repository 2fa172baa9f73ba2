//! One server: down at the start, killed, stopped; connections cut, scripts forgotten, calls given up.

use std::pin::pin;

use futures_util::FutureExt as _;

use grantor_core::store::Filter;
use grantor_testkit::engine::{Engine, redis};

use super::load::Load;
use super::*;

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_found_when_it_is_there() {
    let mut engine = redis().unwrap();
    engine.kill().unwrap();
    let url = single(engine.port());
    let refused = RedisStore::open(&options(&url)).await.unwrap_err();
    assert!(refused.nothing_written && refused.to_string().contains("nothing listens there"), "{refused}");
    assert!(refused.to_string().contains(&engine.port().to_string()), "{refused}");
    engine.start_again().unwrap();
    create(&*open(&patient(&url)).await, &record(1, "body")).await;
}

#[tokio::test]
async fn a_server_that_has_gone_refuses_and_certainly_wrote_nothing() {
    let mut engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    let revision = create(&store, &record(1, "body")).await;
    engine.kill().unwrap();
    // The first call may find the connection broken, and not know.
    assert!(store.load(&key(1), NOW).await.is_err());
    assert!(store.create(&record(2, "body"), NOW).await.unwrap_err().nothing_written);
    assert!(store.replace(&record(1, "body"), revision, NOW).await.unwrap_err().nothing_written);
    assert!(store.remove(&key(1), NOW).await.unwrap_err().nothing_written);
    engine.start_again().unwrap();
    assert_eq!(store.load(&key(1), NOW).await.unwrap().unwrap(), (record(1, "body"), revision));
    assert_eq!(body(&store, 2).await, None);
}

#[tokio::test]
async fn forgotten_scripts_are_told_again() {
    let mut engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    for round in 0..5_u64 {
        let revision = create(&store, &record(round, "one")).await;
        tell(engine.port(), &["SCRIPT", "FLUSH"]);
        let revision = replace(&store, &record(round, "two"), revision).await;
        engine.kill().unwrap();
        engine.start_again().unwrap();
        // A read finds out that the connection broke.
        assert_eq!(body(&store, round).await.unwrap(), "two");
        replace(&store, &record(round, "three"), revision).await;
        tell(engine.port(), &["SCRIPT", "FLUSH"]);
        remove(&store, round).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_in_flight_has_all_that_it_acknowledged() {
    const KILLS: u32 = 6;
    let mut engine = redis().unwrap();
    let store = open(&options(&single(engine.port()))).await;
    let load = Load::start(&store, 6).await;
    let mut back = Vec::new();
    for kill in 0..KILLS {
        load.writes(200).await;
        engine.kill().unwrap();
        engine.start_again().unwrap();
        back.push(until_it_writes(&store, 1_000 + u64::from(kill)).await.as_millis());
    }
    load.writes(100).await;
    let outcome = load.end(&store).await;
    println!(
        "one server, {KILLS} times SIGKILL and started again: {outcome}; back after the start in {back:?} ms"
    );
    assert!(outcome.is_perfect(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stops_in_flight_has_all_that_it_acknowledged() {
    const STOPS: u32 = 4;
    let engine = redis().unwrap();
    let hurried = options(&single(engine.port()))
        .deadline(Duration::from_millis(600))
        .timeouts(Duration::from_millis(300), Duration::from_millis(300));
    let store = open(&patient(&single(engine.port()))).await;
    let impatient = open(&hurried).await;
    let load = Load::start(&impatient, 6).await;
    for stop in 0..STOPS {
        load.writes(200).await;
        engine.freeze().unwrap();
        assert!(impatient.load(&key(0), NOW).await.is_err());
        assert!(impatient.create(&record(100 + u64::from(stop), "body"), NOW).await.is_err());
        engine.thaw().unwrap();
        until_it_writes(&impatient, 1_000 + u64::from(stop)).await;
    }
    load.writes(100).await;
    let outcome = load.end(&store).await;
    println!("one server, {STOPS} times SIGSTOP: {outcome}");
    assert!(outcome.is_perfect(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_connections_are_cut_a_load_tells_what_happened() {
    const CUTS: u32 = 60;
    let engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    let load = Load::start(&store, 6).await;
    for _ in 0..CUTS {
        load.writes(30).await;
        tell(engine.port(), &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
    }
    load.writes(100).await;
    let outcome = load.end(&store).await;
    println!("one server, {CUTS} times CLIENT KILL: {outcome}");
    assert!(outcome.is_perfect(), "{outcome:?}");
}

/// Every call ends, in an error, whatever the server does.
async fn all_calls_fail(store: &RedisStore, revision: Revision) {
    let index = store.index().unwrap();
    let filter = Filter { kind: Kind::GRANT, client: None, subject: None };
    let calls = async {
        assert!(store.load(&key(1), NOW).await.is_err());
        assert!(!store.create(&record(2, "new"), NOW).await.unwrap_err().to_string().contains("hunter2"));
        assert!(store.replace(&record(1, "newer"), revision, NOW).await.is_err());
        assert!(store.remove(&key(3), NOW).await.is_err());
        assert!(index.list(&filter, None, 10, NOW).await.is_err());
        assert!(index.sweep(10, NOW).await.is_err());
    };
    tokio::time::timeout(PATIENCE, calls).await.expect("a call hangs");
}

fn impatient(engine: &Engine) -> Options {
    let short = Duration::from_millis(200);
    options(&single(engine.port())).deadline(Duration::from_millis(400)).timeouts(short, short)
}

#[tokio::test]
async fn each_call_to_a_server_that_has_stopped_ends_at_its_deadline() {
    let engine = redis().unwrap();
    let honest = open(&patient(&single(engine.port()))).await;
    warm(&honest).await;
    let revision = create(&honest, &record(1, "kept")).await;
    // Its first calls go over an open connection, later ones need a new one, which the kernel opens for the stopped server.
    let store = loop {
        if let Ok(store) = RedisStore::open(&impatient(&engine)).await {
            break store;
        }
    };
    engine.freeze().unwrap();
    let unknown = store.create(&record(4, "sent"), NOW).await.unwrap_err();
    assert!(!unknown.nothing_written, "it was sent: {unknown}");
    for _ in 0..3 {
        all_calls_fail(&store, revision).await;
    }
    assert!(RedisStore::open(&impatient(&engine)).await.is_err());
    engine.thaw().unwrap();
    // What was sent is done now, late: a load tells.
    let begin = Instant::now();
    while body(&honest, 4).await.is_none() {
        assert!(begin.elapsed() < PATIENCE, "the write that was sent never lands");
    }
    assert_eq!(body(&honest, 4).await.unwrap(), "sent");
    until_it_writes(&store, 5).await;
}

#[tokio::test]
async fn the_deadline_holds_where_the_other_time_outs_are_longer() {
    let engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    let revision = create(&store, &record(1, "kept")).await;
    let hour = Duration::from_secs(3_600);
    let deadline = Duration::from_millis(300);
    let store = loop {
        let options = options(&single(engine.port())).deadline(deadline).timeouts(hour, hour);
        if let Ok(store) = RedisStore::open(&options).await {
            break store;
        }
    };
    engine.freeze().unwrap();
    all_calls_fail(&store, revision).await;
    engine.thaw().unwrap();
    until_it_writes(&store, 5).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_are_given_up_take_nobody_elses_answer() {
    let engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    for number in 0..64 {
        create(&store, &record(number, number.to_string())).await;
    }
    for round in 0..200_u64 {
        {
            let loaded = key(round % 64);
            let given_up = store.load(&loaded, NOW).fuse();
            let fresh = record(1_000 + round, "body");
            let other = store.create(&fresh, NOW).fuse();
            let (mut given_up, mut other) = (pin!(given_up), pin!(other));
            for _ in 0..round % 7 {
                // Each is polled once or more, then dropped.
                let _ = futures_util::poll!(&mut given_up);
                let _ = futures_util::poll!(&mut other);
                tokio::task::yield_now().await;
            }
        }
        let number = (round * 7) % 64;
        assert_eq!(body(&store, number).await.unwrap(), number.to_string());
        if let Some(whole) = body(&store, 1_000 + round).await {
            assert_eq!(whole, "body");
        }
    }
}
