//! `grantor user` beside a running server, whose users log in by the password grant here.

use crate::support::{CLIENTS, FRESH, OWN, Place};

fn place() -> Place {
    Place::new(&format!("{FRESH}{CLIENTS}"))
}

fn create(place: &Place, name: &str, password: &str) -> serde_json::Value {
    place.run_with(&["user", "create", name, "--json"], &format!("{password}\n"), &[]).json()
}

#[tokio::test]
async fn passwords_are_kept_whole_and_never_shown() {
    let place = place();
    let server = place.serve().await;
    let long = "long-secret-".repeat(20);
    for (name, password) in
        [("ada", "correct horse battery staple"), ("bea", &long), ("cleo", "pass\nwörd 🦀 "), ("dan", " ")]
    {
        let done = place.run_with(&["user", "create", name], &format!("{password}\n"), &[]);
        assert!(password == " " || !(done.out.contains(password) || done.err.contains(password)));
        done.ok();
        assert_eq!(server.login(OWN, name, password).await.0, 200, "{name}");
        assert_eq!(server.login(OWN, name, &format!("{password}x")).await.1["error"], "invalid_grant");
    }
    assert_eq!(server.login(OWN, "bea", &long[..72]).await.0, 400, "72 bytes are not all");
    for arguments in [&["user", "list"][..], &["user", "list", "--json"], &["user", "show", "ada", "--json"]]
    {
        let shown = place.run(arguments).ok();
        assert!(shown.contains("ada") && !shown.contains("argon2") && !shown.contains("horse"), "{shown}");
    }
    assert!(!server.log().contains("horse") && !server.log().contains("long-secret"));
    server.stop();
}

#[tokio::test]
async fn a_generated_password_is_shown_once() {
    let place = place();
    let server = place.serve().await;
    let made = place.run(&["user", "create", "ada", "--generate", "--json"]).json();
    let first = made["password"].as_str().unwrap();
    assert_eq!(server.login(OWN, "ada", first).await.0, 200);
    let done = place.run(&["user", "password", "ada", "--generate"]);
    assert!(done.err.contains("shown this once"));
    let out = done.ok();
    let second = out.lines().find_map(|line| line.strip_prefix("password ")).unwrap().trim();
    assert_ne!(first, second);
    assert_eq!(server.login(OWN, "ada", first).await.0, 400);
    assert_eq!(server.login(OWN, "ada", second).await.0, 200);
}

#[tokio::test]
async fn a_new_password_ends_what_was_issued_before() {
    let place = place();
    let server = place.serve().await;
    create(&place, "ada", "one");
    let before = server.login(OWN, "ada", "one").await.1;
    assert!(server.is_active(&before).await);
    place.run_with(&["user", "password", "ada"], "two\n", &[]).ok();
    assert!(!server.is_active(&before).await);
    assert_eq!(server.refresh(OWN, &before).await, 400);
    assert_eq!(server.login(OWN, "ada", "one").await.0, 400);
    let after = server.login(OWN, "ada", "two").await.1;
    assert_eq!(server.refresh(OWN, &after).await, 200);
}

#[tokio::test]
async fn disabling_ends_for_good_and_enabling_begins_anew() {
    let place = place();
    let server = place.serve().await;
    create(&place, "ada", "one");
    let before = server.login(OWN, "ada", "one").await.1;
    assert_eq!(place.run(&["user", "disable", "ada", "--json"]).json()["disabled"], true);
    assert!(!server.is_active(&before).await);
    assert_eq!(server.login(OWN, "ada", "one").await.0, 400);
    assert_eq!(place.run(&["user", "enable", "ada", "--json"]).json()["disabled"], false);
    assert!(!server.is_active(&before).await);
    assert_eq!(server.login(OWN, "ada", "one").await.0, 200);
}

