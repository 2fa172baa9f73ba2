//! What this process saw last: by it a `replace` right behind a `load` needs no second look at the record.
//!
//! A CAS number says something only to the server process that gave it: after a restart it counts from one again. So a
//! hint belongs to the connection that it was seen on, and ends with it: while a connection lives, so does the process
//! behind it.

use std::sync::Arc;

use grantor_core::Timestamp;
use grantor_core::store::{Key, Revision};
use parking_lot::Mutex;

use crate::connection::Connection;

/// Places for hints. A revision falls on one of them; the newer one stays.
const PLACES: usize = 4096;
const PARTS: usize = 16;

/// That a record had this revision, and which item that was.
#[derive(Debug, Clone)]
pub(crate) struct Hint {
    pub(crate) key: Key,
    pub(crate) revision: Revision,
    pub(crate) expires_at: Timestamp,
    pub(crate) cas: u64,
    pub(crate) connection: Arc<Connection>,
}

#[derive(Debug)]
pub(crate) struct Hints(Vec<Mutex<Vec<Option<Hint>>>>);

impl Hints {
    pub(crate) fn new() -> Self {
        Self((0..PARTS).map(|_| Mutex::new(vec![None; PLACES / PARTS])).collect())
    }

    /// The part and the place of a revision, which is a random number.
    fn place(&self, revision: Revision) -> Option<(&Mutex<Vec<Option<Hint>>>, usize)> {
        let place = usize::try_from(revision.number() % PLACES as u64).unwrap_or_default();
        self.0.get(place % PARTS).map(|part| (part, place / PARTS))
    }

    pub(crate) fn put(&self, hint: Hint) {
        if let Some((part, place)) = self.place(hint.revision)
            && let Some(place) = part.lock().get_mut(place)
        {
            *place = Some(hint);
        }
    }

    /// Takes the hint, where its connection has not ended.
    pub(crate) fn take(&self, key: &Key, revision: Revision) -> Option<Hint> {
        let (part, place) = self.place(revision)?;
        let mut part = part.lock();
        let place = part.get_mut(place)?;
        let found = place.as_ref().is_some_and(|hint| hint.key == *key && hint.revision == revision);
        if !found {
            return None;
        }
        place.take().filter(|hint| !hint.connection.has_ended())
    }
}
