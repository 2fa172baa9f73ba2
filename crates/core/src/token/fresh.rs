//! The random bytes of one request: drawn by one call and before the first step, so that a step that must run again gives
//! the same strings again. For each way of a request a type of its own: no more is drawn than the way needs, and what was
//! not drawn cannot be asked for.

use zeroize::Zeroizing;

use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::grant::{GrantId, Mark};
use crate::random::RandomFailed;

/// For a new record: its id, and the secret of a code or of an access token.
pub(super) struct Birth(Drawn<{ 10 + 32 }>);

impl Birth {
    pub(super) fn draw(ctx: &Ctx<'_>) -> Result<Self, RandomFailed> {
        Drawn::draw(ctx).map(Self)
    }
    /// 48 bits of milliseconds and 80 random bits.
    pub(super) fn id(&self, now: Timestamp) -> GrantId {
        fresh_id(now, &self.0.part::<0, 10>())
    }
    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.part::<10, 32>())
    }
}

/// For the first access token and the first refresh token of a grant, and the mark of the write.
pub(super) struct Pair(Drawn<{ 32 + 16 + 32 + 8 }>);

impl Pair {
    pub(super) fn draw(ctx: &Ctx<'_>) -> Result<Self, RandomFailed> {
        Drawn::draw(ctx).map(Self)
    }
    /// The secret of the access token.
    pub(super) fn seed(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.part::<0, 32>())
    }
    pub(super) fn lineage(&self) -> [u8; 16] {
        self.0.part::<32, 16>()
    }
    pub(super) fn turn(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.part::<48, 32>())
    }
    pub(super) fn mark(&self) -> Mark {
        self.0.part::<80, 8>()
    }
}

/// For tokens that are derived from what is there already: a salt, and the mark of the write.
pub(super) struct Derivation(Drawn<{ 32 + 8 }>);

impl Derivation {
    pub(super) fn draw(ctx: &Ctx<'_>) -> Result<Self, RandomFailed> {
        Drawn::draw(ctx).map(Self)
    }
    pub(super) fn salt(&self) -> [u8; 32] {
        self.0.part::<0, 32>()
    }
    pub(super) fn mark(&self) -> Mark {
        self.0.part::<32, 8>()
    }
}

struct Drawn<const N: usize>(Zeroizing<[u8; N]>);

impl<const N: usize> Drawn<N> {
    fn draw(ctx: &Ctx<'_>) -> Result<Self, RandomFailed> {
        let mut bytes = Zeroizing::new([0; N]);
        ctx.random(bytes.as_mut_slice())?;
        Ok(Self(bytes))
    }

    /// The part that begins at `FROM`; one that goes beyond what was drawn does not compile.
    fn part<const FROM: usize, const LENGTH: usize>(&self) -> [u8; LENGTH] {
        const { assert!(FROM + LENGTH <= N) }
        self.0.get(FROM..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; LENGTH])
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
