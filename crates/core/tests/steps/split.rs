//! The split store: one winner although two engines number their revisions each for itself, and every crash point fails
//! closed.

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Kind, Record, Removed, Replaced, SplitStore, Stage, Store};
use grantor_store_memory::MemoryStore;
use grantor_testkit::{Fault, FaultStore, Gate};

const NOW: Timestamp = Timestamp::from_secs(1_000);
const CODE_END: Timestamp = Timestamp::from_secs(1_060);

fn record(stage: Stage, expires_at: Timestamp, body: &'static str) -> Record {
    Record {
        key: Key::new(Kind::GRANT, [7; 16]),
        stage,
        expires_at,
        client: Some("abc".into()),
        subject: None,
        body: Bytes::from_static(body.as_bytes()),
    }
}

fn pending() -> Record {
    record(Stage::Pending, CODE_END, "pending")
}

fn live(body: &'static str) -> Record {
    record(Stage::Live, Timestamp::from_secs(9_000), body)
}

struct Both {
    a: FaultStore,
    b: FaultStore,
    split: SplitStore,
}

fn both() -> Both {
    let a = FaultStore::new(Arc::new(MemoryStore::new()));
    let b = FaultStore::new(Arc::new(MemoryStore::new()));
    let split = SplitStore::new(Arc::new(a.clone()), Arc::new(b.clone()));
    Both { a, b, split }
}

async fn moved(both: &Both) -> grantor_core::store::Revision {
    let Created::Created(revision) = both.split.create(&pending(), NOW).await.unwrap() else {
        panic!("the key was absent")
    };
    assert!(matches!(
        both.split.replace(&live("spent"), revision, NOW).await.unwrap(),
        Replaced::Replaced(_)
    ));
    revision
}

