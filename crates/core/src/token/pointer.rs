//! Pointer records: from a token string of a foreign format to its grant.
//!
//! The id is SHA-256(string)[..16]; the full digest stands in the grant. The grant is written first, then the pointer.
//! A pointer to a former refresh token stays, so that its reuse is known.

use super::credential::{Presented, TokenKind, is_presentable};
use super::format::{Format, Minted};
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::grant::{Grant, GrantId};
use crate::store::{Body, Created, Key, Kind, Loaded, Record, Stage, load};
use crate::types::Digest;

/// What a pointer record says.
pub(crate) struct Pointer {
    kind: TokenKind,
    grant: GrantId,
}

/// The two letters of the kind, then the id of the grant.
impl Body for Pointer {
    const VERSION: u8 = 1;

    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.kind.letters().as_bytes());
        out.extend_from_slice(&self.grant);
    }

    fn read(_version: u8, fields: &[u8], _record: &Record) -> Option<Self> {
        let (letters, grant) = fields.split_at_checked(2)?;
        let kind = TokenKind::ALL.into_iter().find(|kind| kind.letters().as_bytes() == letters)?;
        Some(Self { kind, grant: grant.try_into().ok()? })
    }
}

/// Finds the grant that a presented string speaks of. The digests are not compared here; the steps do that.
pub(crate) async fn find(ctx: &Ctx<'_>, text: &str) -> Result<Option<(Presented, Loaded<Grant>)>, Error> {
    let Some(presented) = read(ctx, text).await? else { return Ok(None) };
    let loaded = load::<Grant>(ctx.store(), &Grant::key_of(presented.grant), ctx.now()).await?;
    Ok(loaded.map(|loaded| (presented, loaded)))
}

async fn read(ctx: &Ctx<'_>, text: &str) -> Result<Option<Presented>, Error> {
    if !is_presentable(text) {
        return Ok(None);
    }
    if let Some(presented) = Presented::parse(text) {
        return Ok(Some(presented));
    }
    if matches!(ctx.parts.format, Format::Own) && !ctx.parts.adopted_tokens {
        return Ok(None);
    }
    let pointer = load::<Pointer>(ctx.store(), &key(text), ctx.now()).await?;
    Ok(pointer.map(|Loaded { value, .. }| Presented::foreign(value.kind, value.grant, text)))
}

/// The grant that a foreign string leads to, whether or not that is still there.
pub(crate) async fn target(ctx: &Ctx<'_>, text: &str) -> Result<Option<GrantId>, Error> {
    let pointer = load::<Pointer>(ctx.store(), &key(text), ctx.now()).await?;
    Ok(pointer.map(|loaded| loaded.value.grant))
}

/// Writes the pointer to a foreign string; nothing to do for grantor's own format.
pub(crate) async fn write(
    ctx: &Ctx<'_>,
    kind: TokenKind,
    grant: GrantId,
    minted: &Minted,
    expires_at: Timestamp,
    stage: Stage,
) -> Result<(), Error> {
    if !minted.foreign {
        return Ok(());
    }
    let record = Record {
        key: key(&minted.text),
        stage,
        expires_at,
        client: None,
        subject: None,
        body: Pointer { kind, grant }.to_body(),
    };
    for _ in 0..2 {
        match ctx.store().create(&record, ctx.now()).await {
            Ok(Created::Created(_)) => return Ok(()),
            Ok(Created::Exists) => break,
            Err(error) if error.nothing_written => return Err(error.into()),
            // Nobody knows whether it is there; writing it again tells.
            Err(_) => {}
        }
    }
    // A repeated request writes the same pointer again; any other one would make two grants share a string.
    match ctx.store().load(&record.key, ctx.now()).await? {
        Some((old, _)) if old.body == record.body => Ok(()),
        _ => Err(Error::unavailable("pointer_not_written")),
    }
}

fn key(text: &str) -> Key {
    let digest = Digest::of(&[text.as_bytes()]);
    Key::new(Kind::POINTER, digest.as_bytes().first_chunk().copied().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{record, released};

    #[test]
    fn version_1_pointer() {
        let pointer: Pointer = released("pointer-1.hex");
        assert_eq!((pointer.kind, pointer.grant), (TokenKind::Refresh, [7; 16]));
    }

    #[test]
    fn what_is_written_is_read_and_nothing_longer_or_shorter() {
        for kind in TokenKind::ALL {
            let body = Pointer { kind, grant: [3; 16] }.to_body();
            let read = Pointer::from_record(&record(body.clone())).unwrap();
            assert_eq!((read.kind, read.grant), (kind, [3; 16]));
            assert!(Pointer::from_record(&record(body.slice(..body.len() - 1))).is_err());
            assert!(Pointer::from_record(&record([&body[..], &[0]].concat())).is_err());
        }
    }
}
