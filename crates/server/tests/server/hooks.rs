//! What time and faults do, without waiting for either: the test hooks.

use crate::support::{World, put};

fn hooked() -> World {
    let mut world = World::new("[policy]\nstanding_copies_for = \"0s\"\n");
    let control = world.file("hooks.toml");
    world.environment = vec![("GRANTOR_TEST_HOOKS", control.display().to_string())];
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_end_when_their_time_is_over() {
    let world = hooked();
    let server = world.serve();
    assert!(server.log().contains("TEST HOOKS ARE ON"), "{}", server.log());
    let tokens = server.tokens("web").await;
    let access = tokens["access_token"].as_str().unwrap();
    assert!(server.is_active(access).await);
    put(&world.file("hooks.toml"), "clock_offset_seconds = 599\n");
    assert!(server.is_active(access).await);
    put(&world.file("hooks.toml"), "clock_offset_seconds = 601\n");
    assert!(!server.is_active(access).await);
    put(&world.file("hooks.toml"), "clock_offset_seconds = 0\n");
    assert!(server.is_active(access).await, "and back");
    put(&world.file("hooks.toml"), "clock_offset_seconds = 2592001\n");
    assert_eq!(server.refresh("web", tokens["refresh_token"].as_str().unwrap()).await.0, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_they_lie_idle() {
    let world = hooked();
    let server = world.serve();
    let mut browser = server.browser();
    browser.post("/login", crate::support::LOGIN).await;
    for hours in [7, 14, 21] {
        put(&world.file("hooks.toml"), &format!("clock_offset_seconds = {}\n", hours * 3600));
        assert!(browser.get("/account").await.text().contains("Your account"), "{hours}");
    }
    put(&world.file("hooks.toml"), &format!("clock_offset_seconds = {}\n", 24 * 3600 + 1));
    assert!(browser.get("/account").await.text().contains("Log in"), "the absolute end");
    put(&world.file("hooks.toml"), "");
    browser.post("/login", crate::support::LOGIN).await;
    put(&world.file("hooks.toml"), &format!("clock_offset_seconds = {}\n", 8 * 3600 + 61));
    assert!(browser.get("/account").await.text().contains("Log in"), "the idle end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_store_is_503_and_nothing_is_lost_when_it_recovers() {
    let world = hooked();
    let server = world.serve();
    let tokens = server.tokens("web").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    for fault in ["fail", "wait"] {
        put(&world.file("hooks.toml"), &format!("store = \"{fault}\"\n"));
        let (status, answer) = server.form("/introspect", "api", &[("token", access)]).await;
        assert_eq!((status, answer["error"].as_str()), (503, Some("temporarily_unavailable")), "{fault}");
        let (status, answer) = server.refresh("web", refresh).await;
        assert_eq!((status, answer["error"].as_str()), (503, Some("temporarily_unavailable")), "{fault}");
        assert_eq!(server.form("/revoke", "web", &[("token", access)]).await.0, 503, "{fault}");
        assert_eq!(server.get("/readyz").await.0, 503, "{fault}");
        assert_eq!(server.get("/healthz").await.0, 200, "{fault}");
        let mut browser = server.browser();
        let page = browser.post("/login", crate::support::LOGIN).await;
        assert_eq!(page.status, 503, "{fault}");
        assert!(page.text().contains("try again"), "{}", page.text());
        put(&world.file("hooks.toml"), "store = \"ok\"\n");
        assert_eq!(server.get("/readyz").await.0, 200, "{fault}");
        assert!(server.is_active(access).await, "{fault}");
    }
    let (status, next) = server.refresh("web", refresh).await;
    assert_eq!(status, 200, "{next}");
    let log = server.stop();
    assert!(log.contains("\"reason\":\"store_failed\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_one_line_and_500_and_the_process_lives() {
    let world = hooked();
    let server = world.serve();
    let (status, body) = server.get("/test-hooks/panic").await;
    assert_eq!(status, 500);
    let answer: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(answer["error"], "server_error");
    assert_eq!(server.get("/readyz").await.0, 200);
    let log = server.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("a test asked for this")).collect();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(lines[0].contains("the server panicked") && lines[0].contains("request_id"), "{}", lines[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_variable_nothing_is_hooked() {
    let world = World::new("");
    let server = world.serve();
    assert_eq!(server.get("/test-hooks/panic").await.0, 404);
    assert!(!server.stop().contains("TEST HOOKS"));
}
