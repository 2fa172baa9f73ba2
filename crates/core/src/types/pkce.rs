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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn rfc7636_4_6_a_challenge_fits_its_verifier_and_no_other(
            verifier in "[A-Za-z0-9._~-]{43,128}",
            other in "[A-Za-z0-9._~-]{43,128}",
        ) {
            let challenge = CodeChallenge::of(&verifier);
            prop_assert!(challenge.matches(&verifier));
            prop_assert_eq!(challenge.matches(&other), verifier == other);
            prop_assert_eq!(CodeChallenge::parse(&challenge.to_text()), Ok(challenge));
        }

        #[test]
        fn rfc7636_4_2_what_is_read_is_printed_so(text in "[A-Za-z0-9_=+/-]{40,46}|[A-Za-z0-9_-]{42}[A-Za-z0-9]|.{0,60}") {
            if let Ok(challenge) = CodeChallenge::parse(&text) {
                prop_assert_eq!(challenge.to_text(), text);
            }
        }

        #[test]
        fn a_verifier_out_of_the_grammar_never_fits(verifier in ".{0,140}") {
            let legal = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
            let is_verifier = (43..=128).contains(&verifier.len()) && verifier.chars().all(legal);
            prop_assert_eq!(CodeChallenge::of(&verifier).matches(&verifier), is_verifier);
        }
    }
}
