//! Stored bodies of released versions are read for ever, and what is written is read.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::store::Stage;
use crate::store::testing::{hex, never_panics, record, released, released_in, stored as stored_body};

/// Every fact of a grant, digests included, as text.
fn facts(grant: &Grant) -> String {
    let digest = |digest: &Digest| hex(digest.as_bytes());
    let code = grant.code.as_ref().map(|code| match code {
        Code::Live { bound, expires_at } => {
            format!(
                "live {} {:?} {:?} {expires_at:?}",
                digest(&bound.digest),
                bound.redirect_uri,
                bound.challenge
            )
        }
        Code::Spent { bound, unique, keep_until } => format!(
            "spent {} {:?} {:?} {unique:?} {keep_until:?}",
            digest(&bound.digest),
            bound.redirect_uri,
            bound.challenge
        ),
    });
    let refresh = grant.refresh.as_ref().map(|refresh| {
        let last = refresh.last.as_ref().map(|last| {
            let previous = last.previous.as_ref().map(digest);
            format!("{previous:?} {:?} {} {:?}", last.at, hex(&last.salt), last.scopes)
        });
        format!(
            "{} {} {:?} {:?} {last:?}",
            digest(&refresh.lineage),
            digest(&refresh.current),
            refresh.idle_expires_at,
            refresh.absolute_expires_at
        )
    });
    let access: Vec<_> = grant
        .access
        .iter()
        .map(|access| {
            let (from, to) = (access.issued_at, access.expires_at);
            format!("{} {from:?} {to:?} {:?}", digest(&access.digest), access.scopes)
        })
        .collect();
    format!(
        "{} {} {:?} {} {:?} {:?} {:?} {:?}\n{code:?}\n{refresh:?}\n{access:?}\n{:?} {:?}",
        hex(&grant.id),
        grant.client,
        grant.subject,
        grant.grant_type,
        grant.created_at,
        grant.auth_time,
        grant.scopes,
        grant.data,
        grant.unique.as_ref().map(|unique| (hex(&unique.salt), unique.access_turn, unique.refresh_turn)),
        grant.marks
    )
}

const ONE: [u8; 32] = [1; 32];
const TWO: [u8; 32] = [2; 32];
const THREE: [u8; 32] = [3; 32];

fn is(digest: &Digest, bytes: [u8; 32]) {
    assert_eq!(*digest.as_bytes(), bytes);
}

