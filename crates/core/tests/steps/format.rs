//! Tokens of a foreign format through the whole provider, unique tokens, and the split store below it.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::{Kind, SplitStore};
use grantor_core::{Secret, Uuid4};
use grantor_store_memory::MemoryStore;
use grantor_testkit::{Call, Fault, FaultStore};

use crate::bed::Bed;

fn uuid4() -> Bed {
    Bed::with(|builder| builder.token_generator(Uuid4))
}

fn unique() -> Bed {
    Bed::with(|builder| builder.unique_tokens().key(Secret::new("k".repeat(32))))
}

#[tokio::test]
async fn uuid4_goes_through_all_steps() {
    let bed = uuid4();
    let code = bed.code().await.unwrap();
    assert_eq!(code.len(), 36);
    let first = bed.redeem(&code).await;
    assert_eq!(first.text("access_token").len(), 36);
    assert!(bed.is_active(&first.text("access_token")).await);
    let second = bed.refresh(&first.text("refresh_token")).await;
    let again = bed.refresh(&first.text("refresh_token")).await;
    assert_eq!(second.text("refresh_token"), again.text("refresh_token"));
    assert_eq!(second.text("access_token"), again.text("access_token"));
    assert!(bed.revoke(&second.text("access_token")).await.is_ok());
    assert!(!bed.is_active(&second.text("access_token")).await);
    let third = bed.refresh(&second.text("refresh_token")).await;
    // The pointer to a former token proves the reuse.
    bed.clock.advance(Duration::from_secs(60));
    assert_eq!(bed.refresh(&first.text("refresh_token")).await.error(), "invalid_grant");
    assert!(!bed.is_active(&third.text("access_token")).await);
    assert!(bed.records(Kind::GRANT).await.is_empty());
}

#[tokio::test]
async fn a_uuid4_of_one_kind_is_none_of_another() {
    let bed = uuid4();
    let code = bed.code().await.unwrap();
    let (access, refresh) = bed.tokens().await;
    for wrong in [&access, &code] {
        assert_eq!(bed.refresh(wrong).await.error(), "invalid_grant");
    }
    for wrong in [&access, &refresh] {
        assert_eq!(bed.redeem(wrong).await.error(), "invalid_grant");
    }
    assert!(!bed.is_active(&code).await);
    assert!(bed.is_active(&access).await);
}

