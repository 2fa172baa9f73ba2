//! The programs of the host `python_oauth2` whose stores are servers, over real ones: what they hold is there after a restart,
//! and in a second process.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[expect(dead_code, reason = "the tests without engines use the rest")]
mod requests;
#[expect(dead_code, reason = "the tests without engines use the rest")]
mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use grantor_testkit::engine;
use requests::{ALICE, BOB};
use serde_json::{Value, json};
use support::{Example, authorize, until};

/// What each of them promises. `codes_too`: whether codes are in the store that the processes share.
async fn keeps_and_shares(program: &str, store: &str, codes_too: bool) {
    let store = Some(store);
    let mut one = Example::program(program, store);
    let other = Example::program(program, store);
    let tokens = one.tokens("").await;
    assert_eq!((&tokens["expires_in"], &tokens["scope"]), (&json!(3600), &json!("profile_read")));
    one.assert_lives(&tokens["refresh_token"], 2_592_000).await;
    assert_eq!(other.facts(&tokens).await["user_id"], "alice");
    let waiting = one.allowed(&authorize("abc", "code")).await;
    one.restart();
    assert_eq!(one.facts(&tokens).await["data"], json!({"plan": "gold"}), "kept over a crash");
    if codes_too {
        assert_eq!(other.redeemed(&waiting).await.status, 200, "a code of the process that was killed");
        assert_eq!(
            one.redeemed(&waiting).await.error(),
            (400, "invalid_grant"),
            "spent in the other process"
        );
    } else {
        assert_eq!(other.redeemed(&waiting).await.error(), (400, "invalid_grant"), "codes are in memory");
    }
    let next = other.refresh(&tokens["refresh_token"], "").await.ok();
    assert_ne!(next["refresh_token"], tokens["refresh_token"]);
    assert_eq!(one.facts(&next).await["scopes"], json!(["profile_read"]));
    unique_tokens_of_passwords(&one, &other).await;
}

async fn unique_tokens_of_passwords(one: &Example, other: &Example) {
    let first = one.password(ALICE, "profile_write").await.ok();
    let second = other.password(ALICE, "profile_write").await.ok();
    assert_eq!(first["access_token"], second["access_token"]);
    assert!(first["expires_in"].as_i64().unwrap() <= 600, "{first}");
    assert_ne!(first["access_token"], one.password(BOB, "profile_write").await.ok()["access_token"]);
    assert_ne!(one.tokens("").await["access_token"], other.tokens("").await["access_token"], "codes do not");
}

/// What a memcached server says to a command, to the line `END`.
fn memcached_says(port: u16, command: &str) -> Vec<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.write_all(format!("{command}\r\n").as_bytes()).unwrap();
    BufReader::new(stream)
        .lines()
        .map(Result::unwrap)
        .take_while(|line| line != "END" && line != "OK")
        .collect()
}

/// The keys that a memcached server has, percent-encoded.
fn keys(port: u16) -> Vec<String> {
    let lines = memcached_says(port, "lru_crawler metadump all");
    lines.iter().filter_map(|line| Some(line.strip_prefix("key=")?.split(' ').next()?.to_owned())).collect()
}

#[tokio::test]
async fn memcache_client() {
    let memcached = engine::memcached().unwrap();
    let store = format!("memcached://127.0.0.1:{}", memcached.port());
    keeps_and_shares("memcache_client", &store, true).await;
    let keys = keys(memcached.port());
    assert!(keys.len() >= 3 && keys.iter().all(|key| key.starts_with("seed%3A")), "{keys:?}");
}

#[tokio::test]
async fn memcache_client_forgets_and_users_log_in_again() {
    let memcached = engine::memcached().unwrap();
    let example = Example::program("memcache_client", Some(&format!("127.0.0.1:{}", memcached.port())));
    let tokens = example.tokens("").await;
    memcached_says(memcached.port(), "flush_all");
    assert_eq!(example.get_as("/resource", &tokens["access_token"]).await.status, 401);
    assert_eq!(example.refresh(&tokens["refresh_token"], "").await.error(), (400, "invalid_grant"));
    let again = example.tokens("").await;
    assert_eq!(example.facts(&again).await["user_id"], "alice");
}

#[tokio::test]
async fn memcache_servers() {
    let (a, b) = (engine::memcached().unwrap(), engine::memcached().unwrap());
    let store = format!("memcached://127.0.0.1:{},memcached://127.0.0.1:{}", a.port(), b.port());
    keeps_and_shares("memcache_servers", &store, true).await;
    let example = Example::program("memcache_servers", Some(&store));
    for _ in 0..32 {
        example.password(ALICE, "").await.ok();
        example.tokens("").await;
    }
    for server in [&a, &b] {
        let keys = keys(server.port());
        assert!(keys.len() >= 3 && keys.iter().all(|key| key.starts_with("grantor%3A")), "{keys:?}");
    }
}

#[tokio::test]
async fn redis_store() {
    let redis = engine::redis().unwrap();
    keeps_and_shares("redis_store", &format!("redis://127.0.0.1:{}", redis.port()), true).await;
}

#[tokio::test]
async fn redis_store_keeps_what_it_holds_when_the_engine_is_killed() {
    let mut redis = engine::redis().unwrap();
    let store = format!("redis://127.0.0.1:{}", redis.port());
    let mut example = Example::program("redis_store", Some(&store));
    let tokens = example.tokens("").await;
    redis.kill().unwrap();
    assert_eq!(
        example.get_as("/resource", &tokens["access_token"]).await.status,
        503,
        "not known, not refused"
    );
    redis.start_again().unwrap();
    let ask = || example.get_as("/resource", &tokens["access_token"]);
    let answer = until(ask, |answer| answer.status == 200).await;
    assert_eq!(answer.body["user_id"], "alice");
    example.restart();
    assert_ne!(example.refresh(&tokens["refresh_token"], "").await.ok()["access_token"], Value::Null);
}

#[tokio::test]
async fn mongodb() {
    let mongodb = engine::mongodb().unwrap();
    keeps_and_shares("mongodb", &format!("mongodb://127.0.0.1:{}/seed", mongodb.port()), true).await;
}

#[tokio::test]
async fn mixed_stores() {
    let (mongodb, memcached) = (engine::mongodb().unwrap(), engine::memcached().unwrap());
    let store =
        format!("mongodb://127.0.0.1:{}/seed,memcached://127.0.0.1:{}", mongodb.port(), memcached.port());
    keeps_and_shares("mixed_stores", &store, false).await;
    memcached_says(memcached.port(), "flush_all");
    let example = Example::program("mixed_stores", Some(&store));
    let tokens = example.tokens("").await;
    assert_eq!(example.facts(&tokens).await["user_id"], "alice", "clients are in MongoDB");
}
