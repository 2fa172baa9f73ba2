//! `grantor config`: what is in effect, where it came from, and what can be set.

use crate::support::Place;

#[test]
fn the_page_of_the_documentation_is_current() {
    let place = Place::new("");
    let page = place.run(&["config", "--explain", "--markdown"]).ok();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(page == kept, "run `grantor config --explain --markdown > docs/configuration.md`");
}

#[test]
fn the_table_of_the_stores_is_current() {
    let place = Place::new("");
    let table = place.run(&["stores"]).ok();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/stores.md");
    let kept = std::fs::read_to_string(file).unwrap_or_default();
    assert!(
        table.contains("[SQLite]") && kept.contains(&table),
        "put what `grantor stores` prints into {file}"
    );
    let rows: serde_json::Value = serde_json::from_str(&place.run(&["stores", "--json"]).ok()).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), table.lines().count() - 2);
}

#[test]
fn variables_override_the_file_and_the_file_the_defaults() {
    let place = Place::new("[lifetimes]\naccess_token = \"15m\"\ncode = \"30s\"\n");
    let variables = [
        ("GRANTOR_LIFETIMES_ACCESS_TOKEN", "1h"),
        ("GRANTOR_POLICY_GRANT_TYPES", "authorization_code,refresh_token"),
        ("GRANTOR_LISTEN", "127.0.0.1:4000,[::1]:4000"),
        ("GRANTOR_LIMITS_LOGIN_ATTEMPTS", "0"),
        ("GRANTOR_TRUSTED_PROXIES", "10.0.0.0/8 ::1"),
    ];
    let shown = place.run_with(&["config"], "", &variables).ok();
    for (value, origin) in [
        ("access_token = \"1h\"", "GRANTOR_LIFETIMES_ACCESS_TOKEN"),
        ("code = \"30s\"", "grantor.toml:5"),
        ("request = \"10m\"", "default"),
        ("grant_types = [\"authorization_code\", \"refresh_token\"]", "GRANTOR_POLICY_GRANT_TYPES"),
        ("listen = [\"127.0.0.1:4000\", \"[::1]:4000\"]", "GRANTOR_LISTEN"),
        ("login_attempts = 0", "GRANTOR_LIMITS_LOGIN_ATTEMPTS"),
        ("trusted_proxies = [\"10.0.0.0/8\", \"::1/128\"]", "GRANTOR_TRUSTED_PROXIES"),
    ] {
        let line = shown.lines().find(|line| line.starts_with(value));
        assert!(line.is_some_and(|line| line.ends_with(&format!("# {origin}"))), "{value} {origin}\n{shown}");
    }
}

#[test]
fn what_is_shown_is_a_configuration_again() {
    let place =
        Place::new("[log]\nlevel = \"warn\"\n[scopes]\n\"notes:read\" = \"Read \\\"your\\\" notes\"\n");
    let shown = place.run(&["config"]).ok();
    std::fs::write(place.path("again.toml"), &shown).unwrap();
    let again = place.run(&["config", "--config", "again.toml"]).ok();
    let values = |text: &str| -> Vec<String> {
        text.lines().map(|line| line.split(" # ").next().unwrap().trim_end().to_owned()).collect()
    };
    assert_eq!(values(&shown), values(&again));
}

#[test]
fn secrets_are_masked() {
    let place = Place::new(
        "[[clients]]\nclient_id = \"a\"\nclient_secret = \"hush-a\"\ngrant_types = [\"client_credentials\"]\n[[clients]]\nclient_id = \"b\"\nclient_secret_env = \"B_SECRET\"\ngrant_types = [\"client_credentials\"]\n[[clients]]\nclient_id = \"c\"\nclient_secret_file = \"c.secret\"\ngrant_types = [\"client_credentials\"]\n[[users]]\nname = \"ada\"\npassword = \"hush-ada\"\n",
    );
    std::fs::write(place.path("c.secret"), "hush-c\n").unwrap();
    for arguments in
        [&["config"][..], &["client", "list"], &["client", "show", "a", "--json"], &["user", "list"]]
    {
        let done = place.run_with(arguments, "", &[("B_SECRET", "hush-b")]);
        assert!(!done.out.contains("hush") && !done.err.contains("hush"), "{done:?}");
        assert!(done.ok().contains(if arguments[0] == "user" { "ada" } else { "a" }));
    }
}

#[test]
fn a_file_with_secrets_that_others_can_read_is_a_warning() {
    let place = Place::new("");
    let file = place.path("grantor.toml");
    let client = "[[clients]]\nclient_id = \"a\"\ngrant_types = [\"client_credentials\"]\n";
    for (secret, others, warned) in [
        ("client_secret = \"x\"", 0o644, true),
        ("client_secret = \"x\"", 0o600, false),
        ("client_secret_env = \"HOME\"", 0o644, false),
    ] {
        place.configure(&format!("{client}{secret}\n"));
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(others)).unwrap();
        let done = place.run(&["config", "--check"]);
        assert_eq!(done.err.contains("chmod 600"), warned, "{secret} {others:o} {done:?}");
        done.ok();
    }
}

#[test]
fn without_a_file_everything_has_its_default() {
    let place = Place::new("");
    std::fs::remove_file(place.path("grantor.toml")).unwrap();
    let shown = place.run(&["config"]).ok();
    assert!(shown.contains("issuer = \"http://localhost:8080\""));
    assert!(
        shown.lines().filter(|line| line.contains(" = ")).all(|line| line.ends_with("# default")),
        "{shown}"
    );
    assert!(place.run(&["config", "--check"]).ok().contains("no file, defaults only"));
}

#[test]
fn the_file_may_be_named_by_a_variable_and_paths_begin_at_its_folder() {
    let place = Place::new("data_dir = \"data\"\n");
    std::fs::create_dir(place.path("elsewhere")).unwrap();
    std::fs::rename(place.path("grantor.toml"), place.path("elsewhere/g.toml")).unwrap();
    place.run_with(&["user", "list"], "", &[("GRANTOR_CONFIG", "elsewhere/g.toml")]).ok();
    assert!(place.path("elsewhere/data/grantor.db").exists());
    assert!(place.path("elsewhere/data/grantor.secrets").exists());
}

#[test]
fn a_variable_of_somebody_else_is_only_a_warning() {
    let place = Place::new("");
    let kubernetes = [("GRANTOR_SERVICE_HOST", "10.0.0.1"), ("GRANTOR_PORT_8080_TCP", "x")];
    assert!(place.run_with(&["config", "--check"], "", &kubernetes).err.is_empty());
    let done = place.run_with(&["config", "--check"], "", &[("GRANTOR_WEATHER", "fine")]);
    assert!(done.err.contains("GRANTOR_WEATHER"), "{done:?}");
    done.ok();
}

#[test]
fn every_setting_is_explained() {
    let text = Place::new("").run(&["config", "--explain"]).ok();
    for part in [
        "GRANTOR_LIFETIMES_ACCESS_TOKEN",
        "GRANTOR_ISSUER",
        "[scopes]",
        "[[clients]]",
        "[[users]]",
        "client_secret_file",
    ] {
        assert!(text.contains(part), "{part}");
    }
}
