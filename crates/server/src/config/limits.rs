//! `[limits]`: what comes from outside, and how much of it. Each limit on attempts and connections can be switched off.

use std::time::Duration;

use grantor::AttemptLimit;

use super::Config;
use super::setting::{Setting, setting};

/// Limits on what comes from outside.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    /// What core goes by; `attempts` are those of client secrets.
    pub(crate) requests: grantor::Limits,
    /// Bytes of all headers of a request.
    pub(crate) header_bytes: usize,
    /// Number of headers of a request.
    pub(crate) headers: usize,
    /// Connections at once; 0 is without limit.
    pub(crate) connections: usize,
    /// Connections of one network address at once; 0 is without limit.
    pub(crate) connections_per_address: usize,
    /// Until the headers are there.
    pub(crate) header_timeout: Option<Duration>,
    /// Until the body is there.
    pub(crate) body_timeout: Option<Duration>,
    /// Until a request is answered.
    pub(crate) request_timeout: Option<Duration>,
    /// How long the store has for all calls of one request.
    pub(crate) store_timeout: Duration,
    /// How long a connection may wait for its next request.
    pub(crate) idle_timeout: Option<Duration>,
    /// After SIGTERM, until what is in flight must be answered.
    pub(crate) shutdown_timeout: Duration,
    /// Wrong passwords for one name from one network address.
    pub(crate) login_attempts: AttemptLimit,
    /// Wrong passwords from one network address, whatever the name.
    pub(crate) network_attempts: AttemptLimit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests: grantor::Limits::default(),
            header_bytes: 32 * 1024,
            headers: 100,
            connections: 20_000,
            connections_per_address: 0,
            header_timeout: Some(Duration::from_secs(10)),
            body_timeout: Some(Duration::from_secs(10)),
            request_timeout: Some(Duration::from_secs(30)),
            store_timeout: Duration::from_secs(2),
            idle_timeout: Some(Duration::from_secs(60)),
            shutdown_timeout: Duration::from_secs(8),
            login_attempts: AttemptLimit { burst: 10, refill: Duration::from_secs(30) },
            network_attempts: AttemptLimit { burst: 100, refill: Duration::from_secs(6) },
        }
    }
}

const LEAST_BYTES: &str = "write at least 1024 and at most 16777216";

fn bytes(value: usize) -> bool {
    (1024..=16 * 1024 * 1024).contains(&value)
}

fn some(value: usize) -> bool {
    (1..=10_000).contains(&value)
}

fn waits(value: Option<Duration>) -> bool {
    value != Some(Duration::ZERO)
}

const WAITS: &str = "it must be longer than 0; \"off\" switches it off";

fn refills(value: Duration) -> bool {
    value >= Duration::from_millis(1)
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "limits",
        "body_bytes",
        usize,
        limits.requests.body_bytes,
        "The largest body of a request, in bytes; a larger one is answered with 413",
        |value| bytes(*value),
        LEAST_BYTES
    ),
    setting!(
        "limits",
        "parameters",
        usize,
        limits.requests.parameters,
        "The most parameters of a query or a form",
        |value| some(*value),
        "write 1 to 10000"
    ),
    setting!(
        "limits",
        "value_bytes",
        usize,
        limits.requests.value_bytes,
        "The longest value of a parameter, in bytes",
        |value| bytes(*value),
        LEAST_BYTES
    ),
    setting!(
        "limits",
        "uri_bytes",
        usize,
        limits.requests.uri_bytes,
        "The longest URI, in bytes; a longer one is answered with 414",
        |value| bytes(*value),
        LEAST_BYTES
    ),
    setting!(
        "limits",
        "header_bytes",
        usize,
        limits.header_bytes,
        "All headers of a request together, in bytes; more is answered with 431",
        |value| (8192..=1024 * 1024).contains(value),
        "write 8192 to 1048576"
    ),
    setting!(
        "limits",
        "headers",
        usize,
        limits.headers,
        "The most headers of a request; more is answered with 431",
        |value| some(*value),
        "write 1 to 10000"
    ),
    setting!(
        "limits",
        "connections",
        usize,
        limits.connections,
        "Connections at once; further ones wait. 0: no limit"
    ),
    setting!(
        "limits",
        "connections_per_address",
        usize,
        limits.connections_per_address,
        "Connections of one network address at once; further ones are closed. 0: no limit"
    ),
    setting!(
        "limits",
        "header_timeout",
        Option<Duration>,
        limits.header_timeout,
        "From the first byte of a request until its headers are there",
        |value| waits(*value),
        WAITS
    ),
    setting!(
        "limits",
        "body_timeout",
        Option<Duration>,
        limits.body_timeout,
        "From the headers of a request until its body is there; then 408",
        |value| waits(*value),
        WAITS
    ),
    setting!(
        "limits",
        "request_timeout",
        Option<Duration>,
        limits.request_timeout,
        "Until a request is answered; then 503",
        |value| waits(*value),
        WAITS
    ),
    setting!(
        "limits",
        "store_timeout",
        Duration,
        limits.store_timeout,
        "How long the store has for all calls of one request together; then 503. A store behind a server has a deadline for each call too, in its URL",
        |value| (Duration::from_millis(10)..=Duration::from_secs(600)).contains(value),
        "write \"10ms\" to \"10m\""
    ),
    setting!(
        "limits",
        "idle_timeout",
        Option<Duration>,
        limits.idle_timeout,
        "How long a connection may wait for its next request",
        |value| waits(*value),
        WAITS
    ),
    setting!(
        "limits",
        "shutdown_timeout",
        Duration,
        limits.shutdown_timeout,
        "After SIGTERM: how long what is in flight has to be answered",
        |value| *value <= Duration::from_secs(600),
        "it must be at most \"10m\""
    ),
    setting!(
        "limits",
        "client_attempts",
        u32,
        limits.requests.attempts.burst,
        "Wrong secrets (and passwords of the password grant) of one client and network address that are free; then 429. 0: no limit"
    ),
    setting!(
        "limits",
        "client_attempts_refill",
        Duration,
        limits.requests.attempts.refill,
        "After them, one more is free each time this has passed",
        |value| refills(*value),
        "write at least \"1ms\""
    ),
    setting!(
        "limits",
        "login_attempts",
        u32,
        limits.login_attempts.burst,
        "Wrong passwords for one name from one network address that are free. 0: no limit"
    ),
    setting!(
        "limits",
        "login_attempts_refill",
        Duration,
        limits.login_attempts.refill,
        "After them, one more is free each time this has passed",
        |value| refills(*value),
        "write at least \"1ms\""
    ),
    setting!(
        "limits",
        "network_attempts",
        u32,
        limits.network_attempts.burst,
        "Wrong passwords from one network address, whatever the name, that are free. 0: no limit"
    ),
    setting!(
        "limits",
        "network_attempts_refill",
        Duration,
        limits.network_attempts.refill,
        "After them, one more is free each time this has passed",
        |value| refills(*value),
        "write at least \"1ms\""
    ),
];
