//! Unique tokens: the same client, subject, grant type and scopes get the token that is still alive.
//!
//! The grant's id and its secrets are derived with a key of the provider (HMAC-SHA-256, RFC 2104), so that the string
//! can be given again although only its digest is stored. This key together with a leaked store forges these tokens.

use hmac::{Hmac, KeyInit as _, Mac as _};
use minicbor::{Decode, Encode};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::access::Access;
use super::code::Tokens;
use super::refresh::Refresh;
use super::{Grant, GrantId, Outcome};
use crate::clock::Timestamp;
use crate::token::credential::Presented;
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

/// A request that gets the tokens of a shared grant.
#[derive(Debug)]
pub(crate) struct UniqueAsk<'a> {
    pub(crate) key: &'a UniqueKey,
    pub(crate) format: &'a Format,
    /// A fresh salt, drawn once per request.
    pub(crate) salt: &'a [u8; 32],
    pub(crate) access_expires_at: Timestamp,
    /// Idle and absolute end, where the client gets a refresh token.
    pub(crate) refresh: Option<(Timestamp, Timestamp)>,
    /// What was granted before is dead.
    pub(crate) not_before: Timestamp,
    /// The grant as it would be new.
    pub(crate) seen: &'a Grant,
}

/// The tokens, and when the access token ends.
type UniqueTokens = (Tokens, Timestamp);

impl UniqueAsk<'_> {
    /// The shared grant, made new: with a fresh salt none of its former strings comes again.
    pub(crate) fn first(&self, now: Timestamp) -> (Grant, Tokens, Timestamp) {
        let unique = Unique { salt: *self.salt, access_turn: 0, refresh_turn: 0 };
        let mut grant = self.seen.clone();
        let access = self.key.access(self.format, &grant.id, &unique);
        grant.add_access(self.entry(&access, now), now);
        let refresh = self.refresh.map(|(idle, absolute)| {
            let minted = self.key.refresh(self.format, &grant.id, &unique);
            grant.refresh = Some(Refresh {
                lineage: Presented::lineage_digest(&self.key.lineage(&grant.id, &unique)),
                current: minted.digest.clone(),
                idle_expires_at: idle.min(absolute),
                absolute_expires_at: absolute,
                last: None,
            });
            minted
        });
        grant.unique = Some(unique);
        (grant, Tokens { access, refresh }, self.access_expires_at)
    }

    fn entry(&self, access: &Minted, now: Timestamp) -> Access {
        Access {
            digest: access.digest.clone(),
            issued_at: now,
            expires_at: self.access_expires_at,
            scopes: None,
        }
    }
}

impl Grant {
    /// The tokens of this shared grant: the same again while they live, a new access token after its end, all new where
    /// nothing lives any more or the grant was ended.
    pub(crate) fn unique_tokens(&self, ask: &UniqueAsk<'_>, now: Timestamp) -> Outcome<UniqueTokens> {
        let restart = || {
            let (mut grant, tokens, expires_at) = ask.first(now);
            grant.marks.clone_from(&self.marks);
            Outcome::Replace(Box::new(grant), (tokens, expires_at))
        };
        let Some(unique) = self.unique.as_ref().filter(|_| self.created_at >= ask.not_before) else {
            return restart();
        };
        let refresh = self.refresh.as_ref().filter(|refresh| refresh.is_live(now));
        if refresh.is_none() && ask.refresh.is_some() {
            return restart();
        }
        let refresh =
            refresh.filter(|_| ask.refresh.is_some()).map(|_| ask.key.refresh(ask.format, &self.id, unique));
        if refresh
            .as_ref()
            .zip(self.refresh.as_ref())
            .is_some_and(|(own, kept)| !own.digest.matches(&kept.current))
        {
            // The key or the format was changed since: what is kept cannot be derived any more.
            return restart();
        }
        let access = ask.key.access(ask.format, &self.id, unique);
        // A refresh may have narrowed it; then it is not what is asked for here.
        if let Some(entry) = self.live_access(&access.digest, now).filter(|entry| entry.scopes.is_none()) {
            return Outcome::Same((Tokens { access, refresh }, entry.expires_at));
        }
        let mut next = self.clone();
        let unique = Unique { access_turn: unique.access_turn.saturating_add(1), ..unique.clone() };
        let access = ask.key.access(ask.format, &self.id, &unique);
        next.add_access(ask.entry(&access, now), now);
        next.unique = Some(unique);
        Outcome::Replace(Box::new(next), (Tokens { access, refresh }, ask.access_expires_at))
    }
}

fn first_16(bytes: &[u8; 32]) -> [u8; 16] {
    let mut out = [0; 16];
    for (to, from) in out.iter_mut().zip(bytes) {
        *to = *from;
    }
    out
}
