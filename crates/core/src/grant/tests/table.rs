//! The table of steps, row by row, and the sentences below it.

use super::*;

/// What a request gets wrong.
type Change = fn(&mut RedeemCode<'_>);

#[test]
fn issue_code_gives_a_live_code_that_waits() {
    let world = World::new(&Format::Own, 1, START);
    let record = world.grant.to_record();
    assert_eq!(record.stage, Stage::Pending);
    assert_eq!(record.expires_at, START.after(CODE_LIFE).after(SKEW));
    let Some(Code::Live { bound, expires_at }) = &world.grant.code else { panic!("a live code") };
    assert_eq!(*expires_at, START.after(CODE_LIFE));
    assert_eq!(bound.redirect_uri.as_deref(), Some(URI));
    assert!(!record.body.windows(32).any(|part| part == seed(2)), "the code is stored as a digest only");
}

#[test]
fn rfc6749_4_1_3_redeem_code_spends_it_and_gives_the_first_tokens_in_one_swap() {
    for format in [Format::Own, uuid4()] {
        let mut world = World::new(&format, 1, START);
        let now = START.after(CODE_LIFE).before(Duration::from_millis(1));
        let Outcome::Replace(next, tokens) = world.redeem(now, |_| {}) else { panic!("a right redemption") };
        assert!(matches!(next.code, Some(Code::Spent { .. })));
        assert!(next.live_access(&tokens.access.digest, now).is_some());
        assert!(next.refresh.as_ref().unwrap().current.matches(&tokens.refresh.unwrap().digest));
        assert_eq!(next.to_record().stage, Stage::Live);
    }
}

#[test]
fn rfc6749_4_1_3_redeem_code_otherwise_nothing_changes() {
    let wrong: [(Change, &str); 7] = [
        (|ask| ask.client = OTHER_CLIENT, "code_of_other_client"),
        (|ask| ask.redirect_uri = None, "code_redirect_uri_missing"),
        (|ask| ask.redirect_uri = Some("https://rp.example/cb?"), "code_redirect_uri_differs"),
        (|ask| ask.redirect_uri = Some("https://RP.example/cb"), "code_redirect_uri_differs"),
        (|ask| ask.verifier = None, "code_verifier_missing"),
        (|ask| ask.verifier = Some(OTHER_VERIFIER), "code_verifier_wrong"),
        (|ask| ask.verifier = Some(""), "code_verifier_wrong"),
    ];
    let mut world = World::new(&Format::Own, 1, START);
    for (change, reason) in wrong {
        assert_eq!(end(&world.redeem(START, change)), Ends::Refuses(reason));
    }
    assert_eq!(end(&world.redeem(START.after(CODE_LIFE), |_| {})), Ends::Refuses("code_expired"));
    // The code is not burnt.
    assert_eq!(end(&world.redeem(START, |_| {})), Ends::Replaces);
}

#[test]
fn rfc6749_4_1_3_redirect_uri_is_required_only_if_the_request_had_one() {
    let mut world = World::new(&Format::Own, 1, START);
    if let Some(Code::Live { bound, .. }) = &mut world.grant.code {
        bound.redirect_uri = None;
    }
    assert_eq!(end(&world.redeem(START, |ask| ask.redirect_uri = None)), Ends::Replaces);
    assert_eq!(end(&world.redeem(START, |_| {})), Ends::Replaces);
}

#[test]
fn rfc9700_4_8_2_no_downgrade() {
    let mut world = World::new(&Format::Own, 1, START);
    if let Some(Code::Live { bound, .. }) = &mut world.grant.code {
        bound.challenge = None;
    }
    assert_eq!(end(&world.redeem(START, |_| {})), Ends::Refuses("code_verifier_unexpected"));
    assert_eq!(end(&world.redeem(START, |ask| ask.verifier = None)), Ends::Replaces);
}

#[test]
fn replay_of_a_code_removes_the_grant_only_when_everything_else_is_right() {
    let (mut world, ..) = World::redeemed(&Format::Own, START);
    let later = START.after(ACCESS_LIFE);
    let wrong: [Change; 5] = [
        |ask| ask.client = OTHER_CLIENT,
        |ask| ask.redirect_uri = None,
        |ask| ask.redirect_uri = Some("https://evil.example/cb"),
        |ask| ask.verifier = None,
        |ask| ask.verifier = Some(OTHER_VERIFIER),
    ];
    for change in wrong {
        assert!(matches!(end(&world.redeem(later, change)), Ends::Refuses(_)));
    }
    // Also long after the code's own end.
    assert_eq!(end(&world.redeem(later, |_| {})), Ends::Removes("code_replayed"));
}

#[test]
fn a_code_of_another_grant_is_unknown() {
    let (mut world, ..) = World::redeemed(&Format::Own, START);
    let other = Digest::of(&[b"other"]);
    let tokens =
        FirstTokens { format: &Format::Own, access_seed: &seed(1), access_expires_at: START, refresh: None };
    let ask = RedeemCode { digest: &other, ..world.ask() };
    assert_eq!(end(&world.grant.redeem_code(&ask, &tokens, START)), Ends::Refuses("code_unknown"));
    world.grant.code = None;
    assert_eq!(end(&world.redeem(START, |_| {})), Ends::Refuses("code_unknown"));
}

#[test]
fn refresh_current_turn_gives_the_next_turn() {
    for format in [Format::Own, uuid4()] {
        let (mut world, first_access, first) = World::redeemed(&format, START);
        let (access, next) = world.refreshed(&first.text, ROTATE, START.after(WINDOW));
        assert_ne!(next, first.text);
        assert_ne!(access, first_access.text);
        assert_eq!(end(&world.refresh(&next, CLIENT, None, ROTATE, START.after(WINDOW))), Ends::Replaces);
        // At rotation the older ones live on until they expire.
        assert!(world.grant.live_access(&first_access.digest, START.after(WINDOW)).is_some());
    }
}

#[test]
fn refresh_current_turn_otherwise_nothing_changes() {
    let (mut world, _, token) = World::redeemed(&Format::Own, START);
    let wider = world.refresh(&token.text, CLIENT, Some("read write admin"), ROTATE, START);
    let Outcome::Refuse(refusal) = &wider else { panic!("refused") };
    assert_eq!(refusal.kind, RefusalKind::InvalidScope);
    let foreign = world.refresh(&token.text, OTHER_CLIENT, None, ROTATE, START);
    assert_eq!(end(&foreign), Ends::Refuses("refresh_of_other_client"));
    let late = START.after(IDLE_LIFE);
    assert_eq!(
        end(&world.refresh(&token.text, CLIENT, None, ROTATE, late)),
        Ends::Refuses("refresh_expired")
    );
}

#[test]
fn refresh_previous_turn_inside_the_window_gives_the_same_again_and_writes_nothing() {
    for format in [Format::Own, uuid4()] {
        let (mut world, _, first) = World::redeemed(&format, START);
        let given = world.refreshed(&first.text, ROTATE, START);
        let last = START.after(WINDOW).before(Duration::from_millis(1));
        for now in [START, START.after(Duration::from_secs(3)), last, last] {
            let outcome = world.refresh(&first.text, CLIENT, None, ROTATE, now);
            let Outcome::Same(answer) = outcome else { panic!("the same again at {now:?}") };
            assert_eq!(texts(&answer), given);
            // `expires_in` is what is left, not more.
            assert_eq!(answer.access_expires_at, START.after(ACCESS_LIFE));
        }
        // The window is never extended by what came inside of it.
        let outside = world.refresh(&first.text, CLIENT, None, ROTATE, START.after(WINDOW));
        assert_eq!(end(&outside), Ends::Removes("refresh_reused"));
    }
}

#[test]
fn refresh_previous_turn_with_another_scope_changes_nothing() {
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    world.refreshed(&first.text, ROTATE, START);
    for asked in ["read", "read write admin"] {
        let outcome = world.refresh(&first.text, CLIENT, Some(asked), ROTATE, START);
        assert_eq!(end(&outcome), Ends::Refuses("refresh_retry_other_scope"));
    }
    // The same scopes in another order, or named where all are given anyway, are no other scope.
    let outcome = world.refresh(&first.text, CLIENT, Some("write read"), ROTATE, START);
    assert_eq!(end(&outcome), Ends::Same);
    let outcome = world.refresh(&first.text, OTHER_CLIENT, None, ROTATE, START);
    assert_eq!(end(&outcome), Ends::Refuses("refresh_of_other_client"));
}

#[test]
fn refresh_previous_turn_whose_access_token_is_gone_changes_nothing() {
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    let Outcome::Replace(next, answer) = world.refresh(&first.text, CLIENT, None, ROTATE, START) else {
        panic!("a right refresh")
    };
    world.grant = next.revoke_access(&answer.tokens.access.digest).unwrap();
    let outcome = world.refresh(&first.text, CLIENT, None, ROTATE, START);
    assert_eq!(end(&outcome), Ends::Refuses("refresh_retry_too_late"));
}

#[test]
fn refresh_previous_turn_whose_successor_was_used_removes_the_grant() {
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    let (_, second) = world.refreshed(&first.text, ROTATE, START);
    world.refreshed(&second, ROTATE, START);
    let outcome = world.refresh(&first.text, CLIENT, None, ROTATE, START);
    assert_eq!(end(&outcome), Ends::Removes("refresh_reused"));
}

#[test]
fn refresh_of_a_stolen_token_after_two_rotations_removes_the_grant() {
    for format in [Format::Own, uuid4()] {
        let (mut world, _, stolen) = World::redeemed(&format, START);
        let (_, second) = world.refreshed(&stolen.text, ROTATE, START);
        world.refreshed(&second, ROTATE, START.after(ACCESS_LIFE));
        let much_later = START.after(ACCESS_LIFE).after(ACCESS_LIFE);
        let by_another = world.refresh(&stolen.text, OTHER_CLIENT, None, ROTATE, much_later);
        assert_eq!(end(&by_another), Ends::Refuses("refresh_of_other_client"));
        let outcome = world.refresh(&stolen.text, CLIENT, None, ROTATE, much_later);
        assert_eq!(end(&outcome), Ends::Removes("refresh_reused"));
    }
}

#[test]
fn refresh_with_a_wrong_lineage_changes_nothing() {
    let (mut world, ..) = World::redeemed(&Format::Own, START);
    for turn in [seed(77), seed(4)] {
        let forged = Format::Own.refresh(&world.grant.id, &[1; 16], &turn).text.to_string();
        let outcome = world.refresh(&forged, CLIENT, None, ROTATE, START);
        assert_eq!(end(&outcome), Ends::Refuses("refresh_unknown"));
    }
}

#[test]
fn refresh_former_token_removes_the_grant_also_where_the_refresh_token_has_expired() {
    // Access tokens may outlive the refresh token's idle end; then reuse must still end them.
    for back in [1, 2] {
        let (mut world, _, first) = World::redeemed(&Format::Own, START);
        let (_, mut last) = world.refreshed(&first.text, ROTATE, START);
        if back == 2 {
            last = world.refreshed(&last, ROTATE, START).1;
        }
        let late = START.after(IDLE_LIFE);
        assert_eq!(end(&world.refresh(&last, CLIENT, None, ROTATE, late)), Ends::Refuses("refresh_expired"));
        let outcome = world.refresh(&first.text, CLIENT, None, ROTATE, late);
        assert_eq!(end(&outcome), Ends::Removes("refresh_reused"));
    }
}

#[test]
fn refresh_window_of_zero_is_none_also_for_a_clock_that_is_behind() {
    let rules = Rules { window: Duration::ZERO, ..ROTATE };
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    world.refreshed(&first.text, rules, START);
    for now in [START, START.before(Duration::from_secs(5))] {
        let outcome = world.refresh(&first.text, CLIENT, None, rules, now);
        assert_eq!(end(&outcome), Ends::Removes("refresh_reused"));
    }
}

#[test]
fn refresh_window_is_widened_by_no_more_than_clocks_may_differ() {
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    let given = world.refreshed(&first.text, ROTATE, START);
    let Outcome::Same(answer) = world.refresh(&first.text, CLIENT, None, ROTATE, START.before(SKEW)) else {
        panic!("the same again for a process whose clock is a little behind")
    };
    assert_eq!(texts(&answer), given);
    let far = START.before(SKEW).before(Duration::from_millis(1));
    let outcome = world.refresh(&first.text, CLIENT, None, ROTATE, far);
    assert_eq!(end(&outcome), Ends::Removes("refresh_reused"));
}

#[test]
fn refresh_without_rotation_gives_one_access_token_and_one_write_in_a_window() {
    let rules = Rules { rotate: false, ..ROTATE };
    for format in [Format::Own, uuid4()] {
        let (mut world, _, token) = World::redeemed(&format, START);
        let (access, kept) = world.refreshed(&token.text, rules, START);
        assert_eq!(kept, token.text);
        let inside = START.after(WINDOW).before(Duration::from_millis(1));
        let Outcome::Same(answer) = world.refresh(&token.text, CLIENT, None, rules, inside) else {
            panic!("the same again")
        };
        assert_eq!(texts(&answer), (access.clone(), token.text.clone()));
        // Another scope is another access token; after the window comes the next one.
        assert_eq!(end(&world.refresh(&token.text, CLIENT, Some("read"), rules, inside)), Ends::Replaces);
        assert_ne!(world.refreshed(&token.text, rules, START.after(WINDOW)).0, access);
    }
}

#[test]
fn refresh_rule_of_rotation_may_change_inside_the_window() {
    let keep = Rules { rotate: false, ..ROTATE };
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    let given = world.refreshed(&first.text, ROTATE, START);
    let Outcome::Same(answer) = world.refresh(&first.text, CLIENT, None, keep, START) else {
        panic!("the same again")
    };
    assert_eq!(texts(&answer), given, "the successor, not the token that is used up");

    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    world.refreshed(&first.text, keep, START);
    let (_, second) = world.refreshed(&first.text, ROTATE, START);
    assert_ne!(second, first.text);
    assert_eq!(end(&world.refresh(&first.text, CLIENT, None, ROTATE, START)), Ends::Same);
}

#[test]
fn refresh_derives_with_the_salt_and_the_id() {
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    let same = world.clone();
    let one = world.refreshed(&first.text, ROTATE, START);
    world.grant = same.grant.clone();
    let two = world.refreshed(&first.text, ROTATE, START);
    assert!(one.0 != two.0 && one.1 != two.1, "another salt, other tokens");
    // Nothing that is stored is a token or derives one.
    let body = world.grant.to_body();
    for text in [&two.0, &two.1] {
        let kind = Presented::parse(text).unwrap();
        assert!(!body.windows(32).any(|part| part == kind.turn.as_slice()));
    }
}

#[test]
fn refresh_narrows_the_access_token_and_never_the_grant() {
    let (mut world, _, first) = World::redeemed(&Format::Own, START);
    let Outcome::Replace(next, answer) = world.refresh(&first.text, CLIENT, Some("read"), ROTATE, START)
    else {
        panic!("a right refresh")
    };
    assert_eq!(answer.scopes, scopes("read"));
    let entry = next.live_access(&answer.tokens.access.digest, START).unwrap();
    assert_eq!(next.scopes_of(entry), scopes("read"));
    world.grant = *next;
    let second = answer.tokens.refresh.unwrap().text.to_string();
    let Outcome::Same(again) = world.refresh(&first.text, CLIENT, Some("read"), ROTATE, START) else {
        panic!("the same again")
    };
    assert_eq!(again.scopes, scopes("read"));
    let Outcome::Replace(_, answer) = world.refresh(&second, CLIENT, None, ROTATE, START) else {
        panic!("a right refresh")
    };
    assert_eq!(answer.scopes, scopes("read write"), "without `scope` it is all that was granted");
}

#[test]
fn refresh_ends_never_outlive_the_absolute_end() {
    let (mut world, _, token) = World::redeemed(&Format::Own, START);
    let absolute = START.after(ABSOLUTE_LIFE);
    let mut token = token.text;
    let mut now = START;
    for _ in 0..100 {
        now = now.after(Duration::from_secs(13 * 86_400)).min(absolute.before(Duration::from_millis(1)));
        token = world.refreshed(&token, ROTATE, now).1;
        let refresh = world.grant.refresh.as_ref().unwrap();
        assert_eq!(refresh.absolute_expires_at, absolute);
        assert!(refresh.idle_expires_at <= absolute);
        assert!(world.grant.access.iter().all(|access| access.expires_at <= absolute));
    }
    let outcome = world.refresh(&token, CLIENT, None, ROTATE, absolute);
    assert_eq!(end(&outcome), Ends::Refuses("refresh_expired"));
}

#[test]
fn refresh_policy_may_end_the_older_access_tokens() {
    let rules = Rules { end_old: true, ..ROTATE };
    let (mut world, access, token) = World::redeemed(&Format::Own, START);
    world.refreshed(&token.text, rules, START);
    assert!(world.grant.live_access(&access.digest, START).is_none());
}

#[test]
fn refresh_lineage_survives_a_change_of_the_format() {
    let (mut world, _, stolen) = World::redeemed(&Format::Own, START);
    // The operator changes to uuid4; the client goes on, and then somebody presents the token of the old format.
    let first = Presented::parse(&stolen.text).unwrap();
    world.format = uuid4();
    let new_format = uuid4();
    let salt = seed(500);
    let rules = RefreshRules {
        rotate: true,
        window: WINDOW,
        access_expires_at: START.after(ACCESS_LIFE),
        idle_expires_at: START.after(IDLE_LIFE),
        end_old_access_tokens: false,
    };
    let ask = RefreshAsk {
        presented: &first,
        client: CLIENT,
        scopes: None,
        format: &new_format,
        rules,
        salt: &salt,
        unique_key: None,
    };
    let Outcome::Replace(next, answer) = world.grant.refresh(&ask, START) else { panic!("a right refresh") };
    world.grant = *next;
    world.refreshed(&answer.tokens.refresh.unwrap().text, ROTATE, START);
    let outcome = world.grant.refresh(&ask, START.after(WINDOW));
    assert_eq!(end(&outcome), Ends::Removes("refresh_reused"));
}

#[test]
fn refresh_none_was_given() {
    let (mut world, _, token) = World::redeemed(&Format::Own, START);
    world.grant.refresh = None;
    let outcome = world.refresh(&token.text, CLIENT, None, ROTATE, START);
    assert_eq!(end(&outcome), Ends::Refuses("refresh_none"));
}

#[test]
fn rfc7009_2_1_revoke_access_token_ends_its_entry_and_the_rest_lives() {
    let (mut world, first, token) = World::redeemed(&Format::Own, START);
    let (_, _) = world.refreshed(&token.text, ROTATE, START);
    let next = world.grant.revoke_access(&first.digest).unwrap();
    assert!(next.live_access(&first.digest, START).is_none());
    assert_eq!(next.access.len(), 1);
    assert!(next.refresh.is_some());
    assert!(next.revoke_access(&first.digest).is_none(), "it is gone already");
    assert!(!next.is_spent(START));
}

#[test]
fn access_tokens_are_at_most_64_and_expired_ones_go_at_each_write() {
    let (mut world, first, _) = World::redeemed(&Format::Own, START);
    let entry = |number: u64, expires_at: Timestamp| Access {
        digest: Digest::of(&[&number.to_be_bytes()]),
        issued_at: START,
        expires_at,
        scopes: None,
    };
    let grant = &mut world.grant;
    (0..63).for_each(|number| grant.add_access(entry(number, START.after(ACCESS_LIFE)), START));
    assert!(grant.live_access(&first.digest, START).is_some());
    grant.add_access(entry(63, START.after(ACCESS_LIFE)), START);
    assert_eq!(grant.access.len(), 64);
    assert!(grant.live_access(&first.digest, START).is_none(), "the oldest ends");
    grant.add_access(entry(64, Timestamp::NEVER), START.after(ACCESS_LIFE));
    assert_eq!(grant.access.len(), 1);
}

#[test]
fn the_record_ends_15_seconds_after_the_latest_of_what_it_holds() {
    let (mut world, ..) = World::redeemed(&Format::Own, START);
    assert_eq!(world.grant.expires_at(), START.after(IDLE_LIFE).after(SKEW));
    world.grant.access[0].expires_at = Timestamp::NEVER;
    assert_eq!(world.grant.expires_at(), Timestamp::NEVER);
    let empty = bare([0; 16], START);
    assert_eq!(empty.expires_at(), START.after(SKEW));
}

#[test]
fn times_and_counters_do_not_overflow() {
    for now in [Timestamp::from_millis(i64::MIN), Timestamp::NEVER, Timestamp::from_millis(i64::MAX)] {
        let (mut world, access, token) = World::redeemed(&Format::Own, START);
        let _ = world.redeem(now, |_| {});
        for window in [Duration::ZERO, Duration::MAX] {
            let _ = world.refresh(&token.text, CLIENT, None, Rules { window, ..ROTATE }, now);
        }
        let _ = (world.grant.live_access(&access.digest, now), world.grant.is_spent(now));
        let _ = world.grant.expires_at();
    }
}

#[test]
fn marks_are_the_last_four() {
    let mut grant = bare([0; 16], START);
    for number in 0..6_u8 {
        grant.mark([number; 8]);
    }
    assert_eq!(grant.marks, [[2; 8], [3; 8], [4; 8], [5; 8]]);
    assert!(grant.has_mark([2; 8]) && !grant.has_mark([1; 8]));
}

#[test]
fn not_before_counts_to_the_millisecond() {
    let mut standing = crate::standing::Standing::default();
    standing.raise(START.after(Duration::from_millis(1)));
    assert!(!standing.allows(START), "what was granted in the same millisecond is dead");
    assert!(standing.allows(START.after(Duration::from_millis(1))));
    standing.raise(START);
    assert!(!standing.allows(START), "a not-before never goes back");
}
