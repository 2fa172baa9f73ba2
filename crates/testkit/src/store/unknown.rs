//! Sentence 8: a write that ends in an error is unknown, unless the error says that nothing was written.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use grantor_core::store::{Created, Removed, Replaced, Revision, Store, StoreError};

use super::StoreSuite;
use super::steps::{
    NOW, TRIES, create, is_absent, is_there, key, load, number, record, remove, replace, same,
};
use crate::fault::{Fault, FaultStore, Landed};
use crate::suite::{Checked, Stop, ensure, fail};

/// A record of which only the number varies: the number and the revision, `None` where it is absent.
type State = Option<(u64, Revision)>;

async fn state(store: &dyn Store, id: u64) -> Result<State, Stop> {
    let Some((found, revision)) = store.load(&key(id), NOW).await? else { return Ok(None) };
    let value = number(&found)?;
    same(&found, &record(id, value))?;
    Ok(Some((value, revision)))
}

pub(super) async fn s08_nothing_written_is_true(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store = store.as_ref();
    for value in 1..=300 {
        let id = value % 3;
        let before = state(store, id).await?;
        let (written, goal): (Result<(), StoreError>, Option<u64>) = match before {
            None => (store.create(&record(id, value), NOW).await.map(drop), Some(value)),
            Some(_) if value % 10 == 0 => (store.remove(&key(id), NOW).await.map(drop), None),
            Some((_, revision)) => {
                (store.replace(&record(id, value), revision, NOW).await.map(drop), Some(value))
            }
        };
        let after = state(store, id).await?;
        let done = after.map(|(value, _)| value) == goal;
        match written {
            Ok(()) => ensure!(done, "an acknowledged write is not there: {after:?}"),
            Err(error) if error.nothing_written => {
                ensure!(
                    after == before,
                    "the error says that nothing was written, but {before:?} became {after:?}"
                );
            }
            Err(_) => ensure!(done || after == before, "an unknown write made {before:?} to {after:?}"),
        }
    }
    Ok(())
}

pub(super) async fn s08_a_load_tells_after_an_unknown_write(suite: StoreSuite) -> Checked {
    let (_place, inner) = suite.opened().await?;
    let store = FaultStore::new(inner);
    for (id, fault, happens) in [
        (1, Fault::ErrorAfterWrite, true),
        (2, Fault::ErrorWithoutWrite, false),
        (3, Fault::ErrorBefore, false),
    ] {
        store.next_create(fault.clone());
        ensure!(store.create(&record(id, 1), NOW).await.is_err(), "the fault store did not fail");
        let created = state(&store, id).await?;
        ensure!(created.is_some() == happens, "after an unknown create a load finds {created:?}");
        // Whoever tries again learns that it had won, or wins now.
        let again = store.create(&record(id, 1), NOW).await?;
        ensure!((again == Created::Exists) == happens, "create once more answers {again:?}");
        let (_, loaded) = load(&store, &key(id), NOW).await?;
        store.next_replace(fault.clone());
        ensure!(store.replace(&record(id, 2), loaded, NOW).await.is_err(), "the fault store did not fail");
        let (value, _) = state(&store, id).await?.unwrap_or((0, loaded));
        ensure!((value == 2) == happens, "after an unknown replace a load finds {value}");
        let again = store.replace(&record(id, 2), loaded, NOW).await?;
        ensure!((again == Replaced::Stale) == happens, "replace once more answers {again:?}");
        store.next_remove(fault);
        ensure!(store.remove(&key(id), NOW).await.is_err(), "the fault store did not fail");
        ensure!(state(&store, id).await?.is_none() == happens, "after an unknown remove a load is wrong");
        let again = store.remove(&key(id), NOW).await?;
        ensure!((again == Removed::Absent) == happens, "remove once more answers {again:?}");
        is_absent(&store, &key(id), NOW).await?;
    }
    Ok(())
}

