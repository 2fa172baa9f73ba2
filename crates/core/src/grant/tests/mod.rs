//! The steps of a grant: each row of the table of the design, a model, bodies, and that steps are pure.

mod bodies;
mod model;
mod pure;
mod table;
mod unique;

use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::store::Body;
use crate::token::credential::{Presented, TokenKind};
use crate::token::format::{Format, Minted, Uuid4};
use crate::types::{CodeChallenge, Digest, Scopes};

const CLIENT: &str = "abc";
const OTHER_CLIENT: &str = "xyz";
const URI: &str = "https://rp.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const OTHER_VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXX";
const START: Timestamp = Timestamp::from_secs(1_800_000_000);
const CODE_LIFE: Duration = Duration::from_secs(60);
const ACCESS_LIFE: Duration = Duration::from_secs(600);
const IDLE_LIFE: Duration = Duration::from_secs(14 * 86_400);
const ABSOLUTE_LIFE: Duration = Duration::from_secs(30 * 86_400);
const WINDOW: Duration = Duration::from_secs(10);
const ROTATE: Rules = Rules { rotate: true, window: WINDOW, end_old: false };

/// What an operator sets about refresh tokens.
#[derive(Debug, Clone, Copy)]
struct Rules {
    rotate: bool,
    window: Duration,
    end_old: bool,
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

/// 32 bytes that no other number gives.
fn seed(number: u64) -> [u8; 32] {
    *Digest::of(&[b"test", &number.to_be_bytes()]).as_bytes()
}

fn uuid4() -> Format {
    Format::Foreign(Arc::new(Uuid4))
}

fn bare(id: GrantId, now: Timestamp) -> Grant {
    Grant {
        id,
        client: CLIENT.into(),
        subject: Some("alice".into()),
        grant_type: GrantTypeName::AUTHORIZATION_CODE,
        created_at: now,
        auth_time: None,
        scopes: scopes("read write"),
        data: None,
        code: None,
        refresh: None,
        access: Vec::new(),
        unique: None,
        marks: Vec::new(),
    }
}

/// What a token string speaks of: by its text, or as a pointer record would say.
fn presented(format: &Format, kind: TokenKind, id: GrantId, text: &str) -> Presented {
    match format {
        Format::Own => Presented::parse(text).unwrap(),
        Format::Foreign(_) => Presented::foreign(kind, id, text),
    }
}

/// A grant with its code, and everything that a request needs to go on with it.
#[derive(Debug, Clone)]
struct World {
    format: Format,
    grant: Grant,
    code: Presentable,
    /// The next number for [`seed`].
    drawn: u64,
}

/// A string and its digest.
#[derive(Debug, Clone)]
struct Presentable {
    text: String,
    digest: Digest,
}

impl From<Minted> for Presentable {
    fn from(minted: Minted) -> Self {
        Self { text: minted.text.to_string(), digest: minted.digest }
    }
}

impl World {
    fn new(format: &Format, number: u64, now: Timestamp) -> Self {
        let id: GrantId = *seed(number).first_chunk().unwrap();
        let code = format.code(&id, &seed(number + 1));
        let bound = Bound {
            digest: code.digest.clone(),
            redirect_uri: Some(URI.into()),
            challenge: Some(CodeChallenge::of(VERIFIER)),
        };
        let grant = bare(id, now).with_code(bound, now.after(CODE_LIFE));
        Self { format: format.clone(), grant, code: code.into(), drawn: number + 2 }
    }

    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        seed(self.drawn)
    }

    fn ask(&self) -> RedeemCode<'_> {
        RedeemCode {
            digest: &self.code.digest,
            client: CLIENT,
            redirect_uri: Some(URI),
            verifier: Some(VERIFIER),
        }
    }

    /// A redemption that asks for the right thing, but for what `change` changes.
    fn redeem(&mut self, now: Timestamp, change: impl Fn(&mut RedeemCode<'_>)) -> Outcome<Tokens> {
        let (access, turn) = (self.draw(), self.draw());
        let lineage: [u8; 16] = *self.draw().first_chunk().unwrap();
        let mut ask = self.ask();
        change(&mut ask);
        let tokens = FirstTokens {
            format: &self.format,
            access_seed: &access,
            access_expires_at: now.after(ACCESS_LIFE),
            refresh: Some(FirstRefresh {
                lineage: &lineage,
                turn: &turn,
                idle_expires_at: now.after(IDLE_LIFE),
                absolute_expires_at: now.after(ABSOLUTE_LIFE),
            }),
        };
        self.grant.redeem_code(&ask, &tokens, now)
    }

    /// A world after a right redemption, and the strings that it gave.
    fn redeemed(format: &Format, now: Timestamp) -> (Self, Presentable, Presentable) {
        let mut world = Self::new(format, 1, now);
        let Outcome::Replace(next, tokens) = world.redeem(now, |_| {}) else { panic!("a right redemption") };
        world.grant = *next;
        (world, tokens.access.into(), tokens.refresh.unwrap().into())
    }

    fn refresh(
        &mut self,
        token: &str,
        client: &str,
        asked: Option<&str>,
        rules: Rules,
        now: Timestamp,
    ) -> Outcome<Refreshed> {
        let presented = presented(&self.format, TokenKind::Refresh, self.grant.id, token);
        let salt = self.draw();
        let asked = asked.map(scopes);
        let ask = RefreshAsk {
            presented: &presented,
            client,
            scopes: asked.as_ref(),
            format: &self.format,
            rules: RefreshRules {
                rotate: rules.rotate,
                window: rules.window,
                access_expires_at: now.after(ACCESS_LIFE),
                idle_expires_at: now.after(IDLE_LIFE),
                end_old_access_tokens: rules.end_old,
            },
            salt: &salt,
            unique_key: None,
        };
        self.grant.refresh(&ask, now)
    }

    /// A refresh that must win.
    fn refreshed(&mut self, token: &str, rules: Rules, now: Timestamp) -> (String, String) {
        let Outcome::Replace(next, answer) = self.refresh(token, CLIENT, None, rules, now) else {
            panic!("a right refresh of the current turn")
        };
        self.grant = *next;
        texts(&answer)
    }
}

fn texts(answer: &Refreshed) -> (String, String) {
    (answer.tokens.access.text.to_string(), answer.tokens.refresh.as_ref().unwrap().text.to_string())
}

/// What a step decided, without what it decided about.
#[derive(Debug, PartialEq, Eq)]
enum Ends {
    Replaces,
    Same,
    Removes(&'static str),
    Refuses(&'static str),
}

fn end<T>(outcome: &Outcome<T>) -> Ends {
    match outcome {
        Outcome::Replace(..) => Ends::Replaces,
        Outcome::Same(_) => Ends::Same,
        Outcome::Remove(_, refusal) => {
            assert_eq!(refusal.kind, RefusalKind::InvalidGrant);
            Ends::Removes(refusal.reason)
        }
        Outcome::Refuse(refusal) => Ends::Refuses(refusal.reason),
    }
}

/// The grant as another process reads it.
fn stored(grant: &Grant) -> Grant {
    Grant::from_record(&grant.to_record()).unwrap()
}
