//! Sentence 10, second half: the index may lag and decides nothing; what it lists is right in the end.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::Timestamp;
use grantor_core::store::{Filter, Index, Key, Kind, Record, Store};

use super::content::NAMES;
use super::steps::{NOW, create, is_absent, load, race, record, remove, replace, same};
use super::{Place, StoreSuite};
use crate::random::SeededRandom;
use crate::suite::{Checked, Stop, ensure, fail};

/// A store that has an index.
async fn indexed(suite: &StoreSuite) -> Result<(Place, Arc<dyn Store>), Stop> {
    let (place, store) = suite.opened().await?;
    if store.index().is_none() {
        return Err(Stop::NotChecked(format!("{} has no index", suite.store)));
    }
    Ok((place, store))
}

fn index(store: &dyn Store) -> Result<&dyn Index, Stop> {
    store.index().ok_or_else(|| Stop::Failed("the index has gone".to_owned()))
}

/// Waits until a listing is as expected: the index may lag, but not for ever.
async fn lists(
    store: &dyn Store,
    filter: &Filter,
    page: (Option<[u8; 16]>, usize, Timestamp),
    mut expected: Vec<Record>,
) -> Checked {
    let (after, limit, now) = page;
    expected.sort_by_key(|record| record.key.id);
    let mut tries = 0;
    loop {
        let found = index(store)?.list(filter, after, limit, now).await?;
        if found == expected {
            return Ok(());
        }
        tries += 1;
        if tries < 150 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        for (found, expected) in found.iter().zip(&expected) {
            ensure!(
                found.key == expected.key,
                "{filter:?} after {after:?}, at most {limit}, lists {:?} where {:?} is next",
                found.key,
                expected.key
            );
            same(found, expected)?;
        }
        fail!(
            "{filter:?} after {after:?}, at most {limit}, lists {} records, not {}",
            found.len(),
            expected.len()
        );
    }
}

fn of(number: u64, client: Option<&str>, subject: Option<&str>) -> Record {
    Record { client: client.map(Arc::from), subject: subject.map(Arc::from), ..record(number, number) }
}

pub(super) async fn s10_the_index_lists_by_client_and_subject(suite: StoreSuite) -> Checked {
    let (_place, store) = indexed(&suite).await?;
    let store = store.as_ref();
    let mut all = Vec::new();
    for (number, name) in (0..).zip(NAMES) {
        let next = NAMES.get((number + 1) % NAMES.len()).copied();
        let number = number as u64 * 10;
        all.extend([
            of(number, Some(name), next),
            of(number + 1, Some(name), None),
            of(number + 2, None, Some(name)),
            Record {
                key: Key::new(Kind::SESSION, [u8::try_from(number).unwrap_or(0); 16]),
                ..of(0, Some(name), next)
            },
        ]);
    }
    for record in &all {
        create(store, record, NOW).await?;
    }
    let matching = |filter: &Filter| all.iter().filter(|record| filter.matches(record)).cloned().collect();
    let whole = (None, 1_000, NOW);
    for kind in [Kind::GRANT, Kind::SESSION, Kind::CLIENT] {
        let filter = Filter::kind(kind);
        lists(store, &filter, whole, matching(&filter)).await?;
    }
    for name in NAMES {
        for filter in [
            Filter::kind(Kind::GRANT).client(*name),
            Filter::kind(Kind::GRANT).subject(*name),
            Filter::kind(Kind::GRANT).client(*name).subject("Alice"),
            Filter::kind(Kind::SESSION).client(*name),
        ] {
            lists(store, &filter, whole, matching(&filter)).await?;
        }
    }
    lists(store, &Filter::kind(Kind::GRANT).client("nobody"), whole, Vec::new()).await
}

