//! Refresh tokens: turns of one lineage (RFC 6749 §6, RFC 9700 §4.14.2).
//!
//! The record has the digests of the lineage, the current turn and the one before it, the time of the rotation and its
//! salt. The successor is derived from the presented turn and the salt, so whoever presents the previous turn inside
//! the window gets the same successor and the same access token, and writes nothing.

use hkdf::Hkdf;
use sha2::Sha256;
use std::time::Duration;
use zeroize::Zeroizing;

use super::access::Access;
use super::code::{FirstRefresh, Tokens};
use super::{Grant, GrantId, Outcome, Refusal, RefusalKind, SKEW, Unique, UniqueKey};
use crate::clock::Timestamp;
use crate::token::credential::Presented;
use crate::token::format::{Format, Minted};
use crate::types::{Digest, Scopes};

/// The refresh token of a grant.
#[derive(Debug, Clone)]
pub(crate) struct Refresh {
    pub(crate) lineage: Digest,
    pub(crate) current: Digest,
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) absolute_expires_at: Timestamp,
    pub(crate) last: Option<LastRefresh>,
}

/// The last refresh, for whoever repeats it inside the window.
#[derive(Debug, Clone)]
pub(crate) struct LastRefresh {
    /// The turn that was rotated away; `None` where the client's tokens do not rotate.
    pub(crate) previous: Option<Digest>,
    pub(crate) at: Timestamp,
    pub(crate) salt: [u8; 32],
    /// The scopes that were asked for, where not all.
    pub(crate) scopes: Option<Scopes>,
}

/// What applies to this client's refresh tokens.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RefreshRules {
    pub(crate) rotate: bool,
    pub(crate) window: Duration,
    /// End of the new access token, were there no other limit.
    pub(crate) access_expires_at: Timestamp,
    /// Idle end of the new turn, were there no other limit.
    pub(crate) idle_expires_at: Timestamp,
    /// Whether a rotation ends the access tokens from before.
    pub(crate) end_old_access_tokens: bool,
}

/// A token request that presents a refresh token.
#[derive(Debug)]
pub(crate) struct RefreshAsk<'a> {
    pub(crate) presented: &'a Presented,
    pub(crate) client: &'a str,
    pub(crate) scopes: Option<&'a Scopes>,
    pub(crate) format: &'a Format,
    pub(crate) rules: RefreshRules,
    /// A fresh salt, drawn once per request.
    pub(crate) salt: &'a [u8; 32],
    /// The key of unique tokens, where the grant is one.
    pub(crate) unique_key: Option<&'a UniqueKey>,
}

/// The answer to a refresh: the strings, and what is left of the access token.
#[derive(Debug)]
pub(crate) struct Refreshed {
    pub(crate) tokens: Tokens,
    pub(crate) access_expires_at: Timestamp,
    pub(crate) scopes: Scopes,
}

const BAD_TOKEN: &str =
    "The refresh token is unknown, expired, revoked, already used, or was issued to another client.";

/// How a presented turn stands to the grant's.
enum Turn {
    Current,
    Previous,
    Former,
}

impl Refresh {
    pub(super) fn first(minted: &Minted, first: &FirstRefresh<'_>) -> Self {
        Self {
            lineage: Presented::lineage_digest(first.lineage),
            current: minted.digest.clone(),
            idle_expires_at: first.idle_expires_at.min(first.absolute_expires_at),
            absolute_expires_at: first.absolute_expires_at,
            last: None,
        }
    }

    /// The earlier of both ends.
    pub(crate) fn expires_at(&self) -> Timestamp {
        self.idle_expires_at.min(self.absolute_expires_at)
    }

    /// Where the presented token stands; `None` where its lineage is not this one: an id alone proves nothing.
    fn turn_of(&self, presented: &Presented) -> Option<Turn> {
        let genuine = presented.lineage.as_ref().is_none_or(|lineage| lineage.matches(&self.lineage));
        if !genuine {
            return None;
        }
        let previous = self.last.as_ref().and_then(|last| last.previous.as_ref());
        if self.current.matches(&presented.digest) {
            Some(Turn::Current)
        } else if previous.is_some_and(|digest| digest.matches(&presented.digest)) {
            Some(Turn::Previous)
        } else {
            Some(Turn::Former)
        }
    }

    /// Whether the token may be used now, by its own two ends.
    pub(crate) fn is_live(&self, now: Timestamp) -> bool {
        self.expires_at() > now
    }

