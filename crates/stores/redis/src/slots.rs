//! Which node of a Cluster has which slot, as far as it is known. Where it is wrong, the answer of a node says so (`MOVED`).

use std::sync::{Arc, Mutex, PoisonError};

use redis::{Arg, Cmd, Value};

use crate::target::Node;

pub(crate) const SLOTS: u16 = 16_384;

#[derive(Debug)]
pub(crate) struct Slots(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    nodes: Vec<Node>,
    /// For each slot the place in `nodes`.
    owners: Vec<Option<u16>>,
    turn: usize,
}

impl Slots {
    /// Knows nothing but some nodes.
    pub(crate) fn new(nodes: Vec<Node>) -> Self {
        Self(Mutex::new(Known { nodes, owners: vec![None; SLOTS.into()], turn: 0 }))
    }

    fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The node of a slot; where that is not known, the next one in turn, which will say.
    pub(crate) fn node(&self, slot: u16) -> Option<Node> {
        self.with(|known| {
            let owner = known.owners.get(usize::from(slot)).copied().flatten();
            if let Some(node) = owner.and_then(|owner| known.nodes.get(usize::from(owner))) {
                return Some(Arc::clone(node));
            }
            known.turn = known.turn.wrapping_add(1);
            let turn = known.turn.checked_rem(known.nodes.len())?;
            known.nodes.get(turn).map(Arc::clone)
        })
    }

    /// All nodes.
    pub(crate) fn nodes(&self) -> Vec<Node> {
        self.with(|known| known.nodes.clone())
    }

    /// The nodes that have slots.
    pub(crate) fn masters(&self) -> Vec<Node> {
        self.with(|known| {
            let mut owners: Vec<u16> = known.owners.iter().copied().flatten().collect();
            owners.sort_unstable();
            owners.dedup();
            owners.iter().filter_map(|&owner| known.nodes.get(usize::from(owner))).map(Arc::clone).collect()
        })
    }

    /// A node said that the slot is there.
    pub(crate) fn moved(&self, slot: u16, to: &Node) {
        self.with(|known| known.put(slot..=slot, to));
    }

    /// Takes over what a node answers to `CLUSTER SLOTS`; whether it was of use.
    pub(crate) fn learn(&self, answer: &Value, asked: &Node) -> bool {
        let mut new = Known { nodes: Vec::new(), owners: vec![None; SLOTS.into()], turn: 0 };
        let Value::Array(ranges) = answer else { return false };
        for range in ranges {
            let Value::Array(range) = range else { return false };
            let [Value::Int(first), Value::Int(last), servers @ ..] = range.as_slice() else { return false };
            let (Ok(first), Ok(last)) = (u16::try_from(*first), u16::try_from(*last)) else { return false };
            for (number, server) in servers.iter().enumerate() {
                let Some(node) = server_in(server, asked) else { return false };
                // The first is the master, the others follow it, and know where it is if it has gone.
                if number == 0 {
                    new.put(first..=last, &node);
                } else {
                    new.place(&node);
                }
            }
        }
        let learned = !new.nodes.is_empty();
        if learned {
            self.with(|known| *known = new);
        }
        learned
    }
}

impl Known {
    fn place(&mut self, node: &Node) -> Option<u16> {
        let at = self.nodes.iter().position(|own| own == node).unwrap_or_else(|| {
            self.nodes.push(Arc::clone(node));
            self.nodes.len() - 1
        });
        u16::try_from(at).ok()
    }

    fn put(&mut self, slots: std::ops::RangeInclusive<u16>, node: &Node) {
        let place = self.place(node);
        let (first, last) = (usize::from(*slots.start()), usize::from(*slots.end()));
        if let Some(owners) = self.owners.get_mut(first..=last) {
            owners.fill(place);
        }
    }
}