pub(super) async fn s10_the_index_pages_by_id(suite: StoreSuite) -> Checked {
    let (_place, store) = indexed(&suite).await?;
    let random = SeededRandom::new(1);
    let id = || (u128::from(random.next_number()) << 64 | u128::from(random.next_number())).to_be_bytes();
    let mut all: Vec<Record> = (0..600)
        .map(|number| Record {
            key: Key::new(Kind::GRANT, id()),
            ..of(0, Some(if number % 2 == 0 { "even" } else { "odd" }), Some("subject"))
        })
        .collect();
    let shared = Arc::new(all.clone());
    race(&store, 60, |store, task| {
        let all = Arc::clone(&shared);
        async move {
            for record in all.iter().skip(usize::try_from(task).unwrap_or_default()).step_by(60) {
                create(store.as_ref(), record, NOW).await?;
            }
            Ok(())
        }
    })
    .await?;
    let store = store.as_ref();
    all.sort_by_key(|record| record.key.id);
    let even: Vec<Record> =
        all.iter().filter(|record| record.client.as_deref() == Some("even")).cloned().collect();
    for (filter, expected) in [
        (Filter::kind(Kind::GRANT), &all),
        (Filter::kind(Kind::GRANT).client("even"), &even),
        (Filter::kind(Kind::GRANT).subject("subject").client("even"), &even),
    ] {
        lists(store, &filter, (None, 1_000, NOW), expected.clone()).await?;
        for size in [1, 7, 256, 300] {
            let mut after = None;
            for page in expected.chunks(size).take(20) {
                lists(store, &filter, (after, size, NOW), page.to_vec()).await?;
                after = page.last().map(|record| record.key.id);
            }
        }
        let last = expected.last().map(|record| record.key.id);
        lists(store, &filter, (last, 10, NOW), Vec::new()).await?;
        lists(store, &filter, (None, 0, NOW), Vec::new()).await?;
        // After an id that no record has.
        let middle = [0x80; 16];
        let rest = expected.iter().filter(|record| record.key.id > middle).take(5).cloned().collect();
        lists(store, &filter, (Some(middle), 5, NOW), rest).await?;
    }
    Ok(())
}

pub(super) async fn s10_the_index_lists_what_is_alive(suite: StoreSuite) -> Checked {
    let (_place, store) = indexed(&suite).await?;
    let store = store.as_ref();
    let end = Timestamp::from_secs(2_000);
    let filter = Filter::kind(Kind::GRANT).client("before");
    let expiring = Record { expires_at: end, ..of(1, Some("before"), None) };
    let (removed, moved) = (of(2, Some("before"), Some("a")), of(3, Some("before"), Some("a")));
    create(store, &expiring, NOW).await?;
    create(store, &removed, NOW).await?;
    let revision = create(store, &moved, NOW).await?;
    let all = vec![expiring.clone(), removed.clone(), moved.clone()];
    lists(store, &filter, (None, 10, NOW), all).await?;
    lists(store, &filter, (None, 10, end), vec![removed.clone(), moved.clone()]).await?;
    lists(store, &filter, (None, 1, end), vec![removed.clone()]).await?;
    remove(store, &removed.key, NOW).await?;
    lists(store, &filter, (None, 10, NOW), vec![expiring.clone(), moved.clone()]).await?;
    let moved = Record { client: Some("after".into()), ..moved };
    replace(store, &moved, revision, NOW).await?;
    lists(store, &filter, (None, 10, NOW), vec![expiring]).await?;
    lists(store, &Filter::kind(Kind::GRANT).client("after"), (None, 10, NOW), vec![moved]).await
}

pub(super) async fn s10_a_sweep_takes_what_expired(suite: StoreSuite) -> Checked {
    let (_place, store) = indexed(&suite).await?;
    let store = store.as_ref();
    let (soon, later) = (Timestamp::from_secs(2_000), Timestamp::from_secs(3_000));
    let ending = |number: u64, at: Timestamp| Record { expires_at: at, ..record(number, number) };
    for number in 0..100 {
        create(store, &ending(number, soon), NOW).await?;
        create(store, &ending(1_000 + number, later), NOW).await?;
        create(store, &ending(2_000 + number, Timestamp::NEVER), NOW).await?;
    }
    let alive = |number: u64, end: Timestamp| async move {
        same(&load(store, &ending(number, end).key, NOW).await?.0, &ending(number, end))
    };
    let before = soon.before(Duration::from_millis(1));
    let gone = index(store)?.sweep(1_000, before).await?;
    ensure!(gone == 0, "a sweep took {gone} records before any expired");
    let gone = index(store)?.sweep(0, soon).await?;
    ensure!(gone == 0, "a sweep of at most 0 took {gone}");
    for number in 0..100 {
        alive(number, soon).await?;
    }
    let gone = index(store)?.sweep(10, soon).await?;
    ensure!(gone <= 10, "a sweep of at most 10 took {gone}");
    let mut sweeps = 0;
    while index(store)?.sweep(30, soon).await? > 0 {
        sweeps += 1;
        ensure!(sweeps < 1_000, "sweeping 100 records never ends");
    }
    for number in 0..100 {
        is_absent(store, &ending(number, soon).key, NOW).await?;
        alive(1_000 + number, later).await?;
        alive(2_000 + number, Timestamp::NEVER).await?;
    }
    // What was swept leaves room for the same key.
    create(store, &ending(1, later), NOW).await?;
    alive(1, later).await
}
