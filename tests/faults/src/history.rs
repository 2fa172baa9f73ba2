//! What was done to a grant and what was answered, and the model that says which answers are impossible.
//!
//! The model: a code goes from unused to used, once; a family of tokens goes from live to dead, once; a refresh token has one
//! successor. Requests overlap, so only what is certain counts: an answer that *ended* before a request *began* came before it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// An action of a client, a user or an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// The user approves.
    Authorize,
    /// This code is redeemed, with all that belongs to it.
    Redeem(String),
    /// This refresh token is used.
    Refresh(String),
    /// Is this token alive?
    Introspect(String),
    /// The grant is to end.
    End(End),
}

/// What ends a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A revocation of this token.
    Revoke(String),
    /// An operator or the user, through something else than the client.
    Operator(&'static str),
}

impl End {
    /// Whether it ends the grant, not one access token, nor nothing at all.
    fn ends_all(&self) -> bool {
        match self {
            Self::Revoke(token) => !is_access(token),
            Self::Operator(what) => !what.starts_with("enable"),
        }
    }
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A code.
    Code(String),
    /// Tokens.
    Tokens {
        /// The access token.
        access: String,
        /// The refresh token.
        refresh: Option<String>,
        /// What is left of the access token, in seconds.
        expires_in: u64,
    },
    /// It is alive, or not.
    Active(bool),
    /// It is done.
    Done,
    /// An error of an RFC, such as `invalid_grant`.
    Refused(String),
    /// 503: try again.
    TryAgain,
    /// No answer came, the connection ended.
    Lost,
    /// Anything else: always wrong.
    Wrong(String),
}

impl Said {
    /// Access and refresh token.
    pub fn tokens(&self) -> Option<(String, String)> {
        match self {
            Self::Tokens { access, refresh, .. } => {
                Some((access.clone(), refresh.clone().unwrap_or_default()))
            }
            _ => None,
        }
    }

    /// The code; empty where it is none.
    pub fn code(&self) -> String {
        match self {
            Self::Code(code) => code.clone(),
            _ => String::new(),
        }
    }

    /// Whether it is `invalid_grant`.
    pub fn is_invalid_grant(&self) -> bool {
        matches!(self, Self::Refused(error) if error == "invalid_grant")
    }

    fn is_life(&self) -> bool {
        matches!(self, Self::Tokens { .. } | Self::Active(true))
    }
}

/// An action with its answer. `began` and `ended` are places in one order over all histories.
#[derive(Debug, Clone)]
pub struct Event {
    began: u64,
    ended: u64,
    at: Instant,
    took: Duration,
    action: Action,
    said: Said,
}

impl Event {
    fn before(&self, other: &Self) -> bool {
        self.ended < other.began
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (began, ended, took) = (self.began, self.ended, self.took);
        write!(f, "{began}..{ended} ({took:.1?}) {} -> {}", self.action, self.said)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorize => f.write_str("authorize"),
            Self::Redeem(token) => write!(f, "redeem {}", short(token)),
            Self::Refresh(token) => write!(f, "refresh {}", short(token)),
            Self::Introspect(token) => write!(f, "introspect {}", short(token)),
            Self::End(End::Revoke(token)) => write!(f, "revoke {}", short(token)),
            Self::End(End::Operator(what)) => f.write_str(what),
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => f.write_str(&short(code)),
            Self::Tokens { access, refresh, expires_in } => {
                let refresh = refresh.as_deref().map(short).unwrap_or_default();
                write!(f, "{} {refresh} for {expires_in} s", short(access))
            }
            Self::Refused(error) => f.write_str(error),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Kind and end of a token are enough to tell it from others.
fn short(token: &str) -> String {
    let end = token.get(token.len().saturating_sub(6)..).unwrap_or(token);
    format!("{}~{end}", token.get(4..6).unwrap_or_default())
}

/// What may happen besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// The retry window of refresh tokens.
    pub window: Duration,
    /// Whether processes or stores fail: then answers may be lost or 503.
    pub failing: bool,
    /// Whether the stores keep what was acknowledged through those failures.
    pub keeps: bool,
}

impl Rules {
    /// Nothing fails.
    pub const fn sound(window: Duration) -> Self {
        Self { window, failing: false, keeps: true }
    }

