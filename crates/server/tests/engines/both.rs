//! Two processes over one store, and commands beside them: whatever one does, the other knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use grantor_testkit::UserAgent;
use http::{Request, header};
use serde_json::Value;

use crate::support::{Answer, LOGIN, PASSWORD, Server, USER, World, authorize, exchange};
use crate::{Kind, STORE_PASSWORD, each_engine};

each_engine!(
    a_flow_goes_on_at_whichever_process_is_next,
    commands_are_known_to_both_processes,
    a_change_of_a_client_is_known_within_the_bound,
    the_log_says_what_the_store_promises,
);

/// As docs/stores.md has it: how long a copy of a client may be used.
const CLIENT_COPIES_FOR: Duration = Duration::from_secs(1);
const FRESH: &str = "[policy]\nstanding_copies_for = \"0s\"\nclient_copies_for = \"0s\"\n";

fn text<'a>(answer: &'a Value, name: &str) -> &'a str {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}: {answer}"))
}

/// A browser behind a proxy that sends each request to the next process.
fn browser(world: &World, servers: &[&Server]) -> UserAgent<impl Fn(Request<Bytes>) -> Answer + use<>> {
    let ports: Vec<u16> = servers.iter().map(|server| server.port).collect();
    let turn = Arc::new(AtomicUsize::new(0));
    let issuer = format!("http://localhost:{}", world.port);
    UserAgent::new(&issuer, move |request| {
        let port = ports[turn.fetch_add(1, Ordering::Relaxed) % ports.len()];
        Box::pin(exchange(port, request)) as Answer
    })
    .with_header(header::ORIGIN, issuer.parse().unwrap())
}

pub(crate) async fn a_flow_goes_on_at_whichever_process_is_next(kind: &Kind) {
    let engine = (kind.start)();
    let world = kind.world(engine.port(), FRESH);
    let (one, two) = (world.serve(), world.serve_beside());
    // The question is kept by the first, the login is the second's, the consent the first's again.
    for order in [[&one, &two], [&two, &one]] {
        let mut browser = browser(&world, &order);
        let page = browser.get(&authorize("web", "read")).await;
        let page = browser.press(&page, "decision=login", LOGIN).await.unwrap();
        // The second time it was allowed already.
        let page = match page.left_for {
            Some(_) => page,
            None => browser.press(&page, "decision=allow", &[]).await.unwrap(),
        };
        let [first, second] = order;
        let (status, tokens) = second.redeem("web", &page).await;
        assert_eq!(status, 200, "{tokens}");
        let (status, next) = first.refresh("web", text(&tokens, "refresh_token")).await;
        assert_eq!(status, 200, "{next}");
        // A retry of the same at the other process is the same answer (GRANT.md), not a theft.
        let (status, same) = second.refresh("web", text(&tokens, "refresh_token")).await;
        assert_eq!((status, text(&same, "refresh_token")), (200, text(&next, "refresh_token")));
        let (status, last) = second.refresh("web", text(&next, "refresh_token")).await;
        assert_eq!(status, 200, "{last}");
        for server in order {
            assert!(server.is_active(text(&last, "access_token")).await);
            assert!(browser.get("/account").await.text().contains("Your account"));
        }
        // The code is spent for both (RFC 6749 section 4.1.2).
        let (status, _) = first.form("/revoke", "web", &[("token", text(&last, "refresh_token"))]).await;
        assert_eq!(status, 200);
        for server in order {
            assert!(!server.is_active(text(&last, "access_token")).await);
            assert_eq!(server.refresh("web", text(&last, "refresh_token")).await.0, 400);
            assert_eq!(server.redeem("web", &page).await.0, 400, "a code is used once");
        }
    }
    // A logout at one is a logout at the other.
    let mut browser = browser(&world, &[&one, &two]);
    browser.post("/login", LOGIN).await;
    let page = browser.get("/logout").await;
    let page = browser.press(&page, "", &[]).await.unwrap_or(page);
    assert!(page.status.as_u16() < 400, "{}", page.text());
    for _ in 0..2 {
        assert!(browser.get("/account").await.text().contains("Log in"));
    }
    one.stop();
    two.stop();
}

