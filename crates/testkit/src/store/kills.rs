//! Kills in the midst of writes, with a history that is compared afterwards.
//!
//! Each of eight tasks owns a key, on which it creates, replaces and removes in turn; it says what it is about to do and
//! what was acknowledged. After the kill the key must be in the last acknowledged state, or in that of the one write
//! that was under way. All tasks also count on one shared key. No acknowledged revision may ever come again for its key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use grantor_core::store::{Created, Replaced, Store};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::steps::{NOW, create, key, number, record, remove, replace, same};
use super::{Place, StoreSuite, second};
use crate::suite::{Checked, Stop, ensure, fail};

const TASKS: u64 = 8;
const SHARED: u64 = 1_000;

/// Where the writers say what they do.
pub(super) type Report = Arc<dyn Fn(&str) + Send + Sync>;

/// Writes until it is killed.
pub(super) async fn write_for_ever(store: Arc<dyn Store>, report: Report) -> Checked {
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let (store, report) = (Arc::clone(&store), Arc::clone(&report));
        tasks.spawn(async move { one_writer(store.as_ref(), report.as_ref(), task).await });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(|panic| Stop::Failed(panic.to_string()))??;
    }
    Ok(())
}

async fn one_writer(store: &dyn Store, report: &(dyn Fn(&str) + Send + Sync), task: u64) -> Checked {
    let mut state = match store.load(&key(task), NOW).await? {
        Some((record, revision)) => Some((number(&record)?, revision)),
        None => None,
    };
    let mut next = state.map_or(0, |(value, _)| value) + 1;
    loop {
        // The value 0 stands for absence.
        let goal = if next % 5 == 0 && state.is_some() { 0 } else { next };
        report(&format!("try {task} {goal}"));
        state = match state {
            None => Some((goal, create(store, &record(task, goal), NOW).await?)),
            Some(_) if goal == 0 => {
                remove(store, &key(task), NOW).await?;
                None
            }
            Some((_, revision)) => Some((goal, replace(store, &record(task, goal), revision, NOW).await?)),
        };
        let revision = state.map_or(0, |(_, revision)| revision.number());
        report(&format!("done {task} {goal} {revision}"));
        next += 1;
        count(store, report).await?;
        // A store that never waits would let nobody else run, and could not be stopped.
        tokio::task::yield_now().await;
    }
}

async fn count(store: &dyn Store, report: &(dyn Fn(&str) + Send + Sync)) -> Checked {
    let written = match store.load(&key(SHARED), NOW).await? {
        None => match store.create(&record(SHARED, 1), NOW).await? {
            Created::Created(revision) => Some((1, revision)),
            Created::Exists => None,
        },
        Some((found, loaded)) => {
            let value = number(&found)? + 1;
            match store.replace(&record(SHARED, value), loaded, NOW).await? {
                Replaced::Replaced(revision) => Some((value, revision)),
                Replaced::Stale => None,
            }
        }
    };
    if let Some((value, revision)) = written {
        report(&format!("count {value} {}", revision.number()));
    }
    Ok(())
}

/// What is known from the lines of all the processes so far.
#[derive(Default)]
struct History {
    /// May the store forget?
    may_lose: bool,
    acknowledged: HashMap<u64, u64>,
    tried: HashMap<u64, u64>,
    count: u64,
    counts: HashSet<u64>,
    revisions: HashSet<(u64, u64)>,
    writes: usize,
}

