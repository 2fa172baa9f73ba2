//! A Cluster: slots that move under load, nodes that are killed, stopped, replaced by their replicas.

use grantor_store_redis::redis::Client;
use grantor_testkit::engine::{redis_cluster, redis_cluster_with};

use super::load::Load;
use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slots_move_under_load_and_no_call_notices() {
    const KEYS: u64 = 9;
    const MOVES: u64 = 150;
    let cluster = redis_cluster(0).unwrap();
    let store = open(&patient(&cluster.url())).await;
    let load = Load::start(&store, KEYS).await;
    let mut slots = Vec::new();
    for number in 0..KEYS {
        let slot = cluster.slot(&name(number)).unwrap();
        slots.push((slot, cluster.owner(slot, 0).unwrap()));
    }
    let mut moved = 0;
    for number in 0..MOVES {
        let (slot, owner) = &mut slots[usize::try_from(number % KEYS).unwrap()];
        let to = (*owner + 1) % 3;
        moved += cluster.move_slot(*slot, *owner, to).unwrap();
        *owner = to;
        load.writes(5).await;
    }
    let outcome = load.end(&store).await;
    println!("Cluster, {MOVES} moves of slots with {moved} records: {outcome}");
    assert!(outcome.is_perfect() && outcome.unknown == 0, "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forgotten_scripts_are_told_again_in_the_midst_of_a_move() {
    let cluster = redis_cluster(0).unwrap();
    let store = open(&patient(&cluster.url())).await;
    let slot = cluster.slot(&name(1)).unwrap();
    let mut from = cluster.owner(slot, 0).unwrap();
    for round in 0..10_u64 {
        let to = (from + 1) % 3;
        for node in [from, to] {
            tell(cluster.port(node), &["SCRIPT", "FLUSH"]);
        }
        // The key is not there, so the old node sends whoever asks for it to the new one.
        let (id_from, id_to) =
            (tell(cluster.port(from), &["CLUSTER", "MYID"]), tell(cluster.port(to), &["CLUSTER", "MYID"]));
        let number = slot.to_string();
        tell(cluster.port(to), &["CLUSTER", "SETSLOT", &number, "IMPORTING", &id_from]);
        tell(cluster.port(from), &["CLUSTER", "SETSLOT", &number, "MIGRATING", &id_to]);
        let revision = create(&store, &record(1, "asked")).await;
        assert_eq!(body(&store, 1).await.unwrap(), "asked");
        for node in [to, from] {
            tell(cluster.port(node), &["CLUSTER", "SETSLOT", &number, "NODE", &id_to]);
        }
        cluster.wait_for_owner(slot, to).unwrap();
        let revision = replace(&store, &record(1, "moved"), revision).await;
        replace(&store, &record(1, round.to_string()), revision).await;
        from = to;
        remove(&store, 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_are_killed_and_come_back_have_all_that_they_acknowledged() {
    const KILLS: usize = 4;
    let mut cluster = redis_cluster(0).unwrap();
    let store = open(&options(&cluster.url())).await;
    assert!(store.promises().durable && store.promises().keeps && !store.promises().never_rewinds);
    let load = Load::start(&store, 9).await;
    let mut back = Vec::new();
    for kill in 0..KILLS {
        load.writes(100).await;
        cluster.nodes()[kill % 3].kill().unwrap();
        cluster.nodes()[kill % 3].start_again().unwrap();
        let begin = Instant::now();
        for number in 0..20 {
            until_it_writes(&store, 1_000 + 20 * kill as u64 + number).await;
        }
        back.push(begin.elapsed().as_millis());
    }
    load.writes(100).await;
    let outcome = load.end(&store).await;
    println!(
        "Cluster, {KILLS} times SIGKILL of a node: {outcome}; all nodes back after the start in {back:?} ms"
    );
    assert!(outcome.is_perfect(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_stops_holds_up_nobody_elses_records() {
    let mut cluster = redis_cluster_with(0, &["--cluster-require-full-coverage", "no"]).unwrap();
    let hurried = options(&cluster.url()).deadline(Duration::from_millis(500));
    let short = Duration::from_millis(250);
    let hurried = hurried.timeouts(short, short);
    let store = open(&patient(&cluster.url())).await;
    let impatient = open(&hurried).await;
    let load = Load::start(&impatient, 9).await;
    for round in 0..3_usize {
        load.writes(200).await;
        let (of, others): (Vec<u64>, Vec<u64>) = (100..160).partition(|number| {
            let slot = cluster.slot(&name(*number)).unwrap();
            cluster.owner(slot, 0).unwrap() == round
        });
        cluster.nodes()[round].freeze().unwrap();
        for number in of.iter().take(3) {
            assert!(impatient.load(&key(*number), NOW).await.is_err());
            assert!(impatient.create(&record(*number, "body"), NOW).await.is_err());
        }
        // These wait for nobody.
        for number in &others {
            store.load(&key(*number), NOW).await.unwrap();
            let revision = create(&store, &record(*number, "body")).await;
            replace(&store, &record(*number, "other"), revision).await;
            remove(&store, *number).await;
        }
        cluster.nodes()[round].thaw().unwrap();
        cluster.wait_until_whole().unwrap();
        for number in of {
            until_it_writes(&impatient, number).await;
            remove(&store, number).await;
        }
    }
    load.writes(100).await;
    let outcome = load.end(&store).await;
    println!("Cluster, 3 times SIGSTOP of a node: {outcome}");
    assert!(outcome.is_perfect(), "{outcome:?}");
}

async fn a_replica_takes_over(option: &str) -> super::load::Outcome {
    let mut cluster = redis_cluster(1).unwrap();
    let store = open(&options(&format!("{}{option}", cluster.url()))).await;
    assert!(!store.promises().durable);
    let load = Load::start(&store, 9).await;
    load.writes(200).await;
    // One of the slots of the node that goes.
    let slot = (0..).map(|number| cluster.slot(&name(number)).unwrap());
    let slot = slot.into_iter().find(|slot| cluster.owner(*slot, 1).unwrap() == 0).unwrap();
    cluster.nodes()[0].kill().unwrap();
    let gone = Instant::now();
    while cluster.owner(slot, 1).unwrap() == 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let chosen = gone.elapsed();
    cluster.nodes()[0].start_again().unwrap();
    cluster.wait_until_whole().unwrap();
    load.writes(200).await;
    let outcome = load.end(&store).await;
    println!("Cluster, a replica took over{option} after {:.1} s: {outcome}", chosen.as_secs_f64());
    assert_eq!(outcome.lies, 0, "{outcome:?}");
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replica_takes_over_for_a_node() {
    a_replica_takes_over("").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_wait_a_replica_that_takes_over_has_all_acknowledged_writes() {
    let outcome = a_replica_takes_over("?wait=1").await;
    assert!(outcome.is_perfect(), "{outcome:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_found_by_any_of_its_nodes_and_told_from_one_server() {
    let mut cluster = redis_cluster(0).unwrap();
    let (first, last) = (single(cluster.port(0)), single(cluster.port(2)));
    let unused = patient("redis+cluster://unused");
    let store = RedisStore::with_cluster(vec![Client::open(&*last).unwrap()], &unused);
    let store = store.await.unwrap();
    for number in 0..30 {
        create(&store, &record(number, "body")).await;
    }
    let wrong = open(&patient(&first)).await;
    let refused = loop {
        let mut elsewhere = Vec::new();
        for number in 0..30 {
            elsewhere.extend(wrong.load(&key(number), NOW).await.err());
        }
        break elsewhere.pop().unwrap();
    };
    assert!(refused.to_string().contains("write redis+cluster://"), "{refused}");
    // Whoever named it may go, once it is known.
    cluster.nodes()[2].kill().unwrap();
    let told = RedisStore::open(&options(&cluster.url()).deadline(Duration::from_millis(500))).await;
    assert!(told.unwrap_err().nothing_written);
}
