//! Many at once: one successor, one write, one winner; and what ends a grant against what goes on with it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use grantor_core::store::Kind;
use grantor_core::{Clock as _, RefreshToken, Uuid4, Whose};
use grantor_testkit::{Call, Fault, Gate};

use crate::bed::{Answer, Bed, together};

/// Runs the same request so often, on all threads.
async fn at_once<F>(bed: &Arc<Bed>, times: usize, request: impl Fn(Arc<Bed>) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let tasks: Vec<_> = (0..times).map(|_| tokio::spawn(request(Arc::clone(bed)))).collect();
    join_all(tasks).await.into_iter().map(|answer| answer.unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_parallel_refreshes_one_writes_and_all_get_its_successor() {
    for uuid4 in [false, true] {
        let bed = Bed::with(|builder| if uuid4 { builder.token_generator(Uuid4) } else { builder });
        let bed = Arc::new(bed);
        for _ in 0..10 {
            let (_, token) = bed.tokens().await;
            bed.store.take_calls();
            let answers = at_once(&bed, 200, |bed| {
                let token = token.clone();
                async move { bed.refresh(&token).await }
            })
            .await;
            let given: BTreeSet<_> =
                answers.iter().map(|a| (a.text("access_token"), a.text("refresh_token"))).collect();
            assert_eq!(given.len(), 1, "one successor and one access token");
            if !uuid4 {
                let calls = bed.store.take_calls();
                assert_eq!((calls.create, calls.remove), (0, 0));
            }
        }
        // Each write leaves a mark: one of the redemption, one of the refresh, 8 bytes each at the end of the record.
        for grant in bed.records(Kind::GRANT).await {
            let [.., field, bytes] = grant.body[..grant.body.len() - 16] else { panic!("no marks") };
            assert_eq!((field, bytes), (10, 0x50), "one write");
        }
    }
}

#[tokio::test]
async fn of_200_refreshes_one_after_the_other_the_first_writes() {
    for rotate in [true, false] {
        let bed = Bed::refreshing(RefreshToken::new().rotate(rotate));
        let (_, token) = bed.tokens().await;
        bed.store.take_calls();
        let first = bed.refresh(&token).await;
        for _ in 0..199 {
            let again = bed.refresh(&token).await;
            assert_eq!(again.text("access_token"), first.text("access_token"));
            assert_eq!(again.text("refresh_token"), first.text("refresh_token"));
        }
        assert_eq!(bed.store.take_calls().writes(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_100_parallel_redemptions_one_is_answered_200() {
    for uuid4 in [false, true] {
        let bed = Bed::with(|builder| if uuid4 { builder.token_generator(Uuid4) } else { builder });
        let bed = Arc::new(bed);
        for _ in 0..20 {
            let code = bed.code().await.unwrap();
            let answers = at_once(&bed, 100, |bed| {
                let code = code.clone();
                async move { bed.redeem(&code).await }
            })
            .await;
            assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
            let others = answers.iter().filter(|answer| !answer.is_ok());
            for answer in others {
                assert!(answer.error() == "invalid_grant" || answer.is_try_again(), "{}", answer.whole);
            }
        }
    }
}

#[tokio::test]
async fn rfc7009_a_revocation_wins_against_a_refresh_under_way() {
    for revoked in ["access", "refresh"] {
        let bed = Bed::new();
        let (access, refresh) = bed.tokens().await;
        let gate = Gate::new();
        bed.store.next_replace(Fault::HoldBefore(gate.clone()));
        let revoking = async {
            gate.reached().await;
            let token = if revoked == "access" { &access } else { &refresh };
            assert!(bed.revoke(token).await.is_ok());
            gate.open();
        };
        let (answer, ()) = together(bed.refresh(&refresh), revoking).await;
        assert!(!bed.is_active(&access).await);
        if revoked == "refresh" {
            assert_eq!(answer.error(), "invalid_grant", "the grant must not come back");
            assert!(bed.records(Kind::GRANT).await.is_empty());
        } else {
            assert!(answer.is_ok(), "the rest of the grant lives: {}", answer.whole);
            assert!(bed.is_active(&answer.text("access_token")).await);
        }
    }
}

#[tokio::test]
async fn what_a_disable_finds_under_way_is_dead_afterwards() {
    // The request has read the standing already when the user is disabled, and then writes.
    for step in ["redeem", "refresh", "issue"] {
        let bed = Bed::new();
        let (_, refresh) = bed.tokens().await;
        let code = bed.code().await.unwrap();
        let gate = Gate::new();
        let call = if step == "issue" { Call::Create } else { Call::Replace };
        bed.store.next_of(Kind::GRANT, call, Fault::HoldBefore(gate.clone()));
        let disabling = async {
            gate.reached().await;
            let now = bed.clock.now();
            bed.provider.standings().set_disabled(Whose::Subject("alice"), true, now).await.unwrap();
            gate.open();
        };
        let request = async {
            match step {
                "redeem" => bed.redeem(&code).await.json,
                "refresh" => bed.refresh(&refresh).await.json,
                _ => bed.code().await.map(serde_json::Value::from).unwrap_or_default(),
            }
        };
        let (given, ()) = together(request, disabling).await;
        // Introspection may know it a second later.
        bed.clock.advance(Duration::from_secs(1));
        match step {
            "issue" => assert_eq!(bed.redeem(given.as_str().unwrap()).await.error(), "invalid_grant"),
            _ => {
                assert!(!bed.is_active(given["access_token"].as_str().unwrap()).await, "{step}");
                let token = given["refresh_token"].as_str().unwrap();
                assert_eq!(bed.refresh(token).await.error(), "invalid_grant", "{step}");
            }
        }
        // It stays so when the user is enabled again.
        let now = bed.clock.now();
        bed.provider.standings().set_disabled(Whose::Subject("alice"), false, now).await.unwrap();
        if let Some(token) = given["refresh_token"].as_str() {
            assert_eq!(bed.refresh(token).await.error(), "invalid_grant", "{step}");
        }
    }
}

#[tokio::test]
async fn a_not_before_ends_what_began_in_its_millisecond() {
    for whose in [
        Whose::All,
        Whose::Client("abc"),
        Whose::Subject("alice"),
        Whose::Consent { client: "abc", subject: "alice" },
    ] {
        let bed = Bed::new();
        let (access, refresh) = bed.tokens().await;
        let code = bed.code().await.unwrap();
        bed.provider.standings().end_earlier(whose, bed.clock.now()).await.unwrap();
        assert_eq!(bed.refresh(&refresh).await.error(), "invalid_grant", "{whose:?}");
        assert_eq!(bed.redeem(&code).await.error(), "invalid_grant", "{whose:?}");
        assert_eq!(bed.code().await.unwrap_err(), "access_denied", "nothing begins before a not-before");
        bed.clock.advance(Duration::from_millis(1));
        let (_, new) = bed.tokens().await;
        assert!(bed.refresh(&new).await.is_ok(), "{whose:?}");
        bed.clock.advance(Duration::from_secs(1));
        assert!(!bed.is_active(&access).await, "{whose:?}");
    }
}

#[tokio::test]
async fn a_replay_against_a_refresh_under_way_ends_the_grant() {
    let bed = Bed::new();
    let code = bed.code().await.unwrap();
    let token = bed.redeem(&code).await.text("refresh_token");
    let gate = Gate::new();
    bed.store.next_replace(Fault::HoldBefore(gate.clone()));
    let replay = async {
        gate.reached().await;
        assert_eq!(bed.redeem(&code).await.error(), "invalid_grant");
        gate.open();
    };
    let (answer, ()) = together(bed.refresh(&token), replay).await;
    assert_eq!(answer.error(), "invalid_grant");
    assert!(bed.records(Kind::GRANT).await.is_empty());
}
