//! How much memory the records may take, and how much of it those that anybody can cause.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::block::Block;

/// What a record costs beside its own bytes: the allocator's part and its place in the table, half of which may be empty.
const BESIDE: usize = 48;

/// The memory that is taken, in bytes.
#[derive(Debug)]
pub(crate) struct Room {
    most: usize,
    most_pending: usize,
    taken: AtomicUsize,
    pending: AtomicUsize,
}

/// What one record takes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Charge {
    bytes: usize,
    pending: usize,
}

impl Charge {
    pub(crate) fn of(block: &Block) -> Self {
        let bytes = (block.len() + BESIDE).next_multiple_of(16);
        Self { bytes, pending: if block.is_pending() { bytes } else { 0 } }
    }
}

/// There is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Full {
    /// For any record.
    All,
    /// For one that is pending.
    Pending,
}

impl Room {
    pub(crate) fn new(most: usize, most_pending: usize) -> Self {
        Self { most, most_pending, taken: AtomicUsize::new(0), pending: AtomicUsize::new(0) }
    }

    /// Gives back what a record took and takes what its successor needs, or takes nothing.
    pub(crate) fn swap(&self, old: Charge, new: Charge) -> Result<(), Full> {
        grow(&self.pending, old.pending, new.pending, self.most_pending).map_err(|()| Full::Pending)?;
        grow(&self.taken, old.bytes, new.bytes, self.most).map_err(|()| {
            // It was possible a moment ago, in the other direction.
            let _ = grow(&self.pending, new.pending, old.pending, usize::MAX);
            Full::All
        })
    }

    /// Whether there is room for this.
    pub(crate) fn fits(&self, charge: Charge) -> bool {
        let fits = |taken: &AtomicUsize, more: usize, most: usize| {
            more == 0 || taken.load(Ordering::Relaxed).saturating_add(more) <= most
        };
        fits(&self.taken, charge.bytes, self.most) && fits(&self.pending, charge.pending, self.most_pending)
    }

    pub(crate) fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn pending(&self) -> usize {
        self.pending.load(Ordering::Relaxed)
    }

    pub(crate) fn most(&self, full: Full) -> usize {
        match full {
            Full::All => self.most,
            Full::Pending => self.most_pending,
        }
    }
}

/// Changes what is taken from `old` to `new`, unless it grows over `most`.
fn grow(taken: &AtomicUsize, old: usize, new: usize, most: usize) -> Result<(), ()> {
    if new <= old {
        if new < old {
            taken.fetch_sub(old - new, Ordering::Relaxed);
        }
        return Ok(());
    }
    let more = new - old;
    let fits = |taken: usize| taken.checked_add(more).filter(|after| *after <= most);
    taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).map(|_| ()).map_err(|_| ())
}
