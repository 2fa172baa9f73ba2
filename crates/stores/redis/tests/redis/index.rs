//! The index: what is lost of it comes back, what is left over goes, and a sweep of many takes the engine a little at a time.

use futures_util::StreamExt as _;
use grantor_core::store::Filter;
use grantor_testkit::engine::{Reply, redis, redis_with};

use super::*;

async fn listed(store: &RedisStore, filter: &Filter) -> Vec<u64> {
    let found = store.index().unwrap().list(filter, None, 1_000, NOW).await.unwrap();
    let mut numbers: Vec<u64> = found.iter().map(|record| record.key.id_number() as u64).collect();
    numbers.sort_unstable();
    numbers
}

#[tokio::test]
async fn a_listing_heals() {
    let engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    let mut revisions = Vec::new();
    for number in 0..20 {
        revisions.push(create(&store, &record(number, "body")).await);
    }
    let all: Vec<u64> = (0..20).collect();
    let (every, own) = (
        Filter::kind(Kind::GRANT),
        Filter { client: Some("the-client".into()), ..Filter::kind(Kind::GRANT) },
    );
    assert_eq!(listed(&store, &every).await, all);
    // Entries without a record: somebody removed the records by hand.
    for number in 0..5 {
        tell(engine.port(), &["DEL", &name(number)]);
    }
    assert_eq!(listed(&store, &every).await, all[5..]);
    assert_eq!(listed(&store, &own).await, all[5..]);
    let Reply::List(sets) = ask(engine.port(), &["KEYS", "grantor:c:*"]).unwrap() else { panic!("no list") };
    assert_eq!(
        tell(engine.port(), &["ZCARD", &sets[0].text()]),
        "15",
        "the listing dropped what it found wrong"
    );
    // Records without an entry: the whole index is lost. Each is back once it is written.
    for set in ["k", "c", "s", "e"] {
        for key in ask(engine.port(), &["KEYS", &format!("grantor:{set}:*")]).unwrap().parts() {
            tell(engine.port(), &["DEL", &key.text()]);
        }
    }
    assert!(listed(&store, &every).await.is_empty());
    for number in 5..20 {
        replace(&store, &record(number, "again"), revisions[usize::try_from(number).unwrap()]).await;
    }
    assert_eq!(listed(&store, &every).await, all[5..]);
    assert_eq!(listed(&store, &own).await, all[5..]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_of_many_takes_the_engine_a_little_at_a_time() {
    const MANY: u64 = 100_000;
    const BATCH: usize = 1_000;
    let engine = redis_with(&["--appendfsync", "everysec"]).unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    let expired =
        |number| Record { expires_at: Timestamp::from_secs(1_001), ..record(number, "x".repeat(200)) };
    let all = futures_util::stream::iter(0..MANY);
    all.for_each_concurrent(512, async |number| {
        create(&store, &expired(number)).await;
    })
    .await;
    // What is alive stays.
    create(&store, &record(MANY, "alive")).await;
    let later = Timestamp::from_secs(1_010);
    let index = store.index().unwrap();
    index.list(&Filter::kind(Kind::CLAIM), None, 1, NOW).await.unwrap();
    tell(engine.port(), &["CONFIG", "RESETSTAT"]);
    for (name, value) in [("slowlog-max-len", "10000"), ("slowlog-log-slower-than", "1000")] {
        tell(engine.port(), &["CONFIG", "SET", name, value]);
    }
    tell(engine.port(), &["SLOWLOG", "RESET"]);
    let (begin, mut batches, mut gone) = (Instant::now(), 0, 0);
    loop {
        let swept = index.sweep(BATCH, later).await.unwrap();
        assert!(swept <= BATCH);
        if swept == 0 {
            break;
        }
        (batches, gone) = (batches + 1, gone + swept);
    }
    assert_eq!(gone, usize::try_from(MANY).unwrap());
    let took = begin.elapsed();
    let slow = ask(engine.port(), &["SLOWLOG", "GET", "-1"]).unwrap();
    let micros = |entry: &Reply| entry.parts()[2].text().parse::<u64>().unwrap();
    let slowest = slow.parts().iter().map(micros).max().unwrap_or(0);
    let names = slow.parts().iter().map(|entry| entry.parts()[3].parts()[0].text());
    let mut names: Vec<String> = names.collect();
    names.sort_unstable();
    names.dedup();
    let stats = ask(engine.port(), &["INFO", "commandstats"]).unwrap();
    let scan = stats.field("cmdstat_zrangebyscore").unwrap();
    println!(
        "sweep of {MANY} records in {batches} calls of at most {BATCH}: {:.1} s in all; commands over 1 ms: {}, the slowest \
         {slowest} µs ({names:?}); zrangebyscore {scan}",
        took.as_secs_f64(),
        slow.parts().len(),
    );
    assert_eq!(body(&store, MANY).await.unwrap(), "alive");
    let left = tell(engine.port(), &["DBSIZE"]);
    assert!(left.parse::<u64>().unwrap() < 10, "{left} keys are left");
}
