//! Random sequences of requests against a small model that is written from the table of the design, not from the code.
//! After each one the strings that live, the record's end and the answer must be those of the model.

use proptest::prelude::*;

use super::*;
use crate::standing::Standing;

#[derive(Debug, Clone)]
enum Action {
    /// A new grant takes the place of the old one.
    Issue,
    Redeem {
        client: bool,
        uri: Option<bool>,
        verifier: Option<bool>,
    },
    /// `back`: how many turns before the current one; `forged`: a string with the grant's id, but another lineage.
    Refresh {
        back: usize,
        forged: bool,
        client: bool,
        scope: Asked,
    },
    RevokeAccess(usize),
    RevokeRefresh {
        back: usize,
        client: bool,
    },
    Wait(u64),
    /// "Everything until now ends."
    EndEarlier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Nothing,
    All,
    Less,
    More,
}

impl Asked {
    fn text(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::All => Some("write read"),
            Self::Less => Some("read"),
            Self::More => Some("read write admin"),
        }
    }
}

/// What the client sees; tokens by the number of their first appearance.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Tokens { access: usize, refresh: usize, less: bool, ends: i64, written: bool },
    InvalidGrant { ended: bool },
    InvalidScope,
}

const NO: Said = Said::InvalidGrant { ended: false };
const ENDED: Said = Said::InvalidGrant { ended: true };

// ---- the model: numbers only -------------------------------------------------------------------------------------

#[derive(Debug, Default)]
struct Model {
    rotate: bool,
    window: i64,
    end_old: bool,
    now: i64,
    not_before: i64,
    issued_at: i64,
    gone: bool,
    spent: bool,
    code_end: i64,
    /// Per access token: its end, whether it has fewer scopes, whether it was taken away.
    access: Vec<(i64, bool, bool)>,
    /// The number of the current refresh token; `None` before the code is redeemed.
    current: Option<usize>,
    idle_end: i64,
    absolute_end: i64,
    /// The last refresh: when, with fewer scopes, its access token, whether it rotated.
    last: Option<(i64, bool, usize, bool)>,
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap()
}

impl Model {
    fn refresh_end(&self) -> i64 {
        self.idle_end.min(self.absolute_end)
    }

    fn record_end(&self) -> i64 {
        let code = if self.spent { 0 } else { self.code_end };
        let refresh = self.current.map_or(0, |_| self.refresh_end());
        let access = self.access.iter().filter(|token| !token.2).map(|token| token.0).max().unwrap_or(0);
        code.max(refresh).max(access).max(self.issued_at) + 15_000
    }

    fn usable(&self) -> bool {
        !self.gone && self.now < self.record_end() && self.issued_at >= self.not_before
    }

    fn lives(&self, access: usize) -> bool {
        let (end, _, taken) = self.access[access];
        self.usable() && !taken && self.now < end
    }

    fn new_access(&mut self, less: bool) -> Said {
        let end = self.now + ms(ACCESS_LIFE);
        let end = if self.last.is_some() { end.min(self.absolute_end) } else { end };
        // What is expired or ended does not count any more for the record's end.
        let now = self.now;
        self.access.iter_mut().filter(|token| token.0 <= now).for_each(|token| token.2 = true);
        self.access.push((end, less, false));
        Said::Tokens {
            access: self.access.len() - 1,
            refresh: self.current.unwrap(),
            less,
            ends: end,
            written: true,
        }
    }

    fn redeem(&mut self, right: bool) -> Said {
        if !self.usable() || !right {
            return NO;
        }
        if self.spent {
            self.gone = true;
            return ENDED;
        }
        if self.now >= self.code_end {
            return NO;
        }
        self.spent = true;
        self.current = Some(0);
        self.idle_end = self.now + ms(IDLE_LIFE);
        self.absolute_end = self.now + ms(ABSOLUTE_LIFE);
        self.new_access(false)
    }