#[tokio::test]
async fn a_pointer_that_was_not_written_is_503_and_the_retry_writes_it() {
    for fault in [Fault::ErrorBefore, Fault::ErrorWithoutWrite, Fault::ErrorAfterWrite] {
        let bed = uuid4();
        let (_, refresh) = bed.tokens().await;
        bed.store.next_of(Kind::POINTER, Call::Create, fault.clone());
        let mut answer = bed.refresh(&refresh).await;
        if answer.is_try_again() {
            answer = bed.refresh(&refresh).await;
        }
        assert!(answer.is_ok(), "{fault:?}: {}", answer.whole);
        assert!(bed.is_active(&answer.text("access_token")).await, "{fault:?}");
        assert!(bed.refresh(&answer.text("refresh_token")).await.is_ok(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_pointer_of_a_newer_release_is_503() {
    let bed = uuid4();
    let (access, _) = bed.tokens().await;
    for mut record in bed.records(Kind::POINTER).await {
        let now = grantor_core::Clock::now(&bed.clock);
        let (_, revision) = bed.raw.load(&record.key, now).await.unwrap().unwrap();
        let mut body = record.body.to_vec();
        body[0] += 1;
        record.body = body.into();
        let _ = bed.raw.replace(&record, revision, now).await.unwrap();
    }
    assert!(bed.post("/introspect", &[("token", &access)]).await.is_try_again());
}

#[tokio::test]
async fn unique_tokens_are_the_same_until_they_end() {
    let bed = unique();
    let first = bed.post("/token", &[("grant_type", "client_credentials")]).await;
    let again = bed.post("/token", &[("grant_type", "client_credentials")]).await;
    assert_eq!(first.text("access_token"), again.text("access_token"));
    let other = bed.post("/token", &[("grant_type", "client_credentials"), ("scope", "read")]).await;
    assert_ne!(other.text("access_token"), first.text("access_token"));
    assert!(bed.revoke(&first.text("access_token")).await.is_ok());
    let new = bed.post("/token", &[("grant_type", "client_credentials")]).await;
    assert_ne!(new.text("access_token"), first.text("access_token"));
    assert!(bed.is_active(&new.text("access_token")).await);
    assert!(!bed.is_active(&first.text("access_token")).await);
}

#[tokio::test]
async fn unique_tokens_of_a_code_and_its_replay_which_removes_both_grants() {
    let bed = unique();
    let code = bed.code().await.unwrap();
    let first = bed.redeem(&code).await;
    let second = bed.redeem(&bed.code().await.unwrap()).await;
    assert_eq!(first.text("access_token"), second.text("access_token"));
    assert_eq!(bed.records(Kind::GRANT).await.len(), 3, "two spent codes, one shared grant");
    bed.clock.advance(Duration::from_secs(3_600));
    assert_eq!(bed.redeem(&code).await.error(), "invalid_grant");
    assert_eq!(bed.records(Kind::GRANT).await.len(), 1, "the other code's record");
    assert_eq!(bed.refresh(&first.text("refresh_token")).await.error(), "invalid_grant");
    // A second replay finds nothing and ends nothing that began since.
    let new = bed.redeem(&bed.code().await.unwrap()).await;
    assert_eq!(bed.redeem(&code).await.error(), "invalid_grant");
    assert!(bed.is_active(&new.text("access_token")).await);
}

#[tokio::test]
async fn unique_tokens_survive_unknown_creates() {
    for fault in [Fault::ErrorAfterWrite, Fault::ErrorWithoutWrite] {
        let bed = unique();
        bed.store.next_of(Kind::GRANT, Call::Create, fault.clone());
        let first = bed.post("/token", &[("grant_type", "client_credentials")]).await;
        assert!(bed.is_active(&first.text("access_token")).await, "{fault:?}");
        assert_eq!(bed.records(Kind::GRANT).await.len(), 1);
    }
}

/// A flow on a split store whose two engines have faults.
struct Split {
    codes: FaultStore,
    grants: FaultStore,
    bed: Bed,
}

fn split() -> Split {
    let codes = FaultStore::new(Arc::new(MemoryStore::new()));
    let grants = FaultStore::new(Arc::new(MemoryStore::new()));
    let store = SplitStore::new(Arc::new(codes.clone()), Arc::new(grants.clone()));
    Split { codes, grants, bed: Bed::on(Arc::new(store), |builder| builder) }
}

#[tokio::test]
async fn a_split_store_carries_the_whole_flow() {
    let Split { bed, .. } = split();
    let code = bed.code().await.unwrap();
    assert!(bed.records(Kind::GRANT).await.is_empty(), "the code waits in the other engine");
    let first = bed.redeem(&code).await;
    assert!(bed.is_active(&first.text("access_token")).await);
    let second = bed.refresh(&first.text("refresh_token")).await;
    assert!(second.is_ok(), "{}", second.whole);
    assert_eq!(bed.redeem(&code).await.error(), "invalid_grant");
    assert!(!bed.is_active(&second.text("access_token")).await, "the replay ended the grant");
}

#[tokio::test]
async fn a_split_store_fails_closed_at_each_crash_point_of_a_redemption() {
    // The spend in the first engine, and the creation in the second: certain failures, lost answers, lost requests.
    for (first, fault) in [
        (true, Fault::ErrorBefore),
        (true, Fault::ErrorWithoutWrite),
        (true, Fault::ErrorAfterWrite),
        (false, Fault::ErrorBefore),
        (false, Fault::ErrorWithoutWrite),
        (false, Fault::ErrorAfterWrite),
    ] {
        let Split { codes, grants, bed } = split();
        let code = bed.code().await.unwrap();
        if first {
            codes.next_replace(fault.clone());
        } else {
            grants.next_create(fault.clone());
        }
        let answer = bed.redeem(&code).await;
        match (first, &fault) {
            // Nothing was spent: the provider or the client tries again.
            (true, Fault::ErrorBefore) => {
                assert!(answer.is_try_again());
                assert!(bed.redeem(&code).await.is_ok());
            }
            (true, Fault::ErrorWithoutWrite) | (false, Fault::ErrorAfterWrite) => {
                assert!(bed.is_active(&answer.text("access_token")).await, "{first} {fault:?}");
            }
            // Spent, and no grant: the user logs in again.
            _ => {
                assert!(answer.is_try_again(), "{first} {fault:?}: {}", answer.whole);
                assert_eq!(bed.redeem(&code).await.error(), "invalid_grant");
                assert!(bed.records(Kind::GRANT).await.is_empty());
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_split_store_lets_one_of_many_redemptions_win() {
    for _ in 0..20 {
        let bed = Arc::new(split().bed);
        let code = bed.code().await.unwrap();
        let tasks: Vec<_> = (0..32)
            .map(|_| {
                let (bed, code) = (Arc::clone(&bed), code.clone());
                tokio::spawn(async move { bed.redeem(&code).await.is_ok() })
            })
            .collect();
        let won = futures_util::future::join_all(tasks).await;
        assert_eq!(won.into_iter().filter(|won| *won.as_ref().unwrap()).count(), 1);
    }
}
