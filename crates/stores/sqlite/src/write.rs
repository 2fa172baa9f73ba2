//! The writes as SQL, each one conditional on its own. They run inside the writer's transaction.

use grantor_core::Timestamp;
use grantor_core::store::{Created, Key, Record, Removed, Replaced, Revision, Stage};
use rusqlite::{Connection, params};

/// The largest body that is taken. A grant with a thousand live tokens has 40 kB.
pub(crate) const MAX_BODY: usize = 1 << 20;

/// One write.
#[derive(Debug)]
pub(crate) enum Write {
    Create { record: Record, now: Timestamp },
    Replace { record: Record, loaded: Revision, now: Timestamp },
    Remove { key: Key, now: Timestamp },
    Sweep { limit: usize, now: Timestamp },
}

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Written {
    Created(Created),
    Replaced(Replaced),
    Removed(Removed),
    Swept(usize),
}

/// An expired record is absent, so `create` writes over it.
const CREATE: &str = "
    INSERT INTO record (kind, id, revision, stage, expires_at, client, subject, body)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
    ON CONFLICT (kind, id) DO UPDATE SET
        revision = ?3, stage = ?4, expires_at = ?5, client = ?6, subject = ?7, body = ?8
    WHERE record.expires_at <= ?9";

const REPLACE: &str = "
    UPDATE record SET revision = ?3, stage = ?4, expires_at = ?5, client = ?6, subject = ?7, body = ?8
    WHERE kind = ?1 AND id = ?2 AND revision = ?10 AND expires_at > ?9";

const REMOVE: &str = "DELETE FROM record WHERE kind = ?1 AND id = ?2 AND expires_at > ?3";

const SWEEP: &str = "
    DELETE FROM record WHERE row IN (
        SELECT row FROM record WHERE expires_at <= ?1 ORDER BY expires_at LIMIT ?2)";

const RESERVE: &str = "UPDATE counter SET value = value + 1 WHERE name = 'revision_block' RETURNING value";

/// Revisions that no process gave before and none will give again.
///
/// The file counts blocks of 2³² revisions; a process reserves one in the transaction of its first write, so that the
/// counter costs no page of the later commits. A block is never given twice: not to a second process, not after a
/// restart, whatever happened to the records meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    block: Option<Block>,
}

#[derive(Debug)]
struct Block {
    number: i64,
    next: u32,
    committed: bool,
}

impl Revisions {
    fn next(&mut self, connection: &Connection) -> rusqlite::Result<i64> {
        let block = match &mut self.block {
            Some(block) if block.next < u32::MAX => block,
            block => {
                let number = connection.prepare_cached(RESERVE)?.query_row([], |row| row.get(0))?;
                block.insert(Block { number, next: 0, committed: false })
            }
        };
        block.next += 1;
        Ok((block.number << 32) | i64::from(block.next))
    }

    /// The transaction is on disk, and with it the reservation.
    pub(crate) fn committed(&mut self) {
        if let Some(block) = &mut self.block {
            block.committed = true;
        }
    }

    /// The transaction is undone, and with it a reservation made in it. Numbers given meanwhile are not given again.
    pub(crate) fn rolled_back(&mut self) {
        self.block.take_if(|block| !block.committed);
    }
}

impl Write {
    /// Runs the statement; the answer counts once the transaction is committed.
    pub(crate) fn run(
        &self,
        connection: &Connection,
        revisions: &mut Revisions,
    ) -> rusqlite::Result<Written> {
        Ok(match self {
            Self::Create { record, now } => {
                let revision = revisions.next(connection)?;
                let changed = connection.prepare_cached(CREATE)?.execute(params![
                    record.key.kind.number(),
                    record.key.id,
                    revision,
                    stage_number(record.stage),
                    record.expires_at.as_millis(),
                    record.client.as_deref(),
                    record.subject.as_deref(),
                    &record.body[..],
                    now.as_millis(),
                ])?;
                Written::Created(if changed == 1 {
                    Created::Created(public(revision))
                } else {
                    Created::Exists
                })
            }
            Self::Replace { record, loaded, now } => {
                let revision = revisions.next(connection)?;
                let changed = connection.prepare_cached(REPLACE)?.execute(params![
                    record.key.kind.number(),
                    record.key.id,
                    revision,
                    stage_number(record.stage),
                    record.expires_at.as_millis(),
                    record.client.as_deref(),
                    record.subject.as_deref(),
                    &record.body[..],
                    now.as_millis(),
                    column(*loaded),
                ])?;
                Written::Replaced(if changed == 1 {
                    Replaced::Replaced(public(revision))
                } else {
                    Replaced::Stale
                })
            }
            Self::Remove { key, now } => {
                let changed = connection.prepare_cached(REMOVE)?.execute(params![
                    key.kind.number(),
                    key.id,
                    now.as_millis()
                ])?;
                Written::Removed(if changed == 1 { Removed::Removed } else { Removed::Absent })
            }
            Self::Sweep { limit, now } => {
                let limit = i64::try_from(*limit).unwrap_or(i64::MAX);
                let changed = connection.prepare_cached(SWEEP)?.execute(params![now.as_millis(), limit])?;
                Written::Swept(changed)
            }
        })
    }
}

pub(crate) fn public(revision: i64) -> Revision {
    Revision::from_number(revision.cast_unsigned())
}

fn column(revision: Revision) -> i64 {
    revision.number().cast_signed()
}

fn stage_number(stage: Stage) -> u8 {
    match stage {
        Stage::Pending => 0,
        Stage::Live => 1,
    }
}
