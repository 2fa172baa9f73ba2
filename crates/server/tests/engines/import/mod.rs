//! `grantor import`: what python-oauth2 1.1.1 wrote into real engines (`testdata/python-oauth2/record.py`) goes on here.

mod from;

use std::fs;

use grantor_testkit::Certificates;
use grantor_testkit::engine;
use serde_json::{Value, json};

use crate::STORE_PASSWORD;
use crate::program::http;
use crate::support::{Server, World};

const IMPORTED: &str = "[policy]\nimported_tokens = true\nrefresh_retry_window = \"0s\"\n";
/// The end of the recorded tokens that are alive.
const LATER: i64 = 2_114_380_800;

fn old(kind: char, number: u8) -> String {
    format!("{kind}0000000-0000-4000-8000-{number:012}")
}

/// What `grantor import` shall read, and what the report shall say.
#[derive(Default)]
struct Case {
    url: String,
    more: Vec<&'static str>,
    /// On its standard input.
    given: String,
    settings: &'static str,
    taken_over: Value,
    /// What, a part of the reason, how many.
    skipped: Vec<(&'static str, &'static str, u64)>,
}

fn import(world: &World, case: &Case, more: &[&str]) -> Value {
    let arguments = [&["import", "--json"], &case.more[..], more].concat();
    let said = world.done(&arguments, &case.given);
    clear_of_secrets("the report", said.as_bytes());
    serde_json::from_str(&said).unwrap()
}

fn clear_of_secrets(place: &str, kept: &[u8]) {
    for secret in ["0000000-0000-4000-8000-", "old-secret-of"] {
        assert!(!kept.windows(secret.len()).any(|at| at == secret.as_bytes()), "{secret} in {place}");
    }
}

