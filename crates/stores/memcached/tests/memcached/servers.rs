//! Several servers, several stores on one client, and what stands in the keys.

use grantor_store_memcached::{Client, MemcachedStore};
use grantor_testkit::engine::memcached;

use super::*;

/// How a server names the items that it has: `many`, for its listing may pass over some that it is about to move.
fn names(port: u16, many: usize) -> Vec<String> {
    let name = |line: &str| line.strip_prefix("key=")?.split(' ').next().map(str::to_owned);
    loop {
        let said = tell(port, "lru_crawler metadump all", "END");
        let mut names: Vec<String> = said.lines().filter_map(name).collect();
        if names.len() == many {
            names.sort();
            return names;
        }
    }
}

/// How many items a server has.
fn items(port: u16) -> usize {
    let said = tell(port, "stats", "END");
    let count = said.lines().find_map(|line| line.strip_prefix("STAT curr_items "));
    count.unwrap().parse().unwrap()
}

#[tokio::test]
async fn keys_have_the_prefix_the_kind_and_the_id_and_no_word_of_a_user() {
    let engine = memcached().unwrap();
    let client = Client::new(&options(engine.port()));
    let codes = MemcachedStore::with_client(client.clone(), "codes:").unwrap();
    let tokens = MemcachedStore::with_client(client.clone(), "tokens:").unwrap();
    create(&codes, &record(1, "code")).await;
    assert!(is_absent(&tokens, 1).await);
    create(&tokens, &record(1, "token")).await;
    assert_eq!(codes.load(&key(1), NOW).await.unwrap().unwrap().0.body, "code");
    assert_eq!(items(engine.port()), 2);
    assert_eq!(
        names(engine.port(), 2),
        ["codes%3A1.00000000000000000000000000000001", "tokens%3A1.00000000000000000000000000000001"]
    );
    assert!(MemcachedStore::with_client(client, "with space").is_err());
}

#[tokio::test]
async fn two_servers_share_the_records_and_one_that_is_down_is_not_replaced() {
    const MANY: u64 = 200;
    let (one, mut other) = (memcached().unwrap(), memcached().unwrap());
    let servers = [&one, &other].map(|engine| format!("127.0.0.1:{}", engine.port()));
    let options = Options::servers(servers).unwrap().deadline(Duration::from_secs(30));
    let store = MemcachedStore::open(&options).await.unwrap();
    for number in 0..MANY {
        create(&store, &record(number, "body")).await;
    }
    let (first, second) = (items(one.port()), items(other.port()));
    assert!(first > 50 && second > 50 && first + second == 200, "{first} and {second}");
    // A server that comes back to the list has what it had; the store says so.
    assert!(!store.promises().never_rewinds);
    other.kill().unwrap();
    let (mut answers, mut errors) = (0, 0);
    for number in 0..MANY {
        match store.load(&key(number), NOW).await {
            Ok(found) => answers += usize::from(found.is_some()),
            Err(error) => {
                assert!(error.to_string().contains(&other.port().to_string()), "{error}");
                assert!(store.create(&record(number, "elsewhere"), NOW).await.unwrap_err().nothing_written);
                errors += 1;
            }
        }
    }
    assert_eq!((answers, errors), (first, second));
    other.start_again().unwrap();
    for number in 0..MANY {
        if is_absent(&store, number).await {
            create(&store, &record(number, "again")).await;
        }
    }
    assert_eq!((items(one.port()), items(other.port())), (first, second));
}

/// As other clients share them out: three parts of four on the one with the larger weight.
#[tokio::test]
async fn servers_on_the_ring_of_ketama_share_the_records_by_their_weights() {
    let (one, other) = (memcached().unwrap(), memcached().unwrap());
    let place = format!("127.0.0.1:{},127.0.0.1:{}", one.port(), other.port());
    let url = format!("memcached://{place}/?hash=ketama&weights=3,1&deadline_ms=60000");
    let store = MemcachedStore::open(&Options::parse(&url).unwrap()).await.unwrap();
    for number in 0..1_000 {
        create(&store, &record(number, "body")).await;
    }
    let (first, second) = (items(one.port()), items(other.port()));
    assert!(first + second == 1_000 && (600..900).contains(&first), "{first} and {second}");
    // Another process with the servers in another order finds all of them.
    let turned = format!("memcached://127.0.0.1:{},127.0.0.1:{}", other.port(), one.port());
    let url = format!("{turned}/?hash=ketama&weights=1,3&deadline_ms=60000");
    let store = MemcachedStore::open(&Options::parse(&url).unwrap()).await.unwrap();
    for number in 0..1_000 {
        assert!(!is_absent(&store, number).await);
    }
}
