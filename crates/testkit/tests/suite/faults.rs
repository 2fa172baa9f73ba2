//! The fault store does what it is told, once, and counts.

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Removed, Replaced, Revision, Stage, Store};
use grantor_store_memory::MemoryStore;
use grantor_testkit::{Call, Calls, Fault, FaultStore, Gate, Landed};

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn record(body: &'static str) -> Record {
    Record {
        key: Key::new(Kind::GRANT, [1; 16]),
        stage: Stage::Live,
        expires_at: Timestamp::NEVER,
        client: None,
        subject: None,
        body: Bytes::from_static(body.as_bytes()),
    }
}

async fn with_record() -> (FaultStore, Revision) {
    let faults = FaultStore::new(Arc::new(MemoryStore::new()));
    let Created::Created(revision) = faults.create(&record("old"), NOW).await.unwrap() else { panic!() };
    (faults, revision)
}

async fn body(store: &FaultStore) -> Bytes {
    store.load(&record("").key, NOW).await.unwrap().unwrap().0.body
}

#[tokio::test]
async fn errors_before_after_and_without_the_write() {
    for (fault, nothing_written, now_there) in [
        (Fault::ErrorBefore, true, "old"),
        (Fault::ErrorAfterWrite, false, "new"),
        (Fault::ErrorWithoutWrite, false, "old"),
    ] {
        let (faults, revision) = with_record().await;
        faults.next_replace(fault);
        let error = faults.replace(&record("new"), revision, NOW).await.unwrap_err();
        assert_eq!(error.nothing_written, nothing_written);
        assert_eq!(body(&faults).await, now_there);
        assert_eq!(faults.planned(), 0);
    }
}

#[tokio::test]
async fn a_late_write_lands_when_told_and_only_if_it_still_may() {
    let (faults, revision) = with_record().await;
    faults.next_replace(Fault::LandsLate);
    assert!(!faults.replace(&record("late"), revision, NOW).await.unwrap_err().nothing_written);
    assert_eq!(body(&faults).await, "old");
    assert!(matches!(faults.land().await[..], [Landed::Replace(Ok(Replaced::Replaced(_)))]));
    assert_eq!(body(&faults).await, "late");

    faults.next_remove(Fault::LandsLate);
    faults.next_create(Fault::LandsLate);
    assert!(faults.remove(&record("").key, NOW).await.is_err());
    assert!(faults.create(&record("again"), NOW).await.is_err());
    assert!(matches!(
        faults.land().await[..],
        [Landed::Remove(Ok(Removed::Removed)), Landed::Create(Ok(Created::Created(_)))]
    ));
    assert!(faults.land().await.is_empty());
}

#[tokio::test]
async fn plans_are_met_in_order_and_by_kind() {
    let (faults, _) = with_record().await;
    faults.next_load(Fault::Pass);
    faults.next_load(Fault::ErrorBefore);
    faults.next_of(Kind::USER, Call::Load, Fault::ErrorBefore);
    let key = record("").key;
    assert!(faults.load(&key, NOW).await.is_ok());
    assert!(faults.load(&key, NOW).await.is_err());
    assert!(faults.load(&key, NOW).await.is_ok());
    assert!(faults.load(&Key::new(Kind::USER, [1; 16]), NOW).await.is_err());
    assert_eq!(faults.take_calls(), Calls { load: 4, create: 1, ..Calls::default() });
    assert_eq!(faults.calls(), Calls::default());
}

#[tokio::test]
async fn a_store_that_refuses() {
    let (faults, revision) = with_record().await;
    faults.refuse_writes(true);
    assert!(faults.replace(&record("new"), revision, NOW).await.unwrap_err().nothing_written);
    assert_eq!(body(&faults).await, "old");
    faults.refuse_all(true);
    assert!(faults.load(&record("").key, NOW).await.is_err());
    let index = faults.index().unwrap();
    assert!(index.sweep(1, NOW).await.is_err());
    faults.refuse_all(false);
    assert!(faults.remove(&record("").key, NOW).await.is_ok());
}

#[tokio::test]
async fn calls_wait_at_a_gate_before_and_after_the_write() {
    let (faults, revision) = with_record().await;
    let (before, after) = (Gate::new(), Gate::new());
    faults.next_replace(Fault::HoldAfter(after.clone()));
    faults.next_remove(Fault::HoldBefore(before.clone()));
    let replacing = tokio::spawn({
        let faults = faults.clone();
        async move { faults.replace(&record("new"), revision, NOW).await.unwrap() }
    });
    let removing = tokio::spawn({
        let faults = faults.clone();
        async move { faults.remove(&record("").key, NOW).await.unwrap() }
    });
    after.reached().await;
    before.reached().await;
    assert_eq!(body(&faults).await, "new");
    assert!(!replacing.is_finished() && !removing.is_finished());
    before.open();
    assert_eq!(removing.await.unwrap(), Removed::Removed);
    after.open();
    assert!(matches!(replacing.await.unwrap(), Replaced::Replaced(_)));
}
