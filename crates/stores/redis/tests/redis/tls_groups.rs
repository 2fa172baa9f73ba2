//! TLS behind Sentinels and in a Cluster: it is spoken to every server that is named or found, each by the name that it is called
//! by; one that is not believed is told nothing. The servers have no port for plain text.

use std::path::Path;

use grantor_core::store::StoreError;
use grantor_store_redis::Tls;
use grantor_store_redis::redis::{Client, TlsCertificates};
use grantor_testkit::engine::{
    Engine, RedisCluster, RedisSentinel, Reply, redis_cluster_tls, redis_sentinel_tls,
};
use grantor_testkit::{Certificates, Impostor};

use super::*;

const NAMES: [Option<&str>; 2] = [None, Some("localhost")];

/// The options for such servers: the Sentinels have the same password.
fn trusting(url: &str, ca: &Path) -> Options {
    let sentinel = if url.contains("+sentinel") { "&sentinel_password=hunter2" } else { "" };
    patient(&format!("{url}?ca={}{sentinel}", ca.display()))
}

/// The same where a call is to be refused, which it is at its deadline.
fn hurried(url: &str, ca: &Path) -> Options {
    trusting(url, ca).deadline(Duration::from_secs(4))
}

/// The same by the first of the hosts alone, under this name.
fn by_one(url: &str, name: &str) -> String {
    let (begin, hosts) = url.split_once('@').unwrap();
    let (first, rest) = hosts.split_once(',').unwrap();
    let (_, port) = first.split_once(':').unwrap();
    let path = rest.split_once('/').map(|(_, path)| format!("/{path}")).unwrap_or_default();
    format!("{begin}@{name}:{port}{path}")
}

/// What an error says; it wrote nothing, and repeats no password.
fn told(error: &StoreError) -> String {
    let text = error.to_string();
    assert!(error.nothing_written && !text.contains("hunter2"), "{text}");
    text
}

async fn refused(options: &Options) -> String {
    told(&RedisStore::open(options).await.unwrap_err())
}

/// How often a server was told these commands since its counters were set back.
fn calls(engine: &Engine, commands: &[&str]) -> Vec<Option<String>> {
    let stats = engine.ask(&["INFO", "commandstats"]).unwrap();
    let calls = |command: &&str| {
        let line = stats.field(&format!("cmdstat_{command}"))?;
        line.split(',').next().map(str::to_owned)
    };
    commands.iter().map(calls).collect()
}

/// A part of the contract, for some records.
async fn works(store: &RedisStore, numbers: std::ops::Range<u64>) {
    for number in numbers {
        let revision = create(store, &record(number, "one")).await;
        let revision = replace(store, &record(number, "two"), revision).await;
        assert_eq!(store.load(&key(number), NOW).await.unwrap().unwrap(), (record(number, "two"), revision));
        remove(store, number).await;
    }
}

