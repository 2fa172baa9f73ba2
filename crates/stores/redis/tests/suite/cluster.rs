//! A Cluster of three nodes that sync each write, without replicas: durable, as each node by itself. The hook that kills ends
//! all nodes at once and waits until the Cluster is whole again, which takes two seconds by the engine's own rule; so where the
//! suite kills a writing process a hundred times, the nodes die with each fifth.

use std::sync::Arc;

use grantor_core::store::Store;
use grantor_testkit::engine::{RedisCluster, redis_cluster};
use grantor_testkit::{Place, store_suite};

use super::{Engines, connect, url, with_engine};

static ENGINES: Engines<(RedisCluster, usize)> = Engines::new(Default::default);

async fn open(place: Place) -> Arc<dyn Store> {
    let url = url(&ENGINES, &place, || {
        let cluster = redis_cluster(0).unwrap();
        let url = cluster.url();
        ((cluster, 0), url)
    });
    connect(&url, &place).await
}

async fn reopen(place: Place) -> Arc<dyn Store> {
    with_engine(&ENGINES, &place, |(cluster, calls)| {
        *calls += 1;
        if *calls % 5 != 1 {
            return;
        }
        for node in cluster.nodes() {
            node.kill().unwrap();
        }
        for node in cluster.nodes() {
            node.start_again().unwrap();
        }
        cluster.wait_until_whole().unwrap();
    });
    open(place).await
}

store_suite! { store: "redis cluster", open: open, reopen_after_kill: reopen, second_process: open }
