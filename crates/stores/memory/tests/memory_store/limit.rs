//! Bounded: what happens where there is no room.

use grantor_core::Timestamp;
use grantor_core::store::{Created, Index, Record, Removed, Replaced, Store};
use grantor_store_memory::{MemoryStore, Options};

use super::{NOW, at, key, pending, record};

/// Creates records until one is refused; how many there are.
async fn fill(store: &MemoryStore, from: u64, record: impl Fn(u64) -> Record, now: Timestamp) -> u64 {
    for number in from.. {
        match store.create(&record(number), now).await {
            Ok(created) => assert!(matches!(created, Created::Created(_))),
            Err(error) => {
                assert!(error.nothing_written, "{error}");
                assert!(error.to_string().contains("max_"), "{error}");
                assert_eq!(store.load(&key(number), now).await.unwrap(), None);
                return number - from;
            }
        }
    }
    unreachable!()
}

#[tokio::test]
async fn at_the_limit_create_is_refused_and_no_living_record_goes() {
    let store = MemoryStore::with(&Options::new().max_bytes(1 << 20));
    let count = fill(&store, 0, |number| record(number, 60), NOW).await;
    assert!((5_000..10_000).contains(&count), "{count}");
    assert!(store.bytes() <= 1 << 20);
    for number in 0..count {
        assert!(store.load(&key(number), NOW).await.unwrap().is_some());
    }
    // What exists is told apart from what does not fit.
    assert_eq!(store.create(&record(0, 60), NOW).await.unwrap(), Created::Exists);
    // One goes, one comes.
    assert_eq!(store.remove(&key(17), NOW).await.unwrap(), Removed::Removed);
    assert!(matches!(store.create(&record(count, 60), NOW).await, Ok(Created::Created(_))));
    assert!(store.create(&record(count + 1, 60), NOW).await.is_err());
}

#[tokio::test]
async fn at_the_limit_what_has_expired_goes_first() {
    let store = MemoryStore::with(&Options::new().max_bytes(1 << 20));
    let lives = |number: u64| record(number, if number.is_multiple_of(2) { 60 } else { 600 });
    let count = fill(&store, 0, lives, NOW).await;
    assert!(store.create(&record(count, 600), at(59)).await.is_err());
    let more = fill(&store, count, |number| record(number, 600), at(60)).await;
    assert_eq!(more, count.div_ceil(2));
    for number in (1..count).step_by(2) {
        assert!(store.load(&key(number), at(60)).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn pending_records_cannot_take_the_room_of_grants() {
    let store = MemoryStore::with(&Options::new().max_bytes(1 << 20));
    let abandoned = fill(&store, 0, |number| pending(number, 600), NOW).await;
    assert!(store.pending_bytes() <= 1 << 18);
    assert!(abandoned > 1_000);
    let first = 1 << 32;
    let grants = fill(&store, first, |number| record(number, 600), NOW).await;
    assert!(grants.abs_diff(3 * abandoned) < 10, "{grants} beside {abandoned}");
    // A code that is redeemed leaves the share of the pending ones.
    let _ = store.remove(&key(first), NOW).await.unwrap();
    let (_, revision) = store.load(&key(0), NOW).await.unwrap().unwrap();
    assert!(matches!(store.replace(&record(0, 600), revision, NOW).await, Ok(Replaced::Replaced(_))));
    assert!(matches!(store.create(&pending(first + grants, 600), NOW).await, Ok(Created::Created(_))));
}

#[tokio::test]
async fn at_the_limit_a_record_may_be_replaced_but_not_grow() {
    let store = MemoryStore::with(&Options::new().max_bytes(1 << 20));
    fill(&store, 0, |number| record(number, 60), NOW).await;
    let (_, revision) = store.load(&key(1), NOW).await.unwrap().unwrap();
    let Replaced::Replaced(revision) = store.replace(&record(1, 90), revision, NOW).await.unwrap() else {
        panic!("stale")
    };
    let large = Record { body: vec![1; 4000].into(), ..record(1, 90) };
    let error = store.replace(&large, revision, NOW).await.unwrap_err();
    assert!(error.nothing_written, "{error}");
    assert_eq!(store.load(&key(1), NOW).await.unwrap(), Some((record(1, 90), revision)));
}

#[tokio::test]
async fn what_goes_is_given_back_to_the_last_byte() {
    let store = MemoryStore::new();
    for number in 0..3_000 {
        let _ = store.create(&record(number, 60), NOW).await.unwrap();
        let _ = store.create(&pending(number + (1 << 32), 61), NOW).await.unwrap();
    }
    for number in 0..1_000 {
        let _ = store.remove(&key(number), NOW).await.unwrap();
        let large = Record { body: vec![1; 400].into(), ..pending(number + 1_000, 70) };
        let (_, revision) = store.load(&large.key, NOW).await.unwrap().unwrap();
        assert!(matches!(store.replace(&large, revision, NOW).await, Ok(Replaced::Replaced(_))));
    }
    assert_eq!(store.len(), 5_000);
    assert_eq!(store.sweep(10_000, at(69)).await.unwrap(), 4_000);
    assert_eq!(store.sweep(300, at(70)).await.unwrap(), 300);
    assert_eq!(store.sweep(10_000, at(70)).await.unwrap(), 700);
    assert_eq!((store.len(), store.bytes(), store.pending_bytes()), (0, 0, 0));
}

#[tokio::test]
async fn a_record_larger_than_promised_is_refused() {
    let store = MemoryStore::new();
    let most = store.promises().max_body;
    let body = |bytes: usize| Record { body: vec![0; bytes].into(), ..record(1, 60) };
    assert!(store.create(&body(most + 1), NOW).await.unwrap_err().nothing_written);
    assert!(matches!(store.create(&body(most), NOW).await, Ok(Created::Created(_))));
    let name = Record { subject: Some("s".repeat(70_000).into()), ..record(2, 60) };
    assert!(store.create(&name, NOW).await.unwrap_err().nothing_written);
}

/// Without a sweep, by the writes of others alone.
#[tokio::test]
async fn writes_drop_what_has_expired_for_good() {
    let store = MemoryStore::new();
    for number in 0..50_000 {
        let _ = store.create(&pending(number, 60), NOW).await.unwrap();
    }
    let full = store.bytes();
    for number in 0..20_000 {
        let _ = store.create(&record(number + (1 << 32), 600), at(60)).await.unwrap();
    }
    assert!(store.pending_bytes() < full / 50, "{} of {full} are left", store.pending_bytes());
    assert!(store.len() < 21_000);
}
