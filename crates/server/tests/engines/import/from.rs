//! Old stores: what python-oauth2 1.1.1 itself wrote, put into engines, with hostile entries beside it.
//!
//! The documents of MongoDB were recorded from a stand-in and are read from one: see `record.py`.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use grantor_testkit::ServerTls;
use grantor_testkit::engine::{self, Engine};
use mongodb::bson::{Document, RawDocumentBuf, doc};

use crate::{MARIADB, STORE_PASSWORD};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/python-oauth2");
/// The prefixes in `memcached.jsonl`, each with pickles of another protocol.
pub(super) const PREFIXES: [&str; 6] =
    ["oauth2", "protocol1", "protocol2", "protocol3", "protocol4", "protocol5"];
/// What a pickle among those would make, were it run.
pub(super) const TRAP: &str = "the-pickle-was-run";

fn lines(file: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("{RECORDED}/{file}")).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn decoded(base64: &str) -> Vec<u8> {
    STANDARD.decode(base64).unwrap()
}

fn fill_redis(engine: &Engine) {
    for line in lines("redis.jsonl") {
        let (key, value): (String, String) = serde_json::from_str(&line).unwrap();
        assert_eq!(engine.ask(&["SET", &key, &value]).unwrap().text(), "OK", "{key}");
    }
    // What is not of python-oauth2 does no harm.
    engine.ask(&["SET", "oauth2_other", "7"]).unwrap();
    engine.ask(&["SET", "oauth2_list", r#"{"token":["a"],"client_id":{"$ne":1}}"#]).unwrap();
    engine.ask(&["SET", "oauth2_client", r#"{"identifier":{"$ne":1},"secret":"s"}"#]).unwrap();
    engine.ask(&["SADD", "oauth2_set", "7"]).unwrap();
}

pub(super) fn redis() -> (Engine, String) {
    let engine = engine::redis().unwrap();
    fill_redis(&engine);
    let url = format!("redis://127.0.0.1:{}/0", engine.port());
    (engine, url)
}

/// It speaks TLS alone, but on a socket.
pub(super) fn redis_tls(shown: &ServerTls) -> Engine {
    let engine =
        engine::redis_tls(shown, &["--requirepass", "hunter2", "--unixsocket", "redis.sock"]).unwrap();
    fill_redis(&engine);
    engine
}

fn fill_mysql(engine: &Engine, demand: &str) {
    let port = format!("-P{}", engine.port());
    let client = || {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "--skip-ssl", "-h127.0.0.1", &port, "-uroot"]);
        client
    };
    let dump = File::open(format!("{RECORDED}/mysql.sql")).unwrap();
    assert!(client().stdin(Stdio::from(dump)).status().unwrap().success());
    let may_read = format!(
        "CREATE USER IF NOT EXISTS grantor IDENTIFIED BY '{STORE_PASSWORD}'; \
         GRANT SELECT ON testdb.* TO grantor REQUIRE {demand}"
    );
    assert!(client().args(["-e", &may_read]).status().unwrap().success());
}

pub(super) fn mysql() -> (Engine, String) {
    let engine = (MARIADB.start)();
    fill_mysql(&engine, "NONE");
    let url = format!("mysql://grantor:{STORE_PASSWORD}@127.0.0.1:{}/testdb", engine.port());
    (engine, url)
}

/// Its user must use TLS.
pub(super) fn mysql_tls(shown: &ServerTls) -> Engine {
    let engine = engine::mariadb_tls(shown).unwrap();
    fill_mysql(&engine, "SSL");
    engine
}

/// With the keys of what was recorded under this prefix, each written in one of the ways that `--keys` takes.
pub(super) fn keys(prefix: &str) -> String {
    let mut keys = String::new();
    for (number, line) in lines("memcached.jsonl").iter().enumerate() {
        let (key, _, _): (String, u32, String) = serde_json::from_str(line).unwrap();
        let Some(name) = key.strip_prefix(prefix).and_then(|key| key.strip_prefix('_')) else { continue };
        let escaped = key.replace('-', "%2D");
        let line = match number % 3 {
            0 => name.to_owned(),
            1 => key,
            _ => format!("key={escaped} exp=-1 la=1 cas=1 fetch=no cls=1 size=1"),
        };
        keys.extend([line.as_str(), "\n"]);
    }
    keys
}

pub(super) fn memcached() -> (Engine, String) {
    let engine = engine::memcached().unwrap();
    let mut stream = TcpStream::connect(("127.0.0.1", engine.port())).unwrap();
    let mut set = |key: &str, flags: u32, value: &[u8]| {
        let head = format!("set {key} {flags} 0 {}\r\n", value.len());
        stream.write_all(&[head.as_bytes(), value, b"\r\n"].concat()).unwrap();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"STORED\r\n", "{key}");
    };
    for line in lines("memcached.jsonl") {
        let (key, flags, value): (String, u32, String) = serde_json::from_str(&line).unwrap();
        set(&key, flags, &decoded(&value));
    }
    for prefix in PREFIXES {
        let run = format!("cposix\nsystem\n(S'touch {TRAP}'\ntR.");
        set(&format!("{prefix}_run"), 1, run.as_bytes());
        set(&format!("{prefix}_endless"), 1, b"(lp0\ng0\na.");
        set(&format!("{prefix}_large"), 1, &vec![b'('; 900_000]);
        set(&format!("{prefix}_number"), 2, b"7");
        set(&format!("{prefix}_odd"), 1, b"(dp0\nS'token'\np1\n(lp2\ns.");
    }
    let url = format!("memcached://127.0.0.1:{}", engine.port());
    (engine, url)
}

#[expect(clippy::print_stderr, reason = "whoever runs the tests should know what they ran on")]
pub(super) async fn mongodb() -> (Engine, String) {
    let engine = engine::mongodb().unwrap();
    if engine::mongodb_is_stand_in() {
        eprintln!("\nnot checked: import from MongoDB itself: it ran on a stand-in");
    }
    let url = format!("mongodb://127.0.0.1:{}/testdb?directConnection=true", engine.port());
    let client = mongodb::Client::with_uri_str(&url).await.unwrap();
    let database = client.database("testdb");
    for line in lines("mongodb.jsonl") {
        let (collection, document): (String, String) = serde_json::from_str(&line).unwrap();
        let document = RawDocumentBuf::from_bytes(decoded(&document)).unwrap();
        database.collection::<RawDocumentBuf>(&collection).insert_one(document).await.unwrap();
    }
    let mut deep = doc! {};
    for _ in 0..60 {
        deep = doc! { "a": deep };
    }
    for odd in [
        doc! { "token": { "$ne": "" }, "client_id": { "$gt": "" } },
        doc! { "token": "t", "client_id": "notes", "grant_type": "password", "data": deep },
        doc! { "token": 7 },
        doc! {},
    ] {
        database.collection::<Document>("access_tokens").insert_one(odd).await.unwrap();
    }
    let odd = doc! { "identifier": { "$ne": "" } };
    database.collection::<Document>("clients").insert_one(odd).await.unwrap();
    client.shutdown().await;
    (engine, url)
}
