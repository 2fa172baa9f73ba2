//! Acknowledged = kept: a process is killed a hundred times in the midst of its writes, and its history is checked.
//!
//! Each of eight tasks owns a key, on which it creates, replaces and removes in turn; it says what it is about to do and
//! what was acknowledged. After the kill the key must be in the last acknowledged state, or in that of the one write
//! that was under way. All tasks also count on one shared key. No acknowledged revision may ever come again for its key.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use grantor_core::store::{Created, Replaced, Store};
use grantor_store_sqlite::SqliteStore;

use crate::child::{Process, say};
use crate::{NOW, create, key, number, open, record};

const TASKS: u64 = 8;
const SHARED: u64 = 1_000;
const LOOPS: usize = 100;

/// Writes until it is killed.
pub(crate) async fn part(store: SqliteStore) {
    let store = Arc::new(store);
    let tasks: Vec<_> =
        (0..TASKS).map(|task| tokio::spawn(write_for_ever(Arc::clone(&store), task))).collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn write_for_ever(store: Arc<SqliteStore>, task: u64) {
    let mut state =
        store.load(&key(task), NOW).await.unwrap().map(|(record, revision)| (number(&record.body), revision));
    let mut next = state.map_or(0, |(value, _)| value) + 1;
    loop {
        // The value 0 stands for absence.
        let goal = if next % 5 == 0 && state.is_some() { 0 } else { next };
        say(&format!("try {task} {goal}"));
        let target = record(task, goal.to_be_bytes().to_vec());
        state = match state {
            None => Some((goal, create(store.as_ref(), &target).await)),
            Some(_) if goal == 0 => {
                let _ = store.remove(&key(task), NOW).await.unwrap();
                None
            }
            Some((_, revision)) => match store.replace(&target, revision, NOW).await.unwrap() {
                Replaced::Replaced(revision) => Some((goal, revision)),
                Replaced::Stale => panic!("somebody else wrote key {task}"),
            },
        };
        let revision = state.map_or(0, |(_, revision)| revision.number());
        say(&format!("done {task} {goal} {revision}"));
        next += 1;
        count(&store).await;
    }
}

async fn count(store: &SqliteStore) {
    match store.load(&key(SHARED), NOW).await.unwrap() {
        None => {
            if let Created::Created(revision) =
                store.create(&record(SHARED, 1_u64.to_be_bytes().to_vec()), NOW).await.unwrap()
            {
                say(&format!("count 1 {}", revision.number()));
            }
        }
        Some((mut found, revision)) => {
            let value = number(&found.body) + 1;
            found.body = value.to_be_bytes().to_vec().into();
            if let Replaced::Replaced(revision) = store.replace(&found, revision, NOW).await.unwrap() {
                say(&format!("count {value} {}", revision.number()));
            }
        }
    }
}

/// What the parent knows from the lines of all the processes so far.
#[derive(Default)]
struct History {
    acknowledged: HashMap<u64, u64>,
    tried: HashMap<u64, u64>,
    count: u64,
    counts: HashSet<u64>,
    revisions: HashSet<(u64, u64)>,
    writes: usize,
}

impl History {
    fn read(&mut self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let value = |index: usize| words[index].parse::<u64>().unwrap();
        match words[0] {
            "try" => {
                self.tried.insert(value(1), value(2));
            }
            "done" => {
                self.tried.remove(&value(1));
                self.acknowledged.insert(value(1), value(2));
                self.given(value(1), value(3));
            }
            "count" => {
                assert!(self.counts.insert(value(1)), "two winners made the count {}", value(1));
                self.count = self.count.max(value(1));
                self.given(SHARED, value(2));
            }
            _ => {}
        }
    }

    fn given(&mut self, key: u64, revision: u64) {
        self.writes += 1;
        assert!(revision == 0 || self.revisions.insert((key, revision)), "revision {revision} came again");
    }

    /// Compares with the file, then takes the file's state as the beginning of the next loop.
    async fn check(&mut self, store: &SqliteStore) {
        for task in 0..TASKS {
            let found =
                store.load(&key(task), NOW).await.unwrap().map_or(0, |(record, _)| number(&record.body));
            let known = self.acknowledged.get(&task).copied().unwrap_or(0);
            let tried = self.tried.get(&task).copied();
            assert!(found == known || Some(found) == tried, "key {task}: {found}, not {known} or {tried:?}");
            self.acknowledged.insert(task, found);
        }
        self.tried.clear();
        let count =
            store.load(&key(SHARED), NOW).await.unwrap().map_or(0, |(record, _)| number(&record.body));
        assert!(
            (self.count..=self.count + TASKS).contains(&count),
            "the count is {count}, acknowledged were {}",
            self.count
        );
        self.count = count;
    }
}

#[tokio::test]
async fn a_hundred_kills_lose_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}/kill.db?check=full", folder.path().display());
    let mut history = History::default();
    for round in 0..LOOPS {
        let mut process = Process::start("kill", &url);
        let lines = round * 37 % 400;
        for _ in 0..lines {
            let line = process.line().expect("the process ended before it was killed");
            history.read(&line);
        }
        process.kill();
        while let Some(line) = process.line() {
            // The kill may have cut the last line.
            if line.split(' ').count() == expected_words(&line) {
                history.read(&line);
            }
        }
        drop(process);
        let store = open(&url);
        history.check(&store).await;
        // Half of the time the log is left for the next process to recover.
        if round % 2 == 0 {
            store.close().await.unwrap();
        }
    }
    assert!(history.writes > LOOPS, "only {} writes were acknowledged", history.writes);
    println!("{LOOPS} kills, {} acknowledged writes", history.writes);
}

fn expected_words(line: &str) -> usize {
    match line.split(' ').next() {
        Some("done") => 4,
        Some("try" | "count") => 3,
        _ => 0,
    }
}