    /// Whether the presented token is the current one.
    pub(crate) fn is_current(&self, presented: &Presented) -> bool {
        matches!(self.turn_of(presented), Some(Turn::Current))
    }

    /// Whether the presented token is or was one of this grant.
    pub(crate) fn is_of_lineage(&self, presented: &Presented) -> bool {
        self.turn_of(presented).is_some()
    }
}

/// What only the holder of `turn` can derive (RFC 5869).
struct Derived<'a> {
    key: Hkdf<Sha256>,
    id: &'a GrantId,
}

impl<'a> Derived<'a> {
    fn from(turn: &[u8], salt: &[u8; 32], id: &'a GrantId) -> Self {
        Self { key: Hkdf::new(Some(salt), turn), id }
    }

    fn bytes(&self, label: &str) -> Zeroizing<[u8; 32]> {
        let mut out = Zeroizing::new([0; 32]);
        // 32 bytes are within the limit of 255 hash lengths (RFC 5869 §2.3), so this cannot fail.
        let _ = self.key.expand_multi_info(&[label.as_bytes(), self.id], out.as_mut_slice());
        out
    }

    /// The lineage of the successor of a token that has none.
    fn lineage(&self) -> [u8; 16] {
        self.bytes("grantor lineage 1").first_chunk().copied().unwrap_or_default()
    }
}

impl Grant {
    /// RFC 6749 §6: a refresh. The table of cases stands in the documentation of the design; in short: the current turn
    /// gives the next, the previous one inside the window gives the same again, an older one ends the grant.
    pub(crate) fn refresh(&self, ask: &RefreshAsk<'_>, now: Timestamp) -> Outcome<Refreshed> {
        let Some(refresh) = &self.refresh else {
            return Outcome::Refuse(Refusal::grant("refresh_none", BAD_TOKEN));
        };
        // > The refresh token MUST be bound to the client to which it was issued (RFC 6749 §6, §10.4)
        if *self.client != *ask.client {
            return Outcome::Refuse(Refusal::grant("refresh_of_other_client", BAD_TOKEN));
        }
        let narrowed = ask.scopes.filter(|asked| **asked != self.scopes).cloned();
        let again = refresh.last.as_ref().filter(|last| last.inside(ask.rules.window, now));
        match (refresh.turn_of(ask.presented), again) {
            (None, _) => Outcome::Refuse(Refusal::grant("refresh_unknown", BAD_TOKEN)),
            (Some(Turn::Former), _) | (Some(Turn::Previous), None) => {
                Outcome::Remove(None, Refusal::grant("refresh_reused", BAD_TOKEN))
            }
            _ if !refresh.is_live(now) => Outcome::Refuse(Refusal::grant("refresh_expired", BAD_TOKEN)),
            (Some(Turn::Previous), Some(last)) => {
                self.refresh_again(refresh, last, ask, narrowed.as_ref(), now)
            }
            (Some(Turn::Current), last) => {
                // > The requested scope MUST NOT include any scope not originally granted (RFC 6749 §6)
                if narrowed.as_ref().is_some_and(|asked| !asked.is_subset_of(&self.scopes)) {
                    return Outcome::Refuse(Refusal {
                        kind: RefusalKind::InvalidScope,
                        description: "The scope goes beyond what was granted (RFC 6749 section 6).",
                        reason: "refresh_scope_wider",
                    });
                }
                // Without rotation the others of one window get what the first one got.
                if !ask.rules.rotate
                    && let Some(last) = last.filter(|last| last.previous.is_none())
                    && let Outcome::Same(again) =
                        self.refresh_again(refresh, last, ask, narrowed.as_ref(), now)
                {
                    return Outcome::Same(again);
                }
                self.refresh_next(refresh, ask, narrowed, now)
            }
        }
    }

