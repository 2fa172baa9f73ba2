//! The statements, each one conditional on its own, and records as rows.

use grantor_core::Timestamp;
use grantor_core::store::{Filter, Key, Record, Revision, Stage};
use mysql_async::{Row, Value};

use crate::failure::Failure;

/// The longest client or subject in bytes, as wide as its column. Both are in an index.
pub(crate) const MAX_NAME: usize = 1024;

/// Fails where the key is there, also where that record is expired.
///
/// Not `ON DUPLICATE KEY UPDATE`, whose row count depends on `CLIENT_FOUND_ROWS`.
pub(crate) const INSERT: &str = "INSERT INTO grantor_record \
    (revision, stage, expires_at, client, subject, body, kind, id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

/// Until when the record of this key lives.
pub(crate) const EXPIRY: &str = "SELECT expires_at FROM grantor_record WHERE kind = ? AND id = ?";

/// Writes over a record that is expired. The revision changes, so a row that matches is a row that is changed.
pub(crate) const OVERWRITE: &str = "UPDATE grantor_record \
    SET revision = ?, stage = ?, expires_at = ?, client = ?, subject = ?, body = ? \
    WHERE kind = ? AND id = ? AND expires_at <= ?";

/// The swap. The revision changes here too.
pub(crate) const REPLACE: &str = "UPDATE grantor_record \
    SET revision = ?, stage = ?, expires_at = ?, client = ?, subject = ?, body = ? \
    WHERE kind = ? AND id = ? AND expires_at > ? AND revision = ?";

pub(crate) const REMOVE: &str = "DELETE FROM grantor_record WHERE kind = ? AND id = ? AND expires_at > ?";

pub(crate) const LOAD: &str = "SELECT kind, id, stage, expires_at, client, subject, body, revision \
    FROM grantor_record WHERE kind = ? AND id = ? AND expires_at > ?";

pub(crate) const SWEEP: &str = "DELETE FROM grantor_record WHERE expires_at <= ? ORDER BY expires_at LIMIT ?";

macro_rules! listing {
    ($($condition:literal)?) => {
        concat!(
            "SELECT kind, id, stage, expires_at, client, subject, body, revision FROM grantor_record \
             WHERE kind = ? AND id >= ? AND expires_at > ? ", $($condition,)? "ORDER BY id LIMIT ?"
        )
    };
}

/// The columns of a record in the order of the statements that write it.
pub(crate) fn written(record: &Record, revision: u64) -> Vec<Value> {
    let text = |text: Option<&str>| text.map_or(Value::NULL, |text| Value::Bytes(text.as_bytes().to_vec()));
    vec![
        Value::UInt(revision),
        Value::UInt(stage_number(record.stage)),
        Value::Int(record.expires_at.as_millis()),
        text(record.client.as_deref()),
        text(record.subject.as_deref()),
        Value::Bytes(record.body.to_vec()),
        Value::UInt(record.key.kind.number().into()),
        Value::Bytes(record.key.id.to_vec()),
    ]
}

/// A key.
pub(crate) fn key(key: &Key) -> Vec<Value> {
    vec![Value::UInt(key.kind.number().into()), Value::Bytes(key.id.to_vec())]
}

/// A key and a moment.
pub(crate) fn key_at(of: &Key, now: Timestamp) -> Vec<Value> {
    let mut params = key(of);
    params.push(Value::Int(now.as_millis()));
    params
}

/// The statement for this filter, and its parameters. The first id is `from`.
pub(crate) fn list(
    filter: &Filter,
    from: [u8; 16],
    limit: usize,
    now: Timestamp,
) -> (&'static str, Vec<Value>) {
    let sql = match (&filter.client, &filter.subject) {
        (None, None) => listing!(),
        (Some(_), None) => listing!("AND client = ? "),
        (None, Some(_)) => listing!("AND subject = ? "),
        (Some(_), Some(_)) => listing!("AND client = ? AND subject = ? "),
    };
    let mut params = vec![
        Value::UInt(filter.kind.number().into()),
        Value::Bytes(from.to_vec()),
        Value::Int(now.as_millis()),
    ];
    let names = [&filter.client, &filter.subject].into_iter().flatten();
    params.extend(names.map(|name| Value::Bytes(name.as_bytes().to_vec())));
    params.push(Value::UInt(limit as u64));
    (sql, params)
}

/// The record in a row of [`LOAD`] or of a listing.
pub(crate) fn record(mut row: Row) -> Result<(Record, Revision), Failure> {
    let read = |row: &mut Row| {
        let kind: u16 = take(row, 0)?;
        let id: Vec<u8> = take(row, 1)?;
        let stage: u8 = take(row, 2)?;
        let expires_at: i64 = take(row, 3)?;
        let client: Option<Vec<u8>> = take(row, 4)?;
        let subject: Option<Vec<u8>> = take(row, 5)?;
        let body: Vec<u8> = take(row, 6)?;
        let revision: u64 = take(row, 7)?;
        let text = |bytes: Option<Vec<u8>>| match bytes {
            None => Some(None),
            Some(bytes) => String::from_utf8(bytes).ok().map(|text| Some(text.into())),
        };
        let record = Record {
            key: Key::new(grantor_core::store::Kind::from_number(kind), id.try_into().ok()?),
            stage: if stage == 0 { Stage::Pending } else { Stage::Live },
            expires_at: Timestamp::from_millis(expires_at),
            client: text(client)?,
            subject: text(subject)?,
            body: body.into(),
        };
        Some((record, Revision::from_number(revision)))
    };
    read(&mut row).ok_or_else(|| {
        Failure::refused(
            "a row of grantor_record is not as this release writes it: somebody else changed the table",
        )
    })
}

/// One column; `None` where it has another type.
pub(crate) fn take<T: mysql_async::prelude::FromValue>(row: &mut Row, column: usize) -> Option<T> {
    row.take_opt(column)?.ok()
}

fn stage_number(stage: Stage) -> u64 {
    match stage {
        Stage::Pending => 0,
        Stage::Live => 1,
    }
}