fn assert_skipped(report: &Value, expected: &[(&str, &str, u64)]) {
    let all = report["skipped"].as_array().unwrap();
    for (what, why, many) in expected {
        let fits = |one: &&Value| one["what"] == *what && text(one, "why").contains(why);
        let found: Vec<&Value> = all.iter().filter(fits).collect();
        assert!(matches!(found[..], [one] if one["count"] == *many), "{many} {what}, {why}: {report:#}");
    }
    assert_eq!(all.len(), expected.len(), "{report:#}");
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

async fn goes_on(case: Case) {
    let mut world = World::over("sqlite:grantor.db", &format!("{IMPORTED}{}", case.settings));
    world.environment.push(("GRANTOR_IMPORT_FROM", case.url.clone()));
    let nothing = world.done(&["client", "list", "--json"], "");

    let dry = import(&world, &case, &[]);
    let expected = &case.taken_over;
    assert_eq!((&dry["written"], &dry["taken_over"]), (&json!(false), expected), "{dry:#}");
    assert_eq!(dry["endless_tokens_given_an_end"], 1);
    assert_skipped(&dry, &case.skipped);
    assert_eq!(world.done(&["client", "list", "--json"], ""), nothing);
    assert_eq!(
        serde_json::from_str::<Value>(&world.done(&["grant", "list", "--json"], "")).unwrap(),
        json!([])
    );

    let done = import(&world, &case, &["--write"]);
    assert_eq!((&done["written"], &done["taken_over"]), (&json!(true), expected), "{done:#}");
    assert_eq!(done["skipped"], dry["skipped"]);
    let grants = world.done(&["grant", "list", "--json"], "");
    let again = import(&world, &case, &["--write"]);
    assert_eq!((&again["taken_over"], &again["already_there"]), (&json!({}), expected), "{again:#}");
    assert_eq!(world.done(&["grant", "list", "--json"], ""), grants);

    for name in ["grantor.db", "grantor.db-wal"] {
        let Ok(kept) = fs::read(world.file(name)) else { continue };
        clear_of_secrets(name, &kept);
    }
    assert!(!world.file(from::TRAP).exists());

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
    assert_eq!(import(&world, &case, &["--write"])["taken_over"], json!({}));
    for number in [1, 2] {
        assert!(!server.is_active(&old('a', number)).await);
        assert_eq!(refresh(&server, &old('b', number)).await.0, 400);
    }
    clear_of_secrets("the log", server.stop().as_bytes());
}

/// What a store that has all of it says of tokens and codes.
const DEAD_AND_GONE: [(&str, &str, u64); 4] = [
    ("access token", "its client is neither", 1),
    ("access token", "it has expired", 2),
    ("refresh token", "it has expired", 1),
    ("authorization code", "codes live for minutes", 1),
];
const NO_REDIRECT: (&str, &str, u64) = ("client", "a redirect URI is not allowed", 1);
const UNREADABLE: &str = "it is nothing that python-oauth2 writes";
const COPY: &str = "copy of a token under another name";

fn taken_over(clients: u64) -> Value {
    json!({ "client": clients, "access token": 3, "refresh token": 3 })
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_python_oauth2_in_redis_go_on() {
    let (_engine, url) = from::redis();
    let skipped = [
        &DEAD_AND_GONE[..],
        &[NO_REDIRECT, ("client", UNREADABLE, 1), ("other entry", UNREADABLE, 2), ("other entry", COPY, 8)],
    ]
    .concat();
    goes_on(Case { url, taken_over: taken_over(3), skipped, ..Case::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_python_oauth2_in_mysql_go_on() {
    let (_engine, url) = from::mysql();
    let skipped = [&DEAD_AND_GONE[..], &[NO_REDIRECT]].concat();
    goes_on(Case { url, taken_over: taken_over(2), skipped, ..Case::default() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_python_oauth2_in_mongodb_go_on() {
    let (_engine, url) = from::mongodb().await;
    let odd = [NO_REDIRECT, ("client", UNREADABLE, 1), ("access token", UNREADABLE, 4)];
    let skipped = [&DEAD_AND_GONE[..], &odd].concat();
    goes_on(Case { url, taken_over: taken_over(3), skipped, ..Case::default() }).await;
}

/// There are no clients in memcached, so they are made before.
const CLIENTS: &str = r#"
[[clients]]
client_id = "notes"
client_secret = "old-secret-of-notes"
token_endpoint_auth_method = "client_secret_post"
redirect_uris = ["https://notes.example/cb"]
scope = "read write"
[[clients]]
client_id = "robot"
client_secret = "old-secret-of-robot"
token_endpoint_auth_method = "client_secret_post"
grant_types = ["client_credentials"]
response_types = []
scope = "read write"
"#;

/// The keys under this prefix, some twice, with those of hostile values, of nothing, and lines that are no keys.
fn memcached(url: &str, prefix: &'static str) -> Case {
    let recorded = from::keys(prefix);
    let hostile = "run\nendless\nlarge\nnumber\nodd\n";
    let none = "a b\n\0\nkey=elsewhere_t exp=-1\n";
    let given = format!("{recorded}{recorded}{hostile}gone\n{none}{}\nEND\n", "x".repeat(3000));
    let odd = [
        ("other entry", UNREADABLE, 5),
        ("other entry", "memcached does not have it", 1),
        ("other entry", "a line of --keys that is no key", 4),
        // Under the names of four refresh tokens and of three users.
        ("other entry", COPY, 7),
    ];
    Case {
        url: url.to_owned(),
        more: vec!["--keys", "-", "--prefix", prefix],
        given,
        settings: CLIENTS,
        taken_over: json!({ "access token": 3, "refresh token": 3 }),
        skipped: [&DEAD_AND_GONE[..], &odd].concat(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_python_oauth2_in_memcached_go_on() {
    let (_engine, url) = from::memcached();
    goes_on(memcached(&url, from::PREFIXES[0])).await;
}

#[test]
fn pickles_of_each_protocol_are_imported() {
    let (_engine, url) = from::memcached();
    let mut world = World::over("sqlite:grantor.db", &format!("{IMPORTED}{CLIENTS}"));
    world.environment.push(("GRANTOR_IMPORT_FROM", url.clone()));
    for prefix in from::PREFIXES {
        let case = memcached(&url, prefix);
        let dry = import(&world, &case, &[]);
        assert_eq!(dry["taken_over"], case.taken_over, "{prefix}: {dry:#}");
        assert_skipped(&dry, &case.skipped);
    }
    assert!(!world.file(from::TRAP).exists());
}

/// The name of a user alone is enough: the token is there under its own name too.
#[test]
fn a_name_of_a_user_leads_to_the_token_in_memcached_once() {
    let (_engine, url) = from::memcached();
    let mut world = World::over("sqlite:grantor.db", &format!("{IMPORTED}{CLIENTS}"));
    world.environment.push(("GRANTOR_IMPORT_FROM", url));
    let given = "robot_client_credentials_None\n".repeat(2);
    let case = Case { more: vec!["--keys", "-"], given, ..Case::default() };
    let dry = import(&world, &case, &[]);
    assert_eq!(dry["taken_over"], json!({ "access token": 1 }), "{dry:#}");
    assert_skipped(&dry, &[("other entry", COPY, 1)]);
}

/// An import from this URL succeeds and another CA is refused, as is what asks for no TLS.
fn tls_is_verified(world: &mut World, url: &str, made: &Certificates, case: &Case) {
    world.environment.retain(|(name, _)| *name != "GRANTOR_IMPORT_FROM");
    world.environment.push(("GRANTOR_IMPORT_FROM", format!("{url}ca={}", made.ca().display())));
    let dry = import(world, case, &[]);
    assert_eq!(dry["taken_over"], case.taken_over, "{dry:#}");
    world.environment.pop();
    world.environment.push(("GRANTOR_IMPORT_FROM", format!("{url}ca={}", made.other_ca().display())));
    let output = world.command(&[&["import"], &case.more[..]].concat(), &case.given);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("unknown issuer"), "{said}");
    assert!(!said.contains("hunter2") && output.stdout.is_empty(), "{said}");
}

#[test]
fn an_old_store_behind_tls_is_verified() {
    let made = Certificates::new().unwrap();
    let mut world = World::over("sqlite:grantor.db", IMPORTED);

    let redis = from::redis_tls(&made.server());
    let all = Case { taken_over: taken_over(3), ..Case::default() };
    tls_is_verified(&mut world, &format!("rediss://:hunter2@localhost:{}/0?", redis.port()), &made, &all);

    let mysql = from::mysql_tls(&made.server());
    let all = Case { taken_over: taken_over(2), ..Case::default() };
    let place = format!("{STORE_PASSWORD}@localhost:{}/testdb", mysql.port());
    tls_is_verified(&mut world, &format!("mysql://grantor:{place}?tls=yes&"), &made, &all);

    // It is empty, so all that is asked is whether it answers.
    let memcached = engine::memcached_tls(&made.server()).unwrap();
    let nothing =
        Case { more: vec!["--keys", "-"], given: "t".to_owned(), taken_over: json!({}), ..Case::default() };
    tls_is_verified(&mut world, &format!("memcacheds://localhost:{}?", memcached.port()), &made, &nothing);
}

#[test]
fn what_cannot_be_imported_is_refused_with_the_reason() {
    let world = World::over("sqlite:grantor.db", "");
    for (from, more, why) in [
        ("mongodb://:hunter2@127.0.0.1/old", &["--keys", "-"][..], "--keys is for memcached alone"),
        ("mongodb+srv://a:hunter2@h.example/old", &[], "name the hosts"),
        ("mongodb://a:hunter2@127.0.0.1/old?tls=true&tlsInsecure=true", &[], "unverified"),
        ("mongodb://a:hunter2@127.0.0.1", &[], "names no database"),
        ("memcached://127.0.0.1", &[], "--keys FILE"),
        ("memcached://a:hunter2@127.0.0.1", &["--keys", "-"], "has a password"),
        ("memcached://127.0.0.1", &["--keys", "no-such-file"], "no-such-file"),
        ("redis://:hunter2@127.0.0.1?ca=/ca.pem", &[], "tls=yes"),
        ("rediss://:hunter2@127.0.0.1?tls=no", &[], "tls"),
        ("mysqls://:hunter2@127.0.0.1", &[], "tls=yes"),
        ("postgres://:hunter2@127.0.0.1", &[], "no store that this build can import"),
    ] {
        let output = world.command(&[&["import", "--from", from], more].concat(), "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && said.contains(why), "{from}: {said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    let output = world.command(&["import", "--write", "--from", "redis://127.0.0.1:1"], "");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("imported_tokens = true"), "{said}");
}
