//! The store in memory against a model, at its limits, and raced.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod limit;
mod model;
mod race;

use bytes::Bytes;
use grantor_core::Timestamp;
use grantor_core::store::{Key, Kind, Record, Stage};

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

fn key(number: u64) -> Key {
    Key::new(Kind::GRANT, u128::from(number).to_be_bytes())
}

/// A living grant, as large as one of client credentials, for that many seconds.
fn record(number: u64, seconds: i64) -> Record {
    Record {
        key: key(number),
        stage: Stage::Live,
        expires_at: Timestamp::from_secs(NOW.as_secs() + seconds),
        client: Some("client".into()),
        subject: None,
        body: Bytes::from(vec![7; 68]),
    }
}

fn pending(number: u64, seconds: i64) -> Record {
    Record { stage: Stage::Pending, ..record(number, seconds) }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(NOW.as_secs() + seconds)
}
