//! How a token string of grantor's own format looks, and the only parser of it.
//!
//! `grt_` + kind + `_` + base64url(id ‖ secret) + 6 characters of CRC-32 over all before. The check characters are for
//! secret scanners and typing errors; they are no defence. Only exact lengths are read, all else is refused before a
//! look-up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::format::Minted;
use crate::grant::GrantId;
use crate::types::Digest;

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Code,
    Access,
    Refresh,
}

impl TokenKind {
    /// The two letters in the string, which also separate the digests.
    pub(crate) const fn letters(self) -> &'static str {
        match self {
            Self::Code => "ac",
            Self::Access => "at",
            Self::Refresh => "rt",
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Code => "grt_ac_",
            Self::Access => "grt_at_",
            Self::Refresh => "grt_rt_",
        }
    }

    /// How many bytes follow the prefix: the id and the secret.
    const fn payload(self) -> usize {
        match self {
            Self::Code | Self::Access => 16 + 32,
            Self::Refresh => 16 + 16 + 32,
        }
    }

    pub(crate) const ALL: [Self; 3] = [Self::Code, Self::Access, Self::Refresh];
}

/// The longest string that could be a credential, one's own formats included.
pub(crate) const MAX_LENGTH: usize = 512;

/// Whether a string could be a credential of any format: all else is refused before a look-up.
pub(crate) fn is_presentable(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A credential somebody presents: which grant it speaks of, and the digests to compare.
pub(crate) struct Presented {
    pub(crate) kind: TokenKind,
    pub(crate) grant: GrantId,
    pub(crate) digest: Digest,
    /// The digest of the lineage in the string; `None` where a pointer record led here, which proves as much.
    pub(crate) lineage: Option<Digest>,
    pub(crate) lineage_bytes: Option<[u8; 16]>,
    /// What the next refresh token is derived from.
    pub(crate) turn: Zeroizing<Vec<u8>>,
    text: Zeroizing<String>,
}

impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Presented({:?})", self.kind)
    }
}

impl Presented {
    /// Reads a string of grantor's own format.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let kind = TokenKind::ALL.into_iter().find(|kind| text.starts_with(kind.prefix()))?;
        let (before, check) = text.split_at_checked(text.len().checked_sub(6)?)?;
        let payload = before.strip_prefix(kind.prefix())?;
        // Exact length and canonical encoding only: no two strings are one token.
        if payload.len() != (kind.payload() * 4).div_ceil(3) || *check != *check_characters(before) {
            return None;
        }
        let bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload).ok()?);
        let (id, secret) = bytes.split_first_chunk::<16>()?;
        let (lineage, turn) = match kind {
            TokenKind::Code | TokenKind::Access => (None, secret),
            TokenKind::Refresh => {
                let (lineage, turn) = secret.split_first_chunk::<16>()?;
                (Some(*lineage), turn)
            }
        };
        Some(Self {
            kind,
            grant: *id,
            digest: digest(kind, turn),
            lineage: lineage.as_ref().map(Self::lineage_digest),
            lineage_bytes: lineage,
            turn: Zeroizing::new(turn.to_vec()),
            text: Zeroizing::new(text.to_owned()),
        })
    }

    /// A string of another format, which a pointer record says is a credential of this grant.
    pub(crate) fn foreign(kind: TokenKind, grant: GrantId, text: &str) -> Self {
        Self {
            kind,
            grant,
            digest: digest(kind, text.as_bytes()),
            lineage: None,
            lineage_bytes: None,
            turn: Zeroizing::new(text.as_bytes().to_vec()),
            text: Zeroizing::new(text.to_owned()),
        }
    }

    /// The digest of a lineage, as grants hold it.
    pub(crate) fn lineage_digest(lineage: &[u8; 16]) -> Digest {
        Digest::of(&[b"rl", lineage])
    }

    /// The presented string as an answer repeats it.
    pub(crate) fn again(&self) -> Minted {
        Minted { text: self.text.clone(), digest: self.digest.clone(), foreign: false }
    }
}

/// The digest that grants hold of a secret.
pub(crate) fn digest(kind: TokenKind, secret: &[u8]) -> Digest {
    Digest::of(&[kind.letters().as_bytes(), secret])
}

