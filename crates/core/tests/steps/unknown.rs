//! Writes whose outcome nobody knows, at every point where core writes: it wins, it tries again with the same bytes, or it
//! says 503. It never answers with tokens that are not stored, and never takes its own write for a reuse.

use grantor_core::store::Kind;
use grantor_core::{Clock as _, Whose};
use grantor_testkit::{Call, Fault, Gate};

use crate::bed::{Answer, Bed, together};

const UNKNOWN: [Fault; 3] = [Fault::ErrorAfterWrite, Fault::ErrorWithoutWrite, Fault::LandsLate];

#[tokio::test]
async fn an_unknown_swap_is_found_by_its_mark_or_tried_again() {
    for fault in UNKNOWN {
        let bed = Bed::new();
        let code = bed.code().await.unwrap();
        bed.store.next_replace(fault.clone());
        let first = bed.redeem(&code).await;
        assert!(first.is_ok(), "{fault:?}: {}", first.whole);
        // A write that was kept back lands behind our own second try and changes nothing.
        bed.store.land().await;
        assert!(bed.is_active(&first.text("access_token")).await, "{fault:?}");

        bed.store.next_replace(fault.clone());
        let next = bed.refresh(&first.text("refresh_token")).await;
        assert!(next.is_ok(), "{fault:?}: {}", next.whole);
        bed.store.land().await;
        assert!(bed.is_active(&next.text("access_token")).await, "{fault:?}");
        let last = bed.refresh(&next.text("refresh_token")).await;
        assert!(last.is_ok(), "{fault:?}: {}", last.whole);

        bed.store.next_replace(fault.clone());
        assert!(bed.revoke(&last.text("access_token")).await.is_ok(), "{fault:?}");
        bed.store.land().await;
        assert!(!bed.is_active(&last.text("access_token")).await, "{fault:?}");
        assert_eq!(bed.store.planned(), 0);
    }
}

#[tokio::test]
async fn a_swap_that_stays_unknown_is_503_and_ends_nothing() {
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    (0..3).for_each(|_| bed.store.next_replace(Fault::ErrorWithoutWrite));
    assert!(bed.refresh(&refresh).await.is_try_again());
    assert!(bed.is_active(&access).await);
    assert!(bed.refresh(&refresh).await.is_ok(), "the client tries again");
}

#[tokio::test]
async fn the_look_after_an_unknown_swap_may_fail_too() {
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    bed.store.next_replace(Fault::ErrorAfterWrite);
    bed.store.next_of(Kind::GRANT, Call::Load, Fault::Pass);
    bed.store.next_of(Kind::GRANT, Call::Load, Fault::ErrorBefore);
    assert!(bed.refresh(&refresh).await.is_try_again());
    // It was written: the client's second try is a retry inside the window.
    let again = bed.refresh(&refresh).await;
    assert!(again.is_ok(), "{}", again.whole);
    assert!(bed.is_active(&access).await);
}

/// A swap lands although its answer was lost, and before we look others have written so often that our mark is gone.
#[tokio::test]
async fn an_overwritten_mark_is_503_and_no_reuse() {
    let bed = Bed::new();
    let (_, refresh) = bed.tokens().await;
    let gate = Gate::new();
    bed.store.next_replace(Fault::ErrorAfterWrite);
    // The first load finds the grant, the second is the look after the unknown write.
    bed.store.next_of(Kind::GRANT, Call::Load, Fault::Pass);
    bed.store.next_of(Kind::GRANT, Call::Load, Fault::HoldBefore(gate.clone()));
    let ours = bed.refresh(&refresh);
    let others = async {
        gate.reached().await;
        // The successor is known to whoever repeats inside the window; it goes on, five times.
        let mut token = bed.refresh(&refresh).await.text("refresh_token");
        for _ in 0..5 {
            token = bed.refresh(&token).await.text("refresh_token");
        }
        gate.open();
        token
    };
    let (answer, token) = together(ours, others).await;
    assert!(answer.is_try_again(), "{}", answer.whole);
    let alive = bed.refresh(&token).await;
    assert!(
        alive.is_ok(),
        "a step that is repeated after an unknown write never removes a grant: {}",
        alive.whole
    );
}

