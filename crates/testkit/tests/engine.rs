//! The engines start, answer, and come back on their data after a kill.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::TcpStream;

use grantor_testkit::engine::{Engine, mariadb, memcached, postgres, redis};

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