    /// Processes or stores fail.
    pub const fn failing(window: Duration, keeps: bool) -> Self {
        Self { window, failing: true, keeps }
    }
}

/// The events of one grant, in the order in which they ended.
#[derive(Debug, Default)]
pub struct History {
    events: Mutex<Vec<Event>>,
}

/// So many events of a history with an impossible answer are shown.
const MOST: usize = 100;

/// The order over all histories.
static ORDER: AtomicU64 = AtomicU64::new(0);

impl History {
    /// Does something, and appends it with its answer.
    pub async fn record(&self, action: Action, doing: impl Future<Output = Said>) -> Said {
        let began = ORDER.fetch_add(1, Ordering::SeqCst);
        let at = Instant::now();
        let said = doing.await;
        let ended = ORDER.fetch_add(1, Ordering::SeqCst);
        let event = Event { began, ended, at, took: at.elapsed(), action, said: said.clone() };
        self.events.lock().push(event);
        said
    }

    /// How many actions were recorded.
    pub fn len(&self) -> usize {
        self.events.lock().len()
    }

    /// Whether nothing was.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether an answer was lost.
    pub fn was_cut(&self) -> bool {
        self.events.lock().iter().any(|event| event.said == Said::Lost)
    }

    /// All access tokens and refresh tokens that were answered.
    pub fn tokens(&self) -> Vec<(String, String)> {
        let events = self.events.lock();
        let mut tokens: Vec<_> = events.iter().filter_map(|event| event.said.tokens()).collect();
        tokens.sort();
        tokens.dedup();
        tokens
    }

    /// The impossible answers with the history, as one text; empty where the model can explain everything.
    pub fn impossible(&self, rules: &Rules) -> Vec<String> {
        let mut events = self.events.lock().clone();
        events.sort_by_key(|event| event.began);
        let found = Model { events: &events, rules }.check();
        if found.is_empty() {
            return found;
        }
        let mut all: Vec<String> = events.iter().take(MOST).map(ToString::to_string).collect();
        if events.len() > MOST {
            all.push(format!("and {} more", events.len() - MOST));
        }
        vec![format!("{}\n    {}", found.join("\n  and "), all.join("\n    "))]
    }
}

struct Model<'a> {
    events: &'a [Event],
    rules: &'a Rules,
}