/// The same where our write was not there at the look, lands late, and is then overwritten.
#[tokio::test]
async fn a_write_that_lands_late_and_is_overwritten_is_503_and_no_reuse() {
    let bed = Bed::new();
    let (_, refresh) = bed.tokens().await;
    let gate = Gate::new();
    bed.store.next_replace(Fault::LandsLate);
    bed.store.next_replace(Fault::HoldBefore(gate.clone()));
    let ours = bed.refresh(&refresh);
    let others = async {
        gate.reached().await;
        bed.store.land().await;
        let mut token = bed.refresh(&refresh).await.text("refresh_token");
        for _ in 0..5 {
            token = bed.refresh(&token).await.text("refresh_token");
        }
        gate.open();
        token
    };
    let (answer, token) = together(ours, others).await;
    assert!(answer.is_try_again(), "{}", answer.whole);
    assert!(bed.refresh(&token).await.is_ok());
}

/// It lands late and nobody overwrites it: the second try is stale, and the mark says that we won.
#[tokio::test]
async fn a_write_that_lands_before_the_second_try_has_won() {
    let bed = Bed::new();
    let code = bed.code().await.unwrap();
    let gate = Gate::new();
    bed.store.next_replace(Fault::LandsLate);
    bed.store.next_replace(Fault::HoldBefore(gate.clone()));
    let ours = bed.redeem(&code);
    let landing = async {
        gate.reached().await;
        bed.store.land().await;
        gate.open();
    };
    let (answer, ()) = together(ours, landing).await;
    assert!(answer.is_ok(), "{}", answer.whole);
    assert!(bed.is_active(&answer.text("access_token")).await);
}

/// The code was spent by us, but its mark is gone: the replay that it looks like must not end the grant.
#[tokio::test]
async fn a_redemption_in_doubt_never_takes_itself_for_a_replay() {
    let bed = Bed::new();
    let code = bed.code().await.unwrap();
    let gate = Gate::new();
    bed.store.next_replace(Fault::LandsLate);
    bed.store.next_replace(Fault::HoldBefore(gate.clone()));
    let ours = bed.redeem(&code);
    let others = async {
        gate.reached().await;
        bed.store.land().await;
        // Somebody else writes the grant until our mark is gone. (Only here: the tokens are not out yet.)
        // Without its last field: a map with one field less, cut where the marks begin.
        bed.change_grant(|body| {
            assert_eq!(body[body.len() - 10], 10, "the marks are the last field, one of them");
            body.truncate(body.len() - 10);
            body[1] -= 1;
        })
        .await;
        gate.open();
    };
    let (answer, ()) = together(ours, others).await;
    assert!(answer.is_try_again(), "{}", answer.whole);
    assert_eq!(bed.records(Kind::GRANT).await.len(), 1, "the grant lives");
}

#[tokio::test]
async fn an_unknown_create_is_found_or_tried_again() {
    for fault in UNKNOWN {
        let bed = Bed::new();
        bed.store.next_of(Kind::GRANT, Call::Create, fault.clone());
        let code = bed.code().await.unwrap();
        bed.store.land().await;
        assert!(bed.redeem(&code).await.is_ok(), "{fault:?}");

        bed.store.next_of(Kind::GRANT, Call::Create, fault.clone());
        let answer = bed.post("/token", &[("grant_type", "client_credentials")]).await;
        bed.store.land().await;
        assert!(bed.is_active(&answer.text("access_token")).await, "{fault:?}");
        assert_eq!(bed.store.planned(), 0);
    }
}

#[tokio::test]
async fn a_create_that_certainly_failed_or_stays_unknown_gives_nothing() {
    let bed = Bed::new();
    bed.store.next_create(Fault::ErrorBefore);
    assert_eq!(bed.code().await.unwrap_err(), "temporarily_unavailable");
    (0..3).for_each(|_| bed.store.next_create(Fault::ErrorWithoutWrite));
    let answer = bed.post("/token", &[("grant_type", "client_credentials")]).await;
    assert!(answer.is_try_again(), "{}", answer.whole);
    assert_eq!(bed.store.planned(), 0);
}

#[tokio::test]
async fn rfc7009_2_2_an_unknown_removal_is_tried_again_and_never_200_before_it_is_done() {
    for fault in UNKNOWN {
        let bed = Bed::new();
        let (access, refresh) = bed.tokens().await;
        bed.store.next_remove(fault.clone());
        assert!(bed.revoke(&refresh).await.is_ok());
        assert!(!bed.is_active(&access).await, "{fault:?}");
    }
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    (0..3).for_each(|_| bed.store.next_remove(Fault::ErrorWithoutWrite));
    assert!(bed.revoke(&refresh).await.is_try_again());
    bed.store.refuse_writes(true);
    assert!(bed.revoke(&refresh).await.is_try_again());
    assert!(bed.revoke(&access).await.is_try_again());
    bed.store.refuse_writes(false);
    assert!(bed.is_active(&access).await);
    assert!(bed.revoke(&refresh).await.is_ok());
    assert!(!bed.is_active(&access).await);
}