#[tokio::test]
async fn a_subject_is_never_used_again() {
    let place = place();
    let server = place.serve().await;
    let first = create(&place, "ada", "one");
    let before = server.login(OWN, "ada", "one").await.1;
    let said = place.run(&["user", "delete", "ada"]).ok();
    let subject = first["subject"].as_str().unwrap();
    assert!(said.contains(subject));
    assert!(!server.is_active(&before).await);
    assert_eq!(server.login(OWN, "ada", "one").await.0, 400);
    let second = create(&place, "ada", "one");
    assert_ne!(first["subject"], second["subject"]);
    assert!(!server.is_active(&before).await);
    assert_eq!(server.refresh(OWN, &before).await, 400);
    assert!(place.run(&["user", "show", subject]).refused(1).contains("no user"));
}

#[tokio::test]
async fn users_of_the_file_log_in_and_are_changed_there() {
    let place = place();
    let hash = "$argon2id$v=19$m=512,t=1,p=1$c2FsdHNhbHRzYWx0c2E$";
    let users = "[[users]]\nname = \"ada\"\npassword = \"hush one\"\ndisplay_name = \"Ada\"\n[[users]]\nname = \"eve\"\npassword = \"hush two\"\ndisabled = true\n";
    place.configure(&format!("{FRESH}{CLIENTS}{users}"));
    let server = place.serve().await;
    let tokens = server.login(OWN, "ada", "hush one").await.1;
    assert!(server.is_active(&tokens).await);
    assert_eq!(server.login(OWN, "ada", "hush two").await.0, 400);
    assert_eq!(server.login(OWN, "eve", "hush two").await.0, 400);
    for arguments in
        [&["user", "delete", "ada"][..], &["user", "password", "ada"], &["user", "enable", "eve"]]
    {
        assert!(place.run_with(arguments, "x\n", &[]).refused(2).contains("stands in grantor.toml"));
    }
    place.run(&["user", "disable", "ada"]).ok();
    assert!(!server.is_active(&tokens).await);
    assert!(!server.log().contains("hush") && !server.log().contains(hash));
    server.stop();
    // What the file says about a user counts when the server starts.
    place.configure(&format!(
        "{FRESH}{CLIENTS}{}",
        users.replace("\"Ada\"", "\"Ada\"\ndisabled = false").replace("true", "false")
    ));
    let server = place.serve().await;
    assert_eq!(server.login(OWN, "ada", "hush one").await.0, 200);
    assert_eq!(server.login(OWN, "eve", "hush two").await.0, 200);
}

#[test]
fn bad_commands_say_what_to_write() {
    let place = place();
    create(&place, "ada", "one");
    let huge = "x".repeat(4097);
    for (arguments, given, code, says) in [
        (&["user", "create", "ada"][..], "x\n", 1, "already"),
        (&["user", "create", " bea"], "x\n", 2, "space"),
        (&["user", "create", "b\u{7}a"], "x\n", 2, "control character"),
        (&["user", "create", "bea"], "", 2, "the password is empty"),
        (&["user", "create", "bea"], "\n", 2, "the password is empty"),
        (&["user", "create", "bea"], huge.as_str(), 2, "4096"),
        (&["user", "delete", "\u{1b}[31mx"], "", 1, "grantor user list"),
        (&["user", "password", "nobody"], "x\n", 1, "no user nobody"),
    ] {
        let message = place.run_with(arguments, given, &[]).refused(code);
        assert!(message.contains(says) && !message.contains('\u{1b}'), "{arguments:?}: {message}");
    }
    assert_eq!(place.run(&["user", "list", "--json"]).json().as_array().unwrap().len(), 1);
}

#[test]
fn names_for_people_can_be_odd_but_not_move_the_terminal() {
    let place = place();
    create(&place, "ada", "one");
    place.run(&["user", "change", "ada", "--display-name", "A\u{1b}[31mda\n"]).ok();
    let shown = place.run(&["user", "list"]).ok();
    assert!(shown.contains("A\\u{1b}[31mda\\n"), "{shown}");
    place.run(&["user", "change", "ada", "--display-name", ""]).ok();
    assert_eq!(place.run(&["user", "show", "ada", "--json"]).json()["display_name"], serde_json::Value::Null);
}
