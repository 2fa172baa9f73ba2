//! Commands beside a running server, and two servers over one store: each sees what the other did.

use http::StatusCode;

use crate::support::{LOGIN, PASSWORD, USER, World, authorize};

/// What must end whatever was issued before: a command and its standard input.
async fn ends_everything(arguments: &[&str], given: &str) {
    let world = World::new("[policy]\nstanding_copies_for = \"0s\"\nclient_copies_for = \"0s\"\n");
    let server = world.serve();
    let mut browser = server.browser();
    browser.post("/login", LOGIN).await;
    let tokens = server.tokens("web").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert!(server.is_active(access).await);
    world.done(arguments, given);
    assert!(!server.is_active(access).await, "{arguments:?}: the access token lives");
    let (status, answer) = server.refresh("web", refresh).await;
    assert!(status >= 400, "{arguments:?}: {answer}");
    let is_about_the_user =
        arguments[0] == "user" || arguments.contains(&"--user") || arguments.contains(&"--all");
    let page = browser.get("/account").await;
    if is_about_the_user && arguments[0] != "consent" && arguments[0] != "grant" {
        assert!(page.text().contains("Log in"), "{arguments:?}: the session lives");
    } else {
        assert!(page.text().contains("Your account"), "{arguments:?}: the session has ended");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_a_user_ends_everything() {
    ends_everything(&["user", "disable", USER], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_everything() {
    ends_everything(&["user", "password", USER], "a new password of some length").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_user_ends_everything() {
    ends_everything(&["user", "delete", USER], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_before_of_a_user_ends_everything() {
    ends_everything(&["not-before", "--user", USER], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_before_of_all_ends_everything() {
    ends_everything(&["not-before", "--all"], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn not_before_of_a_client_ends_its_tokens() {
    ends_everything(&["not-before", "--client", "web"], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_consent_ends_its_tokens() {
    ends_everything(&["consent", "withdraw", "--user", USER, "--client", "web"], "").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_user_cannot_log_in_and_an_enabled_one_can() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    world.done(&["user", "disable", USER], "");
    assert_eq!(browser.post("/login", LOGIN).await.status, StatusCode::FORBIDDEN);
    world.done(&["user", "enable", USER], "");
    assert!(browser.post("/login", LOGIN).await.text().contains("Your account"));
    world.done(&["user", "password", USER], "a new password of some length");
    assert_eq!(browser.post("/login", LOGIN).await.status, StatusCode::FORBIDDEN);
    let new = [("username", USER), ("password", "a new password of some length")];
    assert!(browser.post("/login", &new).await.text().contains("Your account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_that_was_withdrawn_by_command_is_asked_again() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    let page = browser.get(&authorize("web", "read")).await;
    let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
    assert!(browser.press(&page, "decision=allow", &[]).await.unwrap().answer("code").is_some());
    world.done(&["consent", "withdraw", "--user", USER, "--client", "web"], "");
    let page = browser.get(&authorize("web", "read")).await;
    assert!(page.text().contains("Allow"), "{}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_over_one_file_see_each_others_changes() {
    let world = World::new("[policy]\nstanding_copies_for = \"0s\"\n");
    let (one, two) = (world.serve(), world.serve_beside());
    let tokens = one.tokens("web").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert!(two.is_active(access).await);
    let (status, next) = two.refresh("web", refresh).await;
    assert_eq!(status, 200, "{next}");
    let next = next["refresh_token"].as_str().unwrap();
    assert!(one.is_active(access).await);
    // A login at one is a login at the other: the session is in the store.
    let mut browser = one.browser();
    browser.post("/login", LOGIN).await;
    let cookies: Vec<String> = browser.cookies().iter().map(|c| format!("{}={}", c.name, c.value)).collect();
    let cookies = http::HeaderValue::from_str(&cookies.join("; ")).unwrap();
    let mut elsewhere = two.browser().with_header(http::header::COOKIE, cookies);
    assert!(elsewhere.get("/account").await.text().contains("Your account"));
    let (status, _) = one.form("/revoke", "web", &[("token", next)]).await;
    assert_eq!(status, 200);
    assert!(!two.is_active(access).await);
    assert_eq!(two.refresh("web", next).await.0, 400);
    one.stop();
    two.stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_and_starting_keeps_clients_users_sessions_and_tokens() {
    let world = World::new("");
    let server = world.serve();
    let tokens = server.tokens("web").await;
    let mut browser = server.browser();
    browser.post("/login", LOGIN).await;
    let log = server.stop();
    assert!(!log.contains(PASSWORD));
    let server = world.serve();
    assert!(server.is_active(tokens["access_token"].as_str().unwrap()).await);
    assert!(browser.get("/account").await.text().contains("Your account"));
    assert_eq!(server.refresh("web", tokens["refresh_token"].as_str().unwrap()).await.0, 200);
    server.stop();
}