/// Writes a string of grantor's own format.
pub(crate) fn write(kind: TokenKind, id: &GrantId, parts: &[&[u8]]) -> Zeroizing<String> {
    let mut payload = Zeroizing::new(Vec::with_capacity(kind.payload()));
    payload.extend_from_slice(id);
    for part in parts {
        payload.extend_from_slice(part);
    }
    let mut text = Zeroizing::new(String::with_capacity(104));
    text.push_str(kind.prefix());
    URL_SAFE_NO_PAD.encode_string(payload.as_slice(), &mut text);
    let check = check_characters(&text);
    text.push_str(&check);
    text
}

fn check_characters(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(crc32fast::hash(text.as_bytes()).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = write(TokenKind::Refresh, &[1; 16], &[&[2; 16], &[3; 32]]);
        assert_eq!(text.len(), 7 + 86 + 6);
        let read = Presented::parse(&text).unwrap();
        assert_eq!(read.grant, [1; 16]);
        assert_eq!(read.lineage_bytes, Some([2; 16]));
        assert_eq!(read.turn.as_slice(), [3; 32]);
        assert!(read.digest.matches(&digest(TokenKind::Refresh, &[3; 32])));
    }

    #[test]
    fn one_byte_more_less_or_other_is_no_token() {
        for kind in TokenKind::ALL {
            let secret = [9; 48];
            let text = write(kind, &[1; 16], &[&secret[..kind.payload() - 16]]);
            assert!(Presented::parse(&text).is_some());
            for at in 0..text.len() {
                let (head, tail) = text.split_at(at);
                assert!(Presented::parse(&format!("{head}A{tail}")).is_none(), "insert at {at}");
                assert!(Presented::parse(&format!("{head}{}", &tail[1..])).is_none(), "drop at {at}");
                for other in ["A", "-", " ", "\u{0}", "=", "%"] {
                    let changed = format!("{head}{other}{}", &tail[1..]);
                    assert!(changed == *text || Presented::parse(&changed).is_none(), "{other:?} at {at}");
                }
            }
            assert!(Presented::parse(&format!("{}é", *text)).is_none());
        }
    }

    #[test]
    fn kinds_have_different_digests() {
        assert!(!digest(TokenKind::Code, &[1; 32]).matches(&digest(TokenKind::Access, &[1; 32])));
    }

    fn kinds() -> impl Strategy<Value = TokenKind> {
        prop_oneof![Just(TokenKind::Code), Just(TokenKind::Access), Just(TokenKind::Refresh)]
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_written(kind in kinds(), bytes in any::<[u8; 64]>()) {
            let (id, secret) = bytes.split_first_chunk::<16>().unwrap();
            let text = write(kind, id, &[&secret[..kind.payload() - 16]]);
            let read = Presented::parse(&text).unwrap();
            prop_assert_eq!((read.kind, read.grant), (kind, *id));
            let lineage = if kind == TokenKind::Refresh { 16 } else { 0 };
            prop_assert_eq!(read.turn.as_slice(), &secret[lineage..kind.payload() - 16]);
            prop_assert_eq!(read.lineage_bytes.as_ref().map(<[u8; 16]>::as_slice), secret[..lineage].first_chunk::<16>().map(<[u8; 16]>::as_slice));
            prop_assert_eq!(&*read.again().text, &*text);
        }

        /// No two strings are one token: whatever is read is written back byte for byte.
        #[test]
        fn what_is_read_has_one_spelling(kind in kinds(), bytes in any::<[u8; 64]>(), at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_=+/ -]|é") {
            let (id, secret) = bytes.split_first_chunk::<16>().unwrap();
            let text = write(kind, id, &[&secret[..kind.payload() - 16]]);
            // Another character, and check characters that fit it: only the canonical text may pass.
            let before = &text[..text.len() - 6];
            let at = at.index(before.len());
            let changed = format!("{}{with}{}", &before[..at], &before[at + 1..]);
            let changed = format!("{changed}{}", check_characters(&changed));
            if let Some(read) = Presented::parse(&changed) {
                let lineage = read.lineage_bytes.unwrap_or_default();
                let parts: [&[u8]; 2] = [if read.lineage_bytes.is_some() { &lineage } else { &[] }, &read.turn];
                prop_assert_eq!(&*write(read.kind, &read.grant, &parts), &changed);
            }
        }

        #[test]
        fn never_panics(text in "(grt_(ac|at|rt|xx)_)?.{0,120}") {
            let _ = Presented::parse(&text);
        }
    }
}
