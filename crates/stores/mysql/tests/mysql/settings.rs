//! Promises follow what the server is set to; sessions that could cut values are refused.

use grantor_core::store::Store as _;
use grantor_store_mysql::mysql_async::prelude::Queryable as _;
use grantor_store_mysql::mysql_async::{OptsBuilder, Pool};
use grantor_store_mysql::{MysqlStore, Options};
use grantor_testkit::engine::mariadb;

use crate::{admin, database, open, place, shared_port};

#[tokio::test]
async fn promises_follow_the_server() {
    // A server of its own, for the settings are the server's.
    let engine = mariadb().unwrap();
    let url = place(engine.port(), "").await;
    let promised = open(&url).await.promises();
    assert!(promised.durable && promised.keeps && promised.never_rewinds);
    assert_eq!(promised.max_body, 1 << 20);
    let lossy = open(&format!("{url}&failover=lossy")).await.promises();
    assert!(!lossy.durable && !lossy.never_rewinds);
    let mut admin = admin(engine.port()).await;
    for level in [0, 2] {
        admin.query_drop(format!("SET GLOBAL innodb_flush_log_at_trx_commit = {level}")).await.unwrap();
        let promised = open(&url).await.promises();
        assert!(!promised.durable && !promised.never_rewinds && promised.keeps);
    }
    admin.query_drop("SET GLOBAL innodb_flush_log_at_trx_commit = 1").await.unwrap();
    admin.query_drop("SET GLOBAL max_allowed_packet = 524288").await.unwrap();
    assert_eq!(open(&url).await.promises().max_body, 524_288 - 8_192);
}

#[tokio::test]
async fn our_own_sessions_are_strict_whatever_the_server_is() {
    let engine = mariadb().unwrap();
    let mut admin = admin(engine.port()).await;
    for statement in ["SET GLOBAL sql_mode = ''", "SET GLOBAL autocommit = 0"] {
        admin.query_drop(statement).await.unwrap();
    }
    let _ = open(&place(engine.port(), "").await).await;
}

#[tokio::test]
async fn a_pool_of_lax_sessions_is_refused() {
    let port = shared_port();
    let name = database(port).await;
    for (setting, word) in
        [("SET SESSION sql_mode = ''", "strict"), ("SET SESSION autocommit = 0", "autocommit")]
    {
        let opts = OptsBuilder::default()
            .ip_or_hostname("127.0.0.1")
            .tcp_port(port)
            .user(Some("root"))
            .db_name(Some(name.clone()))
            .setup(vec![setting]);
        let error = MysqlStore::with_pool(Pool::new(opts), &Options::at("", "")).await.unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
    }
}