pub(crate) async fn commands_are_known_to_both_processes(kind: &Kind) {
    let engine = (kind.start)();
    let world = kind.world(engine.port(), FRESH);
    let (one, two) = (world.serve(), world.serve_beside());
    let migrated = world.done(&["migrate"], "");
    assert!(migrated.contains("nothing to"), "{migrated}");

    // Tokens and grants.
    let tokens = one.tokens("web").await;
    let access = text(&tokens, "access_token");
    let shown: Value = serde_json::from_str(&world.done(&["token", "introspect", "--json"], access)).unwrap();
    assert_eq!(shown["active"], true, "{shown}");
    let listed = || -> Vec<Value> {
        serde_json::from_str(&world.done(&["grant", "list", "--user", USER, "--json"], "")).unwrap()
    };
    // The index may lag.
    for _ in 0..200 {
        if !listed().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let id = text(&listed()[0], "id").to_owned();
    world.done(&["grant", "revoke", &id], "");
    let ended = async |access: &str, what: &str| {
        for server in [&one, &two] {
            assert!(!server.is_active(access).await, "{what}: the access token lives");
        }
    };
    ended(access, "grant revoke").await;
    let tokens = two.tokens("web").await;
    world.done(&["token", "revoke"], text(&tokens, "refresh_token"));
    ended(text(&tokens, "access_token"), "token revoke").await;

    // Whatever ends everything of a user, a client or all.
    for command in [
        &["user", "disable", USER][..],
        &["not-before", "--user", USER],
        &["not-before", "--client", "web"],
        &["not-before", "--all"],
        &["consent", "withdraw", "--user", USER, "--client", "web"],
    ] {
        let (issuing, other) = if command.len() % 2 == 0 { (&one, &two) } else { (&two, &one) };
        let tokens = issuing.tokens("web").await;
        assert!(other.is_active(text(&tokens, "access_token")).await);
        world.done(command, "");
        ended(text(&tokens, "access_token"), &command.join(" ")).await;
        for server in [&one, &two] {
            let (status, answer) = server.refresh("web", text(&tokens, "refresh_token")).await;
            assert_eq!(status, 400, "{command:?}: {answer}");
        }
        if command.contains(&"disable") {
            assert_eq!(other.browser().post("/login", LOGIN).await.status, 403);
            world.done(&["user", "enable", USER], "");
        }
    }

    // What has expired is swept by hand too.
    let swept = world.done(&["sweep"], "");
    assert!(swept.contains("deleted"), "{swept}");
    for server in [one, two] {
        let log = server.stop();
        assert!(!log.contains(STORE_PASSWORD) && !log.contains(PASSWORD) && !log.contains("sweep_failed"));
    }
}

/// `policy.client_copies_for`: a change is known when the copies are old.
pub(crate) async fn a_change_of_a_client_is_known_within_the_bound(kind: &Kind) {
    let engine = (kind.start)();
    let world = kind.world(engine.port(), "");
    let (one, two) = (world.serve(), world.serve_beside());
    let ask = async |server: &Server, secret: &str, scope: &str| {
        let request = crate::program::http().post(server.url("/token")).basic_auth("svc", Some(secret));
        let fields = [("grant_type", "client_credentials"), ("scope", scope)];
        request.form(&fields).send().await.unwrap().status().as_u16()
    };
    let both = async |secret: &str, scope: &str, status: u16, what: &str| {
        tokio::time::sleep(CLIENT_COPIES_FOR).await;
        for server in [&one, &two] {
            assert_eq!(ask(server, secret, scope).await, status, "{what}");
        }
    };
    both("none", "read", 401, "before").await;
    let create =
        ["client", "create", "svc", "--grant-type", "client_credentials", "--scope", "read", "--json"];
    let made: Value = serde_json::from_str(&world.done(&create, "")).unwrap();
    let secret = text(&made, "client_secret");
    both(secret, "read", 200, "client create").await;
    both(secret, "write", 400, "before client change").await;
    world.done(&["client", "change", "svc", "--scope", "read write"], "");
    both(secret, "write", 200, "client change").await;
    world.done(&["client", "disable", "svc"], "");
    both(secret, "read", 401, "client disable").await;
    world.done(&["client", "enable", "svc"], "");
    both(secret, "read", 200, "client enable").await;
    assert!(world.done(&["client", "list"], "").contains("svc"));
    world.done(&["client", "delete", "svc"], "");
    both(secret, "read", 401, "client delete").await;
    one.stop();
    two.stop();
}

/// With the settings of the README each of them promises everything; with others the log says what is missing.
async fn the_log_says_what_the_store_promises(kind: &Kind) {
    let engine = (kind.start)();
    let world = kind.world(engine.port(), "");
    let server = world.serve();
    let opened = |log: &str| -> Vec<Value> {
        let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        events.filter(|event| event["store"] == kind.name).collect()
    };
    let said = opened(&server.stop());
    assert_eq!(said.len(), 1, "{said:?}");
    for (promise, held) in [("durable", true), ("keeps", true), ("never_rewinds", true), ("index", true)] {
        assert_eq!(said[0][promise], held, "{}", said[0]);
    }
    careless(kind, &engine);
    let said = opened(&world.serve().stop());
    for reason in ["store_not_durable", "store_rewinds"] {
        let warned = said.iter().find(|event| event["reason"] == reason);
        let warned = warned.unwrap_or_else(|| panic!("no {reason}: {said:?}"));
        assert!(text(warned, "message").contains("promises it w"), "{warned}");
    }
}

/// Makes the engine one that does not wait for its disk.
fn careless(kind: &Kind, engine: &grantor_testkit::engine::Engine) {
    let port = engine.port().to_string();
    let (program, arguments): (_, Vec<&str>) = match kind.name {
        "PostgreSQL" => {
            let sql = "ALTER DATABASE postgres SET synchronous_commit = off";
            ("psql", vec!["-q", "-h", "127.0.0.1", "-p", &port, "-U", "grantor", "-d", "postgres", "-c", sql])
        }
        "Redis" => ("redis-cli", vec!["-p", &port, "CONFIG", "SET", "appendonly", "no"]),
        _ => {
            let sql = "SET GLOBAL innodb_flush_log_at_trx_commit = 2";
            ("mariadb", vec!["--no-defaults", "-h127.0.0.1", "-P", &port, "-uroot", "-e", sql])
        }
    };
    let done = std::process::Command::new(program).args(arguments).output().unwrap();
    assert!(done.status.success(), "{done:?}");
}
