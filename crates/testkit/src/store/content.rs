//! Sentence 10, first half: bodies come back unchanged and unread, and so does what stands beside them.

use std::sync::Arc;

use bytes::Bytes;
use grantor_core::store::{Key, Kind, Record};

use super::StoreSuite;
use super::steps::{NOW, create, is_absent, is_there, key, record, remove, replace};
use crate::random::SeededRandom;
use crate::suite::{Checked, Stop, ensure};

/// Larger bodies are not tried, whatever a store promises.
const LARGEST: usize = 16 << 20;

fn with_body(number: u64, body: impl Into<Bytes>) -> Record {
    Record { body: body.into(), ..record(number, 0) }
}

pub(super) async fn s10_bodies_come_back_unchanged(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let largest = store.promises().max_body.min(LARGEST);
    let random = |length: usize| {
        let numbers = SeededRandom::new(length as u64);
        let mut bytes: Vec<u8> = (0..=length / 8).flat_map(|_| numbers.next_number().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    };
    let mut bodies: Vec<Vec<u8>> = vec![
        Vec::new(),
        vec![0],
        vec![0; 1_000],
        (0..=u8::MAX).collect(),
        b"\r\n' \" \\ % _ ; -- \x1a \xc3\x28 \xff\xfe".to_vec(),
        " trailing space ".into(),
        "null".into(),
    ];
    let sizes = [255, 256, 1_000, 4_095, 4_096, 8_000, 40_000, 65_535, 65_536, largest - 1, largest];
    bodies.extend(sizes.into_iter().filter(|size| *size <= largest).map(random));
    for (number, body) in (0..).zip(bodies) {
        let first = with_body(number, body);
        let revision = create(store, &first, NOW).await?;
        is_there(store, &first, revision, NOW).await?;
        let other = with_body(number, &b"\x00other\x00"[..]);
        let revision = replace(store, &other, revision, NOW).await?;
        is_there(store, &other, revision, NOW).await?;
        let revision = replace(store, &first, revision, NOW).await?;
        is_there(store, &first, revision, NOW).await?;
    }
    Ok(())
}

pub(super) async fn s10_a_body_over_the_limit_is_refused(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let largest = store.promises().max_body;
    if largest > LARGEST {
        return Err(Stop::NotChecked(format!("{} takes bodies of {largest} bytes", suite.store)));
    }
    let over = vec![1; largest + 1];
    match store.create(&with_body(1, over.clone()), NOW).await {
        Ok(created) => return Err(Stop::Failed(format!("{} bytes are {created:?}", over.len()))),
        Err(error) => ensure!(error.nothing_written, "the refusal leaves unknown what was written: {error}"),
    }
    is_absent(store, &key(1), NOW).await?;
    let revision = create(store, &record(1, 1), NOW).await?;
    match store.replace(&with_body(1, over.clone()), revision, NOW).await {
        Ok(replaced) => return Err(Stop::Failed(format!("{} bytes are {replaced:?}", over.len()))),
        Err(error) => ensure!(error.nothing_written, "the refusal leaves unknown what was written: {error}"),
    }
    is_there(store, &record(1, 1), revision, NOW).await
}

/// Texts that engines like to change: by case, by trailing space, by form of accents, by wildcards, by quoting.
pub(super) const NAMES: &[&str] = &[
    "alice",
    "Alice",
    "alice ",
    " alice",
    "al",
    "al%",
    "al_ce",
    "caf\u{e9}",
    "cafe\u{301}",
    "stra\u{df}e",
    "strasse",
    "\u{1f980}\u{200d}\u{1f469}",
    "'; DROP TABLE record; --",
    "\"quoted\\\" \\",
    "line\r\nbreak\ttab",
    "\u{202e}right to left",
    "https://example.test/metadata?x=%20#f",
    "NULL",
    "0",
];

pub(super) async fn s10_clients_and_subjects_come_back_unchanged(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let long = "\u{e9}".repeat(255);
    let mut names: Vec<Option<Arc<str>>> = vec![None, Some("".into()), Some(long.into())];
    names.extend(NAMES.iter().map(|name| Some(Arc::from(*name))));
    for (number, name) in (0..).zip(&names) {
        let other = names.get((usize::try_from(number).unwrap_or_default() + 1) % names.len()).cloned();
        let first = Record { client: name.clone(), subject: other.flatten(), ..record(number, number) };
        let revision = create(store, &first, NOW).await?;
        is_there(store, &first, revision, NOW).await?;
        let swapped = Record { client: first.subject.clone(), subject: first.client.clone(), ..first };
        let revision = replace(store, &swapped, revision, NOW).await?;
        is_there(store, &swapped, revision, NOW).await?;
    }
    Ok(())
}

pub(super) async fn s10_kinds_are_apart(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let kinds = [Kind::GRANT, Kind::REQUEST, Kind::CLAIM, Kind::from_number(0), Kind::from_number(u16::MAX)];
    let of = |kind: Kind, id: [u8; 16], value| Record { key: Key::new(kind, id), ..record(0, value) };
    for id in [[0; 16], [0xff; 16], *b"\x00'\\%_\n\r\x1a\xff\xfe\x80 abc\x00"] {
        let mut revisions = Vec::new();
        for (value, kind) in (0..).zip(kinds) {
            revisions.push(create(store, &of(kind, id, value), NOW).await?);
        }
        for ((value, kind), revision) in (0..).zip(kinds).zip(revisions) {
            is_there(store, &of(kind, id, value), revision, NOW).await?;
            remove(store, &Key::new(kind, id), NOW).await?;
            is_absent(store, &Key::new(kind, id), NOW).await?;
        }
    }
    Ok(())
}
