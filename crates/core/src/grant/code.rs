//! The authorization code (RFC 6749 §4.1, RFC 7636 §4.6): issued once, spent once.

use std::sync::Arc;

use super::access::Access;
use super::refresh::Refresh;
use super::{Grant, GrantId, Outcome, Refusal};
use crate::clock::Timestamp;
use crate::token::format::{Format, Minted};
use crate::types::{CodeChallenge, Digest};

/// The state of the code.
#[derive(Debug, Clone)]
pub(crate) enum Code {
    /// Not used yet.
    Live { bound: Bound, expires_at: Timestamp },
    /// Used; it stays so that a second use is known. With unique tokens the tokens are in the grant `unique`.
    Spent { bound: Bound, unique: Option<GrantId>, keep_until: Timestamp },
}

/// What the code was made for.
#[derive(Debug, Clone)]
pub(crate) struct Bound {
    pub(crate) digest: Digest,
    /// The `redirect_uri` of the request, if it had one: then the token request must have the same.
    pub(crate) redirect_uri: Option<Arc<str>>,
    pub(crate) challenge: Option<CodeChallenge>,
}

/// A token request that presents a code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RedeemCode<'a> {
    pub(crate) digest: &'a Digest,
    pub(crate) client: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) verifier: Option<&'a str>,
}

/// The tokens that the code is to give; all random bytes are drawn already.
#[derive(Debug)]
pub(crate) struct FirstTokens<'a> {
    pub(crate) format: &'a Format,
    pub(crate) access_seed: &'a [u8; 32],
    pub(crate) access_expires_at: Timestamp,
    /// Lineage, turn, idle end and absolute end, where the client gets a refresh token.
    pub(crate) refresh: Option<FirstRefresh<'a>>,
}

/// The first refresh token of a grant.
#[derive(Debug)]
pub(crate) struct FirstRefresh<'a> {
    pub(crate) lineage: &'a [u8; 16],
    pub(crate) turn: &'a [u8; 32],
    pub(crate) idle_expires_at: Timestamp,
    pub(crate) absolute_expires_at: Timestamp,
}

/// The strings for the answer.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access: Minted,
    pub(crate) refresh: Option<Minted>,
}

const BAD_CODE: &str = "The code is unknown, expired, already used, or was issued to another client, redirect_uri or code_challenge.";

impl Code {
    pub(super) const fn kept_until(&self) -> Timestamp {
        match self {
            Self::Live { expires_at, .. } => *expires_at,
            Self::Spent { keep_until, .. } => *keep_until,
        }
    }

    const fn bound(&self) -> &Bound {
        match self {
            Self::Live { bound, .. } | Self::Spent { bound, .. } => bound,
        }
    }
}

impl Bound {
    /// Why the request does not fit, if it does not.
    fn refusal(&self, grant: &Grant, ask: &RedeemCode<'_>) -> Option<Refusal> {
        if !self.digest.matches(ask.digest) {
            return Some(Refusal::grant("code_unknown", BAD_CODE));
        }
        // > The client MUST NOT use the authorization code of another client (RFC 6749 §4.1.3: ensure that the code was
        // > issued to the authenticated client)
        if *grant.client != *ask.client {
            return Some(Refusal::grant("code_of_other_client", BAD_CODE));
        }
        // > "redirect_uri" REQUIRED, if the "redirect_uri" parameter was included in the authorization request ..., and
        // > their values MUST be identical (RFC 6749 §4.1.3)
        if let Some(bound) = &self.redirect_uri {
            match ask.redirect_uri {
                None => {
                    return Some(Refusal::grant(
                        "code_redirect_uri_missing",
                        "The authorization request had a redirect_uri, so the token request must repeat it.",
                    ));
                }
                Some(asked) if **bound != *asked => {
                    return Some(Refusal::grant(
                        "code_redirect_uri_differs",
                        "The redirect_uri is not the one of the authorization request.",
                    ));
                }
                Some(_) => {}
            }
        }
        match (&self.challenge, ask.verifier) {
            (Some(challenge), Some(verifier)) if challenge.matches(verifier) => None,
            (Some(_), Some(_)) => Some(Refusal::grant(
                "code_verifier_wrong",
                "The code_verifier does not fit the code_challenge (RFC 7636 section 4.6).",
            )),
            (Some(_), None) => Some(Refusal::grant(
                "code_verifier_missing",
                "The authorization request had a code_challenge, so code_verifier is required.",
            )),
            // RFC 9700 §4.8.2: no downgrade.
            (None, Some(_)) => Some(Refusal::grant(
                "code_verifier_unexpected",
                "The authorization request had no code_challenge, so there must be no code_verifier.",
            )),
            (None, None) => None,
        }
    }
}

