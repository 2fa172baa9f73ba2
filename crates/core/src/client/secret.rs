//! Client secrets as they are kept: SHA-256 of generated ones, a slow hash of those that a person chose.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::random::{Random, RandomFailed};
use crate::types::{Digest, Secret};

/// What is kept of a client secret.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientSecret(Kept);

#[derive(Clone)]
enum Kept {
    Sha256(Digest),
    Phc(String),
}

/// A new secret: shown once, and what is kept of it.
#[derive(Debug)]
pub struct GeneratedSecret {
    /// The secret, to be shown once.
    pub secret: Secret,
    /// What is kept.
    pub kept: ClientSecret,
}

/// Not something that is kept of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a kept client secret is `sha256:` and 43 characters of base64url, or an Argon2id hash `$argon2id$...`"
)]
pub struct InvalidClientSecret;

impl ClientSecret {
    /// The SHA-256 of a secret. Right for secrets of 112 bits and more, and for those that are never stored.
    pub fn digest_of(secret: &str) -> Self {
        Self(Kept::Sha256(Self::digest(secret)))
    }

    /// A slow hash in PHC form (`$argon2id$...`), made by a [`SlowHash`](crate::SlowHash).
    ///
    /// # Errors
    /// [`InvalidClientSecret`] where the text is not of that form.
    pub fn from_phc(text: &str) -> Result<Self, InvalidClientSecret> {
        if text.starts_with("$argon2") {
            Ok(Self(Kept::Phc(text.to_owned())))
        } else {
            Err(InvalidClientSecret)
        }
    }

    /// A new secret of 256 random bits, with a prefix that secret scanners find.
    ///
    /// # Errors
    /// [`RandomFailed`] where the generator gives nothing.
    pub fn generate(random: &dyn Random) -> Result<GeneratedSecret, RandomFailed> {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        random.fill(bytes.as_mut_slice())?;
        let secret = Secret::new(format!("grt_cs_{}", URL_SAFE_NO_PAD.encode(bytes.as_slice())));
        let kept = Self::digest_of(secret.expose());
        Ok(GeneratedSecret { secret, kept })
    }

    /// Whether this is the secret, where a digest tells; the slow hash to ask where it does not.
    pub(crate) fn check(&self, presented: &str) -> Checked<'_> {
        match &self.0 {
            Kept::Sha256(digest) => Checked::Known(digest.matches(&Self::digest(presented))),
            Kept::Phc(hash) => Checked::Slow(hash),
        }
    }

    fn digest(secret: &str) -> Digest {
        Digest::of(&[b"cs", secret.as_bytes()])
    }
}

pub(crate) enum Checked<'a> {
    Known(bool),
    Slow(&'a str),
}

impl TryFrom<String> for ClientSecret {
    type Error = InvalidClientSecret;
    fn try_from(text: String) -> Result<Self, InvalidClientSecret> {
        let Some(digest) = text.strip_prefix("sha256:") else { return Self::from_phc(&text) };
        let bytes = URL_SAFE_NO_PAD.decode(digest).map_err(|_| InvalidClientSecret)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| InvalidClientSecret)?;
        Ok(Self(Kept::Sha256(Digest::from_bytes(bytes))))
    }
}

impl From<ClientSecret> for String {
    fn from(secret: ClientSecret) -> Self {
        match secret.0 {
            Kept::Sha256(digest) => format!("sha256:{}", URL_SAFE_NO_PAD.encode(digest.as_bytes())),
            Kept::Phc(hash) => hash,
        }
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret([digest])")
    }
}