    fn refresh(&mut self, turn: usize, asked: Asked) -> Said {
        let Some(current) = self.current.filter(|_| self.usable()) else { return NO };
        let inside = self.last.is_some_and(|(at, ..)| self.now < at + self.window);
        let rotated = self.last.is_some_and(|(_, _, _, rotated)| rotated);
        let previous = rotated && turn + 1 == current;
        if turn != current && !(previous && inside) {
            self.gone = true;
            return ENDED;
        }
        if self.now >= self.refresh_end() {
            return NO;
        }
        let less = asked == Asked::Less;
        let same = self.last.filter(|(_, last_less, access, _)| {
            inside && *last_less == less && asked != Asked::More && self.lives(*access)
        });
        if previous || (!self.rotate && asked != Asked::More) {
            if let Some((_, _, access, _)) = same {
                let ends = self.access[access].0;
                return Said::Tokens { access, refresh: current, less, ends, written: false };
            }
            if previous {
                return NO;
            }
        }
        if asked == Asked::More {
            return Said::InvalidScope;
        }
        if self.rotate {
            self.current = Some(current + 1);
            if self.end_old {
                self.access.iter_mut().for_each(|token| token.2 = true);
            }
        }
        self.idle_end = (self.now + ms(IDLE_LIFE)).min(self.absolute_end);
        self.last = Some((self.now, less, self.access.len(), self.rotate));
        self.new_access(less)
    }
}

// ---- the steps ---------------------------------------------------------------------------------------------------

struct Real {
    rules: Rules,
    now: Timestamp,
    not_before: i64,
    issued: u64,
    world: Option<World>,
    access: Vec<Presentable>,
    refresh: Vec<String>,
}

impl Real {
    /// The grant as a request finds it.
    fn found(&mut self) -> Option<&mut World> {
        let (now, not_before) = (self.now, self.not_before);
        let world = self.world.as_mut()?;
        let mut standing = Standing::default();
        standing.raise(Timestamp::from_millis(not_before));
        let record = world.grant.to_record();
        (record.is_live(now) && standing.allows(world.grant.created_at)).then_some(world)
    }

    /// The number of a string, new ones are remembered.
    fn told(&mut self, tokens: Tokens, less: bool, ends: Timestamp, written: bool) -> Said {
        let access: Presentable = tokens.access.into();
        let refresh = tokens.refresh.unwrap().text.to_string();
        let at = self.access.iter().position(|old| old.text == access.text).unwrap_or_else(|| {
            self.access.push(access);
            self.access.len() - 1
        });
        let turn = self.refresh.iter().position(|old| *old == refresh).unwrap_or_else(|| {
            self.refresh.push(refresh);
            self.refresh.len() - 1
        });
        Said::Tokens { access: at, refresh: turn, less, ends: ends.as_millis(), written }
    }

    fn refused(&mut self, refusal: Refusal, removes: bool) -> Said {
        if removes {
            self.world = None;
        }
        match refusal.kind {
            RefusalKind::InvalidGrant => Said::InvalidGrant { ended: removes },
            RefusalKind::InvalidScope => Said::InvalidScope,
        }
    }

    fn redeem(&mut self, client: bool, uri: Option<bool>, verifier: Option<bool>) -> Said {
        let now = self.now;
        let Some(world) = self.found() else { return NO };
        let outcome = world.redeem(now, |ask| {
            ask.client = if client { CLIENT } else { OTHER_CLIENT };
            ask.redirect_uri = uri.map(|right| if right { URI } else { "https://rp.example/cb/" });
            ask.verifier = verifier.map(|right| if right { VERIFIER } else { OTHER_VERIFIER });
        });
        match outcome {
            Outcome::Replace(next, tokens) => {
                let ends = next.access[0].expires_at;
                world.grant = stored(&next);
                self.told(tokens, false, ends, true)
            }
            Outcome::Same(_) => panic!("no redemption gives the same again"),
            Outcome::Remove(_, refusal) => self.refused(refusal, true),
            Outcome::Refuse(refusal) => self.refused(refusal, false),
        }
    }