#[tokio::test]
async fn a_replay_whose_removal_fails_is_503_and_removes_at_the_next_try() {
    let bed = Bed::new();
    let code = bed.code().await.unwrap();
    let access = bed.redeem(&code).await.text("access_token");
    bed.store.next_remove(Fault::ErrorBefore);
    assert!(bed.redeem(&code).await.is_try_again());
    assert!(bed.is_active(&access).await);
    assert_eq!(bed.redeem(&code).await.error(), "invalid_grant");
    assert!(!bed.is_active(&access).await);
}

/// A refresh whose first swaps are lost, each to a write of somebody else.
async fn refresh_that_loses(bed: &Bed, token: &str, times: usize) -> Answer {
    let gates: Vec<Gate> = (0..times).map(|_| Gate::new()).collect();
    for gate in &gates {
        bed.store.next_replace(Fault::HoldBefore(gate.clone()));
    }
    let others = async {
        for gate in &gates {
            gate.reached().await;
            bed.change_grant(|_| {}).await;
            gate.open();
        }
    };
    together(bed.refresh(token), others).await.0
}

#[tokio::test]
async fn five_lost_swaps_are_503_and_change_nothing() {
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    let answer = refresh_that_loses(&bed, &refresh, 5).await;
    assert!(answer.is_try_again(), "{}", answer.whole);
    assert!(bed.is_active(&access).await);
    assert!(bed.refresh(&refresh).await.is_ok());
}

#[tokio::test]
async fn four_lost_swaps_are_no_reason_to_give_up() {
    let bed = Bed::new();
    let (_, refresh) = bed.tokens().await;
    let answer = refresh_that_loses(&bed, &refresh, 4).await;
    assert!(answer.is_ok(), "{}", answer.whole);
}

#[tokio::test]
async fn an_engine_that_is_down_is_503_everywhere() {
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    let code = bed.code().await.unwrap();
    bed.store.refuse_all(true);
    assert!(bed.redeem(&code).await.is_try_again());
    assert!(bed.refresh(&refresh).await.is_try_again());
    assert!(bed.revoke(&access).await.is_try_again());
    assert!(bed.post("/introspect", &[("token", &access)]).await.is_try_again());
    assert!(bed.post("/token", &[("grant_type", "client_credentials")]).await.is_try_again());
    bed.store.refuse_all(false);
    assert!(bed.redeem(&code).await.is_ok());
    assert!(bed.refresh(&refresh).await.is_ok());
}

#[tokio::test]
async fn a_body_of_a_newer_release_is_503_and_stays_as_it_is() {
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    let newer = bed.change_grant(|body| body[0] += 1).await;
    for answer in [
        bed.refresh(&refresh).await,
        bed.revoke(&refresh).await,
        bed.post("/introspect", &[("token", &access)]).await,
    ] {
        assert!(answer.is_try_again(), "{}", answer.whole);
    }
    assert_eq!(bed.records(Kind::GRANT).await, [newer]);
}

#[tokio::test]
async fn an_unknown_change_of_a_standing_is_told_and_may_be_repeated() {
    let bed = Bed::new();
    let (access, refresh) = bed.tokens().await;
    let (standings, now) = (bed.provider.standings().clone(), bed.clock.now());
    bed.store.next_of(Kind::STANDING, Call::Create, Fault::ErrorWithoutWrite);
    assert!(!standings.set_disabled(Whose::Subject("alice"), true, now).await.unwrap_err().nothing_written);
    standings.set_disabled(Whose::Subject("alice"), true, now).await.unwrap();
    assert_eq!(bed.refresh(&refresh).await.error(), "invalid_grant");
    bed.clock.advance(std::time::Duration::from_secs(1));
    assert!(!bed.is_active(&access).await);
    // Enabled again: what was granted before stays dead, what begins now lives.
    standings.set_disabled(Whose::Subject("alice"), false, bed.clock.now()).await.unwrap();
    assert_eq!(bed.refresh(&refresh).await.error(), "invalid_grant");
    assert!(bed.redeem(&bed.code().await.unwrap()).await.is_ok());
}
