//! The hooks themselves: a clock and a store that a control file commands.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use grantor::store::{Created, Index, Key, Promises, Record, Removed, Replaced, Revision, Store, StoreError};
use grantor::{Clock, Timestamp};
use serde::Deserialize;

use crate::app::Ports;

/// How often a waiting call looks whether it may go on.
const LOOK: Duration = Duration::from_millis(10);

/// The control file.
#[derive(Debug, Clone)]
pub(crate) struct Control {
    file: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Commands {
    clock_offset_seconds: i64,
    store: Fault,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Fault {
    #[default]
    Ok,
    Fail,
    Lose,
    Wait,
}

impl Control {
    pub(super) fn new(file: OsString) -> Self {
        Self { file: file.into() }
    }

    pub(super) fn before(&self, (store, clock): Ports) -> Ports {
        tracing::warn!(target: "grantor", reason = "test_hooks_on", file = %self.file.display(), "TEST HOOKS ARE ON: a file commands clock and store of this server. Never let this be a server that matters");
        let control = self.clone();
        (Arc::new(Commanded { store, control: self.clone() }), Arc::new(Shifted { clock, control }))
    }

    fn commands(&self) -> Commands {
        let Ok(text) = std::fs::read_to_string(&self.file) else { return Commands::default() };
        toml::from_str(&text).unwrap_or_else(|cause| {
            tracing::error!(target: "grantor", reason = "test_hooks_unread", %cause, "the control file of the test hooks cannot be read");
            Commands::default()
        })
    }
}

#[expect(clippy::panic, reason = "it is what was asked for")]
pub(super) fn panic() -> ! {
    panic!("a test asked for this");
}

#[derive(Debug)]
struct Shifted {
    clock: Arc<dyn Clock>,
    control: Control,
}

impl Clock for Shifted {
    fn now(&self) -> Timestamp {
        let (now, offset) = (self.clock.now(), self.control.commands().clock_offset_seconds);
        let offset_by = Duration::from_secs(offset.unsigned_abs());
        if offset < 0 { now.before(offset_by) } else { now.after(offset_by) }
    }
}

#[derive(Debug)]
struct Commanded {
    store: Arc<dyn Store>,
    control: Control,
}

impl Commanded {
    /// Goes on when the file lets it; `true` where the answer is to be lost.
    async fn gate(&self) -> Result<bool, StoreError> {
        loop {
            match self.control.commands().store {
                Fault::Ok => return Ok(false),
                Fault::Lose => return Ok(true),
                Fault::Fail => return Err(StoreError::nothing_written("the test hooks let the store fail")),
                Fault::Wait => tokio::time::sleep(LOOK).await,
            }
        }
    }

    fn lost() -> StoreError {
        StoreError::unknown("the test hooks lost the answer")
    }
}

#[async_trait]
impl Store for Commanded {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        self.gate().await?;
        self.store.load(key, now).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let lost = self.gate().await?;
        let done = self.store.create(record, now).await?;
        if lost { Err(Self::lost()) } else { Ok(done) }
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let lost = self.gate().await?;
        let done = self.store.replace(record, loaded, now).await?;
        if lost { Err(Self::lost()) } else { Ok(done) }
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let lost = self.gate().await?;
        let done = self.store.remove(key, now).await?;
        if lost { Err(Self::lost()) } else { Ok(done) }
    }

    fn promises(&self) -> Promises {
        self.store.promises()
    }

    fn index(&self) -> Option<&dyn Index> {
        self.store.index()
    }
}
