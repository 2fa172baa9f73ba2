//! The store against a few lines of map, over random histories.

use std::collections::{BTreeMap, BTreeSet};

use grantor_core::Timestamp;
use grantor_core::store::{Created, Filter, Index, Kind, Record, Removed, Replaced, Revision, Stage, Store};
use grantor_store_memory::{MemoryStore, Options};
use proptest::prelude::*;

use super::{at, key};

#[derive(Debug, Clone)]
enum Act {
    Create(Record),
    Replace(Record, usize),
    Remove(u64),
    Load(u64),
    Wait(i64),
    Sweep(usize),
    List { client: Option<String>, after: Option<u64>, limit: usize },
}

fn records() -> impl Strategy<Value = Record> {
    let name = |text: &'static str| {
        prop_oneof![Just(None), (0..3_u8).prop_map(move |n| Some(format!("{text}é{n}").into()))]
    };
    (0..12_u64, any::<bool>(), 1..100_i64, name("c"), name(""), prop::collection::vec(any::<u8>(), 0..80))
        .prop_map(|(number, live, until, client, subject, body)| Record {
            key: key(number),
            stage: if live { Stage::Live } else { Stage::Pending },
            expires_at: at(until),
            client,
            subject,
            body: body.into(),
        })
}

fn acts() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => records().prop_map(Act::Create),
        4 => (records(), 0..4_usize).prop_map(|(record, back)| Act::Replace(record, back)),
        1 => (0..12_u64).prop_map(Act::Remove),
        2 => (0..12_u64).prop_map(Act::Load),
        1 => (1..20_i64).prop_map(Act::Wait),
        1 => (0..9_usize).prop_map(Act::Sweep),
        1 => (prop::option::of((0..3_u8).prop_map(|n| format!("cé{n}"))), prop::option::of(0..12_u64), 0..9_usize)
            .prop_map(|(client, after, limit)| Act::List { client, after, limit }),
    ]
}

#[derive(Default)]
struct Model {
    present: BTreeMap<u64, (Record, Revision)>,
    /// All revisions that a key ever had, the newest last.
    revisions: BTreeMap<u64, Vec<Revision>>,
    now: i64,
}

impl Model {
    fn now(&self) -> Timestamp {
        at(self.now)
    }

    fn get(&self, number: u64) -> Option<&(Record, Revision)> {
        self.present.get(&number).filter(|(record, _)| record.is_live(self.now()))
    }

    fn put(&mut self, number: u64, record: Record, revision: Revision) {
        let known = self.revisions.entry(number).or_default();
        assert!(!known.contains(&revision), "a revision came back");
        known.push(revision);
        self.present.insert(number, (record, revision));
    }
}

fn number(record: &Record) -> u64 {
    u64::try_from(record.key.id_number()).unwrap()
}

async fn run(store: &MemoryStore, acts: Vec<Act>) {
    let mut model = Model::default();
    for act in acts {
        let now = model.now();
        match act {
            Act::Create(record) => match store.create(&record, now).await.unwrap() {
                Created::Exists => assert!(model.get(number(&record)).is_some()),
                Created::Created(revision) => {
                    assert!(model.get(number(&record)).is_none());
                    model.put(number(&record), record, revision);
                }
            },
            Act::Replace(record, back) => {
                let known = model.revisions.get(&number(&record)).cloned().unwrap_or_default();
                let Some(loaded) = known.iter().rev().nth(back).copied() else { continue };
                let right = model.get(number(&record)).is_some_and(|(_, revision)| *revision == loaded);
                match store.replace(&record, loaded, now).await.unwrap() {
                    Replaced::Stale => assert!(!right),
                    Replaced::Replaced(revision) => {
                        assert!(right);
                        model.put(number(&record), record, revision);
                    }
                }
            }
            Act::Remove(number) => {
                let there = model.get(number).is_some();
                model.present.remove(&number);
                let removed = store.remove(&key(number), now).await.unwrap();
                assert_eq!(removed, if there { Removed::Removed } else { Removed::Absent });
            }
            Act::Load(number) => {
                assert_eq!(store.load(&key(number), now).await.unwrap().as_ref(), model.get(number));
            }
            Act::Wait(seconds) => model.now += seconds,
            Act::Sweep(limit) => {
                let dead = model.present.values().filter(|(record, _)| !record.is_live(now)).count();
                assert!(store.sweep(limit, now).await.unwrap() <= dead.min(limit));
                if limit == 8 {
                    while store.sweep(limit, now).await.unwrap() > 0 {}
                    model.present.retain(|_, (record, _)| record.is_live(now));
                    assert_eq!(store.len(), model.present.len());
                }
            }
            Act::List { client, after, limit } => {
                let mut filter = Filter::kind(Kind::GRANT);
                filter.client = client;
                let after = after.map(|number| key(number).id);
                let wanted = model.present.values().map(|(record, _)| record);
                let wanted = wanted.filter(|record| record.is_live(now) && filter.matches(record));
                let wanted = wanted.filter(|record| after.is_none_or(|after| record.key.id > after));
                let wanted: Vec<Record> = wanted.take(limit).cloned().collect();
                assert_eq!(store.list(&filter, after, limit, now).await.unwrap(), wanted);
            }
        }
    }
    let keys: BTreeSet<u64> = (0..12).collect();
    for number in keys {
        assert_eq!(store.load(&key(number), model.now()).await.unwrap().as_ref(), model.get(number));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_store_is_a_map_of_records_that_expire(acts in prop::collection::vec(acts(), 1..120)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(run(&MemoryStore::with(&Options::new()), acts));
    }
}
