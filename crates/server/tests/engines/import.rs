//! `grantor import`: what python-oauth2 1.1.1 wrote into real engines (`testdata/python-oauth2/record.py`) goes on here.

use std::fs::{self, File};
use std::process::{Command, Stdio};

use grantor_testkit::engine::{self, Engine, Reply};
use serde_json::{Value, json};

use crate::program::http;
use crate::support::{Server, World};
use crate::{MARIADB, STORE_PASSWORD};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/python-oauth2");
const IMPORTED: &str = "[policy]\nimported_tokens = true\nrefresh_retry_window = \"0s\"\n";
/// The end of the recorded tokens that are alive.
const LATER: i64 = 2_114_380_800;

fn old(kind: char, number: u8) -> String {
    format!("{kind}0000000-0000-4000-8000-{number:012}")
}

fn redis() -> (Engine, String) {
    let engine = engine::redis().unwrap();
    for line in fs::read_to_string(format!("{RECORDED}/redis.jsonl")).unwrap().lines() {
        let (key, value): (String, String) = serde_json::from_str(line).unwrap();
        let set = engine::ask(engine.port(), &["SET", &key, &value]).unwrap();
        assert!(matches!(set, Reply::Text(_)), "{key}");
    }
    // What is not of python-oauth2 does no harm.
    engine::ask(engine.port(), &["SET", "oauth2_other", "7"]).unwrap();
    engine::ask(engine.port(), &["SADD", "oauth2_set", "7"]).unwrap();
    let url = format!("redis://127.0.0.1:{}/0", engine.port());
    (engine, url)
}

fn mysql() -> (Engine, String) {
    let engine = (MARIADB.start)();
    let port = format!("-P{}", engine.port());
    let client = || {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-h127.0.0.1", &port, "-uroot"]);
        client
    };
    let dump = File::open(format!("{RECORDED}/mysql.sql")).unwrap();
    assert!(client().stdin(Stdio::from(dump)).status().unwrap().success());
    let may_read = ["-e", "GRANT SELECT ON testdb.* TO grantor"];
    assert!(client().args(may_read).status().unwrap().success());
    let url = format!("mysql://grantor:{STORE_PASSWORD}@127.0.0.1:{}/testdb", engine.port());
    (engine, url)
}

fn import(world: &World, more: &[&str]) -> Value {
    let arguments = [&["import", "--json"], more].concat();
    serde_json::from_str(&world.done(&arguments, "")).unwrap()
}

async fn ask(server: &Server, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let own = [("client_id", "notes"), ("client_secret", "old-secret-of-notes")];
    let fields = [&own, fields].concat();
    let sent = http().post(server.url(path)).form(&fields).send().await.unwrap();
    let status = sent.status().as_u16();
    (status, serde_json::from_slice(&sent.bytes().await.unwrap()).unwrap_or_default())
}

