//! Two sessions that wait for each other: the server ends one of them (40P01), and the store tries again.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::{Replaced, Store};
use grantor_store_postgres::PostgresStore;
use grantor_store_postgres::tokio_postgres::Client;
use grantor_testkit::engine;

use super::{NOW, admin, create, options, record};

/// A write of the store locks one row only, so another one is locked by a trigger: first the record, then, once gate 7
/// is open, what the other session has. A second try counts as one, and locks nothing until gate 8 is open: else it
/// could have the record again before the other session, which has just been let through, is awake.
const TRIGGERS: &str = "
    CREATE TABLE public.other (id INT4 PRIMARY KEY);
    INSERT INTO public.other VALUES (1);
    CREATE SEQUENCE public.tries;
    CREATE FUNCTION public.before() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF nextval('public.tries') > 1 THEN
            PERFORM pg_advisory_xact_lock_shared(8);
        END IF;
        RETURN NULL;
    END $$;
    CREATE FUNCTION public.after() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_advisory_xact_lock_shared(7);
        PERFORM id FROM public.other FOR UPDATE;
        RETURN NULL;
    END $$;
    CREATE TRIGGER before BEFORE UPDATE ON grantor.record FOR EACH STATEMENT EXECUTE FUNCTION public.before();
    CREATE TRIGGER after AFTER UPDATE ON grantor.record FOR EACH ROW EXECUTE FUNCTION public.after();
    ALTER DATABASE postgres SET deadlock_timeout = '10ms'";

/// Waits until a session waits for such a lock.
async fn until_waited(admin: &Client, lock: &str) {
    let count = format!("SELECT count(*) FROM pg_locks WHERE NOT granted AND {lock}");
    while admin.query_one(&count, &[]).await.unwrap().get::<_, i64>(0) == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_is_tried_again() {
    let engine = engine::postgres().unwrap();
    let patient = options(&engine).deadline(Duration::from_secs(120));
    let first = PostgresStore::open(&patient).await.unwrap();
    // Before the triggers are there, which a create would start too: it can update.
    let revision = create(&first, &record(1, "old")).await;
    first.close();
    let (gates, mut other) = (admin(&engine).await, admin(&engine).await);
    gates.batch_execute(TRIGGERS).await.unwrap();
    gates.batch_execute("SELECT pg_advisory_lock(7), pg_advisory_lock(8)").await.unwrap();
    let store = Arc::new(PostgresStore::open(&patient).await.unwrap());
    // A session looks for deadlocks once, a moment after it began to wait. This one never does, so the store's, which
    // begins last, is the one that is ended.
    other.batch_execute("SET deadlock_timeout = '1h'").await.unwrap();
    let pid: i32 = other.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    let other = other.transaction().await.unwrap();
    other.execute("SELECT id FROM public.other FOR UPDATE", &[]).await.unwrap();
    let replacing = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.replace(&record(1, "new"), revision, NOW).await })
    };
    until_waited(&gates, "locktype = 'advisory' AND objid = 7").await;
    let opens = async {
        until_waited(&gates, &format!("locktype = 'transactionid' AND pid = {pid}")).await;
        gates.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    };
    let (wanted, ()) = tokio::join!(other.execute("SELECT id FROM grantor.record FOR UPDATE", &[]), opens);
    assert_eq!(wanted.unwrap(), 1, "the store's session gave way");
    other.commit().await.unwrap();
    gates.batch_execute("SELECT pg_advisory_unlock(8)").await.unwrap();
    let replaced = replacing.await.unwrap().unwrap();
    assert!(matches!(replaced, Replaced::Replaced(_)), "{replaced:?}");
    let found = store.load(&record(1, "").key, NOW).await.unwrap().unwrap();
    assert_eq!(found.0, record(1, "new"));
    let tries: i64 = gates.query_one("SELECT last_value FROM public.tries", &[]).await.unwrap().get(0);
    assert_eq!(tries, 2);
}
