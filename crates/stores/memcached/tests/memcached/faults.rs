//! Servers that are down, die, stop and come back, and connections that are cut: calls end in an error, and afterwards the
//! store goes on by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use grantor_testkit::engine::memcached;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream as Stream};
use tokio::sync::watch;

use super::*;

#[tokio::test]
async fn a_server_that_is_down_at_the_start_is_found_when_it_is_there() {
    let mut engine = memcached().unwrap();
    engine.kill().unwrap();
    let refused = MemcachedStore::open(&options(engine.port())).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("127.0.0.1:{}", engine.port())), "{refused}");
    let store = MemcachedStore::new(&options(engine.port()));
    for number in 0..20 {
        assert!(store.create(&record(number, "body"), NOW).await.unwrap_err().nothing_written);
        assert!(store.load(&key(number), NOW).await.is_err());
        assert!(store.remove(&key(number), NOW).await.unwrap_err().nothing_written);
    }
    engine.start_again().unwrap();
    create(&store, &record(1, "body")).await;
}

#[tokio::test]
async fn a_server_that_is_killed_in_flight_has_lost_all_and_is_used_again() {
    let mut engine = memcached().unwrap();
    let store = Arc::new(open(&engine).await);
    for round in 0..5_u64 {
        let (dead, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let tasks: Vec<_> = (0..32_u64)
            .map(|task| {
                let (store, dead, done) = (Arc::clone(&store), Arc::clone(&dead), Arc::clone(&done));
                tokio::spawn(async move {
                    let own = record(round * 1000 + task, "body");
                    let Created::Created(mut revision) = store.create(&own, NOW).await? else {
                        panic!("{:?} exists", own.key)
                    };
                    // Until the server has gone.
                    loop {
                        match store.replace(&own, revision, NOW).await? {
                            Replaced::Replaced(next) => revision = next,
                            Replaced::Stale => {
                                assert_eq!(dead.load(Ordering::SeqCst), 1, "stale for no reason");
                            }
                        }
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                    #[expect(unreachable_code, reason = "names the type of the error")]
                    Ok::<(), grantor_core::store::StoreError>(())
                })
            })
            .collect();
        while done.load(Ordering::SeqCst) < 200 {
            tokio::task::yield_now().await;
        }
        dead.store(1, Ordering::SeqCst);
        engine.kill().unwrap();
        for task in tasks {
            assert!(task.await.unwrap().is_err());
        }
        engine.start_again().unwrap();
        for task in 0..32 {
            assert!(is_absent(store.as_ref(), round * 1000 + task).await);
        }
        create(store.as_ref(), &record(round * 1000, "body")).await;
    }
}

#[tokio::test]
async fn a_cas_number_of_a_dead_server_is_worth_nothing_to_the_next() {
    let mut engine = memcached().unwrap();
    let store = open(&engine).await;
    let revision = create(&store, &record(1, "old")).await;
    assert_eq!(store.load(&key(1), NOW).await.unwrap().unwrap().1, revision);
    engine.kill().unwrap();
    engine.start_again().unwrap();
    let other = open(&engine).await;
    // The first item of the new server has the number of the first item of the old one.
    create(&other, &record(1, "new")).await;
    assert_eq!(store.replace(&record(1, "wrong"), revision, NOW).await.unwrap(), Replaced::Stale);
    assert_eq!(other.load(&key(1), NOW).await.unwrap().unwrap().0.body, "new");
}

#[tokio::test]
async fn a_server_that_stops_costs_a_deadline_and_nothing_more() {
    let engine = memcached().unwrap();
    let (store, patient) = (impatient(engine.port()), open(&engine).await);
    let revision = create(&patient, &record(1, "kept")).await;
    while store.load(&key(1), NOW).await.is_err() {}
    engine.freeze().unwrap();
    for round in 0..3 {
        assert!(store.load(&key(1), NOW).await.is_err());
        assert!(store.create(&record(2 + round, "unknown"), NOW).await.is_err());
        assert!(store.replace(&record(1, "kept"), Revision::from_number(0), NOW).await.is_err());
        assert!(store.remove(&key(9), NOW).await.is_err());
    }
    engine.thaw().unwrap();
    let found = patient.load(&key(1), NOW).await.unwrap().unwrap();
    assert_eq!(found, (record(1, "kept"), revision));
    // It goes on by itself, after what is still on its way.
    while store.load(&key(1), NOW).await.is_err() {}
    while store.create(&record(20, "body"), NOW).await.is_err() {}
}

/// Passes everything on to a server, until it is told to cut all connections.
async fn proxy(to: u16) -> (u16, watch::Sender<u64>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (cut, cuts) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((mut ours, _)) = listener.accept().await {
            let mut cuts = cuts.clone();
            cuts.mark_unchanged();
            tokio::spawn(async move {
                let mut theirs = Stream::connect(("127.0.0.1", to)).await.unwrap();
                tokio::select! {
                    _ = copy_bidirectional(&mut ours, &mut theirs) => {}
                    _ = cuts.changed() => {}
                }
            });
        }
    });
    (port, cut)
}

fn number(body: &[u8]) -> u64 {
    std::str::from_utf8(body).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_connections_are_cut_no_acknowledged_write_is_lost_and_none_is_made_up() {
    const CUTS: u64 = 30;
    let engine = memcached().unwrap();
    let (port, cut) = proxy(engine.port()).await;
    let (store, straight) = (Arc::new(MemcachedStore::new(&options(port))), open(&engine).await);
    create(&straight, &record(1, "0")).await;
    let counts: [Arc<AtomicU64>; 2] = Default::default();
    let tasks: Vec<_> = (0..16)
        .map(|_| {
            let (store, cut, [sure, unknown]) = (Arc::clone(&store), cut.clone(), counts.clone());
            tokio::spawn(async move {
                while *cut.borrow() < CUTS {
                    let Ok(found) = store.load(&key(1), NOW).await else { continue };
                    let (found, revision) = found.unwrap();
                    let next = record(1, (number(&found.body) + 1).to_string());
                    match store.replace(&next, revision, NOW).await {
                        Ok(Replaced::Replaced(_)) => sure.fetch_add(1, Ordering::SeqCst),
                        Err(error) if !error.nothing_written => unknown.fetch_add(1, Ordering::SeqCst),
                        Ok(Replaced::Stale) | Err(_) => 0,
                    };
                }
            })
        })
        .collect();
    for round in 1..=CUTS {
        // Each in the midst of writes.
        let before = counts[0].load(Ordering::SeqCst);
        while counts[0].load(Ordering::SeqCst) < before + 20 {
            tokio::task::yield_now().await;
        }
        cut.send_replace(round);
    }
    for task in tasks {
        task.await.unwrap();
    }
    let found = number(&straight.load(&key(1), NOW).await.unwrap().unwrap().0.body);
    let [sure, unknown] = counts.map(|count| count.load(Ordering::SeqCst));
    assert!((sure..=sure + unknown).contains(&found), "{found}, with {sure} sure and {unknown} unknown");
}