    fn refresh(&mut self, turn: usize, forged: bool, client: bool, asked: Asked) -> Said {
        let (now, rules) = (self.now, self.rules);
        let token = self.refresh[turn].clone();
        let Some(world) = self.found() else { return NO };
        let token = match (forged, &world.format) {
            (false, _) => token,
            (true, Format::Own) => Format::Own.refresh(&world.grant.id, &[9; 16], &seed(0)).text.to_string(),
            // No pointer leads from a string that was never given out.
            (true, Format::Foreign(_)) => return NO,
        };
        let client = if client { CLIENT } else { OTHER_CLIENT };
        match world.refresh(&token, client, asked.text(), rules, now) {
            Outcome::Replace(next, answer) => {
                world.grant = stored(&next);
                self.told(answer.tokens, answer.scopes == scopes("read"), answer.access_expires_at, true)
            }
            Outcome::Same(answer) => {
                self.told(answer.tokens, answer.scopes == scopes("read"), answer.access_expires_at, false)
            }
            Outcome::Remove(_, refusal) => self.refused(refusal, true),
            Outcome::Refuse(refusal) => self.refused(refusal, false),
        }
    }

    fn revoke_access(&mut self, number: usize) {
        let token = self.access[number].clone();
        let now = self.now;
        let Some(world) = self.found() else { return };
        if world.grant.live_access(&token.digest, now).is_some() {
            world.grant = stored(&world.grant.revoke_access(&token.digest).unwrap());
        }
    }

    fn revoke_refresh(&mut self, turn: usize, client: bool) {
        let token = self.refresh[turn].clone();
        let Some(world) = self.found() else { return };
        let presented = presented(&world.format, TokenKind::Refresh, world.grant.id, &token);
        if client && world.grant.refresh.as_ref().unwrap().is_of_lineage(&presented) {
            self.world = None;
        }
    }
}

// ---- both --------------------------------------------------------------------------------------------------------

struct Both {
    model: Model,
    real: Real,
    format: Format,
}

impl Both {
    fn new(format: Format, rules: Rules) -> Self {
        let model = Model {
            rotate: rules.rotate,
            window: ms(rules.window),
            end_old: rules.end_old,
            now: START.as_millis(),
            gone: true,
            ..Model::default()
        };
        let real = Real {
            rules,
            now: START,
            not_before: 0,
            issued: 0,
            world: None,
            access: Vec::new(),
            refresh: Vec::new(),
        };
        let mut both = Self { model, real, format };
        both.issue();
        both
    }

    fn issue(&mut self) {
        let (model, real) = (&mut self.model, &mut self.real);
        if model.now < model.not_before {
            return;
        }
        *model = Model {
            rotate: model.rotate,
            window: model.window,
            end_old: model.end_old,
            now: model.now,
            not_before: model.not_before,
            issued_at: model.now,
            code_end: model.now + ms(CODE_LIFE),
            ..Model::default()
        };
        real.issued += 1_000;
        real.world = Some(World::new(&self.format, real.issued, real.now));
        real.access.clear();
        real.refresh.clear();
    }

    fn act(&mut self, action: &Action) -> Result<(), TestCaseError> {
        match *action {
            Action::Issue => self.issue(),
            Action::Redeem { client, uri, verifier } => {
                let right = client && uri == Some(true) && verifier == Some(true);
                prop_assert_eq!(self.real.redeem(client, uri, verifier), self.model.redeem(right));
            }
            Action::Refresh { back, forged, client, scope } => {
                let Some(last) = self.real.refresh.len().checked_sub(1) else { return Ok(()) };
                let turn = last - back.min(last);
                let expected = if client && !forged { self.model.refresh(turn, scope) } else { NO };
                prop_assert_eq!(self.real.refresh(turn, forged, client, scope), expected);
            }
            Action::RevokeAccess(number) => {
                if !self.real.access.is_empty() {
                    let number = number % self.real.access.len();
                    self.real.revoke_access(number);
                    if self.model.lives(number) {
                        self.model.access[number].2 = true;
                    }
                }
            }
            Action::RevokeRefresh { back, client } => {
                let Some(last) = self.real.refresh.len().checked_sub(1) else { return Ok(()) };
                self.real.revoke_refresh(last - back.min(last), client);
                self.model.gone |= client && self.model.usable();
            }
            Action::Wait(millis) => {
                self.model.now += i64::try_from(millis).unwrap();
                self.real.now = self.real.now.after(Duration::from_millis(millis));
            }
            Action::EndEarlier => {
                self.model.not_before = self.model.now + 1;
                self.real.not_before = self.real.now.as_millis() + 1;
            }
        }
        self.compare()
    }