pub(super) async fn s08_a_late_write_undoes_nothing(suite: StoreSuite) -> Checked {
    let (_place, inner) = suite.opened().await?;
    let store = FaultStore::new(inner);
    let loaded = create(&store, &record(1, 1), NOW).await?;
    let late = |what: &'static str| {
        let store = store.clone();
        async move {
            match &store.land().await[..] {
                [Landed::Replace(Ok(Replaced::Stale)) | Landed::Create(Ok(Created::Exists))] => Ok(()),
                other => fail!("{what} lands late and gets {other:?}"),
            }
        }
    };
    store.next_replace(Fault::LandsLate);
    let _ = store.replace(&record(1, 2), loaded, NOW).await;
    let newer = replace(&store, &record(1, 3), loaded, NOW).await?;
    late("a replace, after another,").await?;
    is_there(&store, &record(1, 3), newer, NOW).await?;

    store.next_replace(Fault::LandsLate);
    let _ = store.replace(&record(1, 4), newer, NOW).await;
    remove(&store, &key(1), NOW).await?;
    late("a replace, after a remove,").await?;
    is_absent(&store, &key(1), NOW).await?;

    store.next_create(Fault::LandsLate);
    let _ = store.create(&record(1, 5), NOW).await;
    let newest = create(&store, &record(1, 6), NOW).await?;
    late("a create, after another,").await?;
    is_there(&store, &record(1, 6), newest, NOW).await?;

    store.next_replace(Fault::LandsLate);
    let _ = store.replace(&record(1, 7), newest, NOW).await;
    remove(&store, &key(1), NOW).await?;
    let again = create(&store, &record(1, 8), NOW).await?;
    late("a replace, after remove and create,").await?;
    is_there(&store, &record(1, 8), again, NOW).await
}

/// Lets a call go on for so many steps, then drops it.
async fn dropped<T>(steps: u64, call: impl Future<Output = T>) {
    let mut call = pin!(call);
    for _ in 0..=steps {
        let ended = poll_fn(|context| Poll::Ready(call.as_mut().poll(context).is_ready())).await;
        if ended {
            return;
        }
        tokio::task::yield_now().await;
    }
}

pub(super) async fn s08_a_dropped_call_writes_all_or_nothing(suite: StoreSuite) -> Checked {
    let (_place, store) = suite.opened().await?;
    let store: &dyn Store = store.as_ref();
    for round in 0..200 {
        let (old, new, mine) = (10 * round, 10 * round + 1, 10 * round + 2);
        // Each round has a key of its own: what one leaves under way is in no other's way.
        let id = 20_000 + round;
        dropped(round % 4, store.create(&record(id, old), NOW)).await;
        // It may have happened, may happen a little later, or never: then it is created here.
        let _ = store.create(&record(id, old), NOW).await?;
        let (value, loaded) = state(store, id).await?.unwrap_or((0, Revision::from_number(0)));
        ensure!(value == old, "after a dropped create a load finds {value}, not {old}");
        dropped(round % 4, store.replace(&record(id, new), loaded, NOW)).await;
        let mut tries = 0;
        loop {
            let Some((value, loaded)) = state(store, id).await? else {
                fail!("a dropped replace removed the record")
            };
            ensure!(value == old || value == new, "a dropped replace made {old} to {value}, not to {new}");
            if let Replaced::Replaced(revision) = store.replace(&record(id, mine), loaded, NOW).await? {
                is_there(store, &record(id, mine), revision, NOW).await?;
                break;
            }
            tries += 1;
            ensure!(tries < TRIES, "after a dropped replace every other is stale");
        }
        dropped(round % 4, store.remove(&key(id), NOW)).await;
        let left = state(store, id).await?.map(|(value, _)| value);
        ensure!(
            left.is_none_or(|value| value == mine || value == old),
            "a dropped remove made {mine} to {left:?}"
        );
        let _ = store.remove(&key(id), NOW).await?;
        // The dropped create may happen only now, for the key is free; once more it cannot.
        if let Some((value, _)) = state(store, id).await? {
            ensure!(value == old, "after a remove a load finds {value}");
            let _ = store.remove(&key(id), NOW).await?;
        }
        is_absent(store, &key(id), NOW).await?;
    }
    // Many that nobody waits for any more are in nobody's way.
    for number in 0..3_000 {
        dropped(number % 2, store.load(&key(2), NOW)).await;
        if number % 10 == 0 {
            dropped(0, store.create(&record(10_000 + number, 1), NOW)).await;
        }
    }
    let revision = create(store, &record(2, 1), NOW).await?;
    is_there(store, &record(2, 1), revision, NOW).await
}
