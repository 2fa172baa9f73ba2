//! A gate at which calls wait until a test opens it: races in a chosen order, without a sleep.

use std::sync::Arc;

use tokio::sync::Semaphore;

/// Closed until [`Gate::open`]. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    arrived: Arc<Semaphore>,
    opened: Arc<Semaphore>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { arrived: Arc::new(Semaphore::new(0)), opened: Arc::new(Semaphore::new(0)) }
    }

    /// Waits until someone has arrived at the gate; the next call waits for one more.
    pub async fn reached(&self) {
        if let Ok(arrival) = self.arrived.acquire().await {
            arrival.forget();
        }
    }

    /// Lets all pass, now and later.
    pub fn open(&self) {
        self.opened.close();
    }

    /// Arrives and waits until the gate is open.
    pub async fn pass(&self) {
        self.arrived.add_permits(1);
        // A closed semaphore is an open gate.
        let _ = self.opened.acquire().await;
    }
}
