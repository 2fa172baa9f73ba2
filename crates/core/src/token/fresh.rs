//! The random bytes of one request, drawn once and before the first step, so that a step that must run again gives the
//! same strings again.

use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::grant::{GrantId, Mark};
use crate::random::RandomFailed;

/// The random bytes of one request.
pub(super) struct Fresh(Zeroizing<[u8; 10 + 32 + 16 + 32 + 32 + 8]>);

impl Fresh {
    pub(super) fn draw(ctx: &Ctx<'_>) -> Result<Self, RandomFailed> {
        let mut bytes = Zeroizing::new([0; 130]);
        ctx.random(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    fn part<const N: usize>(&self, from: usize) -> [u8; N] {
        self.0.get(from..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    /// 48 bits of milliseconds and 80 random bits.
    pub(super) fn id(&self, now: Timestamp) -> GrantId {
        fresh_id(now, &self.part(0))
    }
    /// The secret of a code or of an access token.
    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part(10))
    }
    pub(super) fn lineage(&self) -> [u8; 16] {
        self.part(42)
    }
    pub(super) fn turn(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.part(58))
    }
    pub(super) fn salt(&self) -> [u8; 32] {
        self.part(90)
    }
    pub(super) fn mark(&self) -> Mark {
        self.part(122)
    }
}

/// A record id that sorts by time: 48 bits of milliseconds and 80 random bits.
pub(crate) fn fresh_id(now: Timestamp, random: &[u8; 10]) -> [u8; 16] {
    let [_, _, time @ ..] = now.as_millis().to_be_bytes();
    let mut id = [0; 16];
    for (to, from) in id.iter_mut().zip(time.iter().chain(random)) {
        *to = *from;
    }
    id
}