#[test]
fn version_1_grant_with_a_live_code() {
    let grant = released_in::<Grant>(Stage::Pending, "grant-1-code-live.hex");
    assert_eq!((grant.id, &*grant.client, grant.subject.as_deref()), ([7; 16], "abc", Some("alice")));
    assert_eq!(grant.grant_type, GrantTypeName::AUTHORIZATION_CODE);
    assert_eq!(grant.created_at, Timestamp::from_millis(1_800_000_000_123));
    assert_eq!(grant.auth_time, Some(Timestamp::from_millis(1_799_999_000_000)));
    assert_eq!(grant.scopes.as_str(), "read write");
    assert_eq!(grant.data.as_deref(), Some(&br#"{"tier":"gold"}"#[..]));
    let Some(Code::Live { bound, expires_at }) = &grant.code else { panic!("a live code") };
    is(&bound.digest, ONE);
    assert_eq!(bound.redirect_uri.as_deref(), Some("https://rp.example/cb"));
    assert_eq!(bound.challenge, Some(CodeChallenge::of(VERIFIER)));
    assert_eq!(*expires_at, Timestamp::from_millis(1_800_000_060_123));
    assert!(grant.refresh.is_none() && grant.access.is_empty() && grant.unique.is_none());
    assert!(grant.marks.is_empty());
}

#[test]
fn version_1_grant_with_a_spent_code() {
    let grant = released::<Grant>("grant-1-code-spent.hex");
    let Some(Code::Spent { bound, unique, keep_until }) = &grant.code else { panic!("a spent code") };
    is(&bound.digest, ONE);
    assert_eq!((bound.redirect_uri.as_deref(), &bound.challenge), (None, &None));
    assert_eq!((*unique, *keep_until), (None, grant.created_at));
    let refresh = grant.refresh.unwrap();
    is(&refresh.lineage, TWO);
    is(&refresh.current, THREE);
    assert_eq!(refresh.idle_expires_at, Timestamp::from_millis(1_801_209_600_000));
    assert_eq!(refresh.absolute_expires_at, Timestamp::NEVER);
    assert!(refresh.last.is_none());
    let [access] = &*grant.access else { panic!("one access token") };
    is(&access.digest, TWO);
    assert_eq!(access.issued_at, grant.created_at);
    assert_eq!(access.expires_at, Timestamp::from_millis(1_800_000_600_000));
    assert_eq!(access.scopes, None);
    assert_eq!(grant.marks, [[4; 8]]);
}

#[test]
fn version_1_grant_with_a_code_spent_for_a_unique_grant() {
    let grant = released::<Grant>("grant-1-code-spent-unique.hex");
    let Some(Code::Spent { bound, unique, keep_until }) = &grant.code else { panic!("a spent code") };
    is(&bound.digest, ONE);
    assert_eq!(*unique, Some([5; 16]));
    assert_eq!(*keep_until, Timestamp::from_millis(1_802_592_000_000));
}

#[test]
fn version_1_grant_after_a_refresh() {
    let grant = released::<Grant>("grant-1-refresh-last.hex");
    let last = grant.refresh.unwrap().last.unwrap();
    is(&last.previous.unwrap(), ONE);
    assert_eq!(last.at, Timestamp::from_millis(1_800_000_500_000));
    assert_eq!((last.salt, last.scopes), ([9; 32], Some(scopes("read"))));
    let [old, new] = &*grant.access else { panic!("two access tokens") };
    assert_eq!((old.issued_at, &old.scopes), (grant.created_at, &None));
    is(&new.digest, THREE);
    assert_eq!(new.issued_at, Timestamp::from_millis(1_800_000_500_000));
    assert_eq!(new.scopes, Some(scopes("read")));
    assert_eq!(grant.marks, [[1; 8], [2; 8], [3; 8], [4; 8]]);
}

#[test]
fn version_1_grant_after_a_refresh_without_rotation() {
    let grant = released::<Grant>("grant-1-refresh-kept.hex");
    let last = grant.refresh.unwrap().last.unwrap();
    assert!(last.previous.is_none() && last.scopes.is_none());
}

#[test]
fn version_1_unique_grant_of_a_grant_type_of_ones_own() {
    let grant = released::<Grant>("grant-1-unique.hex");
    assert_eq!(grant.grant_type.as_str(), "urn:example:grant:ticket");
    let unique = grant.unique.unwrap();
    assert_eq!((unique.salt, unique.access_turn, unique.refresh_turn), ([9; 32], 3, u32::MAX));
    assert_eq!(grant.access.len(), 1);
    assert!(grant.code.is_none() && grant.scopes.is_empty() && grant.auth_time.is_none());
}

#[test]
fn a_field_of_a_later_release_does_not_keep_this_one_from_reading_the_rest() {
    for name in ["grant-1-code-live.hex", "grant-1-refresh-last.hex", "grant-1-unique.hex"] {
        let body = stored_body(name);
        let grant = Grant::from_record(&record(body.clone())).unwrap();
        // The map's head counts its fields: one more, with the number 200 and a nested value.
        let mut newer = body;
        newer[1] += 1;
        newer.extend([0x18, 200, 0x82, 0xa1, 0x01, 0x02, 0x63, b'n', b'e', b'w']);
        assert_eq!(facts(&Grant::from_record(&record(newer)).unwrap()), facts(&grant), "{name}");
    }
}

fn digests() -> impl Strategy<Value = Digest> {
    any::<[u8; 32]>().prop_map(Digest::from_bytes)
}

fn times() -> impl Strategy<Value = Timestamp> {
    prop_oneof![any::<i64>(), 0..253_402_300_799_000_i64].prop_map(Timestamp::from_millis)
}

fn some_scopes() -> impl Strategy<Value = Scopes> {
    "([!#-\\[\\]-~]{1,8}( [!#-\\[\\]-~]{1,8}){0,4})?".prop_map(|text| scopes(&text))
}

fn codes() -> impl Strategy<Value = Code> {
    let challenge = proptest::option::of("[a-z]{43}".prop_map(|verifier| CodeChallenge::of(&verifier)));
    let uri = proptest::option::of("[ -~é]{0,40}".prop_map(Arc::<str>::from));
    let bound = (digests(), uri, challenge).prop_map(|(digest, redirect_uri, challenge)| Bound {
        digest,
        redirect_uri,
        challenge,
    });
    (bound, any::<bool>(), proptest::option::of(any::<[u8; 16]>()), times()).prop_map(
        |(bound, spent, unique, until)| {
            if spent {
                Code::Spent { bound, unique, keep_until: until }
            } else {
                Code::Live { bound, expires_at: until }
            }
        },
    )
}

fn refreshes() -> impl Strategy<Value = Refresh> {
    let last =
        (proptest::option::of(digests()), times(), any::<[u8; 32]>(), proptest::option::of(some_scopes()))
            .prop_map(|(previous, at, salt, scopes)| super::super::refresh::LastRefresh {
                previous,
                at,
                salt,
                scopes,
            });
    (digests(), digests(), times(), times(), proptest::option::of(last)).prop_map(
        |(lineage, current, idle_expires_at, absolute_expires_at, last)| Refresh {
            lineage,
            current,
            idle_expires_at,
            absolute_expires_at,
            last,
        },
    )
}

fn grants() -> impl Strategy<Value = Grant> {
    let access = (digests(), times(), times(), proptest::option::of(some_scopes()))
        .prop_map(|(digest, issued_at, expires_at, scopes)| Access { digest, issued_at, expires_at, scopes });
    let unique = (any::<[u8; 32]>(), any::<u32>(), any::<u32>())
        .prop_map(|(salt, access_turn, refresh_turn)| Unique { salt, access_turn, refresh_turn });
    let who = (
        any::<[u8; 16]>(),
        "[ -~]{1,20}",
        proptest::option::of(".{0,20}"),
        "[a-z_:]{1,30}|implicit|password",
    );
    let when = (times(), proptest::option::of(times()), some_scopes());
    let held = (
        proptest::option::of(proptest::collection::vec(any::<u8>(), 0..50)),
        proptest::option::of(codes()),
        proptest::option::of(refreshes()),
        proptest::collection::vec(access, 0..5),
        proptest::option::of(unique),
        proptest::collection::vec(any::<[u8; 8]>(), 0..5),
    );
    (who, when, held).prop_map(|(who, when, held)| Grant {
        id: who.0,
        client: who.1.into(),
        subject: who.2.map(Arc::from),
        grant_type: GrantTypeName::new(who.3),
        created_at: when.0,
        auth_time: when.1,
        scopes: when.2,
        data: held.0.map(Bytes::from),
        code: held.1,
        refresh: held.2,
        access: held.3,
        unique: held.4,
        marks: held.5,
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(grant in grants()) {
        let read = stored(&grant);
        prop_assert_eq!(facts(&read), facts(&grant));
        prop_assert_eq!(read.to_record(), grant.to_record());
    }

    #[test]
    fn a_damaged_body_never_panics(grant in grants(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = grant.to_body().to_vec();
        let at = at.index(body.len());
        body[at] = byte;
        never_panics::<Grant>(body.clone(), false);
        body.truncate(at);
        never_panics::<Grant>(body, false);
    }
}
