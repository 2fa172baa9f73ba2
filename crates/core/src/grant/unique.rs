//! Unique tokens: the same client, subject, grant type and scopes get the token that is still alive.
//!
//! The grant's id and its secrets are derived with a key of the provider (HMAC-SHA-256, RFC 2104), so that the string
//! can be given again although only its digest is stored. This key together with a leaked store forges these tokens.

use hmac::{Hmac, KeyInit as _, Mac as _};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::GrantId;
use crate::token::format::{Format, Minted};
use crate::types::{GrantTypeName, Scopes};

/// What the secrets of a unique grant are derived from.
#[derive(Debug, Clone, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Unique {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) salt: [u8; 32],
    #[n(1)]
    pub(crate) access_turn: u32,
    #[n(2)]
    pub(crate) refresh_turn: u32,
}

/// The provider's key for unique tokens.
pub(crate) struct UniqueKey(Zeroizing<Vec<u8>>);

impl std::fmt::Debug for UniqueKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UniqueKey([secret])")
    }
}

impl UniqueKey {
    pub(crate) fn new(key: &[u8]) -> Self {
        Self(Zeroizing::new(key.to_vec()))
    }

    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            // HMAC takes a key of any length (RFC 2104 §2).
            return [0; 32];
        };
        for part in parts {
            // The length first: no two lists of parts give the same input.
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The id of the grant that all equal requests share.
    pub(crate) fn id(
        &self,
        client: &str,
        subject: Option<&str>,
        grant_type: &GrantTypeName,
        scopes: &Scopes,
    ) -> GrantId {
        let has_subject = [u8::from(subject.is_some())];
        let mac = self.mac(&[
            b"unique",
            client.as_bytes(),
            &has_subject,
            subject.unwrap_or_default().as_bytes(),
            grant_type.as_str().as_bytes(),
            scopes.sorted().as_bytes(),
        ]);
        first_16(&mac)
    }

    /// The access token of the present turn.
    pub(crate) fn access(&self, format: &Format, id: &GrantId, unique: &Unique) -> Minted {
        format.access(id, &self.mac(&[b"at", id, &unique.salt, &unique.access_turn.to_be_bytes()]))
    }

    /// The refresh token of the present turn.
    pub(crate) fn refresh(&self, format: &Format, id: &GrantId, unique: &Unique) -> Minted {
        let turn = self.mac(&[b"rt", id, &unique.salt, &unique.refresh_turn.to_be_bytes()]);
        format.refresh(id, &self.lineage(id, unique), &turn)
    }

    /// The lineage of the refresh tokens.
    pub(crate) fn lineage(&self, id: &GrantId, unique: &Unique) -> [u8; 16] {
        first_16(&self.mac(&[b"lineage", id, &unique.salt]))
    }
}

fn first_16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}