/// The address in `[host, port, ..]`. No host means that of the node that was asked.
fn server_in(server: &Value, asked: &Node) -> Option<Node> {
    let Value::Array(parts) = server else { return None };
    let [host, Value::Int(port), ..] = parts.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        _ => "",
    };
    Some(address(&format!("{host}:{port}"), asked))
}

/// An address as a node writes it; where the host is missing, that of the node itself.
pub(crate) fn address(text: &str, asked: &Node) -> Node {
    match text.rsplit_once(':') {
        Some(("" | "?", port)) => {
            let host = asked.rsplit_once(':').map_or("", |(host, _)| host);
            format!("{host}:{port}").into()
        }
        _ => text.into(),
    }
}

/// The slot of the key of one of our commands: the first word after the command's name, or after a script and the number of
/// its keys. No name of ours has a `{`.
pub(crate) fn slot(command: &Cmd) -> u16 {
    let mut words =
        command.args_iter().map(|word| if let Arg::Simple(word) = word { word } else { b"".as_slice() });
    let at = if words.next().is_some_and(|name| name.starts_with(b"EVAL")) { 2 } else { 0 };
    crc16(words.nth(at).unwrap_or_default()) % SLOTS
}

/// CRC-16/XMODEM, which Redis Cluster maps keys with.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(*byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: Value, port: i64) -> Value {
        Value::Array(vec![host, Value::Int(port), Value::BulkString(b"id".to_vec())])
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    #[test]
    fn slots_are_those_of_the_engine() {
        // The check value of the CRC, and two of the engine's own answers to CLUSTER KEYSLOT.
        assert_eq!(crc16(b"123456789"), 0x31c3);
        let mut get = redis::cmd("GET");
        get.arg("foo");
        assert_eq!(slot(&get), 12_182);
        let mut script = redis::cmd("EVALSHA");
        script.arg("sha").arg(1).arg("hello").arg("argument");
        assert_eq!(slot(&script), 866);
    }

    #[test]
    fn a_map_is_learned_and_corrected() {
        let asked: Node = "h:1".into();
        let slots = Slots::new(vec![Arc::clone(&asked)]);
        slots.moved(1, &"i:2".into());
        let asked_for_7: std::collections::BTreeSet<_> = (0..2).map(|_| slots.node(7)).collect();
        assert_eq!(asked_for_7.len(), 2, "where nobody has it, all are asked in turn");
        let low =
            Value::Array(vec![Value::Int(0), Value::Int(9), server(text("a"), 1), server(text("b"), 2)]);
        let high = Value::Array(vec![Value::Int(10), Value::Int(16_383), server(Value::Nil, 3)]);
        assert!(slots.learn(&Value::Array(vec![low, high]), &asked));
        let of = |slot| slots.node(slot).unwrap().to_string();
        assert_eq!(
            (of(0), of(9), of(10), of(16_383)),
            ("a:1".into(), "a:1".into(), "h:3".into(), "h:3".into())
        );
        assert_eq!(slots.masters(), [Node::from("a:1"), Node::from("h:3")]);
        assert_eq!(slots.nodes().len(), 3);
        slots.moved(9, &"c:4".into());
        assert_eq!((of(8), of(9)), ("a:1".into(), "c:4".into()));
    }

    #[test]
    fn a_map_that_says_nothing_changes_nothing() {
        let asked: Node = "h:1".into();
        let slots = Slots::new(vec![Arc::clone(&asked)]);
        for answer in [Value::Nil, Value::Array(vec![]), Value::Array(vec![Value::Int(1)])] {
            assert!(!slots.learn(&answer, &asked));
        }
        assert_eq!(slots.nodes(), [asked]);
    }

    #[test]
    fn an_address_without_a_host_is_the_same_host() {
        let asked: Node = "::1:6379".into();
        assert_eq!(&*address(":7", &asked), "::1:7");
        assert_eq!(&*address("?:7", &asked), "::1:7");
        assert_eq!(&*address("h:7", &asked), "h:7");
    }
}