impl History {
    /// Reads a line, if it is whole: a kill may have cut it.
    fn read(&mut self, line: &str) -> Checked {
        let mut words = line.split(' ');
        let verb = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map_while(|word| word.parse().ok()).collect();
        match (verb, &numbers[..]) {
            ("try", [task, goal]) => drop(self.tried.insert(*task, *goal)),
            ("done", [task, goal, revision]) => {
                self.tried.remove(task);
                self.acknowledged.insert(*task, *goal);
                self.given(*task, *revision)?;
            }
            ("count", [value, revision]) => {
                ensure!(self.counts.insert(*value), "two writers were told that they made the count {value}");
                self.count = self.count.max(*value);
                self.given(SHARED, *revision)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn given(&mut self, key: u64, revision: u64) -> Checked {
        self.writes += 1;
        let new = revision == 0 || self.revisions.insert((key, revision));
        ensure!(new, "revision {revision} of key {key} came again");
        Ok(())
    }

    /// Compares with the store, then takes its state as the beginning of the next round.
    async fn compare(&mut self, store: &dyn Store) -> Checked {
        for task in 0..TASKS {
            let found = value(store, task).await?;
            let known = self.acknowledged.get(&task).copied().unwrap_or(0);
            let tried = self.tried.get(&task).copied();
            let lost = self.may_lose && found == 0;
            ensure!(
                found == known || Some(found) == tried || lost,
                "key {task} is {}, acknowledged was {}, under way {tried:?}",
                named(found),
                named(known)
            );
            self.acknowledged.insert(task, found);
        }
        self.tried.clear();
        let (count, least) = (value(store, SHARED).await?, self.count);
        let lost = self.may_lose && count == 0;
        ensure!(
            (least..=least + TASKS).contains(&count) || lost,
            "the count is {count}, acknowledged was {least}"
        );
        self.count = count;
        self.counts.retain(|known| *known <= count && count > 0);
        Ok(())
    }
}

fn named(value: u64) -> String {
    if value == 0 { "absent".to_owned() } else { format!("at its write {value}") }
}

async fn value(store: &dyn Store, number_of_key: u64) -> Result<u64, Stop> {
    let Some((found, _)) = store.load(&key(number_of_key), NOW).await? else { return Ok(0) };
    let value = number(&found)?;
    same(&found, &record(number_of_key, value))?;
    Ok(value)
}

/// Kills so often in the midst of writes, and compares each time.
pub(super) async fn kill(suite: &StoreSuite, rounds: u64, may_lose: bool) -> Checked {
    let Some(reopen) = &suite.reopen else { return Err(suite.no_hook("reopen_after_kill")) };
    let mut history = History { may_lose, ..History::default() };
    let (place, mut store) = suite.opened().await?;
    for round in 0..rounds {
        let lines = round * 37 % 400;
        if suite.second.is_some() {
            drop(store);
            history = in_second_process(suite, &place, lines, history).await?;
            store = reopen(place.clone()).await;
        } else {
            store = in_this_process(store, lines, &mut history, reopen(place.clone())).await?;
        }
        history.compare(store.as_ref()).await?;
    }
    if history.writes < usize::try_from(rounds).unwrap_or(usize::MAX) {
        fail!("only {} writes were acknowledged before {rounds} kills", history.writes);
    }
    Ok(())
}

/// The writers are in a second process, which is killed after so many lines.
async fn in_second_process(
    suite: &StoreSuite,
    place: &Place,
    lines: u64,
    mut history: History,
) -> Result<History, Stop> {
    let mut process = second::start(suite, "kill", place)?;
    let killed = tokio::task::spawn_blocking(move || {
        for _ in 0..lines {
            match process.line()? {
                Some(line) => history.read(&line)?,
                None => fail!("the writing process ended before it was killed"),
            }
        }
        process.kill()?;
        while let Ok(Some(line)) = process.line() {
            history.read(&line)?;
        }
        Ok(history)
    });
    killed.await.map_err(|panic| Stop::Failed(panic.to_string()))?
}

/// The writers are tasks; the hook ends the engine under them after so many lines.
async fn in_this_process(
    store: Arc<dyn Store>,
    lines: u64,
    history: &mut History,
    reopen: impl Future<Output = Arc<dyn Store>>,
) -> Result<Arc<dyn Store>, Stop> {
    let (said, enough) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Notify::new()));
    let report: Report = {
        let (said, enough) = (Arc::clone(&said), Arc::clone(&enough));
        Arc::new(move |line: &str| {
            let mut said = said.lock();
            said.push(line.to_owned());
            if said.len() as u64 > lines {
                enough.notify_one();
            }
        })
    };
    let mut writers = tokio::spawn(write_for_ever(store, report));
    tokio::select! {
        () = enough.notified() => {}
        ended = &mut writers => match ended {
            Ok(Err(stop)) => return Err(stop),
            other => fail!("the writers ended before the kill: {other:?}"),
        },
    }
    let store = reopen.await;
    // What they do now, they do on an engine that has gone.
    writers.abort();
    let _ = writers.await;
    // The tasks of the writers end a little after it; each holds the report, and with it what was said.
    while Arc::strong_count(&said) > 1 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    for line in said.lock().drain(..) {
        history.read(&line)?;
    }
    Ok(store)
}
