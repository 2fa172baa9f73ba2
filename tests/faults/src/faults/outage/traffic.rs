//! Users who log in, refresh, ask and revoke, until they are told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::PATIENCE;
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::process::Host;

/// What was answered so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    /// What was hoped for, or a refusal.
    pub(super) good: u64,
    /// 503.
    pub(super) try_again: u64,
    /// The longest that an answer took.
    pub(super) slowest: Duration,
}

/// Users at work.
#[derive(Debug)]
pub(super) struct Traffic {
    users: JoinSet<Vec<Flow>>,
    stop: Arc<AtomicBool>,
    tally: watch::Sender<Tally>,
}

/// A client tries so often where it is told to try again.
const TRIES: usize = 3;
/// Between two tries: who is refused at once does not ask as fast as it can.
const PAUSE: Duration = Duration::from_millis(5);

impl Traffic {
    /// So many users at once, each with one grant after the other.
    pub(super) fn start(host: &Arc<Host>, users: usize) -> Self {
        let (stop, tally) = (Arc::new(AtomicBool::new(false)), watch::Sender::new(Tally::default()));
        let mut all = JoinSet::new();
        for number in 0..users {
            let (host, stop, tally) = (Arc::clone(host), Arc::clone(&stop), tally.clone());
            all.spawn(async move {
                let mut flows = Vec::new();
                for turn in number.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let flow = Flow::default();
                    User { flow: &flow, host: &host, tally: &tally }.live(turn).await;
                    flows.push(flow);
                }
                flows
            });
        }
        Self { users: all, stop, tally }
    }

    /// What was answered so far.
    pub(super) fn tally(&self) -> Tally {
        *self.tally.borrow()
    }

    /// Waits until this has been answered since.
    pub(super) async fn until(&self, what: &str, so: impl Fn(&Tally) -> bool + Send + Sync) -> Result<()> {
        let mut tally = self.tally.subscribe();
        let seen = tokio::time::timeout(PATIENCE, tally.wait_for(|tally| so(tally))).await;
        match seen {
            Ok(Ok(_)) => Ok(()),
            _ => Err(format!("{what}: not within {PATIENCE:?}, but {:?}", self.tally()).into()),
        }
    }

    /// Waits for so many more good answers.
    pub(super) async fn good(&self, more: u64) -> Result<()> {
        let before = self.tally().good;
        self.until("good answers", |tally| tally.good >= before + more).await
    }

    /// Waits for so many more errors.
    pub(super) async fn errors(&self, more: u64) -> Result<()> {
        let before = self.tally().try_again;
        self.until("errors", |tally| tally.try_again >= before + more).await
    }

    /// Lets the users end what they do, asks for all tokens once more, and says what is impossible.
    pub(super) async fn end(mut self, host: &Host, rules: &Rules) -> Result<Vec<String>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut flows = Vec::new();
        while let Some(user) = self.users.join_next().await {
            flows.extend(user?);
        }
        Ok(judge(&flows, host, rules).await)
    }
}

/// Asks for all tokens, uses the refresh tokens, and says what is impossible. Nothing fails any more meanwhile.
pub(super) async fn judge(flows: &[Flow], host: &Host, rules: &Rules) -> Vec<String> {
    let mut wrong = Vec::new();
    for some in flows.chunks(32) {
        let asked = join_all(some.iter().map(|flow| look_again(flow, host))).await;
        wrong.extend(asked.into_iter().flatten());
    }
    wrong.extend(flows.iter().flat_map(|flow| flow.history().impossible(rules)));
    wrong
}

async fn look_again(flow: &Flow, host: &Host) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut see = |doing: &str, said: &Said| {
        if matches!(said, Said::TryAgain | Said::Lost | Said::Wrong(_)) {
            wrong.push(format!("nothing fails any more, but {doing} said {said}"));
        }
    };
    let tokens = flow.history().tokens();
    for (access, _) in &tokens {
        see("introspection", &flow.introspect(host, access).await);
    }
    for (access, refresh) in &tokens {
        let said = flow.refresh(host, refresh).await;
        see("a refresh", &said);
        see("introspection", &flow.introspect(host, access).await);
    }
    wrong
}

struct User<'a> {
    flow: &'a Flow,
    host: &'a Host,
    tally: &'a watch::Sender<Tally>,
}

impl User<'_> {
    /// One grant: a third of them is revoked, a third goes on to the end of the round.
    async fn live(&self, turn: usize) {
        let Said::Code(code) = self.count(self.flow.authorize(self.host)).await else {
            return tokio::time::sleep(PAUSE).await;
        };
        let Some((access, refresh)) = self.tries(|| self.flow.redeem(self.host, &code)).await.tokens() else {
            return;
        };
        self.tries(|| self.flow.introspect(self.host, &access)).await;
        let refreshed = self.tries(|| self.flow.refresh(self.host, &refresh)).await;
        let refresh = refreshed.tokens().map_or(refresh, |(_, refresh)| refresh);
        if turn.is_multiple_of(3) {
            self.tries(|| self.flow.revoke(self.host, &refresh)).await;
            self.tries(|| self.flow.introspect(self.host, &access)).await;
        }
    }

    /// What a client does that is told to try again.
    async fn tries<F: Future<Output = Said>>(&self, act: impl Fn() -> F) -> Said {
        let mut said = self.count(act()).await;
        for _ in 1..TRIES {
            if said != Said::TryAgain {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            said = self.count(act()).await;
        }
        said
    }

    async fn count(&self, act: impl Future<Output = Said>) -> Said {
        let began = Instant::now();
        let said = act.await;
        self.tally.send_modify(|tally| {
            tally.slowest = tally.slowest.max(began.elapsed());
            match said {
                Said::TryAgain => tally.try_again += 1,
                _ => tally.good += 1,
            }
        });
        said
    }
}
