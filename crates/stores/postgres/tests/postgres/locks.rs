//! Two sessions that wait for each other: the server ends one of them (40P01), and the store tries again.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::{Replaced, Store};
use grantor_store_postgres::PostgresStore;
use grantor_store_postgres::tokio_postgres::Client;
use grantor_testkit::engine;

use super::{NOW, admin, create, open, record};

/// A write of the store locks one row only, so another one is locked by a trigger: first the row, then, once the gate is
/// open, what the other session has. A session looks for deadlocks once, a moment after it began to wait.
const TRIGGER: &str = "
    CREATE TABLE public.other (id INT4 PRIMARY KEY);
    INSERT INTO public.other VALUES (1);
    CREATE FUNCTION public.also() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(7);
        PERFORM id FROM public.other FOR UPDATE;
        RETURN NULL;
    END $$;
    CREATE TRIGGER also AFTER UPDATE ON grantor.record FOR EACH ROW EXECUTE FUNCTION public.also();
    ALTER DATABASE postgres SET deadlock_timeout = '10ms'";

async fn until(admin: &Client, count: &str, least: i64) {
    while admin.query_one(count, &[]).await.unwrap().get::<_, i64>(0) < least {
        admin.batch_execute("SELECT pg_stat_clear_snapshot()").await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    let engine = engine::postgres().unwrap();
    drop(open(&engine).await);
    let (gate, mut other) = (admin(&engine).await, admin(&engine).await);
    gate.batch_execute(TRIGGER).await.unwrap();
    gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let store: Arc<PostgresStore> = Arc::new(open(&engine).await);
    let revision = create(&store, &record(1, "old")).await;
    // This one never looks, so the store's is the one that is ended.
    other.batch_execute("SET deadlock_timeout = '1h'").await.unwrap();
    let other = other.transaction().await.unwrap();
    other.execute("SELECT id FROM public.other FOR UPDATE", &[]).await.unwrap();
    let replacing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.replace(&record(1, "new"), revision, NOW).await })
    };
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    until(&gate, waiting, 1).await;
    let wants = other.execute("SELECT id FROM grantor.record FOR UPDATE", &[]);
    let opens = async {
        until(&gate, waiting, 2).await;
        gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    };
    let (wanted, ()) = tokio::join!(wants, opens);
    assert_eq!(wanted.unwrap(), 1, "the store's session gave way");
    other.commit().await.unwrap();
    let replaced = replacing.await.unwrap().unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)), "{replaced:?}");
    let found = store.load(&record(1, "").key, NOW).await.unwrap().unwrap();
    assert_eq!(found.0, record(1, "new"));
    // A session reports when it ends, or a second later.
    drop(store);
    until(&gate, "SELECT deadlocks FROM pg_stat_database WHERE datname = 'postgres'", 1).await;
}