/// Kills the master and waits until another is chosen, its port.
fn fail_over(all: &mut RedisSentinel) -> u16 {
    let master = all.master().unwrap();
    all.server(master).unwrap().kill().unwrap();
    all.wait_for_another_master(master).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_and_whichever_master_they_name_are_spoken_to_by_tls() {
    let made = Certificates::new().unwrap();
    for name in NAMES {
        // Whoever is called by a name needs no address in the certificate.
        let shown = if name.is_some() { made.of_a_name_alone() } else { made.server() };
        let mut all = redis_sentinel_tls(1, &shown, name).unwrap();
        let store = open(&trusting(&all.url(), &made.ca())).await;
        works(&store, 0..10).await;
        create(&store, &record(100, "kept")).await;
        all.wait_for_replicas(1).unwrap();
        let replica = all.servers().into_iter().find(|port| *port != all.master().unwrap()).unwrap();
        while all.ask(replica, &["GET", &super::name(100)]).unwrap() == Reply::Nil {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(fail_over(&mut all), replica);
        assert_eq!(body(&store, 100).await.unwrap(), "kept");
        works(&store, 0..10).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_must_have_the_name_by_which_the_sentinels_call_it() {
    let made = Certificates::new().unwrap();
    let all = redis_sentinel_tls(0, &made.of_a_name_alone(), None).unwrap();
    // The Sentinels are called by their name here, but they call the master by its address.
    let url = all.url().replace("127.0.0.1", "localhost");
    let text = refused(&hurried(&url, &made.ca())).await;
    assert!(text.contains("another name") && text.contains("localhost"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sentinel_of_another_ca_has_no_voice() {
    let made = Certificates::new().unwrap();
    let mut all = redis_sentinel_tls(0, &made.server(), None).unwrap();
    let options = trusting(&all.url(), &made.ca());
    all.sentinels()[0].show(&made.foreign()).unwrap();
    works(&*open(&options).await, 0..3).await;
    for sentinel in &mut all.sentinels()[1..] {
        sentinel.show(&made.foreign()).unwrap();
    }
    let text = refused(&hurried(&all.url(), &made.ca())).await;
    assert!(text.contains("unknown issuer"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_of_another_ca_is_told_nothing() {
    let made = Certificates::new().unwrap();
    let mut all = redis_sentinel_tls(1, &made.server(), None).unwrap();
    let store = open(&trusting(&all.url(), &made.ca())).await;
    let hurried = open(&hurried(&all.url(), &made.ca())).await;
    create(&hurried, &record(1, "kept")).await;
    let master = all.master().unwrap();
    let replica = all.servers().into_iter().find(|port| *port != master).unwrap();
    all.server(replica).unwrap().show(&made.foreign()).unwrap();
    all.wait_for_replicas(1).unwrap();
    assert_eq!(fail_over(&mut all), replica);
    all.ask(replica, &["CONFIG", "RESETSTAT"]).unwrap();
    // Whether the call finds its connection broken, or that it can make none: it is not served.
    let _ = hurried.load(&key(1), NOW).await;
    let text = told(&hurried.load(&key(1), NOW).await.unwrap_err());
    assert!(text.contains("unknown issuer"), "{text}");
    told(&hurried.create(&record(2, "new"), NOW).await.unwrap_err());
    let engine = all.server(replica).unwrap();
    assert_eq!(calls(engine, &["role", "get", "set", "evalsha", "eval", "hello"]), vec![None; 6]);
    // The first one is chosen again.
    all.server(master).unwrap().start_again().unwrap();
    all.wait_for_replicas(1).unwrap();
    assert_eq!(fail_over(&mut all), master);
    assert_eq!(body(&store, 1).await.unwrap(), "kept");
    assert_eq!(body(&store, 2).await, None);
    works(&store, 10..13).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stands_where_sentinels_send_us_hears_no_secret() {
    let made = Certificates::new().unwrap();
    let mut all = redis_sentinel_tls(0, &made.server(), None).unwrap();
    let impostor = Impostor::start(b"", b"+OK\r\n+OK\r\n").unwrap();
    // In a Sentinel's place.
    let url = format!("rediss+sentinel://:hunter2@127.0.0.1:{}/main", impostor.port());
    let text = refused(&hurried(&url, &made.ca())).await;
    assert!(text.contains("not TLS"), "{text}");
    // In the master's.
    let port = impostor.port().to_string();
    for sentinel in all.sentinels() {
        for command in [&["REMOVE", "main"][..], &["MONITOR", "main", "127.0.0.1", &port, "2"]] {
            let done = sentinel.ask(&[&["SENTINEL"], command].concat()).unwrap();
            assert_eq!(done, Reply::Text("OK".into()));
        }
    }
    let text = refused(&hurried(&all.url(), &made.ca())).await;
    assert!(text.contains("not TLS"), "{text}");
    // The Sentinels themselves greet it as TLS does.
    assert!(impostor.heard() > 64 && !impostor.has_heard(b"hunter2") && !impostor.has_heard(b"AUTH"));
}

/// Waits until a replica has the place of the first node.
async fn a_replica_takes_over(cluster: &mut RedisCluster) {
    let slot = (0..).map(|number| cluster.slot(&name(number)).unwrap());
    let slot = slot.into_iter().find(|slot| cluster.owner(*slot, 1).unwrap() == 0).unwrap();
    cluster.nodes()[0].kill().unwrap();
    while cluster.owner(slot, 1).unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The first record of a node.
fn record_of(cluster: &RedisCluster, node: usize) -> u64 {
    let of = |number: &u64| cluster.owner(cluster.slot(&name(*number)).unwrap(), 1).unwrap() == node;
    (1_000..).find(of).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_nodes_of_a_cluster_are_spoken_to_by_tls_however_they_are_found() {
    let made = Certificates::new().unwrap();
    let (certificate, secret) = made.client();
    let ours = Tls::verified().ca(made.ca());
    let shows = ours.clone().client_certificate(certificate, secret);
    for (name, shown, tls) in
        [(None, made.server().asking_clients(), shows), (Some("localhost"), made.of_a_name_alone(), ours)]
    {
        let mut cluster = redis_cluster_tls(1, &shown, name).unwrap();
        // The others are learnt from CLUSTER SLOTS.
        let url = by_one(&cluster.url(), name.unwrap_or("127.0.0.1"));
        let store = open(&patient(&url).tls(tls)).await;
        works(&store, 0..20).await;
        for number in 100..130 {
            create(&store, &record(number, "kept")).await;
        }
        // MOVED, and ASK in between.
        let number = record_of(&cluster, 0);
        create(&store, &record(number, "moved")).await;
        assert_eq!(cluster.move_slot(cluster.slot(&super::name(number)).unwrap(), 0, 2).unwrap(), 1);
        assert_eq!(body(&store, number).await.unwrap(), "moved");
        // A node that it never spoke to.
        let has = |node| cluster.ask(node, &["DBSIZE"]).unwrap();
        let all = has(0);
        while has(3) != all {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        a_replica_takes_over(&mut cluster).await;
        for number in 100..130 {
            assert_eq!(body(&store, number).await.unwrap(), "kept");
        }
        works(&store, 0..20).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_must_have_the_name_by_which_the_cluster_calls_it() {
    let made = Certificates::new().unwrap();
    let cluster = redis_cluster_tls(0, &made.of_a_name_alone(), None).unwrap();
    let text = refused(&hurried(&by_one(&cluster.url(), "localhost"), &made.ca())).await;
    assert!(text.contains("another name") && text.contains("localhost"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_ca_is_told_nothing_and_the_others_serve() {
    let made = Certificates::new().unwrap();
    let mut cluster = redis_cluster_tls(0, &made.server(), None).unwrap();
    let store = open(&trusting(&cluster.url(), &made.ca())).await;
    let hurried_options = hurried(&cluster.url(), &made.ca());
    let hurried = open(&hurried_options).await;
    let [theirs, others] = [2, 0].map(|node| record_of(&cluster, node));
    create(&store, &record(theirs, "kept")).await;

    cluster.nodes()[2].show(&made.foreign()).unwrap();
    cluster.wait_until_whole().unwrap();
    cluster.ask(2, &["CONFIG", "RESETSTAT"]).unwrap();
    // The first call may find its connection broken.
    let _ = hurried.load(&key(theirs), NOW).await;
    let text = told(&hurried.load(&key(theirs), NOW).await.unwrap_err());
    assert!(text.contains("unknown issuer"), "{text}");
    told(&hurried.create(&record(theirs, "new"), NOW).await.unwrap_err());
    works(&hurried, others..others + 1).await;
    let text = refused(&hurried_options).await;
    assert!(text.contains("unknown issuer"), "{text}");
    // The one AUTH is that of this question.
    let told_it = calls(&cluster.nodes()[2], &["auth", "hello", "get", "set", "evalsha", "info"]);
    assert_eq!(told_it, [Some("calls=1".to_owned()), None, None, None, None, None]);

    cluster.nodes()[2].show(&made.server()).unwrap();
    cluster.wait_until_whole().unwrap();
    assert_eq!(body(&store, theirs).await.unwrap(), "kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_stands_where_a_cluster_sends_us_hears_no_secret_and_no_plain_text_is_tried() {
    let made = Certificates::new().unwrap();
    let cluster = redis_cluster_tls(0, &made.server(), None).unwrap();
    let hurried = open(&hurried(&cluster.url(), &made.ca())).await;
    let theirs = record_of(&cluster, 2);
    let number = cluster.slot(&name(theirs)).unwrap();
    let [at_tls, at_plain] = [(); 2].map(|()| Impostor::start(b"", b"+OK\r\n+OK\r\n").unwrap());
    // A node calls itself by the ports of others, and has the slot of a record from now on.
    for (setting, impostor) in [("cluster-announce-tls-port", &at_tls), ("cluster-announce-port", &at_plain)]
    {
        let set = cluster.ask(1, &["CONFIG", "SET", setting, &impostor.port().to_string()]).unwrap();
        assert_eq!(set, Reply::Text("OK".into()));
    }
    // Whoever asks in plain text, as we do here, is told the port for that.
    let (begin, port) = (Instant::now(), format!(":{}@", at_plain.port()));
    while ![0, 2].iter().all(|node| cluster.ask(*node, &["CLUSTER", "NODES"]).unwrap().text().contains(&port))
    {
        assert!(begin.elapsed() < PATIENCE, "the others do not hear of the port");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.move_slot(number, 2, 1).unwrap();
    while at_tls.heard() <= 64 {
        assert!(begin.elapsed() < PATIENCE, "nobody goes there");
        // The node itself may tell its true place meanwhile.
        let _ = hurried.load(&key(theirs), NOW).await.map_err(|error| told(&error));
    }
    assert!(at_tls.heard() > 64 && !at_tls.has_heard(b"hunter2") && !at_tls.has_heard(b"AUTH"));
    assert_eq!(at_plain.heard(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_the_callers_have_their_tls_for_all_nodes() {
    grantor_store_tls::settle_provider();
    let made = Certificates::new().unwrap();
    let cluster = redis_cluster_tls(0, &made.server(), None).unwrap();
    for (ca, believed) in [(made.ca(), true), (made.other_ca(), false)] {
        let roots = TlsCertificates { client_tls: None, root_cert: Some(std::fs::read(ca).unwrap()) };
        let url = format!("rediss://:hunter2@127.0.0.1:{}", cluster.port(1));
        let nodes = vec![Client::build_with_tls(&*url, roots).unwrap()];
        let opened = RedisStore::with_cluster(nodes, &patient("redis+cluster://unused")).await;
        match opened {
            Ok(store) if believed => works(&store, 0..20).await,
            Err(error) if !believed => {
                told(&error);
            }
            other => panic!("{believed}: {other:?}"),
        }
    }
}
