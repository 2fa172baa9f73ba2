//! `[passwords]`: what it costs to check a password, and how many are checked at once.

use std::time::Duration;

use super::Config;
use super::setting::{Setting, setting};

/// What a password costs.
#[derive(Debug, Clone)]
pub(crate) struct Passwords {
    /// Argon2id memory, in KiB.
    pub(crate) memory_kib: u32,
    /// Argon2id passes.
    pub(crate) passes: u32,
    /// Argon2id lanes.
    pub(crate) lanes: u32,
    /// How many are checked at once; 0: as many as there are cores.
    pub(crate) parallel: usize,
    /// How many may wait.
    pub(crate) queue: usize,
    /// How long a right client secret is remembered.
    pub(crate) remember_for: Duration,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
            parallel: 0,
            queue: 64,
            remember_for: Duration::from_secs(5 * 60),
        }
    }
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "passwords",
        "memory_kib",
        u32,
        passwords.memory_kib,
        "Memory that Argon2id takes for one password, in KiB. Passwords that were set before keep what they were set with",
        |value| (8 * 64..=4 * 1024 * 1024).contains(value),
        "write 512 to 4194304"
    ),
    setting!(
        "passwords",
        "passes",
        u32,
        passwords.passes,
        "Passes of Argon2id over that memory",
        |value| (1..=100).contains(value),
        "write 1 to 100"
    ),
    setting!(
        "passwords",
        "lanes",
        u32,
        passwords.lanes,
        "Lanes of Argon2id",
        |value| (1..=64).contains(value),
        "write 1 to 64"
    ),
    setting!(
        "passwords",
        "parallel",
        usize,
        passwords.parallel,
        "Passwords that are checked at once. 0: as many as there are cores",
        |value| *value <= 1024,
        "write at most 1024"
    ),
    setting!(
        "passwords",
        "queue",
        usize,
        passwords.queue,
        "Passwords that wait to be checked; one more is answered with 503"
    ),
    setting!(
        "passwords",
        "remember_for",
        Duration,
        passwords.remember_for,
        "How long a right client secret that a person chose is remembered (as a keyed digest, in memory), so that a client does not pay for each request. `0s`: not at all",
        |value| *value <= Duration::from_secs(3600),
        "it must be at most \"1h\""
    ),
];
