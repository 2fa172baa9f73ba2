//! Disabled and not-before over a store that makes its callers wait: requests share their looks, and none is told what was
//! read before it asked.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use grantor_core::store::Kind;
use grantor_core::{Clock as _, Standings, Whose};
use grantor_testkit::{Call, Fault, Gate};

use crate::bed::{Answer, Bed, together};

async fn client_credentials(bed: &Bed) -> Answer {
    bed.post("/token", &[("grant_type", "client_credentials")]).await
}

/// A bed whose store has made a caller wait; the copies for introspection and client authentication are there.
async fn waiting() -> Bed {
    let bed = Bed::new();
    let gate = Gate::new();
    bed.store.next_of(Kind::STANDING, Call::Load, Fault::HoldBefore(gate.clone()));
    let opening = async {
        gate.reached().await;
        gate.open();
    };
    let (answer, ()) = together(client_credentials(&bed), opening).await;
    assert!(answer.is_ok(), "{}", answer.whole);
    bed.store.take_calls();
    bed
}

/// Polls once; whether it is not done yet.
async fn is_pending<F: Future>(mut future: Pin<&mut F>) -> bool {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

#[tokio::test]
async fn requests_at_one_moment_share_their_looks_at_everybody_and_at_the_client() {
    let bed = waiting().await;
    let answers = join_all((0..30).map(|_| client_credentials(&bed))).await;
    assert!(answers.iter().all(Answer::is_ok));
    let calls = bed.store.take_calls();
    assert_eq!((calls.load, calls.create), (2, 30));
    // One after the other, each looks for itself.
    for _ in 0..3 {
        assert!(client_credentials(&bed).await.is_ok());
    }
    assert_eq!(bed.store.take_calls().load, 3 * 2);
}

#[tokio::test]
async fn a_refresh_looks_at_its_grant_and_three_standings() {
    let bed = waiting().await;
    let (_, refresh) = bed.tokens().await;
    bed.store.take_calls();
    assert!(bed.refresh(&refresh).await.is_ok());
    let calls = bed.store.take_calls();
    assert_eq!((calls.load, calls.writes()), (1 + 3, 1));
}

#[tokio::test]
async fn who_asks_after_a_disable_is_not_told_what_others_read_before_it() {
    for whose in [Whose::All, Whose::Client("abc")] {
        for disable in [true, false] {
            let bed = waiting().await;
            // A process of its own: nothing here is told of what it does.
            let elsewhere = Standings::new(Arc::clone(&bed.raw), Duration::ZERO);
            let gate = Gate::new();
            if whose != Whose::All {
                bed.store.next_of(Kind::STANDING, Call::Load, Fault::Pass);
            }
            bed.store.next_of(Kind::STANDING, Call::Load, Fault::HoldAfter(gate.clone()));
            let disabling = async {
                gate.reached().await;
                let now = bed.clock.now();
                if disable {
                    elsewhere.set_disabled(whose, true, now).await.unwrap();
                } else {
                    elsewhere.end_earlier(whose, now).await.unwrap();
                }
                let answer = client_credentials(&bed).await;
                gate.open();
                answer
            };
            let (before, after) = together(client_credentials(&bed), disabling).await;
            assert_eq!(bed.store.planned(), 0);
            assert_eq!(after.error(), "invalid_grant", "{whose:?}: {}", after.whole);
            // What was under way is dead afterwards.
            bed.clock.advance(Duration::from_secs(1));
            assert!(before.is_ok(), "{}", before.whole);
            elsewhere.set_disabled(whose, false, bed.clock.now()).await.unwrap();
            assert!(!bed.is_active(&before.text("access_token")).await, "{whose:?}");
        }
    }
}

#[tokio::test]
async fn a_request_that_goes_away_takes_no_answer_from_others() {
    let bed = waiting().await;
    {
        // Before the load has begun.
        let mut leaving = Box::pin(client_credentials(&bed));
        let mut staying = pin!(client_credentials(&bed));
        assert!(is_pending(leaving.as_mut()).await && is_pending(staying.as_mut()).await);
        drop(leaving);
        assert!(staying.await.is_ok());
    }
    {
        // While it is under way.
        let gate = Gate::new();
        bed.store.next_of(Kind::STANDING, Call::Load, Fault::HoldBefore(gate.clone()));
        let mut leaving = Box::pin(client_credentials(&bed));
        let mut staying = pin!(client_credentials(&bed));
        assert!(is_pending(leaving.as_mut()).await && is_pending(staying.as_mut()).await);
        assert!(is_pending(leaving.as_mut()).await, "it waits at the gate");
        assert_eq!(bed.store.planned(), 0);
        drop(leaving);
        gate.open();
        assert!(staying.await.is_ok());
    }
    {
        // All who asked.
        let mut leaving = Box::pin(client_credentials(&bed));
        assert!(is_pending(leaving.as_mut()).await);
        drop(leaving);
        assert!(client_credentials(&bed).await.is_ok());
    }
}

#[tokio::test]
async fn a_look_that_fails_is_503_for_all_who_share_it_and_for_nobody_later() {
    let bed = waiting().await;
    bed.store.next_of(Kind::STANDING, Call::Load, Fault::ErrorBefore);
    let answers = join_all((0..5).map(|_| client_credentials(&bed))).await;
    assert!(answers.iter().all(Answer::is_try_again), "{answers:?}");
    assert_eq!(bed.store.take_calls().create, 0, "nothing is issued");
    assert!(client_credentials(&bed).await.is_ok());
}

#[tokio::test]
async fn a_withdrawn_consent_ends_what_its_client_has_and_nothing_else() {
    let bed = waiting().await;
    let (access, refresh) = bed.tokens().await;
    let (standings, now) = (bed.provider.standings(), bed.clock.now());
    let other = Whose::Consent { client: "other", subject: "alice" };
    standings.end_earlier(other, now).await.unwrap();
    bed.clock.advance(Duration::from_secs(1));
    let again = bed.refresh(&refresh).await;
    assert!(again.is_ok() && bed.is_active(&access).await, "{}", again.whole);
    let own = Whose::Consent { client: "abc", subject: "alice" };
    standings.end_earlier(own, bed.clock.now()).await.unwrap();
    bed.clock.advance(Duration::from_secs(1));
    assert!(!bed.is_active(&access).await);
    assert_eq!(bed.refresh(&again.text("refresh_token")).await.error(), "invalid_grant");
    assert_eq!(standings.get(other, now).await.unwrap().not_before(), now.after(Duration::from_millis(1)));
    assert!(standings.get(Whose::Subject("alice"), now).await.unwrap().allows(now), "the user is well");
}
