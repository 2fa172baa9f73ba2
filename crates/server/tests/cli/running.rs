//! Tokens, grants, consents and not-before: commands that end what a running server issued.

use serde_json::Value;

use crate::support::{CLIENTS, FRESH, OWN, Place, Serving};

fn place() -> Place {
    let place = Place::new(&format!("{FRESH}{CLIENTS}"));
    for name in ["ada", "bea"] {
        place.run_with(&["user", "create", name], "one\n", &[]).ok();
    }
    place
}

async fn login(server: &Serving<'_>, name: &str) -> Value {
    let (status, tokens) = server.login(OWN, name, "one").await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

#[tokio::test]
async fn a_token_from_standard_input_is_introspected_and_revoked() {
    let place = place();
    let server = place.serve().await;
    let tokens = login(&server, "ada").await;
    let access = text(&tokens, "access_token");
    let shown = place.run_with(&["token", "introspect", "--json"], &format!("{access}\n"), &[]).json();
    assert_eq!(
        (&shown["active"], &shown["client_id"], &shown["scope"]),
        (&true.into(), &"own".into(), &"read".into())
    );
    place.run_with(&["token", "revoke"], access, &[]).ok();
    assert!(!server.is_active(&tokens).await);
    let shown = place.run_with(&["token", "introspect"], access, &[]).ok();
    assert_eq!(shown, "active  false\n");
    let message = place.run_with(&["token", "revoke"], access, &[]).refused(1);
    assert!(message.contains("no such token") && !message.contains(access));
    place.run_with(&["token", "revoke"], text(&tokens, "refresh_token"), &[]).ok();
    assert_eq!(server.refresh(OWN, &tokens).await, 400);
    assert!(place.run(&["token", "introspect"]).refused(2).contains("standard input"));
}

#[tokio::test]
async fn grants_are_listed_shown_and_ended_by_id_user_and_client() {
    let place = place();
    let server = place.serve().await;
    let (ada, bea) = (login(&server, "ada").await, login(&server, "bea").await);
    let own = server.credentials(("api", "api-secret")).await.1;
    let list = |more: &[&str]| place.run(&[&["grant", "list", "--json"], more].concat()).json();
    assert_eq!(list(&[]).as_array().unwrap().len(), 3);
    assert_eq!(list(&["--client", "own"]).as_array().unwrap().len(), 2);
    assert_eq!(list(&["--limit", "1"]).as_array().unwrap().len(), 1);
    let of_ada = list(&["--user", "ada"]);
    assert_eq!((of_ada[0]["client_id"].as_str(), of_ada[0]["in_force"].as_bool()), (Some("own"), Some(true)));
    let id = of_ada[0]["id"].as_str().unwrap();
    let shown = place.run(&["grant", "show", id]).ok();
    assert!(shown.contains("refresh_token_until") && !shown.contains("grt_"), "{shown}");
    place.run(&["grant", "revoke", id]).ok();
    assert!(!server.is_active(&ada).await);
    assert!(server.is_active(&bea).await);
    assert!(place.run(&["grant", "show", id]).refused(1).contains("no grant"));
    assert_eq!(place.run(&["grant", "revoke", "--user", "bea"]).ok(), "1 grant is revoked\n");
    assert!(!server.is_active(&bea).await);
    assert!(server.is_active(&own).await);
    assert_eq!(place.run(&["grant", "revoke", "--client", "api"]).ok(), "1 grant is revoked\n");
    assert!(!server.is_active(&own).await);
    assert_eq!(place.run(&["grant", "list"]).ok(), "there are no grants\n");
}

#[tokio::test]
async fn a_withdrawn_consent_ends_what_was_issued_by_it_and_nothing_else() {
    let place = place();
    let server = place.serve().await;
    let (ada, bea) = (login(&server, "ada").await, login(&server, "bea").await);
    place.run(&["consent", "withdraw", "--user", "ada", "--client", "own"]).ok();
    assert!(!server.is_active(&ada).await);
    assert_eq!(server.refresh(OWN, &ada).await, 400);
    assert!(server.is_active(&bea).await);
    assert!(server.is_active(&login(&server, "ada").await).await);
}

#[tokio::test]
async fn not_before_ends_what_one_user_one_client_or_all_have() {
    let place = place();
    let server = place.serve().await;
    let (ada, bea) = (login(&server, "ada").await, login(&server, "bea").await);
    let api = server.credentials(("api", "api-secret")).await.1;
    place.run(&["not-before", "--user", "ada"]).ok();
    assert!(!server.is_active(&ada).await);
    assert!(server.is_active(&bea).await);
    assert_eq!(place.run(&["grant", "list", "--user", "ada", "--json"]).json()[0]["in_force"], false);
    assert!(place.run(&["user", "show", "ada", "--json"]).json()["not_before"].is_string());
    assert!(place.run(&["user", "show", "bea", "--json"]).json()["not_before"].is_null());
    place.run(&["not-before", "--client", "own"]).ok();
    assert!(!server.is_active(&bea).await);
    assert!(server.is_active(&api).await);
    place.run(&["not-before", "--all"]).ok();
    assert!(!server.is_active(&api).await);
    assert!(server.is_active(&login(&server, "ada").await).await);
    for arguments in [&["not-before"][..], &["not-before", "--all", "--user", "ada"]] {
        assert_eq!(place.run(arguments).code, 2);
    }
}

#[tokio::test]
async fn two_servers_over_one_file_see_each_others_changes() {
    let place = place();
    let other =
        Place::new(&format!("store = \"sqlite:{}\"\n{FRESH}{CLIENTS}", place.path("grantor.db").display()));
    let (one, two) = (place.serve().await, other.serve().await);
    let tokens = login(&one, "ada").await;
    assert!(two.is_active(&tokens).await);
    assert_eq!(two.refresh(OWN, &tokens).await, 200);
    other.run(&["user", "disable", "ada"]).ok();
    assert!(!one.is_active(&tokens).await);
    assert_eq!(one.login(OWN, "ada", "one").await.0, 400);
    one.stop();
    two.stop();
}

#[tokio::test]
async fn the_log_is_json_where_nobody_looks_and_text_where_asked() {
    let place = place();
    let server = place.serve().await;
    assert_eq!(server.login(OWN, "ada", "not-the-one").await.0, 400);
    let log = server.log();
    server.stop();
    let events: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = events.iter().find(|event| event["reason"] == "password_wrong").unwrap();
    assert!(refused["span"]["request_id"].is_string(), "{refused}");
    assert!(!log.contains("not-the-one"), "the password is not there: {log}");
    std::fs::remove_file(place.path("server.log")).unwrap();
    place.configure(&format!("[log]\nformat = \"text\"\nlevel = \"warn\"\n{FRESH}{CLIENTS}"));
    let server = place.serve().await;
    assert_eq!(server.login(OWN, "ada\n\u{1b}[31m", "wrong").await.0, 400);
    let log = server.log();
    assert!(log.contains("WARN") && !log.contains("INFO") && !log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn what_is_kept_outlives_the_server() {
    let place = place();
    let server = place.serve().await;
    let tokens = login(&server, "ada").await;
    server.stop();
    let server = place.serve().await;
    assert!(server.is_active(&tokens).await);
    assert_eq!(server.refresh(OWN, &tokens).await, 200);
}

#[test]
fn sweep_migrate_and_sessions() {
    let place = place();
    assert_eq!(place.run(&["sweep"]).ok(), "0 expired records are deleted\n");
    assert!(place.run(&["migrate"]).ok().contains("nothing to do"));
    assert_eq!(place.run(&["session", "list"]).ok(), "nobody is logged in\n");
    assert_eq!(place.run(&["session", "list", "--user", "ada", "--json"]).json(), serde_json::json!([]));
    assert_eq!(place.run(&["session", "end", "--user", "ada"]).ok(), "0 logins have ended\n");
    assert!(place.run(&["session", "end", "0"]).refused(1).contains("no such login"));
}