async fn refresh(server: &Server, token: &str) -> (u16, Value) {
    ask(server, "/token", &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
}

async fn facts(server: &Server, token: &str) -> Value {
    server.form("/introspect", "api", &[("token", token)]).await.1
}

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

async fn goes_on(url: String, clients: u64) {
    let mut world = World::over("sqlite:grantor.db", IMPORTED);
    world.environment.push(("GRANTOR_IMPORT_FROM", url));
    let nothing = world.done(&["client", "list", "--json"], "");

    let dry = import(&world, &[]);
    let expected = json!({ "client": clients, "access token": 3, "refresh token": 3 });
    assert_eq!((&dry["written"], &dry["taken_over"]), (&json!(false), &expected), "{dry}");
    assert_eq!(dry["endless_tokens_given_an_end"], 1);
    assert_eq!(world.done(&["client", "list", "--json"], ""), nothing);
    assert_eq!(
        serde_json::from_str::<Value>(&world.done(&["grant", "list", "--json"], "")).unwrap(),
        json!([])
    );

    let done = import(&world, &["--write"]);
    assert_eq!((&done["written"], &done["taken_over"]), (&json!(true), &expected), "{done}");
    assert_eq!(done["skipped"], dry["skipped"]);
    for why in
        ["its client is neither", "it has expired", "codes live for minutes", "a redirect URI is not allowed"]
    {
        assert!(done["skipped"].to_string().contains(why), "{why}: {done}");
    }
    let grants = world.done(&["grant", "list", "--json"], "");
    let again = import(&world, &["--write"]);
    assert_eq!((&again["taken_over"], &again["already_there"]), (&json!({}), &expected), "{again}");
    assert_eq!(world.done(&["grant", "list", "--json"], ""), grants);

    for name in ["grantor.db", "grantor.db-wal"] {
        let Ok(kept) = fs::read(world.file(name)) else { continue };
        for secret in ["0000000-0000-4000-8000-", "old-secret-of"] {
            assert!(!kept.windows(secret.len()).any(|at| at == secret.as_bytes()), "{secret} in {name}");
        }
    }

    let server = world.serve();
    let live = facts(&server, &old('a', 1)).await;
    assert_eq!(
        (&live["active"], text(&live, "client_id"), text(&live, "sub")),
        (&json!(true), "notes", "7"),
        "{live}"
    );
    assert_eq!((text(&live, "scope"), &live["exp"]), ("read write", &json!(LATER)), "{live}");
    assert!(live.to_string().contains("\"team\":\"blue\""), "{live}");
    let endless = facts(&server, &old('a', 5)).await;
    assert!(endless["active"] == true && endless["exp"].as_i64().unwrap() < LATER, "{endless}");
    for (kind, number) in [('a', 3), ('a', 4), ('a', 6), ('a', 7), ('b', 4), ('b', 7), ('a', 9), ('c', 1)] {
        assert_eq!(facts(&server, &old(kind, number)).await["active"], false, "{kind}{number}");
    }
    for number in [4, 7, 9] {
        assert_eq!(refresh(&server, &old('b', number)).await.0, 400, "b{number}");
    }

    // The old refresh token works once and rotates; its reuse ends the grant (RFC 9700 section 4.14.2).
    let (status, next) = refresh(&server, &old('b', 1)).await;
    assert_eq!(status, 200, "{next}");
    assert!(text(&next, "refresh_token").starts_with("grt_rt_"));
    assert_eq!(text(&facts(&server, text(&next, "access_token")).await, "sub"), "7");
    assert_eq!(refresh(&server, &old('b', 1)).await.0, 400);
    assert_eq!(refresh(&server, text(&next, "refresh_token")).await.0, 400);
    assert!(!server.is_active(&old('a', 1)).await);
    assert_eq!(refresh(&server, &old('b', 3)).await.0, 200, "its access token had expired, it had not");

    // RFC 7009 section 2.1: an access token alone, then all of the grant.
    assert_eq!(ask(&server, "/revoke", &[("token", &old('a', 2))]).await.0, 200);
    assert!(!server.is_active(&old('a', 2)).await);
    let (status, next) = refresh(&server, &old('b', 2)).await;
    assert_eq!(status, 200, "{next}");
    assert_eq!(ask(&server, "/revoke", &[("token", text(&next, "refresh_token"))]).await.0, 200);
    assert!(!server.is_active(text(&next, "access_token")).await);

    // What has ended since does not live again.
    assert_eq!(import(&world, &["--write"])["taken_over"], json!({}));
    for number in [1, 2] {
        assert!(!server.is_active(&old('a', number)).await);
        assert_eq!(refresh(&server, &old('b', number)).await.0, 400);
    }
    server.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_python_oauth2_in_redis_go_on() {
    let (_engine, url) = redis();
    goes_on(url, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_python_oauth2_in_mysql_go_on() {
    let (_engine, url) = mysql();
    goes_on(url, 2).await;
}

#[test]
fn what_cannot_be_imported_is_refused_with_the_reason() {
    let world = World::over("sqlite:grantor.db", "");
    for (from, why) in [
        ("mongodb://:hunter2@127.0.0.1/old", "MongoDB and memcached"),
        ("memcached://127.0.0.1", "MongoDB and memcached"),
        ("rediss://:hunter2@127.0.0.1", "TLS"),
        ("postgres://:hunter2@127.0.0.1", "no store that this build can import"),
    ] {
        let output = world.command(&["import", "--from", from], "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{from}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let output = world.command(&["import", "--write", "--from", "redis://127.0.0.1:1"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("imported_tokens = true"), "{said}");
}
