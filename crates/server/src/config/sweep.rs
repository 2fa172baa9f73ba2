//! `[sweep]`: how expired records go away. They are invisible at once; this gives their room back.

use std::time::Duration;

use grantor::SweepPolicy;

use super::Config;
use super::setting::{Setting, setting};

/// How expired records go.
#[derive(Debug, Clone)]
pub(crate) struct Sweep {
    /// How often this process looks; `None`: never.
    pub(crate) every: Option<Duration>,
    /// How many records go at a time.
    pub(crate) batch: usize,
    /// How long it rests while there are more.
    pub(crate) pause: Duration,
}

impl Default for Sweep {
    fn default() -> Self {
        let SweepPolicy { every, batch, pause } = SweepPolicy::default();
        Self { every: Some(every), batch, pause }
    }
}

impl Sweep {
    /// `None`: this process does not sweep.
    pub(crate) fn policy(&self) -> Option<SweepPolicy> {
        self.every.map(|every| SweepPolicy { every, batch: self.batch, pause: self.pause })
    }
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "sweep",
        "every",
        Option<Duration>,
        sweep.every,
        "How often each process deletes what has expired, in the mean (at random between half and one and a half of it). What has expired is invisible at once, whatever stands here. `off`: never, and `grantor sweep` does it",
        |value| value.is_none_or(|every| every >= Duration::from_millis(100)),
        "write at least \"100ms\"; \"off\" switches it off"
    ),
    setting!(
        "sweep",
        "batch",
        usize,
        sweep.batch,
        "How many records go at a time",
        |value| (1..=100_000).contains(value),
        "write 1 to 100000"
    ),
    setting!(
        "sweep",
        "pause",
        Duration,
        sweep.pause,
        "How long it rests at least after a full batch before the next. It rests longer after a batch that took long: 200 times as long as that, so that fewer than one request in a hundred comes meanwhile; where five minutes later there is still more to delete, half of that, and so on down to 3 times as long"
    ),
];
