//! Unique tokens: equal requests get the tokens that are still alive, although only digests are stored.

use proptest::prelude::*;

use super::*;

struct Shared {
    key: UniqueKey,
    format: Format,
    seen: Grant,
    drawn: u64,
}

impl Shared {
    fn new(format: Format) -> Self {
        let key = UniqueKey::new(&[7; 32]);
        let scopes = scopes("read write");
        let id = key.id(CLIENT, Some("alice"), &GrantTypeName::AUTHORIZATION_CODE, &scopes);
        Self { key, format, seen: bare(id, START), drawn: 0 }
    }

    /// What an equal request gets, and the grant afterwards. `refresh`: whether the client gets refresh tokens.
    fn request(
        &mut self,
        grant: Option<&Grant>,
        refresh: bool,
        not_before: Timestamp,
        now: Timestamp,
    ) -> (Grant, String, Option<String>, bool) {
        self.drawn += 1;
        let salt = seed(self.drawn);
        let mut seen = self.seen.clone();
        seen.created_at = now;
        let ask = UniqueAsk {
            key: &self.key,
            format: &self.format,
            salt: &salt,
            access_expires_at: now.after(ACCESS_LIFE),
            refresh: refresh.then(|| (now.after(IDLE_LIFE), now.after(ABSOLUTE_LIFE))),
            not_before,
            seen: &seen,
        };
        let (grant, tokens, wrote) = match grant {
            None => {
                let (grant, tokens, _) = ask.first(now);
                (grant, tokens, true)
            }
            Some(grant) => match grant.unique_tokens(&ask, now) {
                Outcome::Replace(next, (tokens, _)) => (*next, tokens, true),
                Outcome::Same((tokens, _)) => (grant.clone(), tokens, false),
                _ => panic!("no request for a unique token is refused here"),
            },
        };
        let text = |minted: Minted| minted.text.to_string();
        (stored(&grant), text(tokens.access), tokens.refresh.map(text), wrote)
    }

    fn refresh(
        &self,
        grant: &Grant,
        token: &str,
        asked: Option<&str>,
        salt: u64,
        now: Timestamp,
    ) -> Outcome<Refreshed> {
        let presented = presented(&self.format, TokenKind::Refresh, grant.id, token);
        let (salt, asked) = (seed(salt), asked.map(scopes));
        let rules = RefreshRules {
            rotate: true,
            window: WINDOW,
            access_expires_at: now.after(ACCESS_LIFE),
            idle_expires_at: now.after(IDLE_LIFE),
            end_old_access_tokens: false,
        };
        let ask = RefreshAsk {
            presented: &presented,
            client: CLIENT,
            scopes: asked.as_ref(),
            format: &self.format,
            rules,
            salt: &salt,
            unique_key: Some(&self.key),
        };
        grant.refresh(&ask, now)
    }
}

fn digest_of(shared: &Shared, grant: &Grant, access: &str) -> Digest {
    presented(&shared.format, TokenKind::Access, grant.id, access).digest
}

#[test]
fn equal_requests_get_the_token_that_is_alive_and_write_nothing() {
    for format in [Format::Own, uuid4()] {
        let mut shared = Shared::new(format);
        let (grant, access, refresh, _) = shared.request(None, true, Timestamp::EPOCH, START);
        let last = START.after(ACCESS_LIFE).before(Duration::from_millis(1));
        for now in [START, last] {
            let (_, again, refresh_again, wrote) = shared.request(Some(&grant), true, Timestamp::EPOCH, now);
            assert_eq!((&again, &refresh_again, wrote), (&access, &refresh, false));
        }
        // After its end a new access token; the refresh token lives on.
        let now = START.after(ACCESS_LIFE);
        let (grant, other, kept, wrote) = shared.request(Some(&grant), true, Timestamp::EPOCH, now);
        assert!(wrote && other != access);
        assert_eq!(kept, refresh);
        // Once nothing lives any more, or a not-before ended it, everything is new.
        let dead = now.after(IDLE_LIFE);
        let (fresh, _, new, _) = shared.request(Some(&grant), true, Timestamp::EPOCH, dead);
        assert_ne!(new, refresh);
        let ended = dead.after(Duration::from_millis(1));
        let (_, _, newer, _) = shared.request(Some(&fresh), true, ended, ended);
        assert_ne!(newer, new);
    }
}

#[test]
fn without_a_refresh_token_a_new_access_token_follows_the_old() {
    let mut shared = Shared::new(Format::Own);
    let (grant, first, none, _) = shared.request(None, false, Timestamp::EPOCH, START);
    assert_eq!(none, None);
    let (_, second, ..) = shared.request(Some(&grant), false, Timestamp::EPOCH, START.after(ACCESS_LIFE));
    assert_ne!(first, second);
}

#[test]
fn revoked_means_that_the_same_string_never_comes_again() {
    let mut shared = Shared::new(Format::Own);
    let (grant, access, ..) = shared.request(None, true, Timestamp::EPOCH, START);
    let revoked = grant.revoke_access(&digest_of(&shared, &grant, &access)).unwrap();
    let (_, other, ..) = shared.request(Some(&revoked), true, Timestamp::EPOCH, START);
    assert_ne!(other, access);
    let (_, another, ..) = shared.request(None, true, Timestamp::EPOCH, START);
    assert_ne!(another, access);
}