impl Model<'_> {
    fn check(&self) -> Vec<String> {
        let mut found = Vec::new();
        found.extend(self.unheard_of());
        found.extend(self.code_used_twice());
        found.extend(self.two_successors());
        found.extend(self.used_again_after_its_successor());
        found.extend(self.life_after_the_end());
        found.extend(self.lost());
        found
    }

    /// Only what an RFC or the model knows is answered, and 503 or nothing only where something fails.
    fn unheard_of(&self) -> Vec<String> {
        let bad = self.events.iter().filter(|event| match (&event.action, &event.said) {
            (_, Said::Wrong(_)) => true,
            (_, Said::TryAgain | Said::Lost) => !self.rules.failing,
            (Action::Redeem(_) | Action::Refresh(_), Said::Refused(error)) => {
                error != "invalid_grant" && !(error == "invalid_client" && self.disables_client())
            }
            (Action::Redeem(_) | Action::Refresh(_), said) => !matches!(said, Said::Tokens { .. }),
            (Action::Authorize, said) => !matches!(said, Said::Code(_) | Said::Refused(_)),
            (Action::Introspect(_), said) => !matches!(said, Said::Active(_)),
            (Action::End(_), said) => *said != Said::Done,
        });
        bad.map(|event| format!("an answer that must not be: {event}")).collect()
    }

    /// RFC 6749 §4.1.2: a code is used once.
    fn code_used_twice(&self) -> Vec<String> {
        let mut used = BTreeMap::<&str, usize>::new();
        for (code, event) in self.events.iter().filter_map(redemption) {
            *used.entry(code).or_default() += usize::from(event.said.is_life());
        }
        used.into_iter()
            .filter(|(_, times)| *times > 1)
            .map(|(_, times)| format!("a code gave tokens {times} times"))
            .collect()
    }

    /// A refresh token has one successor: every answer to it is the same, and without a window there is one answer.
    fn two_successors(&self) -> Vec<String> {
        let mut first = BTreeMap::<&str, &Event>::new();
        let mut found = Vec::new();
        for (token, event) in self.rotations() {
            match first.get(token) {
                None => drop(first.insert(token, event)),
                Some(_) if self.rules.window.is_zero() => {
                    found.push(format!("without a window a refresh token was used twice: {event}"));
                }
                Some(earlier) if earlier.said.tokens() != event.said.tokens() => {
                    found.push(format!("a refresh token has two successors: {event}"));
                }
                // The rotation happened before the first answer ended.
                Some(earlier) if event.at > earlier.at + earlier.took + self.rules.window => {
                    found.push(format!("a refresh token was used again after its window: {event}"));
                }
                Some(_) => {}
            }
        }
        found
    }

    /// Once a successor was used, its predecessor is not answered any more.
    fn used_again_after_its_successor(&self) -> Vec<String> {
        let mut successors = BTreeMap::<&str, BTreeSet<String>>::new();
        for (token, event) in self.rotations() {
            successors.entry(token).or_default().extend(event.said.tokens().map(|(_, refresh)| refresh));
        }
        let used = |token: &str, event: &Event| {
            let successors = successors.get(token)?;
            self.rotations().find(|(own, other)| successors.contains(*own) && other.before(event))
        };
        self.rotations()
            .filter_map(|(token, event)| {
                let (_, used) = used(token, event)?;
                Some(format!("used again: {event}, after its successor: {used}"))
            })
            .collect()
    }

    /// What has ended stays so.
    fn life_after_the_end(&self) -> Vec<String> {
        let ends: Vec<&Event> = self.events.iter().filter(|event| self.is_end(event)).collect();
        let alive = self.events.iter().filter(|event| event.said.is_life());
        alive
            .filter_map(|event| {
                let end = ends.iter().find(|end| end.before(event))?;
                Some(format!("alive: {event}, after its end: {end}"))
            })
            .collect()
    }

    /// Whether the grant is certainly dead once this is answered.
    fn is_end(&self, event: &Event) -> bool {
        match &event.action {
            Action::End(end) => event.said == Said::Done && end.ends_all(),
            // The code is right and in time: what is refused has been redeemed, and this is its replay, or it has ended.
            Action::Redeem(_) => event.said.is_invalid_grant(),
            // A reuse, or it has ended. Where an access token was revoked a retry may be refused and nothing ends.
            Action::Refresh(_) => event.said.is_invalid_grant() && !self.revokes_access(),
            _ => false,
        }
    }

    fn disables_client(&self) -> bool {
        self.events.iter().any(|event| event.action == Action::End(End::Operator("disable-client")))
    }

    fn revokes_access(&self) -> bool {
        self.events
            .iter()
            .any(|event| matches!(&event.action, Action::End(End::Revoke(token)) if is_access(token)))
    }

    /// What was acknowledged is there until something may have ended it.
    fn lost(&self) -> Vec<String> {
        if !self.rules.keeps {
            return Vec::new();
        }
        let dead = self.events.iter().filter(|event| match (&event.action, &event.said) {
            (Action::Introspect(_), said) => *said == Said::Active(false),
            (Action::Redeem(_) | Action::Refresh(_), said) => said.is_invalid_grant(),
            _ => false,
        });
        let dead = dead.filter(|event| !self.may_have_ended(event.ended));
        dead.map(|event| format!("lost: {event}, and nothing can have ended it")).collect()
    }

    /// Whether what had begun by then can have ended the grant.
    fn may_have_ended(&self, by: u64) -> bool {
        let begun: Vec<&Event> = self.events.iter().filter(|event| event.began < by).collect();
        // Of two redemptions one is a replay.
        let redemptions = begun.iter().filter(|event| redemption(event).is_some()).count();
        let ended = begun.iter().any(|event| matches!(event.action, Action::End(_)));
        ended || redemptions > 1 || self.may_have_been_reused(&begun)
    }

    /// Whether one of these refreshes may have presented a token that was used before, too late or after its successor.
    fn may_have_been_reused(&self, begun: &[&Event]) -> bool {
        let window = self.rules.window;
        let mut uses = BTreeMap::<&str, Vec<&Event>>::new();
        for event in begun {
            if let Action::Refresh(token) = &event.action {
                uses.entry(token).or_default().push(event);
            }
        }
        uses.values().any(|uses| {
            let first = uses.iter().map(|event| event.at).min();
            let last = uses.iter().map(|event| event.at + event.took).max();
            // The host's clock starts the window somewhere in between.
            let late = first.zip(last).is_some_and(|(first, last)| last >= first + window);
            let successors = uses.iter().filter_map(|event| event.said.tokens());
            let successors_used =
                successors.filter_map(|(_, refresh)| self.first_use(&refresh)).min().unwrap_or(u64::MAX);
            uses.len() > 1 && (late || uses.iter().any(|event| event.ended > successors_used))
        })
    }

    /// When somebody began to use this refresh token.
    fn first_use(&self, token: &str) -> Option<u64> {
        let uses =
            self.events.iter().filter(|event| matches!(&event.action, Action::Refresh(own) if own == token));
        uses.map(|event| event.began).min()
    }

    /// The refreshes that were answered with tokens.
    fn rotations(&self) -> impl Iterator<Item = (&str, &Event)> {
        self.events.iter().filter_map(|event| match &event.action {
            Action::Refresh(token) if event.said.is_life() => Some((token.as_str(), event)),
            _ => None,
        })
    }
}