    fn compare(&mut self) -> Result<(), TestCaseError> {
        let usable = self.model.usable();
        prop_assert_eq!(self.real.found().is_some(), usable, "whether a request finds the grant");
        let now = self.real.now;
        for number in 0..self.real.access.len() {
            let digest = self.real.access[number].digest.clone();
            let lives = self.real.found().is_some_and(|w| w.grant.live_access(&digest, now).is_some());
            prop_assert_eq!(lives, self.model.lives(number), "access token {}", number);
        }
        if usable {
            let record_end = self.model.record_end();
            let grant = &self.real.found().unwrap().grant;
            prop_assert_eq!(grant.expires_at().as_millis(), record_end, "the end of the record");
            let is_current = |grant: &Grant, format: &Format, text: &str| {
                let presented = presented(format, TokenKind::Refresh, grant.id, text);
                grant.refresh.as_ref().is_some_and(|refresh| refresh.is_current(&presented))
            };
            for (turn, text) in self.real.refresh.clone().iter().enumerate() {
                let world = self.real.found().unwrap();
                prop_assert_eq!(
                    is_current(&world.grant, &world.format, text),
                    Some(turn) == self.model.current
                );
            }
        }
        Ok(())
    }
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    let mostly = || prop::bool::weighted(0.9);
    let asked = prop_oneof![
        6 => Just(Asked::Nothing),
        1 => Just(Asked::All),
        2 => Just(Asked::Less),
        1 => Just(Asked::More)
    ];
    let back = || prop_oneof![6 => Just(0_usize), 3 => Just(1), 1 => 2..5_usize];
    let wait = prop_oneof![
        4 => 1..2_000_u64,
        2 => Just(9_999_u64),
        2 => Just(10_000),
        1 => Just(59_999),
        1 => Just(60_000),
        1 => 500_000..700_000_u64,
        1 => 0..1_300_000_000_u64,
    ];
    let action = prop_oneof![
        1 => Just(Action::Issue),
        5 => (mostly(), proptest::option::weighted(0.9, mostly()), proptest::option::weighted(0.9, mostly()))
            .prop_map(|(client, uri, verifier)| Action::Redeem { client, uri, verifier }),
        16 => (back(), prop::bool::weighted(0.05), mostly(), asked)
            .prop_map(|(back, forged, client, scope)| Action::Refresh { back, forged, client, scope }),
        2 => (0..8_usize).prop_map(Action::RevokeAccess),
        1 => (back(), any::<bool>()).prop_map(|(back, client)| Action::RevokeRefresh { back, client }),
        8 => wait.prop_map(Action::Wait),
        1 => Just(Action::EndEarlier),
    ];
    // Most sequences begin with a right redemption, or little would happen.
    let first = Action::Redeem { client: true, uri: Some(true), verifier: Some(true) };
    (prop::bool::weighted(0.8), prop::collection::vec(action, 1..40)).prop_map(move |(begin, mut rest)| {
        if begin {
            rest.insert(0, first.clone());
        }
        rest
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn steps_do_what_the_model_does(
        foreign in any::<bool>(),
        rotate in any::<bool>(),
        window in prop_oneof![Just(0_u64), Just(10), Just(10), 1..100_u64],
        end_old in prop::bool::weighted(0.2),
        actions in actions(),
    ) {
        let format = if foreign { uuid4() } else { Format::Own };
        let rules = Rules { rotate, window: Duration::from_secs(window), end_old };
        let mut both = Both::new(format, rules);
        for action in &actions {
            both.act(action)?;
        }
    }
}
