//! A master with a replica behind three Sentinels. It is not durable, for a fail-over may lose what was acknowledged: the checks
//! of that are not made here, and `store_redis` counts what is lost. The hook that kills lets a fail-over happen.

use std::sync::Arc;

use grantor_core::store::Store;
use grantor_testkit::engine::{RedisSentinel, redis_sentinel};
use grantor_testkit::{Place, store_suite};

use super::{Engines, connect, url, with_engine};

static ENGINES: Engines<RedisSentinel> = Engines::new(Default::default);

async fn open(place: Place) -> Arc<dyn Store> {
    let url = url(&ENGINES, &place, || {
        let all = redis_sentinel(1).unwrap();
        let url = all.url();
        (all, url)
    });
    connect(&url, &place).await
}

async fn reopen(place: Place) -> Arc<dyn Store> {
    with_engine(&ENGINES, &place, |all| {
        let master = all.master().unwrap();
        all.server(master).unwrap().kill().unwrap();
        all.wait_for_another_master(master).unwrap();
        all.server(master).unwrap().start_again().unwrap();
        all.wait_for_replicas(1).unwrap();
    });
    open(place).await
}

store_suite! { store: "redis behind Sentinels", open: open, reopen_after_kill: reopen, second_process: open }
