//! What the engine is set to: what the promises rest on, logins, replicas, sockets.

use std::sync::Mutex;

use grantor_core::{Provider, store::Promises};
use grantor_testkit::engine::{redis, redis_with};
use tracing::field::{Field, Visit};
use tracing::span;

use super::*;

fn promises(durable: bool, keeps: bool) -> Promises {
    Promises { durable, keeps, never_rewinds: durable, max_body: 1 << 20 }
}

/// Keeps the messages of warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<String>>);

impl Visit for Warnings {
    fn record_debug(&mut self, _: &Field, value: &dyn std::fmt::Debug) {
        self.0.lock().unwrap().push_str(&format!("{value:?}\n"));
    }
}

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() <= tracing::Level::WARN
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn a_promise_rests_on_a_setting() {
    for (settings, expected) in [
        (&[][..], promises(true, true)),
        (&["--appendfsync", "everysec"], promises(false, true)),
        (&["--appendonly", "no"], promises(false, true)),
        (&["--maxmemory-policy", "volatile-lru"], promises(true, false)),
        (&["--rename-command", "CONFIG", ""], promises(false, true)),
    ] {
        let engine = redis_with(settings).unwrap();
        let store = open(&patient(&single(engine.port()))).await;
        assert_eq!(store.promises(), expected, "{settings:?}");
    }
}

#[tokio::test]
async fn an_engine_that_evicts_is_warned_about_and_refused_for_what_must_be_kept() {
    let warnings = Warnings::default();
    let _guard = tracing::subscriber::set_default(warnings.clone());
    let engine = redis_with(&["--maxmemory-policy", "allkeys-lru", "--maxmemory", "6mb"]).unwrap();
    let store = open(&patient(&single(engine.port())).index(false)).await;
    assert!(!store.promises().keeps);
    assert!(warnings.0.lock().unwrap().contains("set maxmemory-policy to noeviction"));
    let refused = Provider::builder("https://id.example.test")
        .shared_store(store.clone())
        .clients(grantor_core::StaticClients::default())
        .grant(grantor_core::ClientCredentials::new())
        .build();
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("may forget"), "{refused}");
    // What is evicted is absent, never different.
    const MANY: u64 = 8_000;
    for number in 0..MANY {
        create(&store, &record(number, format!("{number}-{}", "x".repeat(1_000)))).await;
    }
    let mut absent = 0;
    for number in 0..MANY {
        match body(&store, number).await {
            Some(body) => assert!(body.starts_with(format!("{number}-").as_bytes())),
            None => absent += 1,
        }
    }
    println!("an evicting engine of 6 MB: {absent} of {MANY} records of 1 kB were gone, none was another");
    assert!(absent > 0);
}

#[tokio::test]
async fn a_full_engine_that_does_not_evict_refuses_and_wrote_nothing() {
    let engine = redis_with(&["--maxmemory", "4mb"]).unwrap();
    let store = open(&patient(&single(engine.port())).index(false)).await;
    assert!(store.promises().keeps);
    let mut number = 0;
    let refused = loop {
        match store.create(&record(number, "x".repeat(10_000)), NOW).await {
            Ok(_) => number += 1,
            Err(error) => break error,
        }
    };
    assert!(refused.nothing_written && refused.to_string().contains("memory is full"), "{refused}");
    assert_eq!(body(&store, number).await, None);
    assert_eq!(body(&store, 0).await.unwrap().len(), 10_000);
    // Removing makes room again.
    remove(&store, 0).await;
}

#[tokio::test]
async fn a_flush_fails_closed() {
    let engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    let revision = create(&store, &record(1, "before")).await;
    tell(engine.port(), &["FLUSHALL"]);
    assert_eq!(body(&store, 1).await, None);
    assert_eq!(store.replace(&record(1, "after"), revision, NOW).await.unwrap(), Replaced::Stale);
    assert_ne!(create(&store, &record(1, "new")).await, revision);
    assert_eq!(store.replace(&record(1, "after"), revision, NOW).await.unwrap(), Replaced::Stale);
}

