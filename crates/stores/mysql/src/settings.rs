//! What the server is set to, as far as promises rest on it. It is read from the server, not believed.

use std::collections::HashMap;

use grantor_core::store::Promises;

use crate::failure::Failure;
use crate::options::Failover;
use crate::pool::{Connections, LOCK_WAIT_SECS};
use crate::sql::take;

/// The largest body that is taken. A grant with a thousand live tokens has 40 kB.
const MAX_BODY: usize = 1 << 20;
/// What stands in a packet beside the body: the other columns.
const BESIDE_THE_BODY: usize = 8 << 10;

const READ: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN (\
    'sql_mode', 'autocommit', 'max_allowed_packet', 'innodb_flush_log_at_trx_commit', 'innodb_doublewrite', \
    'log_bin', 'sync_binlog', 'binlog_format', 'wsrep_on', 'read_only')";

/// What each of our own connections is set to, after its opening and after a reset.
pub(crate) fn of_a_connection() -> Vec<String> {
    vec![
        format!(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', autocommit = 1, \
             innodb_lock_wait_timeout = {LOCK_WAIT_SECS}"
        ),
        // Fewer locks on gaps between rows; each statement stands alone, so it needs no more.
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED".to_owned(),
    ]
}

/// Reads them, refuses what cannot be worked with, and says what can be promised.
pub(crate) async fn promises(connections: &Connections, failover: Failover) -> Result<Promises, Failure> {
    let rows = connections.read(connections.deadline(), READ, &[]).await?;
    let settings: HashMap<String, String> = rows
        .into_iter()
        .filter_map(|mut row| Some((take::<String>(&mut row, 0)?.to_lowercase(), take(&mut row, 1)?)))
        .collect();
    judge(&settings, connections.place(), failover)
}

fn judge(settings: &HashMap<String, String>, place: &str, failover: Failover) -> Result<Promises, Failure> {
    let get = |name: &str| settings.get(name).map_or("", String::as_str).to_uppercase();
    let is_on = |name: &str| matches!(get(name).as_str(), "ON" | "1");
    let refuse = |why: &str| Err(Failure::refused(format!("MySQL at {place}: {why}")));
    if !get("sql_mode").split(',').any(|mode| matches!(mode, "STRICT_ALL_TABLES" | "STRICT_TRANS_TABLES")) {
        return refuse(
            "sql_mode is not strict, so values could be cut in silence: add STRICT_ALL_TABLES to it",
        );
    }
    if !is_on("autocommit") {
        return refuse("autocommit is off in the sessions of the pool: set autocommit = 1");
    }
    if is_on("log_bin") && get("binlog_format") == "STATEMENT" {
        return refuse("the server logs statements, not rows: set binlog_format to ROW or MIXED");
    }
    if is_on("wsrep_on") {
        tracing::warn!(
            place,
            "the server belongs to a Galera cluster, which this store was never tried with"
        );
    }
    if is_on("read_only") {
        tracing::warn!(place, "the server is read-only: writes will fail; name the primary");
    }
    let mut synced = true;
    let mut demand = |holds: bool, what: &str| {
        if !holds {
            tracing::warn!(place, "acknowledged writes can be lost with the power: {what}");
            synced = false;
        }
    };
    demand(get("innodb_flush_log_at_trx_commit") == "1", "innodb_flush_log_at_trx_commit is not 1");
    let doublewrite = get("innodb_doublewrite");
    let doublewrite = matches!(doublewrite.as_str(), "ON" | "1" | "TRUE" | "DETECT_AND_RECOVER");
    demand(doublewrite, "innodb_doublewrite is not on");
    demand(!is_on("log_bin") || get("sync_binlog") == "1", "the binary log is on, and sync_binlog is not 1");
    let durable = synced && failover == Failover::None;
    let packet = get("max_allowed_packet").parse().unwrap_or(0_usize);
    let max_body = packet.saturating_sub(BESIDE_THE_BODY).min(MAX_BODY);
    Ok(Promises { durable, keeps: true, never_rewinds: durable, max_body })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(changes: &[(&str, &str)], failover: Failover) -> Result<Promises, Failure> {
        let usual = [
            ("sql_mode", "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"),
            ("autocommit", "ON"),
            ("max_allowed_packet", "16777216"),
            ("innodb_flush_log_at_trx_commit", "1"),
            ("innodb_doublewrite", "ON"),
            ("log_bin", "OFF"),
            ("sync_binlog", "0"),
            ("binlog_format", "MIXED"),
        ];
        let all = usual.iter().chain(changes);
        let settings = all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        judge(&settings, "h", failover)
    }

    #[test]
    fn durable_only_where_the_server_syncs_all() {
        let synced = judged(&[], Failover::None).unwrap();
        assert!(synced.durable && synced.never_rewinds && synced.keeps && synced.max_body == 1 << 20);
        for changes in [
            &[("innodb_flush_log_at_trx_commit", "2")][..],
            &[("innodb_flush_log_at_trx_commit", "0")],
            &[("innodb_doublewrite", "OFF")],
            &[("innodb_doublewrite", "DETECT_ONLY")],
            &[("log_bin", "ON")],
        ] {
            let promised = judged(changes, Failover::None).unwrap();
            assert!(!promised.durable && !promised.never_rewinds && promised.keeps, "{changes:?}");
        }
        let logged = judged(&[("log_bin", "ON"), ("sync_binlog", "1")], Failover::None).unwrap();
        assert!(logged.durable);
        let lossy = judged(&[], Failover::Lossy).unwrap();
        assert!(!lossy.durable && !lossy.never_rewinds);
        assert_eq!(judged(&[("max_allowed_packet", "1024000")], Failover::None).unwrap().max_body, 1_015_808);
    }

    #[test]
    fn what_cannot_be_worked_with_is_refused() {
        for (change, word) in [
            (("sql_mode", "NO_ENGINE_SUBSTITUTION"), "strict"),
            (("sql_mode", ""), "strict"),
            (("autocommit", "OFF"), "autocommit"),
        ] {
            let why = judged(&[change], Failover::None).unwrap_err().to_string();
            assert!(why.contains(word), "{why}");
        }
        let statements = [("log_bin", "ON"), ("binlog_format", "STATEMENT")];
        assert!(judged(&statements, Failover::None).unwrap_err().to_string().contains("binlog_format"));
    }
}
