//! Unique tokens: create the grant that equal requests share, or give the tokens of the one that is there.

use super::fresh::Derivation;
use super::issue::Ends;
use super::swap;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::grant::{Grant, Tokens, UniqueAsk};
use crate::store::{Created, load};

/// A shared grant may be removed or made by others while we look; so often is that tried again.
const TRIES: usize = 5;

/// The tokens that all equal requests get, and when the access token ends. `seen` is the grant as it would be new.
pub(super) async fn issue(
    ctx: &Ctx<'_>,
    seen: Grant,
    ends: &Ends,
    not_before: Timestamp,
    fresh: &Derivation,
) -> Result<(Grant, Tokens, Timestamp), Error> {
    let key = ctx.unique_key()?;
    let salt = fresh.salt();
    let ask = UniqueAsk {
        key,
        format: &ctx.parts.format,
        salt: &salt,
        access_expires_at: ends.access,
        refresh: ends.refresh,
        not_before,
        seen: &seen,
    };
    for _ in 0..TRIES {
        match load::<Grant>(ctx.store(), &Grant::key_of(seen.id), ctx.now()).await? {
            Some(loaded) => {
                match swap::swap(ctx, loaded, fresh.mark(), |grant| grant.unique_tokens(&ask, ctx.now()))
                    .await
                {
                    Ok(done) => return Ok((*done.grant, done.answer.0, done.answer.1)),
                    // Removed by somebody between our load and our swap: begin again.
                    Err(error) if error.reason() == swap::GONE => {}
                    Err(error) => return Err(error),
                }
            }
            None => {
                let (grant, tokens, expires_at) = ask.first(ctx.now());
                let record = grant.to_record();
                swap::fits(ctx, &record)?;
                match ctx.store().create(&record, ctx.now()).await {
                    Ok(Created::Created(_)) => return Ok((grant, tokens, expires_at)),
                    Ok(Created::Exists) => {}
                    Err(error) if error.nothing_written => return Err(error.into()),
                    // The next load tells: what is found there is given, whoever wrote it.
                    Err(error) => {
                        tracing::warn!(target: "grantor", reason = "write_outcome_unknown", error = %error, "loading again");
                    }
                }
            }
        }
    }
    Err(Error::unavailable("swaps_lost"))
}
