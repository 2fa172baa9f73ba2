//! Writes that not enough replicas may have (`wait`). The caller of one is told *unknown* and loads again, and what is found on the
//! master alone must not make the write good: so the next load of such a record waits for the replicas too.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use grantor_core::store::Key;

/// When there are more, each load waits.
const MOST: usize = 65_536;

/// The records of which this is so; each with the number of the doubt, for a newer one may come while an older is settled.
#[derive(Debug, Default)]
pub(crate) struct Doubts(Mutex<(HashMap<Key, u64>, u64)>);

impl Doubts {
    fn with<T>(&self, look: impl FnOnce(&mut HashMap<Key, u64>, &mut u64) -> T) -> T {
        let (all, next) = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        look(all, next)
    }

    /// A write of this record is in doubt.
    pub(crate) fn add(&self, key: &Key) {
        self.with(|all, next| {
            *next += 1;
            if all.len() < MOST || all.contains_key(key) {
                all.insert(*key, *next);
            }
        });
    }

    /// The number of the doubt that there is about this record.
    pub(crate) fn about(&self, key: &Key) -> Option<u64> {
        self.with(|all, _| all.get(key).copied().or_else(|| (all.len() >= MOST).then_some(0)))
    }

    /// What was found when the doubt had this number has its replicas.
    pub(crate) fn settle(&self, key: &Key, doubt: u64) {
        self.with(|all, _| {
            if all.get(key) == Some(&doubt) {
                all.remove(key);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use grantor_core::store::Kind;

    use super::*;

    fn key(number: usize) -> Key {
        Key::new(Kind::GRANT, (number as u128).to_be_bytes())
    }

    #[test]
    fn a_doubt_is_settled_unless_a_newer_one_came() {
        let doubts = Doubts::default();
        assert_eq!(doubts.about(&key(1)), None);
        doubts.add(&key(1));
        let first = doubts.about(&key(1)).unwrap();
        doubts.add(&key(1));
        doubts.settle(&key(1), first);
        let second = doubts.about(&key(1)).unwrap();
        assert_ne!(first, second);
        doubts.settle(&key(1), second);
        assert_eq!(doubts.about(&key(1)), None);
    }

    #[test]
    fn where_there_are_too_many_all_are_in_doubt() {
        let doubts = Doubts::default();
        for number in 0..=MOST {
            doubts.add(&key(number));
        }
        assert!(doubts.about(&key(MOST + 7)).is_some());
    }
}