    /// The current turn: a new access token, and the next turn where tokens rotate.
    fn refresh_next(
        &self,
        refresh: &Refresh,
        ask: &RefreshAsk<'_>,
        scopes: Option<Scopes>,
        now: Timestamp,
    ) -> Outcome<Refreshed> {
        let mut next = self.clone();
        if let Some(unique) = &mut next.unique {
            unique.access_turn = unique.access_turn.saturating_add(1);
            unique.refresh_turn = unique.refresh_turn.saturating_add(u32::from(ask.rules.rotate));
        }
        let (access, successor) = self.derived(next.unique.as_ref(), ask, ask.salt);
        let expires_at = ask.rules.access_expires_at.min(refresh.absolute_expires_at);
        if ask.rules.end_old_access_tokens && ask.rules.rotate {
            next.access.clear();
        }
        let entry =
            Access { digest: access.digest.clone(), issued_at: now, expires_at, scopes: scopes.clone() };
        next.add_access(entry, now);
        let presented = ask.presented.digest.clone();
        next.refresh = Some(Refresh {
            lineage: ask.lineage_after(refresh, next.unique.as_ref(), &self.id),
            current: if ask.rules.rotate { successor.digest.clone() } else { presented.clone() },
            idle_expires_at: ask.rules.idle_expires_at.min(refresh.absolute_expires_at),
            absolute_expires_at: refresh.absolute_expires_at,
            last: Some(LastRefresh {
                previous: ask.rules.rotate.then_some(presented),
                at: now,
                salt: *ask.salt,
                scopes: scopes.clone(),
            }),
        });
        let kept = if ask.rules.rotate { successor } else { ask.presented.again() };
        let answer = Refreshed {
            tokens: Tokens { access, refresh: Some(kept) },
            access_expires_at: expires_at,
            scopes: scopes.unwrap_or_else(|| self.scopes.clone()),
        };
        Outcome::Replace(Box::new(next), answer)
    }

    /// A repeated refresh: derives what the first one answered, and checks that it still stands.
    fn refresh_again(
        &self,
        refresh: &Refresh,
        last: &LastRefresh,
        ask: &RefreshAsk<'_>,
        scopes: Option<&Scopes>,
        now: Timestamp,
    ) -> Outcome<Refreshed> {
        if last.scopes.as_ref() != scopes {
            return Outcome::Refuse(Refusal::grant("refresh_retry_other_scope", BAD_TOKEN));
        }
        let (access, successor) = self.derived(self.unique.as_ref(), ask, &last.salt);
        // What the first one did counts, also where the rule of rotation was changed since.
        let kept = if last.previous.is_some() { successor } else { ask.presented.again() };
        // A unique grant may have given another access token meanwhile, with other scopes.
        let entry = self.live_access(&access.digest, now).filter(|entry| entry.scopes == last.scopes);
        match entry {
            Some(entry) if kept.digest.matches(&refresh.current) => Outcome::Same(Refreshed {
                access_expires_at: entry.expires_at,
                scopes: self.scopes_of(entry),
                tokens: Tokens { access, refresh: Some(kept) },
            }),
            _ => Outcome::Refuse(Refusal::grant("refresh_retry_too_late", BAD_TOKEN)),
        }
    }

    /// The access token and the next refresh token that belong to the presented turn and this salt.
    fn derived(&self, unique: Option<&Unique>, ask: &RefreshAsk<'_>, salt: &[u8; 32]) -> (Minted, Minted) {
        if let (Some(unique), Some(key)) = (unique, ask.unique_key) {
            return (key.access(ask.format, &self.id, unique), key.refresh(ask.format, &self.id, unique));
        }
        let derived = Derived::from(&ask.presented.turn, salt, &self.id);
        let (access, next) = (derived.bytes("grantor access 1"), derived.bytes("grantor refresh 1"));
        // That of the presented token. A token of a foreign format has none in its text; its successor's is derived, in
        // case the provider now writes its own format.
        let lineage = ask.presented.lineage_bytes.unwrap_or_else(|| derived.lineage());
        (ask.format.access(&self.id, &access), ask.format.refresh(&self.id, &lineage, &next))
    }
}

impl LastRefresh {
    /// The window counts from the rotation and is never extended. A clock that is behind does not widen it by more than
    /// clocks may differ, and does not open one of zero.
    fn inside(&self, window: Duration, now: Timestamp) -> bool {
        !window.is_zero() && self.at.before(SKEW) <= now && now < self.at.after(window)
    }
}

impl RefreshAsk<'_> {
    /// The lineage is the same for the grant's life, so that former tokens are known. It changes only where the successor
    /// cannot have it: one of grantor's own format after a foreign token, a unique one after a change of the key.
    fn lineage_after(&self, refresh: &Refresh, unique: Option<&Unique>, id: &GrantId) -> Digest {
        if !self.rules.rotate {
            return refresh.lineage.clone();
        }
        match (unique, self.unique_key) {
            (Some(unique), Some(key)) => Presented::lineage_digest(&key.lineage(id, unique)),
            _ if self.presented.lineage.is_none() && matches!(self.format, Format::Own) => {
                Presented::lineage_digest(&Derived::from(&self.presented.turn, self.salt, id).lineage())
            }
            _ => refresh.lineage.clone(),
        }
    }
}