fn redemption(event: &Event) -> Option<(&str, &Event)> {
    match &event.action {
        Action::Redeem(code) => Some((code, event)),
        _ => None,
    }
}

fn is_access(token: &str) -> bool {
    token.starts_with("grt_at_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(number: u8) -> Said {
        Said::Tokens {
            access: format!("grt_at_{number}"),
            refresh: Some(format!("grt_rt_{number}")),
            expires_in: 600,
        }
    }

    fn redeem() -> Action {
        Action::Redeem("code".to_owned())
    }

    fn refresh(number: u8) -> Action {
        Action::Refresh(format!("grt_rt_{number}"))
    }

    fn introspect(number: u8) -> Action {
        Action::Introspect(format!("grt_at_{number}"))
    }

    fn refused() -> Said {
        Said::Refused("invalid_grant".to_owned())
    }

    fn revoke(number: u8) -> Action {
        Action::End(End::Revoke(format!("grt_rt_{number}")))
    }

    /// One after the other.
    fn found(rules: &Rules, events: &[(Action, Said)]) -> Vec<String> {
        let history = History::default();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (action, said) in events {
            runtime.block_on(history.record(action.clone(), std::future::ready(said.clone())));
        }
        history.impossible(rules)
    }

    const WINDOW: Rules = Rules::sound(Duration::from_secs(10));
    const STRICT: Rules = Rules::sound(Duration::ZERO);

    #[test]
    fn a_life_as_it_should_be_is_explained() {
        for rules in [WINDOW, STRICT] {
            let life = [
                (Action::Authorize, Said::Code("code".to_owned())),
                (redeem(), tokens(0)),
                (introspect(0), Said::Active(true)),
                (refresh(0), tokens(1)),
                (refresh(1), tokens(2)),
                (introspect(0), Said::Active(true)),
                (redeem(), refused()),
                (introspect(2), Said::Active(false)),
                (refresh(2), refused()),
            ];
            assert_eq!(found(&rules, &life), [""; 0]);
        }
        let retry = [(redeem(), tokens(0)), (refresh(0), tokens(1)), (refresh(0), tokens(1))];
        assert_eq!(found(&WINDOW, &retry), [""; 0]);
    }

    #[test]
    fn impossible_answers_are_found() {
        type Case<'a> = (Rules, &'a [(Action, Said)], &'a str);
        let histories: &[Case<'_>] = &[
            (WINDOW, &[(redeem(), tokens(0)), (redeem(), tokens(1))], "a code gave tokens 2 times"),
            (WINDOW, &[(refresh(0), tokens(1)), (refresh(0), tokens(2))], "two successors"),
            (STRICT, &[(refresh(0), tokens(1)), (refresh(0), tokens(1))], "used twice"),
            (
                WINDOW,
                &[(refresh(0), tokens(1)), (refresh(1), tokens(2)), (refresh(0), tokens(1))],
                "after its successor",
            ),
            (
                WINDOW,
                &[(redeem(), tokens(0)), (revoke(0), Said::Done), (introspect(0), Said::Active(true))],
                "after its end",
            ),
            (
                WINDOW,
                &[(redeem(), tokens(0)), (redeem(), refused()), (refresh(0), tokens(1))],
                "after its end",
            ),
            (WINDOW, &[(redeem(), tokens(0)), (introspect(0), Said::Active(false))], "lost"),
            (WINDOW, &[(redeem(), tokens(0)), (refresh(0), refused())], "lost"),
            (WINDOW, &[(redeem(), refused())], "lost"),
            (WINDOW, &[(redeem(), tokens(0)), (refresh(0), tokens(1)), (refresh(0), refused())], "lost"),
            (WINDOW, &[(redeem(), Said::TryAgain)], "must not be"),
            (WINDOW, &[(redeem(), Said::Wrong("500".to_owned()))], "must not be"),
            (WINDOW, &[(redeem(), Said::Refused("invalid_request".to_owned()))], "must not be"),
        ];
        for (rules, events, why) in histories {
            let found = found(rules, events);
            assert!(found.iter().any(|found| found.contains(why)), "{why} in {found:?}");
        }
    }

    #[test]
    fn what_fails_may_be_lost_or_unavailable() {
        let events = [(redeem(), Said::Lost), (redeem(), Said::TryAgain), (redeem(), refused())];
        assert_eq!(found(&Rules::failing(Duration::ZERO, true), &events), [""; 0]);
        let forgotten = [(redeem(), tokens(0)), (introspect(0), Said::Active(false))];
        assert_eq!(found(&Rules::failing(Duration::ZERO, false), &forgotten), [""; 0]);
    }
}
