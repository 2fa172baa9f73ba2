//! The engines start, answer, and come back on their data after a kill.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use grantor_testkit::engine::{
    Engine, ask, mariadb, memcached, mongodb, mongodb_is_stand_in, postgres, redis, redis_cluster,
    redis_sentinel, redis_with,
};

fn comes_and_goes(start: fn() -> std::io::Result<Engine>) {
    let mut engine = start().unwrap();
    let port = engine.port();
    engine.kill().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
    engine.start_again().unwrap();
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    drop(engine);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn redis_comes_and_goes() {
    comes_and_goes(redis);
}

#[test]
fn memcached_comes_and_goes() {
    comes_and_goes(memcached);
}

#[test]
fn postgres_comes_and_goes() {
    comes_and_goes(postgres);
}

#[test]
fn mariadb_comes_and_goes() {
    comes_and_goes(mariadb);
}

/// Asks over a connection that was there before: what of the engine still runs answers, or hangs up.
fn freezes_and_thaws(start: fn() -> std::io::Result<Engine>, warm_up: &[u8], ask: &[u8]) {
    let engine = start().unwrap();
    let mut said = [0; 1_024];
    for round in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", engine.port())).unwrap();
        stream.write_all(warm_up).unwrap();
        assert!(stream.read(&mut said).unwrap() > 0);
        engine.freeze().unwrap();
        stream.write_all(ask).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let answer = stream.read(&mut said);
        assert!(answer.is_err(), "{answer:?} of a frozen engine in round {round}");
        engine.thaw().unwrap();
        stream.set_read_timeout(None).unwrap();
        assert!(stream.read(&mut said).is_ok());
    }
}

#[test]
fn a_frozen_redis_answers_nothing() {
    freezes_and_thaws(redis, b"PING\r\n", b"PING\r\n");
}

#[test]
fn a_frozen_memcached_answers_nothing() {
    freezes_and_thaws(memcached, b"version\r\n", b"version\r\n");
}

/// The session, which is a process of its own, asks about TLS; a second time it is an error.
#[test]
fn a_frozen_postgres_answers_nothing() {
    let tls = [0, 0, 0, 8, 4, 210, 22, 47];
    freezes_and_thaws(postgres, &tls, &tls);
}

/// The server speaks first; a log-in of one byte is an error.
#[test]
fn a_frozen_mariadb_answers_nothing() {
    freezes_and_thaws(mariadb, b"", &[1, 0, 0, 1, 0]);
}

#[test]
fn redis_takes_settings() {
    let engine = redis_with(&["--maxmemory-policy", "allkeys-lru", "--appendonly", "no"]).unwrap();
    let policy = ask(engine.port(), &["CONFIG", "GET", "maxmemory-policy"]).unwrap();
    assert_eq!(policy.text(), "maxmemory-policy\nallkeys-lru");
}

#[test]
fn sentinels_choose_another_master() {
    let mut all = redis_sentinel(1).unwrap();
    let first = all.master().unwrap();
    all.server(first).unwrap().kill().unwrap();
    let second = all.wait_for_another_master(first).unwrap();
    assert_ne!(first, second);
    all.server(first).unwrap().start_again().unwrap();
    // Who is the master then is for the Sentinels to say: on a loaded machine they may have chosen once more.
    all.wait_for_replicas(1).unwrap();
}

#[test]
fn slots_of_a_cluster_move_with_their_keys() {
    let cluster = redis_cluster(0).unwrap();
    let slot = cluster.slot("key").unwrap();
    let from = cluster.owner(slot, 0).unwrap();
    let to = (from + 1) % 3;
    assert_eq!(cluster.ask(from, &["SET", "key", "value"]).unwrap().text(), "OK");
    assert_eq!(cluster.move_slot(slot, from, to).unwrap(), 1);
    assert_eq!(cluster.ask(to, &["GET", "key"]).unwrap().text(), "value");
    assert!(cluster.ask(from, &["GET", "key"]).unwrap().text().starts_with("MOVED"));
    assert_eq!(cluster.owner(slot, from).unwrap(), to);
}

#[test]
fn a_cluster_goes_on_with_a_replica() {
    let mut cluster = redis_cluster(1).unwrap();
    cluster.nodes()[0].kill().unwrap();
    while cluster.owner(0, 1).unwrap() == 0 {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(cluster.owner(0, 1).unwrap(), 3);
    cluster.nodes()[0].start_again().unwrap();
    cluster.wait_until_whole().unwrap();
}

#[test]
fn mongodb_comes_and_goes() {
    comes_and_goes(mongodb);
    if mongodb_is_stand_in() {
        eprintln!(
            "\nnot checked: mongod itself: there is none on the PATH, this was the stand-in mongo-java-server"
        );
    }
}
