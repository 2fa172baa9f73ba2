//! Sentence 1: a record is present from create until remove or its expiry, by the caller's clock, not the engine's.

use std::time::Duration;

use grantor_core::Timestamp;
use grantor_core::store::{Record, Removed, Replaced};

use super::StoreSuite;
use super::steps::{NOW, create, is_absent, is_there, key, load, record, remove, replace};
use crate::suite::{Checked, ensure};

fn ending(number: u64, at: Timestamp) -> Record {
    Record { expires_at: at, ..record(number, number) }
}

fn before(moment: Timestamp) -> Timestamp {
    moment.before(Duration::from_millis(1))
}

pub(super) async fn s01_present_from_create_until_remove(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    for number in 0..100 {
        is_absent(store, &key(number), NOW).await?;
        ensure!(store.remove(&key(number), NOW).await? == Removed::Absent, "remove of what never was");
        let revision = create(store, &record(number, number), NOW).await?;
        is_there(store, &record(number, number), revision, NOW).await?;
        is_there(store, &record(number, number), revision, Timestamp::NEVER.before(Duration::from_secs(1)))
            .await?;
    }
    for number in (0..100).step_by(2) {
        remove(store, &key(number), NOW).await?;
    }
    for number in 0..100 {
        match number % 2 {
            0 => is_absent(store, &key(number), NOW).await?,
            _ => drop(load(store, &key(number), NOW).await?),
        }
    }
    Ok(())
}

pub(super) async fn s01_present_until_its_expiry(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let end = Timestamp::from_secs(2_000);
    let revision = create(store, &ending(1, end), NOW).await?;
    is_there(store, &ending(1, end), revision, before(end)).await?;
    is_absent(store, &key(1), end).await?;
    let replaced = store.replace(&ending(1, Timestamp::NEVER), revision, end).await?;
    ensure!(replaced == Replaced::Stale, "replace of an expired record is not stale");
    ensure!(
        store.remove(&key(1), end).await? == Removed::Absent,
        "remove of an expired record is not absent"
    );
    is_absent(store, &key(1), end).await?;
    let again = create(store, &ending(1, Timestamp::NEVER), end).await?;
    is_there(store, &ending(1, Timestamp::NEVER), again, end).await?;

    // Replace moves the end, both ways.
    let revision = create(store, &ending(2, end), NOW).await?;
    let later = Timestamp::from_secs(3_000);
    let revision = replace(store, &ending(2, later), revision, NOW).await?;
    is_there(store, &ending(2, later), revision, before(later)).await?;
    let revision = replace(store, &ending(2, end), revision, NOW).await?;
    is_there(store, &ending(2, end), revision, before(end)).await?;
    is_absent(store, &key(2), end).await
}

pub(super) async fn s01_expiry_goes_by_the_callers_clock(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    // A caller whose clock is ahead sees no record; to one whose clock is behind it is there all the same.
    let end = Timestamp::from_secs(2_000);
    let revision = create(store, &ending(1, end), NOW).await?;
    for _ in 0..3 {
        is_absent(store, &key(1), Timestamp::from_secs(5_000)).await?;
        is_there(store, &ending(1, end), revision, before(end)).await?;
    }
    // Long ago by the engine's clock, but alive by the caller's.
    let old = Timestamp::from_secs(-10_000);
    let revision = create(store, &ending(2, Timestamp::from_secs(-9_000)), old).await?;
    is_there(store, &ending(2, Timestamp::from_secs(-9_000)), revision, old).await?;
    replace(store, &ending(2, Timestamp::from_secs(-8_000)), revision, old).await?;
    remove(store, &key(2), old).await?;
    // Far ahead of the engine's clock, but over by the caller's.
    let far = Timestamp::from_secs(30_000_000_000);
    create(store, &ending(3, far), NOW).await?;
    is_absent(store, &key(3), far).await?;
    create(store, &ending(3, Timestamp::NEVER), far).await?;
    // Created in the caller's past: it never lived, and takes no place.
    let revision = store.create(&ending(4, Timestamp::from_secs(500)), NOW).await;
    if revision.is_ok() {
        is_absent(store, &key(4), NOW).await?;
    }
    let revision = create(store, &ending(4, Timestamp::NEVER), NOW).await?;
    is_there(store, &ending(4, Timestamp::NEVER), revision, NOW).await
}

pub(super) async fn s01_far_dates_are_kept(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    let day = 24 * 60 * 60;
    let dates = [
        Timestamp::NEVER,
        before(Timestamp::NEVER),
        Timestamp::EPOCH,
        Timestamp::from_millis(1),
        Timestamp::from_millis(-1),
        Timestamp::from_secs(-62_135_596_800),
        Timestamp::from_secs(30 * day),
        Timestamp::from_secs(30 * day + 1),
        Timestamp::from_secs(i64::from(i32::MAX) + 1),
        Timestamp::from_secs(i64::from(u32::MAX) + 1),
        Timestamp::from_millis(1_893_456_000_001),
        Timestamp::from_millis(4_102_444_800_999),
    ];
    for (number, date) in (0..).zip(dates) {
        let revision = create(store, &ending(number, date), before(date)).await?;
        is_there(store, &ending(number, date), revision, before(date)).await?;
        is_absent(store, &key(number), date).await?;
    }
    Ok(())
}
