//! The files that the server keeps, and the stores that commands cannot reach.

use std::fs;

use crate::support::{CLIENTS, FRESH, Place, mode};

#[test]
fn what_must_stay_secret_is_for_the_owner_only() {
    let place = Place::new("data_dir = \"data\"\n");
    place.run(&["user", "list"]).ok();
    assert_eq!(mode(&place.path("data")), 0o700);
    for file in ["data/grantor.secrets", "data/grantor.db"] {
        assert_eq!(mode(&place.path(file)), 0o600, "{file}");
    }
}

#[test]
fn a_file_of_secrets_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new("");
    place.run(&["user", "list"]).ok();
    let path = place.path("grantor.secrets");
    let key = fs::read_to_string(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let message = place.run(&["user", "list"]).refused(1);
    assert!(message.contains("chmod 600"), "{message}");
    for line in key.lines().filter_map(|line| line.strip_prefix("key = ")) {
        assert!(!message.contains(line.trim_matches('"')));
    }
}

#[test]
fn processes_that_start_at_once_have_one_key() {
    let place = Place::new("");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| place.run(&["user", "list"]).ok());
        }
    });
    let names: Vec<_> =
        fs::read_dir(place.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        names.iter().filter(|name| name.to_string_lossy().starts_with("grantor.secrets")).count(),
        1,
        "{names:?}"
    );
}

#[test]
fn commands_refuse_a_store_that_only_the_server_sees() {
    let place = Place::new(&format!("store = \"memory:\"\n{FRESH}{CLIENTS}"));
    for arguments in [
        &["user", "list"][..],
        &["client", "list"],
        &["grant", "list"],
        &["not-before", "--all"],
        &["sweep"],
        &["session", "list"],
        &["consent", "withdraw", "--user", "a", "--client", "b"],
        &["token", "introspect"],
    ] {
        let message = place.run(arguments).refused(2);
        assert!(message.contains("store = \"sqlite:grantor.db\""), "{message}");
    }
    assert!(place.run(&["migrate"]).ok().contains("nothing to migrate"));
}

#[test]
fn a_store_that_cannot_be_opened_says_why() {
    let place = Place::new("");
    fs::write(place.path("grantor.db"), "this is a text, not a database, and long enough to be sure of it")
        .unwrap();
    let message = place.run(&["user", "list"]).refused(1);
    assert!(message.contains("the store:") && message.contains("grantor.db"), "{message}");
}

#[test]
fn dev_tells_where_to_look_and_what_is_kept() {
    let place = Place::new("");
    let plain = place.dev(&[]);
    assert!(plain.contains(&format!("Open      {}/\n", place.issuer())), "{plain}");
    assert!(plain.contains("kept in ./grantor-data.") && !plain.contains("Listens"), "{plain}");
    let memory = place.dev(&["--store", "memory:", "--issuer", "http://localhost:1/a"]);
    assert!(memory.contains("Nothing is kept: the store is memory"), "{memory}");
    assert!(
        memory.contains("Open      http://localhost:1/a/\n") && memory.contains("Listens   on 127.0.0.1:"),
        "{memory}"
    );
    let other = place.dev(&["--store", "sqlite:other.db", "--issuer", &format!("{}/a", place.issuer())]);
    assert!(other.contains("sqlite:other.db") && !other.contains("Listens"), "{other}");
}

#[test]
fn help_is_there_for_every_command() {
    let place = Place::new("");
    for command in [
        "dev",
        "serve",
        "config",
        "client",
        "user",
        "token",
        "grant",
        "consent",
        "session",
        "not-before",
        "migrate",
        "sweep",
    ] {
        let help = place.run(&[command, "--help"]).ok();
        assert!(help.contains("Usage: grantor") && help.contains("--config"), "{help}");
    }
    assert!(place.run(&["--version"]).ok().starts_with("grantor "));
}