#[test]
fn a_narrowed_token_is_not_given_to_those_who_ask_for_all() {
    let mut shared = Shared::new(Format::Own);
    let (grant, _, refresh, _) = shared.request(None, true, Timestamp::EPOCH, START);
    let first = refresh.unwrap();
    let Outcome::Replace(narrowed, answer) = shared.refresh(&grant, &first, Some("read"), 900, START) else {
        panic!("a right refresh")
    };
    let (all, access, ..) = shared.request(Some(&narrowed), true, Timestamp::EPOCH, START);
    assert_ne!(access, answer.tokens.access.text.to_string());
    let entry = all.live_access(&digest_of(&shared, &all, &access), START).unwrap();
    assert_eq!(all.scopes_of(entry), scopes("read write"));
    // And whoever repeats the narrowed refresh does not get the wide token.
    let outcome = shared.refresh(&all, &first, Some("read"), 901, START);
    assert_eq!(end(&outcome), Ends::Refuses("refresh_retry_too_late"));
}

#[test]
fn refresh_tokens_rotate_and_their_reuse_ends_the_grant() {
    for format in [Format::Own, uuid4()] {
        let mut shared = Shared::new(format);
        let (grant, _, refresh, _) = shared.request(None, true, Timestamp::EPOCH, START);
        let first = refresh.unwrap();
        let Outcome::Replace(next, answer) = shared.refresh(&grant, &first, None, 900, START) else {
            panic!("a right refresh")
        };
        let given = texts(&answer);
        let Outcome::Same(again) = shared.refresh(&next, &first, None, 901, START) else {
            panic!("the same again")
        };
        assert_eq!(texts(&again), given);
        // Equal requests now get what the refresh gave.
        let (_, access, refresh, wrote) = shared.request(Some(&next), true, Timestamp::EPOCH, START);
        assert_eq!((access, refresh.unwrap(), wrote), (given.0, given.1.clone(), false));
        let Outcome::Replace(after, _) = shared.refresh(&next, &given.1, None, 902, START) else {
            panic!("a right refresh")
        };
        assert_eq!(end(&shared.refresh(&after, &first, None, 903, START)), Ends::Removes("refresh_reused"));
    }
}

#[test]
fn another_key_makes_everything_new_and_refreshing_goes_on() {
    let mut shared = Shared::new(Format::Own);
    let (grant, _, refresh, _) = shared.request(None, true, Timestamp::EPOCH, START);
    shared.key = UniqueKey::new(&[8; 32]);
    let Outcome::Replace(next, answer) = shared.refresh(&grant, refresh.as_ref().unwrap(), None, 900, START)
    else {
        panic!("a right refresh")
    };
    let successor = answer.tokens.refresh.unwrap().text.to_string();
    assert_eq!(end(&shared.refresh(&next, &successor, None, 901, START)), Ends::Replaces);
    let (_, _, new, wrote) = shared.request(Some(&grant), true, Timestamp::EPOCH, START);
    assert!(wrote && new != refresh);
}

#[test]
fn a_code_is_spent_in_its_own_record_and_a_replay_names_both_grants() {
    let mut world = World::new(&Format::Own, 1, START);
    let keep = START.after(ABSOLUTE_LIFE);
    let redeem =
        |grant: &Grant, ask: &RedeemCode<'_>, now| grant.redeem_code_for_unique(ask, [5; 16], keep, now);
    let Outcome::Replace(next, ()) = redeem(&world.grant, &world.ask(), START) else {
        panic!("a right redemption")
    };
    assert_eq!(next.expires_at(), keep.after(SKEW), "kept as long as the tokens can live");
    assert_eq!(next.to_record().stage, Stage::Live);
    world.grant = stored(&next);
    let wrong = RedeemCode { verifier: Some(OTHER_VERIFIER), ..world.ask() };
    assert_eq!(end(&redeem(&world.grant, &wrong, START)), Ends::Refuses("code_verifier_wrong"));
    let late = START.after(IDLE_LIFE);
    let Outcome::Remove(also, refusal) = redeem(&world.grant, &world.ask(), late) else { panic!("a replay") };
    assert_eq!((also, refusal.reason), (Some([5; 16]), "code_replayed"));
    // Also where unique tokens were switched off since.
    assert!(matches!(world.redeem(late, |_| {}), Outcome::Remove(Some(_), _)));
}

proptest! {
    #[test]
    fn different_requests_never_share_a_grant(
        one in ("[a-c]{1,3}", proptest::option::of("[a-c]{0,3}"), "[a-c]{1,2}( [d-f]{1,2})?"),
        two in ("[a-c]{1,3}", proptest::option::of("[a-c]{0,3}"), "[a-c]{1,2}( [d-f]{1,2})?"),
    ) {
        let key = UniqueKey::new(&[7; 32]);
        let id = |(client, subject, text): &(String, Option<String>, String)| {
            key.id(client, subject.as_deref(), &GrantTypeName::PASSWORD, &scopes(text))
        };
        prop_assert_eq!(id(&one) == id(&two), one == two);
        let reversed = one.2.split(' ').rev().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(id(&one), id(&(one.0.clone(), one.1.clone(), reversed)));
    }
}