#[tokio::test]
async fn a_replica_takes_no_writes_and_says_so() {
    let master = redis().unwrap();
    let replica = redis_with(&["--replicaof", "127.0.0.1", &master.port().to_string()]).unwrap();
    let store = open(&patient(&single(replica.port()))).await;
    assert_eq!((store.promises().durable, store.promises().never_rewinds), (false, false));
    // Until it has the data of its master, it says that.
    let refused = store.create(&record(1, "body"), NOW).await.unwrap_err();
    assert!(refused.nothing_written && refused.to_string().contains("replica"), "{refused}");
    assert_eq!(body(&*open(&patient(&single(master.port()))).await, 1).await, None);
}

#[tokio::test]
async fn a_wrong_login_is_told_without_the_password() {
    let engine = redis_with(&["--requirepass", "hunter2"]).unwrap();
    let port = engine.port();
    for (url, word) in [
        (format!("redis://127.0.0.1:{port}"), "asks for a password"),
        (format!("redis://:hunter3@127.0.0.1:{port}"), "refused user and password"),
        (format!("redis://nobody:hunter2@127.0.0.1:{port}"), "refused user and password"),
    ] {
        let refused = RedisStore::open(&options(&url)).await.unwrap_err();
        assert!(refused.nothing_written && refused.to_string().contains(word), "{refused}");
        assert!(!refused.to_string().contains("hunter") && !format!("{refused:?}").contains("hunter"));
    }
    create(&*open(&patient(&format!("redis://:hunter2@127.0.0.1:{port}"))).await, &record(1, "body")).await;
}

#[tokio::test]
async fn the_acl_of_the_readme_suffices_and_less_is_told() {
    let engine = redis().unwrap();
    let commands =
        "+get +evalsha +eval +getrange +set +del +zadd +zrem +zrangebylex +zrangebyscore +info +config|get";
    let mut user = vec!["ACL", "SETUSER", "grantor", "on", ">hunter2", "~grantor:*"];
    user.extend(commands.split(' '));
    tell(engine.port(), &user);
    let store = open(&patient(&format!("redis://grantor:hunter2@127.0.0.1:{}", engine.port()))).await;
    assert_eq!(store.promises(), promises(true, true));
    let revision = create(&store, &record(1, "body")).await;
    replace(&store, &record(1, "other"), revision).await;
    let index = store.index().unwrap();
    let filter = grantor_core::store::Filter { kind: Kind::GRANT, client: None, subject: None };
    assert_eq!(index.list(&filter, None, 10, NOW).await.unwrap().len(), 1);
    assert_eq!(index.sweep(10, NOW).await.unwrap(), 0);
    remove(&store, 1).await;
    tell(engine.port(), &["ACL", "SETUSER", "grantor", "-set"]);
    let refused = store.create(&record(2, "body"), NOW).await.unwrap_err();
    assert!(refused.to_string().contains("ACL"), "{refused}");
}

#[tokio::test]
async fn a_server_is_reached_over_its_socket() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let _engine = redis_with(&["--unixsocket", path.to_str().unwrap()]).unwrap();
    let store = open(&patient(&format!("redis+unix://{}?db=3", path.display()))).await;
    assert_eq!(store.promises(), promises(true, true));
    create(&store, &record(1, "body")).await;
    let other = open(&patient(&format!("redis+unix://{}", path.display()))).await;
    assert_eq!(body(&other, 1).await, None, "another database");
    let nobody = RedisStore::open(&options("redis+unix:///nowhere/redis.sock")).await.unwrap_err();
    assert!(nobody.nothing_written && nobody.to_string().contains("/nowhere/redis.sock"), "{nobody}");
}

#[tokio::test]
async fn a_client_of_the_callers_is_taken() {
    let engine = redis().unwrap();
    let client = grantor_store_redis::redis::Client::open(single(engine.port())).unwrap();
    let store = RedisStore::with_client(client, &patient("redis://unused")).await.unwrap();
    create(&store, &record(1, "body")).await;
    assert_eq!(body(&*open(&patient(&single(engine.port()))).await, 1).await.unwrap(), "body");
}
