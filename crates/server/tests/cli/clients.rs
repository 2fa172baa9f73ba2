//! `grantor client` beside a running server.

use crate::support::{CLIENTS, FRESH, Place};

const SVC: [&str; 7] = ["client", "create", "svc", "--grant-type", "client_credentials", "--scope", "read"];

fn place() -> Place {
    Place::new(&format!("{FRESH}{CLIENTS}"))
}

fn created(place: &Place, arguments: &[&str]) -> String {
    let made = place.run(&[arguments, &["--json"]].concat()).json();
    made["client_secret"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_running_server_knows_a_new_client() {
    let place = place();
    let server = place.serve().await;
    assert_eq!(server.credentials(("svc", "x")).await.0, 401);
    let done = place.run(&SVC);
    assert!(done.err.contains("shown this once"));
    let out = done.ok();
    let secret =
        out.lines().find_map(|line| line.strip_prefix("CLIENT_SECRET='")?.strip_suffix('\'')).unwrap();
    assert!(out.contains("CLIENT_ID='svc'") && secret.starts_with("grt_cs_"));
    assert_eq!(server.credentials(("svc", secret)).await.0, 200);
    for arguments in [&["client", "show", "svc"][..], &["client", "list"], &["client", "list", "--json"]] {
        let shown = place.run(arguments).ok();
        assert!(shown.contains("svc") && !shown.contains(secret) && !shown.contains("sha256:"), "{shown}");
    }
    assert!(!server.log().contains(secret));
    server.stop();
}

#[tokio::test]
async fn an_old_secret_works_until_it_is_dropped() {
    let place = place();
    let server = place.serve().await;
    let first = created(&place, &SVC);
    let second = created(&place, &["client", "secret", "svc"]);
    for secret in [&first, &second] {
        assert_eq!(server.credentials(("svc", secret)).await.0, 200);
    }
    place.run(&["client", "secret", "svc", "--drop-old"]).ok();
    assert_eq!(server.credentials(("svc", &first)).await.0, 401);
    assert_eq!(server.credentials(("svc", &second)).await.0, 200);
}

#[tokio::test]
async fn a_secret_of_ones_own_is_kept_as_a_slow_hash() {
    let place = place();
    let server = place.serve().await;
    let own = "correct horse".to_owned() + &"!".repeat(100);
    place.run_with(&[&SVC[..], &["--secret-stdin"]].concat(), &format!("{own}\n"), &[]).ok();
    for _ in 0..2 {
        assert_eq!(server.credentials(("svc", &own)).await.0, 200);
    }
    assert_eq!(server.credentials(("svc", &own[..80])).await.0, 401);
    let file = std::fs::read(place.path("grantor.db")).unwrap();
    let log = std::fs::read(place.path("grantor.db-wal")).unwrap_or_default();
    let all = String::from_utf8_lossy(&[file, log].concat()).into_owned();
    assert!(all.contains("$argon2id$") && !all.contains("correct horse"));
}

#[tokio::test]
async fn disabling_ends_for_good_and_enabling_begins_anew() {
    let place = place();
    let server = place.serve().await;
    let secret = created(&place, &SVC);
    let before = server.credentials(("svc", &secret)).await.1;
    assert!(server.is_active(&before).await);
    assert_eq!(place.run(&["client", "disable", "svc", "--json"]).json()["disabled"], true);
    assert!(!server.is_active(&before).await);
    assert_eq!(server.credentials(("svc", &secret)).await.0, 401);
    assert_eq!(place.run(&["client", "enable", "svc", "--json"]).json()["disabled"], false);
    assert!(!server.is_active(&before).await);
    let after = server.credentials(("svc", &secret)).await.1;
    assert!(server.is_active(&after).await);
}

#[tokio::test]
async fn a_client_of_the_file_can_be_disabled_but_not_changed() {
    let place = place();
    let server = place.serve().await;
    let api = ("api", "api-secret");
    assert_eq!(server.credentials(api).await.0, 200);
    place.run(&["client", "disable", "api"]).ok();
    assert_eq!(server.credentials(api).await.0, 401);
    place.run(&["client", "enable", "api"]).ok();
    assert_eq!(server.credentials(api).await.0, 200);
    for arguments in [
        &["client", "delete", "api"][..],
        &["client", "secret", "api"],
        &["client", "change", "api", "--name", "x"],
    ] {
        let message = place.run(arguments).refused(2);
        assert!(message.contains("the client api stands in grantor.toml"), "{message}");
    }
    assert!(place.run(&["client", "create", "api"]).refused(1).contains("already"));
}

#[tokio::test]
async fn a_change_ends_what_was_issued_before_unless_told_otherwise() {
    let place = place();
    let server = place.serve().await;
    let secret = created(&place, &SVC);
    let svc = ("svc", secret.as_str());
    let first = server.credentials(svc).await.1;
    let changed = place.run(&[
        "client",
        "change",
        "svc",
        "--lifetime",
        "access_token=1h",
        "--name",
        "Service",
        "--json",
    ]);
    assert_eq!(changed.json()["lifetimes"]["access_token"], 3600);
    assert!(!server.is_active(&first).await);
    let second = server.credentials(svc).await.1;
    assert_eq!(second["expires_in"], 3600);
    place.run(&["client", "change", "svc", "--unset", "lifetimes", "--keep-grants"]).ok();
    assert!(server.is_active(&second).await);
    assert_eq!(server.credentials(svc).await.1["expires_in"], 600);
    place.run(&["client", "change", "svc", "--scope", "write"]).ok();
    assert_eq!(server.credentials(svc).await.1["error"], "invalid_scope");
}

#[tokio::test]
async fn a_public_client_that_becomes_confidential_gets_a_secret_and_back() {
    let place = place();
    let server = place.serve().await;
    place.run(&["client", "create", "app", "--public", "--redirect-uri", "https://app.example/cb"]).ok();
    assert!(place.run(&["client", "secret", "app"]).refused(2).contains("--auth-method client_secret_basic"));
    let change = ["client", "change", "app", "--auth-method", "client_secret_basic", "--grant-type"];
    let secret = created(&place, &[&change[..], &["client_credentials"]].concat());
    assert_eq!(server.credentials(("app", &secret)).await.0, 200);
    let back =
        ["client", "change", "app", "--auth-method", "none", "--grant-type", "authorization_code", "--json"];
    assert_eq!(place.run(&back).json()["secret_count"], 0);
    assert_eq!(server.credentials(("app", &secret)).await.0, 401);
}

#[tokio::test]
async fn a_deleted_client_and_what_it_had_never_come_back() {
    let place = place();
    let server = place.serve().await;
    let secret = created(&place, &SVC);
    let token = server.credentials(("svc", &secret)).await.1;
    place.run(&["client", "delete", "svc"]).ok();
    assert!(!server.is_active(&token).await);
    assert_eq!(server.credentials(("svc", &secret)).await.0, 401);
    assert!(place.run(&["client", "show", "svc"]).refused(1).contains("no client svc"));
    let again = created(&place, &SVC);
    assert!(!server.is_active(&token).await);
    assert_eq!(server.credentials(("svc", &secret)).await.0, 401);
    assert_eq!(server.credentials(("svc", &again)).await.0, 200);
}

#[test]
fn bad_commands_say_what_to_write() {
    let place = place();
    for (arguments, code, says) in [
        (&["client", "create", "x"][..], 2, "--redirect-uri"),
        (&["client", "create", "x", "--public", "--grant-type", "client_credentials"], 2, "confidential"),
        (
            &["client", "create", "x", "--grant-type", "client_credentials", "--lifetime", "accesstoken=1h"],
            2,
            "access_token",
        ),
        (&["client", "show", "nobody"], 1, "no client nobody"),
        (&["client", "show", "\u{1b}[31m"], 2, "client_id"),
        (&["client", "change", "own", "--unset", "x"], 2, "stands in grantor.toml"),
    ] {
        let message = place.run(arguments).refused(code);
        assert!(message.contains(says) && !message.contains('\u{1b}'), "{arguments:?}: {message}");
    }
    for arguments in [
        &["client", "create", "x", "--redirect-uri", "http://rp.example/"][..],
        &["client", "create", "x", "--grant-type", "magic"],
        &["client", "create", "x", "--auth-method", "basic"],
    ] {
        let done = place.run(arguments);
        assert!(done.code == 2 && done.err.contains("error:"), "{done:?}");
    }
    let warned = place.run(&[
        "client",
        "create",
        "y",
        "--grant-type",
        "client_credentials",
        "--grant-type",
        "implicit",
        "--redirect-uri",
        "https://y.example/cb",
        "--scope",
        "admin",
    ]);
    assert!(
        warned.err.contains("no scope admin") && warned.err.contains("does not have implicit"),
        "{warned:?}"
    );
}

#[test]
fn every_field_is_kept() {
    let place = place();
    let made = place.run(&[
        "client",
        "create",
        "app",
        "--public",
        "--name",
        "The App",
        "--redirect-uri",
        "http://127.0.0.1/cb",
        "--redirect-uri",
        "https://app.example/cb",
        "--native",
        "--scope",
        "read write",
        "--default-scope",
        "read",
        "--require-pkce",
        "false",
        "--rotate-refresh-tokens",
        "false",
        "--refresh-retry-window",
        "20s",
        "--allowed-origin",
        "https://app.example",
        "--require-consent",
        "false",
        "--lifetime",
        "refresh_token=never",
        "--disabled",
        "--json",
    ]);
    let mut made = made.json();
    let not_before = made.as_object_mut().unwrap().remove("not_before").unwrap();
    assert!(not_before.is_string(), "what an earlier client of this name was given never lives again");
    let expected = serde_json::json!({
        "client_id": "app", "client_name": "The App", "redirect_uris": ["http://127.0.0.1/cb", "https://app.example/cb"],
        "application_type": "native", "scope": "read write", "default_scope": "read", "require_pkce": false,
        "rotate_refresh_tokens": false, "refresh_retry_window": 20, "allowed_origins": ["https://app.example"],
        "require_consent": false, "lifetimes": {"refresh_token": "never"}, "disabled": true, "source": "store",
        "token_endpoint_auth_method": "none", "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"], "may_introspect": false, "secret_count": 0,
    });
    assert_eq!(made, expected);
    let mut shown = place.run(&["client", "show", "app", "--json"]).json();
    assert!(shown.as_object_mut().unwrap().remove("not_before").is_some());
    assert_eq!(shown, expected);
}
