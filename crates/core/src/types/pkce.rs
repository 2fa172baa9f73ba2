//! Proof Key for Code Exchange, method S256 (RFC 7636 §4). `plain` does not exist here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::{Decode, Encode};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// The SHA-256 of a `code_verifier`, as sent in `code_challenge`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(transparent)]
pub struct CodeChallenge(
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    [u8; 32],
);

/// Not a challenge by RFC 7636 §4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a S256 code_challenge is 43 characters of base64url without padding (RFC 7636 section 4.2)")]
pub struct InvalidPkce;

impl CodeChallenge {
    /// Reads a `code_challenge` of method S256.
    ///
    /// # Errors
    /// [`InvalidPkce`] for anything but the base64url of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, InvalidPkce> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| InvalidPkce)?;
        <[u8; 32]>::try_from(bytes).map(Self).map_err(|_| InvalidPkce)
    }

    /// The challenge of a verifier.
    pub fn of(verifier: &str) -> Self {
        Self(Sha256::digest(verifier.as_bytes()).into())
    }

    /// The challenge as it is sent.
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Whether the verifier is well-formed and its SHA-256 is this challenge.
    ///
    /// > code-verifier = 43*128unreserved (RFC 7636 §4.1)
    pub fn matches(&self, verifier: &str) -> bool {
        let unreserved = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        (43..=128).contains(&verifier.len())
            && verifier.bytes().all(unreserved)
            && bool::from(Self::of(verifier).0.ct_eq(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7636_appendix_b() {
        let challenge = CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.matches("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(!challenge.matches("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK"));
    }

    #[test]
    fn rfc7636_4_2_only_43_characters() {
        for bad in [
            "",
            "abc",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM=",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cMA",
        ] {
            assert_eq!(CodeChallenge::parse(bad), Err(InvalidPkce), "{bad}");
        }
    }

    #[test]
    fn rfc7636_4_1_verifier_grammar() {
        for bad in
            ["a".repeat(42), "a".repeat(129), format!("{}+", "a".repeat(43)), format!("{}é", "a".repeat(43))]
        {
            assert!(!CodeChallenge::of(&bad).matches(&bad), "{bad}");
        }
        for good in ["a".repeat(43), "~.-_".repeat(32)] {
            assert!(CodeChallenge::of(&good).matches(&good));
        }
    }
}
