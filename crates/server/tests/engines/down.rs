//! The engine is down: at the start a clear message, in flight 503, and the server goes on by itself afterwards.

use std::time::Duration;

use grantor_testkit::proxy::{Proxy, Way};
use reqwest::header::RETRY_AFTER;

use crate::program::http;
use crate::support::{SECRET, Server};
use crate::{Kind, STORE_PASSWORD, each_engine};

each_engine!(
    down_at_the_start_is_one_clear_message,
    down_in_flight_is_503_and_it_comes_back_by_itself,
    silent_in_flight_is_503_within_the_store_s_time,
);

pub(crate) async fn down_at_the_start_is_one_clear_message(kind: &Kind) {
    let mut engine = (kind.start)();
    let world = kind.world(engine.port(), "");
    engine.kill().unwrap();
    let mut commands = vec![&["serve"][..], &["user", "list"], &["client", "list"], &["sweep"]];
    if kind.has_schema {
        commands.push(&["migrate"]);
    }
    for command in commands {
        let output = world.command(command, "");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {said}");
        let message = said.lines().last().unwrap_or_default();
        assert!(message.starts_with("grantor: the store: "), "{command:?}: {said}");
        assert!(message.contains(&format!("127.0.0.1:{}", engine.port())), "{command:?}: {said}");
        assert!(!said.contains(STORE_PASSWORD) && !said.contains("panicked"), "{command:?}: {said}");
    }
    engine.start_again().unwrap();
    world.serve().stop();
}

async fn credentials(server: &Server) -> reqwest::Response {
    let request = http().post(server.url("/token")).basic_auth("service", Some(SECRET));
    request.form(&[("grant_type", "client_credentials"), ("scope", "read")]).send().await.unwrap()
}

/// The server answers what needs no store, and says of the rest when to come again.
async fn is_unavailable(server: &Server) {
    let answer = credentials(server).await;
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key(RETRY_AFTER));
    let error: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(error["error"], "temporarily_unavailable");
    assert_eq!(server.get("/readyz").await.0, 503);
    assert_eq!(server.get("/healthz").await.0, 200);
    assert_eq!(server.get("/.well-known/oauth-authorization-server").await.0, 200);
}

/// The processes of PostgreSQL that serve connections end a little later than the one that was killed.
async fn until_nobody_answers(server: &Server) {
    let mut tries = 0;
    while credentials(server).await.status() == 200 {
        tries += 1;
        assert!(tries < 1_000, "it answers without an engine: {}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn until_it_answers(server: &Server) {
    let mut tries = 0;
    while credentials(server).await.status() != 200 {
        tries += 1;
        assert!(tries < 1_000, "it does not come back: {}", server.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(server.get("/readyz").await.0, 200);
}

async fn down_in_flight_is_503_and_it_comes_back_by_itself(kind: &Kind) {
    let mut engine = (kind.start)();
    let world = kind.world(engine.port(), "");
    let server = world.serve();
    until_it_answers(&server).await;
    let tokens = server.tokens("web").await;
    for _ in 0..2 {
        engine.kill().unwrap();
        until_nobody_answers(&server).await;
        is_unavailable(&server).await;
        engine.start_again().unwrap();
        until_it_answers(&server).await;
    }
    // What was acknowledged is there.
    assert!(server.is_active(tokens["access_token"].as_str().unwrap()).await);
    let log = server.stop();
    assert!(log.contains("\"reason\":\"not_ready\"") && !log.contains(STORE_PASSWORD), "{log}");
}

async fn silent_in_flight_is_503_within_the_store_s_time(kind: &Kind) {
    let engine = (kind.start)();
    let proxy = Proxy::to(engine.port()).unwrap();
    // The store itself would wait for a minute; the test's own client does not wait for longer than that.
    let world = kind.world(proxy.port(), "");
    let config = std::fs::read_to_string(world.file("grantor.toml")).unwrap();
    let config = config.replace("store_timeout = \"60s\"", "store_timeout = \"500ms\"");
    std::fs::write(world.file("grantor.toml"), config).unwrap();
    let server = world.serve();
    until_it_answers(&server).await;
    for way in [Way::Requests, Way::Answers] {
        proxy.hold(way);
        is_unavailable(&server).await;
        proxy.heal().unwrap();
        until_it_answers(&server).await;
    }
    server.stop();
}
