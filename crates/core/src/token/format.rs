//! Token formats: grantor's own, which carries its grant's id, and strings of any other shape.
//!
//! # To add a format
//! Implement [`TokenGenerator`] and give it to the builder. Each such token costs one [pointer](super::pointer) record
//! beside the grant and one more look-up.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::credential::{TokenKind, digest, write};
use crate::grant::GrantId;

/// Makes the text of a code or token from 32 random bytes.
///
/// It must be a pure function of the seed, for a repeated request derives the same token again, and it must keep at
/// least 128 bits of it (RFC 6749 §10.10). At most 512 bytes of visible ASCII.
pub trait TokenGenerator: fmt::Debug + Send + Sync + 'static {
    /// The text for this seed.
    fn generate(&self, seed: &[u8; 32]) -> String;
}

/// UUIDs of version 4 (RFC 9562 §5.4): 122 random bits. For those who need that shape.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uuid4;

impl TokenGenerator for Uuid4 {
    fn generate(&self, seed: &[u8; 32]) -> String {
        let mut bytes = seed.iter().copied().take(16).fold(0_u128, |all, byte| all << 8 | u128::from(byte));
        bytes = bytes & !(0xf << 76) | 0x4 << 76;
        bytes = bytes & !(0x3 << 62) | 0x2 << 62;
        let hex = format!("{bytes:032x}");
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32))
    }
}

/// That many random bytes in base64url, without prefix or check characters.
#[derive(Debug, Clone, Copy)]
pub struct RandomBytes {
    /// How many; at least 16, at most 255.
    pub bytes: u8,
}

impl TokenGenerator for RandomBytes {
    fn generate(&self, seed: &[u8; 32]) -> String {
        let mut out = Zeroizing::new(vec![0; usize::from(self.bytes.max(16))]);
        // At most 255 bytes: within the limit of RFC 5869 §2.3.
        let _ = Hkdf::<Sha256>::new(None, seed).expand(b"grantor token 1", &mut out);
        URL_SAFE_NO_PAD.encode(out.as_slice())
    }
}

/// The format in use.
#[derive(Debug, Clone)]
pub(crate) enum Format {
    Own,
    Foreign(Arc<dyn TokenGenerator>),
}

/// A new string and what the grant keeps of it.
#[derive(Clone)]
pub(crate) struct Minted {
    pub(crate) text: Zeroizing<String>,
    pub(crate) digest: crate::types::Digest,
    /// Whether a pointer record must lead to the grant.
    pub(crate) foreign: bool,
}

impl fmt::Debug for Minted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Minted([secret])")
    }
}

impl Format {
    pub(crate) fn code(&self, id: &GrantId, seed: &[u8; 32]) -> Minted {
        self.mint(TokenKind::Code, id, &[], seed)
    }

    pub(crate) fn access(&self, id: &GrantId, seed: &[u8; 32]) -> Minted {
        self.mint(TokenKind::Access, id, &[], seed)
    }

    pub(crate) fn refresh(&self, id: &GrantId, lineage: &[u8; 16], turn: &[u8; 32]) -> Minted {
        self.mint(TokenKind::Refresh, id, lineage, turn)
    }

    fn mint(&self, kind: TokenKind, id: &GrantId, lineage: &[u8], seed: &[u8; 32]) -> Minted {
        match self {
            Self::Own => {
                Minted { text: write(kind, id, &[lineage, seed]), digest: digest(kind, seed), foreign: false }
            }
            Self::Foreign(generator) => {
                let text = Zeroizing::new(generator.generate(&kind_seed(kind, seed)));
                let digest = digest(kind, text.as_bytes());
                Minted { text, digest, foreign: true }
            }
        }
    }
}

/// A short string must not be the same for two kinds that share a seed.
fn kind_seed(kind: TokenKind, seed: &[u8; 32]) -> [u8; 32] {
    *digest(kind, seed).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9562_5_4_version_and_variant() {
        assert_eq!(Uuid4.generate(&[0xff; 32]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
        assert_eq!(Uuid4.generate(&[0; 32]), "00000000-0000-4000-8000-000000000000");
    }

    #[test]
    fn random_bytes_have_their_length() {
        assert_eq!(RandomBytes { bytes: 36 }.generate(&[1; 32]).len(), 48);
        assert_ne!(
            RandomBytes { bytes: 36 }.generate(&[1; 32]),
            RandomBytes { bytes: 36 }.generate(&[2; 32])
        );
    }
}