#[tokio::test]
async fn a_revision_of_one_engine_never_passes_in_the_other() {
    let both = both();
    // Both engines begin to count at the same number, so the code's revision in A is likely the grant's in B.
    let of_the_code = moved(&both).await;
    assert_eq!(both.split.replace(&live("again"), of_the_code, NOW).await.unwrap(), Replaced::Stale);
    let (found, of_the_grant) = both.split.load(&pending().key, NOW).await.unwrap().unwrap();
    assert_eq!(found, live("spent"));
    let Replaced::Replaced(next) = both.split.replace(&live("next"), of_the_grant, NOW).await.unwrap() else {
        panic!("nobody else changed it")
    };
    assert_eq!(both.split.load(&pending().key, NOW).await.unwrap().unwrap(), (live("next"), next));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_redemptions_one_wins() {
    for _ in 0..50 {
        let both = both();
        let Created::Created(revision) = both.split.create(&pending(), NOW).await.unwrap() else {
            panic!("the key was absent")
        };
        let tries = (0..16).map(|_| {
            let split = both.split.clone();
            tokio::spawn(async move { split.replace(&live("spent"), revision, NOW).await })
        });
        let mut won = 0;
        for outcome in futures_util::future::join_all(tries).await {
            won += usize::from(matches!(outcome.unwrap(), Ok(Replaced::Replaced(_))));
        }
        assert_eq!(won, 1);
    }
}

#[tokio::test]
async fn what_stays_of_a_moved_code_has_no_tokens_and_ends_with_the_code() {
    let both = both();
    moved(&both).await;
    let (trace, revision) = both.a.load(&pending().key, NOW).await.unwrap().unwrap();
    assert_eq!(trace, record(Stage::Live, CODE_END, "pending"));
    // Should B lose the grant, the trace does not bring it back, and nothing can be built on it.
    assert_eq!(both.b.remove(&pending().key, NOW).await.unwrap(), Removed::Removed);
    assert_eq!(both.split.load(&pending().key, NOW).await.unwrap(), Some((trace, revision)));
    assert_eq!(both.split.replace(&live("again"), revision, NOW).await.unwrap(), Replaced::Stale);
    assert_eq!(both.split.remove(&pending().key, NOW).await.unwrap(), Removed::Removed);
    assert_eq!(both.split.load(&pending().key, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn a_removal_while_the_grant_moves_takes_it() {
    // Before it is in B, after it is in B; and a removal that began before, and goes on after.
    for held in ["create", "trace", "removal"] {
        let both = both();
        let Created::Created(revision) = both.split.create(&pending(), NOW).await.unwrap() else {
            panic!("the key was absent")
        };
        let gate = Gate::new();
        match held {
            "create" => both.b.next_create(Fault::HoldBefore(gate.clone())),
            "trace" => both.b.next_create(Fault::HoldAfter(gate.clone())),
            _ => both.a.next_remove(Fault::HoldBefore(gate.clone())),
        }
        let split = both.split.clone();
        let moving = async move { split.replace(&live("spent"), revision, NOW).await };
        let split = both.split.clone();
        let removing = async move { split.remove(&pending().key, NOW).await };
        let (moved, removed) = if held == "removal" {
            // It has found nothing in B when the grant begins to move.
            let removing = tokio::spawn(removing);
            gate.reached().await;
            let moved = moving.await;
            gate.open();
            (moved, removing.await.unwrap())
        } else {
            let moving = tokio::spawn(moving);
            gate.reached().await;
            // What a replay finds in this moment is spent, so that it knows what it is.
            let found = both.split.load(&pending().key, NOW).await.unwrap().unwrap().0;
            assert_eq!(found.stage, Stage::Live);
            let removed = removing.await;
            gate.open();
            (moving.await.unwrap(), removed)
        };
        assert!(matches!(moved.unwrap(), Replaced::Replaced(_)), "{held}: the code was spent by this one");
        assert_eq!(removed.unwrap(), Removed::Removed, "{held}");
        assert_eq!(both.split.load(&pending().key, NOW).await.unwrap(), None, "{held}");
        assert_eq!(both.b.load(&pending().key, NOW).await.unwrap(), None, "{held}");
    }
}

#[tokio::test]
async fn where_the_trace_cannot_be_seen_the_move_fails_closed() {
    let both = both();
    let Created::Created(revision) = both.split.create(&pending(), NOW).await.unwrap() else {
        panic!("the key was absent")
    };
    both.a.next_load(Fault::Pass);
    both.a.next_load(Fault::ErrorBefore);
    let error = both.split.replace(&live("spent"), revision, NOW).await.unwrap_err();
    assert!(!error.nothing_written && both.a.planned() == 0);
    assert_eq!(both.b.load(&pending().key, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn each_crash_point_of_a_move_fails_closed() {
    // Before the spend in A: the code can still be used.
    let both1 = both();
    let Created::Created(revision) = both1.split.create(&pending(), NOW).await.unwrap() else {
        panic!("the key was absent")
    };
    both1.a.next_replace(Fault::ErrorBefore);
    assert!(both1.split.replace(&live("spent"), revision, NOW).await.unwrap_err().nothing_written);
    assert_eq!(both1.split.load(&pending().key, NOW).await.unwrap(), Some((pending(), revision)));

    // Spent in A, the answer lost, B not reached: nobody can spend it again.
    both1.a.next_replace(Fault::ErrorAfterWrite);
    assert!(!both1.split.replace(&live("spent"), revision, NOW).await.unwrap_err().nothing_written);
    let (found, revision) = both1.split.load(&pending().key, NOW).await.unwrap().unwrap();
    assert_eq!(found, record(Stage::Live, CODE_END, "pending"), "spent, and without tokens");
    assert_eq!(both1.split.replace(&live("spent"), revision, NOW).await.unwrap(), Replaced::Stale);

    // Spent in A, B refuses: it must not look as if nothing had been written.
    for fault in [Fault::ErrorBefore, Fault::ErrorWithoutWrite] {
        let both = both();
        let Created::Created(revision) = both.split.create(&pending(), NOW).await.unwrap() else {
            panic!("the key was absent")
        };
        both.b.next_create(fault);
        assert!(!both.split.replace(&live("spent"), revision, NOW).await.unwrap_err().nothing_written);
        let (found, _) = both.split.load(&pending().key, NOW).await.unwrap().unwrap();
        assert_eq!(found, record(Stage::Live, CODE_END, "pending"), "spent, and without tokens");
        assert_eq!(both.split.replace(&live("spent"), revision, NOW).await.unwrap(), Replaced::Stale);
    }

    // Spent in A and created in B, the answer lost: it is there, and is found.
    let both4 = both();
    let Created::Created(revision) = both4.split.create(&pending(), NOW).await.unwrap() else {
        panic!("the key was absent")
    };
    both4.b.next_create(Fault::ErrorAfterWrite);
    assert!(!both4.split.replace(&live("spent"), revision, NOW).await.unwrap_err().nothing_written);
    assert_eq!(both4.split.load(&pending().key, NOW).await.unwrap().unwrap().0, live("spent"));
}

#[tokio::test]
async fn a_removal_takes_both() {
    let both = both();
    moved(&both).await;
    both.a.next_remove(Fault::ErrorBefore);
    assert!(!both.split.remove(&pending().key, NOW).await.unwrap_err().nothing_written);
    assert_eq!(both.b.load(&pending().key, NOW).await.unwrap(), None);
    assert_eq!(both.split.remove(&pending().key, NOW).await.unwrap(), Removed::Removed, "its trace");
    assert_eq!(both.a.load(&pending().key, NOW).await.unwrap(), None);
}

#[tokio::test]
async fn both_engines_are_swept() {
    let both = both();
    moved(&both).await;
    let late = Timestamp::from_secs(10_000);
    let index = both.split.index().unwrap();
    assert_eq!(index.sweep(100, late).await.unwrap(), 2);
}