impl Grant {
    /// A new grant whose code waits to be redeemed.
    pub(crate) fn with_code(mut self, bound: Bound, expires_at: Timestamp) -> Self {
        self.code = Some(Code::Live { bound, expires_at });
        self
    }

    /// RFC 6749 §4.1.3: the code is spent and gives its tokens in the same swap. A wrong client, redirect URI or
    /// verifier does not burn it. A second use that is otherwise valid ends the grant (OAuth 2.1 §7.5.2).
    pub(crate) fn redeem_code(
        &self,
        ask: &RedeemCode<'_>,
        tokens: &FirstTokens<'_>,
        now: Timestamp,
    ) -> Outcome<Tokens> {
        match self.check_code(ask, now) {
            Err(outcome) => outcome,
            Ok(bound) => {
                let mut next = self.clone();
                let minted = next.first_tokens(tokens, now);
                next.code =
                    Some(Code::Spent { bound: bound.clone(), unique: None, keep_until: self.created_at });
                Outcome::Replace(Box::new(next), minted)
            }
        }
    }

    /// The same where the tokens go into the unique grant `unique`: here the code is only spent. It stays as long as the
    /// tokens can live, so that a replay still finds them.
    pub(crate) fn redeem_code_for_unique(
        &self,
        ask: &RedeemCode<'_>,
        unique: GrantId,
        keep_until: Timestamp,
        now: Timestamp,
    ) -> Outcome<()> {
        match self.check_code(ask, now) {
            Err(outcome) => outcome,
            Ok(bound) => {
                let mut next = self.clone();
                next.code = Some(Code::Spent { bound: bound.clone(), unique: Some(unique), keep_until });
                Outcome::Replace(Box::new(next), ())
            }
        }
    }

    fn check_code<T>(&self, ask: &RedeemCode<'_>, now: Timestamp) -> Result<&Bound, Outcome<T>> {
        let Some(code) = &self.code else {
            return Err(Outcome::Refuse(Refusal::grant("code_unknown", BAD_CODE)));
        };
        if let Some(refusal) = code.bound().refusal(self, ask) {
            return Err(Outcome::Refuse(refusal));
        }
        match code {
            Code::Spent { unique, .. } => {
                Err(Outcome::Remove(*unique, Refusal::grant("code_replayed", BAD_CODE)))
            }
            Code::Live { expires_at, .. } if *expires_at <= now => {
                Err(Outcome::Refuse(Refusal::grant("code_expired", BAD_CODE)))
            }
            Code::Live { bound, .. } => Ok(bound),
        }
    }

    /// Adds the first tokens of a grant.
    pub(crate) fn first_tokens(&mut self, tokens: &FirstTokens<'_>, now: Timestamp) -> Tokens {
        let access = tokens.format.access(&self.id, tokens.access_seed);
        self.add_access(
            Access {
                digest: access.digest.clone(),
                issued_at: now,
                expires_at: tokens.access_expires_at,
                scopes: None,
            },
            now,
        );
        let refresh = tokens.refresh.as_ref().map(|first| {
            let minted = tokens.format.refresh(&self.id, first.lineage, first.turn);
            self.refresh = Some(Refresh::first(&minted, first));
            minted
        });
        Tokens { access, refresh }
    }
}
