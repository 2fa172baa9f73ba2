//! Carrying out a step: load, step, swap; again where somebody else was faster; and what to do when nobody knows whether
//! a write happened.
//!
//! A request puts one random mark into what it writes. After an unknown write the grant is loaded again: the mark is
//! there, so we won; the revision is unchanged, so the same bytes are tried again; anything else is 503. A step that is
//! repeated after an unknown write never removes a grant.

use crate::ctx::Ctx;
use crate::error::Error;
use crate::event;
use crate::grant::{Grant, GrantId, Mark, Outcome};
use crate::store::{Created, Loaded, Record, Replaced, load};
use crate::types::ErrorCode;

/// So many swaps may be lost to others before the request gives up.
const LOST: usize = 5;
/// So often is one swap tried whose answers are lost.
const UNKNOWN: usize = 3;

/// The reason code where the grant vanished between two tries.
pub(crate) const GONE: &str = "grant_gone";

/// Whether a step's answer came from a swap.
#[derive(Debug)]
pub(crate) struct Done<T> {
    pub(crate) answer: T,
    pub(crate) grant: Box<Grant>,
}

/// Carries out a step on a loaded grant.
pub(crate) async fn swap<T: Send>(
    ctx: &Ctx<'_>,
    loaded: Loaded<Grant>,
    mark: Mark,
    step: impl Fn(&Grant) -> Outcome<T> + Send + Sync,
) -> Result<Done<T>, Error> {
    let id = loaded.value.id;
    let mut current = loaded;
    let mut doubtful = false;
    for _ in 0..LOST {
        match step(&current.value) {
            Outcome::Refuse(refusal) => return Err(refusal.into()),
            Outcome::Same(answer) => return Ok(Done { answer, grant: current.value }),
            // Our own earlier write may be what makes this look like a reuse.
            Outcome::Remove(..) if doubtful => return Err(Error::unavailable("write_outcome_unknown")),
            Outcome::Remove(also, refusal) => {
                let grant = &current.value;
                event::reuse_detected(&grant.client, grant.subject.as_deref(), refusal.reason);
                for gone in [also, Some(id)].into_iter().flatten() {
                    remove(ctx, gone).await?;
                }
                return Err(refusal.into());
            }
            Outcome::Replace(mut next, answer) => {
                next.mark(mark);
                match write(ctx, &next, &current, mark, &mut doubtful).await? {
                    Written::Won => return Ok(Done { answer, grant: next }),
                    Written::Lost(Some(loaded)) => current = *loaded,
                    Written::Lost(None) => {
                        return Err(Error::invalid_grant("The grant has ended.").because(GONE));
                    }
                }
            }
        }
    }
    Err(Error::unavailable("swaps_lost"))
}

enum Written {
    Won,
    Lost(Option<Box<Loaded<Grant>>>),
}

async fn write(
    ctx: &Ctx<'_>,
    next: &Grant,
    loaded: &Loaded<Grant>,
    mark: Mark,
    doubtful: &mut bool,
) -> Result<Written, Error> {
    let record = next.to_record();
    fits(ctx, &record)?;
    for _ in 0..UNKNOWN {
        match ctx.store().replace(&record, loaded.revision, ctx.now()).await {
            Ok(Replaced::Replaced(_)) => return Ok(Written::Won),
            Ok(Replaced::Stale) => {
                let found = load::<Grant>(ctx.store(), &record.key, ctx.now()).await?;
                // An earlier write of ours, whose answer was lost, may have landed late.
                if *doubtful && found.as_ref().is_some_and(|found| found.value.has_mark(mark)) {
                    return Ok(Written::Won);
                }
                if *doubtful && found.is_none() {
                    return Err(Error::unavailable("write_outcome_unknown"));
                }
                return Ok(Written::Lost(found.map(Box::new)));
            }
            Err(error) if error.nothing_written => return Err(error.into()),
            Err(error) => {
                *doubtful = true;
                tracing::warn!(target: "grantor", reason = "write_outcome_unknown", error = %error, "loading again");
                match load::<Grant>(ctx.store(), &record.key, ctx.now()).await? {
                    Some(found) if found.value.has_mark(mark) => return Ok(Written::Won),
                    Some(found) if found.revision == loaded.revision => {}
                    _ => return Err(Error::unavailable("write_outcome_unknown").with_source(error)),
                }
            }
        }
    }
    Err(Error::unavailable("write_outcome_unknown"))
}

/// Writes a record whose id is fresh: what is found under it after an unknown write is ours.
pub(crate) async fn create(ctx: &Ctx<'_>, record: &Record) -> Result<(), Error> {
    fits(ctx, record)?;
    for attempt in 0..UNKNOWN {
        match ctx.store().create(record, ctx.now()).await {
            Ok(Created::Created(_)) => return Ok(()),
            Ok(Created::Exists) if attempt == 0 => return Err(Error::unavailable("id_not_fresh")),
            Ok(Created::Exists) => {}
            Err(error) if error.nothing_written => return Err(error.into()),
            Err(error) => {
                tracing::warn!(target: "grantor", reason = "write_outcome_unknown", error = %error, "loading again");
            }
        }
        match ctx.store().load(&record.key, ctx.now()).await? {
            Some((found, _)) if found.body == record.body => return Ok(()),
            Some(_) => return Err(Error::unavailable("id_not_fresh")),
            None => {}
        }
    }
    Err(Error::unavailable("write_outcome_unknown"))
}

/// Refuses a record that the store could not keep whole.
pub(super) fn fits(ctx: &Ctx<'_>, record: &Record) -> Result<(), Error> {
    if record.body.len() <= ctx.store().promises().max_body {
        return Ok(());
    }
    Err(Error::new(ErrorCode::ServerError, "The grant is too large to be stored.")
        .because("record_too_large"))
}

/// Removes a grant; done once it is certainly absent.
pub(crate) async fn remove(ctx: &Ctx<'_>, id: GrantId) -> Result<(), Error> {
    let key = Grant::key_of(id);
    let mut last = None;
    for _ in 0..UNKNOWN {
        match ctx.store().remove(&key, ctx.now()).await {
            Ok(_) => return Ok(()),
            Err(error) if error.nothing_written => return Err(error.into()),
            Err(error) => last = Some(error),
        }
    }
    let error = Error::unavailable("removal_outcome_unknown");
    Err(match last {
        Some(source) => error.with_source(source),
        None => error,
    })
}
