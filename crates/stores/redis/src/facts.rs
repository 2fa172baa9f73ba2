//! What the engine says about itself at opening: what may be promised rests on it.

use std::sync::Arc;

use redis::Value;

use crate::failure::Failure;
use crate::link::Link;

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// No node evicts records when its memory is full.
    pub(crate) keeps: bool,
    /// Every node writes each change to its disk before it answers.
    pub(crate) synced: bool,
    /// There is a replica somewhere, that could take over without the last writes.
    pub(crate) replicas: bool,
}

impl Facts {
    /// Asks all nodes that take writes.
    pub(crate) async fn read(link: &Arc<Link>) -> Result<Self, Failure> {
        let info = texts(link.everywhere(&redis::cmd("INFO")).await?);
        let mut ask = redis::cmd("CONFIG");
        ask.arg("GET").arg("appendfsync");
        // Some services refuse CONFIG; then nothing is promised that rests on it.
        let fsync = link.everywhere(&ask).await.map(texts).unwrap_or_default();
        let facts = Self::of(&info, &fsync);
        if !facts.keeps {
            tracing::warn!(
                "the Redis store may evict records when its memory is full, which logs users out and forgets what was \
                 claimed: set maxmemory-policy to noeviction"
            );
        }
        Ok(facts)
    }

    fn of(info: &[String], fsync: &[String]) -> Self {
        let info: Vec<&String> = info.iter().filter(|text| text.contains("redis_version")).collect();
        let all = |line: &str| {
            !info.is_empty() && info.iter().all(|text| text.lines().any(|own| own.trim_end() == line))
        };
        // Each node answers with the name of the setting, then its value.
        let fsync: Vec<&str> = fsync
            .iter()
            .map(String::as_str)
            .filter(|text| ["always", "everysec", "no"].contains(text))
            .collect();
        let always = fsync.len() == info.len() && fsync.iter().all(|text| *text == "always");
        Self {
            keeps: all("maxmemory_policy:noeviction"),
            synced: all("aof_enabled:1") && always,
            replicas: !(all("role:master") && all("connected_slaves:0")),
        }
    }
}

/// All texts in an answer, in their order.
fn texts(value: Value) -> Vec<String> {
    match value {
        Value::BulkString(bytes) => vec![String::from_utf8_lossy(&bytes).into_owned()],
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => vec![text],
        Value::Array(values) | Value::Set(values) => values.into_iter().flat_map(texts).collect(),
        Value::Map(pairs) => {
            pairs.into_iter().flat_map(|(name, value)| texts(name).into_iter().chain(texts(value))).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(policy: &str, aof: u8, replicas: u8) -> String {
        format!(
            "redis_version:7\r\nrole:master\r\nconnected_slaves:{replicas}\r\naof_enabled:{aof}\r\nmaxmemory_policy:{policy}\r\n"
        )
    }

    #[test]
    fn every_node_has_to_keep_and_to_sync() {
        let always: Vec<String> = ["appendfsync", "always"].map(str::to_owned).into();
        let good = info("noeviction", 1, 0);
        let facts = |info: &[String], fsync: &[String]| Facts::of(info, fsync);
        let best = Facts { keeps: true, synced: true, replicas: false };
        assert_eq!(facts(std::slice::from_ref(&good), &always), best);
        let two = [always.clone(), always.clone()].concat();
        assert_eq!(facts(&[good.clone(), good.clone()], &two), best);
        assert!(!facts(&[good.clone(), info("allkeys-lru", 1, 0)], &two).keeps);
        assert!(!facts(&[good.clone(), info("noeviction", 0, 0)], &two).synced);
        assert!(!facts(&[good.clone(), good.clone()], &always).synced);
        assert!(facts(&[good.clone(), info("noeviction", 1, 1)], &two).replicas);
        assert!(!facts(&[good], &[]).synced);
        assert!(!facts(&[], &[]).keeps);
    }
}
