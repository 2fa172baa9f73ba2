//! The statements, and what they are given.

use grantor_core::Timestamp;
use grantor_core::store::{Record, Revision, Stage};
use tokio_postgres::{Client, Error, Statement};

/// What a call asks the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Load,
    /// Whether a client and a subject are given.
    List {
        client: bool,
        subject: bool,
    },
    Create,
    Replace,
    Remove,
    Sweep,
}

impl Ask {
    /// It changes nothing, and may be asked again.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, Self::Load | Self::List { .. })
    }

    /// For messages.
    pub(crate) fn doing(self) -> &'static str {
        match self {
            Self::Load => "a load",
            Self::List { .. } => "a listing",
            Self::Create => "a create",
            Self::Replace => "a replace",
            Self::Remove => "a remove",
            Self::Sweep => "a sweep",
        }
    }
}

/// The prepared statements of one connection.
pub(crate) struct Statements {
    load: Statement,
    create: Statement,
    replace: Statement,
    remove: Statement,
    sweep: Statement,
    /// By kind; by kind and client; by kind and subject; by all three.
    list: [Statement; 4],
}

impl Statements {
    pub(crate) fn of(&self, ask: Ask) -> &Statement {
        let [all, of_client, of_subject, both] = &self.list;
        match ask {
            Ask::Load => &self.load,
            Ask::List { client: false, subject: false } => all,
            Ask::List { client: true, subject: false } => of_client,
            Ask::List { client: false, subject: true } => of_subject,
            Ask::List { client: true, subject: true } => both,
            Ask::Create => &self.create,
            Ask::Replace => &self.replace,
            Ask::Remove => &self.remove,
            Ask::Sweep => &self.sweep,
        }
    }

    /// Prepares all of them in one exchange.
    pub(crate) async fn prepare(client: &Client, schema: &str) -> Result<Self, Error> {
        let table = format!("\"{schema}\".record");
        let load = format!(
            "SELECT stage, expires_at, client, subject, body, revision FROM {table}
             WHERE kind = $1 AND id = $2 AND expires_at > $3"
        );
        let create = format!(
            "INSERT INTO {table} AS held (kind, id, revision, expires_at, sweep_from, stage, client, subject, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (kind, id) DO UPDATE SET
                revision = excluded.revision, expires_at = excluded.expires_at, sweep_from = excluded.sweep_from,
                stage = excluded.stage, client = excluded.client, subject = excluded.subject, body = excluded.body
             WHERE held.expires_at <= $10"
        );
        let replace = format!(
            "UPDATE {table} SET revision = $3, expires_at = $4, sweep_from = $5, stage = $6, client = $7, subject = $8,
                body = $9
             WHERE kind = $1 AND id = $2 AND expires_at > $10 AND revision = $11"
        );
        let remove = format!("DELETE FROM {table} WHERE kind = $1 AND id = $2 AND expires_at > $3");
        // Who writes a record just now is not waited for. The limit holds since the rows are chosen once.
        let sweep = format!(
            "WITH due AS MATERIALIZED (
                SELECT kind, id FROM {table} WHERE sweep_from <= $1 AND expires_at <= $1
                ORDER BY sweep_from LIMIT $2 FOR UPDATE SKIP LOCKED
             )
             DELETE FROM {table} AS held USING due
             WHERE held.kind = due.kind AND held.id = due.id AND held.expires_at <= $1"
        );
        let list = |client: &str, subject: &str| {
            format!(
                "SELECT stage, expires_at, client, subject, body, id FROM {table}
                 WHERE kind = $1 AND expires_at > $2 AND id > $3{client}{subject} ORDER BY id LIMIT $4"
            )
        };
        let [all, client_only, subject_only, both] = [
            list("", ""),
            list(" AND client = $5", ""),
            list("", " AND subject = $5"),
            list(" AND client = $5", " AND subject = $6"),
        ];
        let (load, create, replace, remove, sweep, all, client_only, subject_only, both) = tokio::try_join!(
            client.prepare(&load),
            client.prepare(&create),
            client.prepare(&replace),
            client.prepare(&remove),
            client.prepare(&sweep),
            client.prepare(&all),
            client.prepare(&client_only),
            client.prepare(&subject_only),
            client.prepare(&both),
        )?;
        Ok(Self { load, create, replace, remove, sweep, list: [all, client_only, subject_only, both] })
    }
}

pub(crate) fn public(revision: i64) -> Revision {
    Revision::from_number(revision.cast_unsigned())
}

pub(crate) fn column(revision: Revision) -> i64 {
    revision.number().cast_signed()
}

pub(crate) fn stage_number(stage: Stage) -> i16 {
    match stage {
        Stage::Pending => 0,
        Stage::Live => 1,
    }
}

/// From when on a sweep looks at the record: its expiry, rounded down by up to a 64th of its lifetime.
///
/// A refresh moves the expiry of a grant a little into the future; rounded so, the indexed value mostly stays, and the
/// update touches no index. The price: a sweep looks in vain at the few records whose end is near.
pub(crate) fn sweep_from(record: &Record, now: Timestamp) -> i64 {
    let end = record.expires_at.as_millis();
    let step = (end.saturating_sub(now.as_millis()).max(64) / 64).ilog2();
    end & (-1 << step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor_core::store::{Key, Kind};

    fn from(end: i64, now: i64) -> i64 {
        let record = Record {
            key: Key::new(Kind::GRANT, [0; 16]),
            stage: Stage::Live,
            expires_at: Timestamp::from_millis(end),
            client: None,
            subject: None,
            body: bytes::Bytes::new(),
        };
        sweep_from(&record, Timestamp::from_millis(now))
    }

    #[test]
    fn a_sweep_looks_at_nothing_later_than_its_expiry_and_at_little_much_before() {
        let never = Timestamp::NEVER.as_millis();
        for now in [i64::MIN, -5, 0, 1_700_000_000_000] {
            for end in [i64::MIN, -1, 0, 1, 1_000, 1_700_000_000_001, 1_702_592_000_000, never, i64::MAX] {
                let from = from(end, now);
                assert!(from <= end, "{end} at {now}: {from}");
                let early = end.abs_diff(from);
                assert!(
                    early <= end.saturating_sub(now).max(0).cast_unsigned() / 64,
                    "{end} at {now}: {from}"
                );
            }
        }
    }

    #[test]
    fn hourly_refreshes_of_a_month_seldom_move_it() {
        let (hour, month) = (3_600_000, 30 * 24 * 3_600_000);
        let start = 1_700_000_000_000;
        let froms: Vec<i64> =
            (0..1_000).map(|hours| from(start + hours * hour + month, start + hours * hour)).collect();
        let moved = froms.windows(2).filter(|pair| pair[0] != pair[1]).count();
        assert!(moved < 120, "{moved} of 1000");
    }
}
