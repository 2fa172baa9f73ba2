//! Engines that are down, frozen, cut off, restarted or emptied while requests are under way.
//!
//! A store that fails may cost an answer: 503 `temporarily_unavailable` with `Retry-After`. It may never cost what was
//! acknowledged where the store keeps it, give life to what has ended, or one authorization two families of tokens.

mod down;
mod frozen;
mod lost;
mod memcached;
mod sentinel;
mod traffic;
mod wiped;

use std::time::{Duration, Instant};

use super::{Bed, Fault};
use crate::Result;
use crate::app::{self, CLIENT, Flow, RESOURCE_SERVER};
use crate::history::Said;
use crate::http::Answer;
use crate::process::Host;
use crate::setting::{Kind, Setting};
use traffic::Traffic;

/// The faults of this family.
pub(super) const ALL: &[Fault] = &[
    Fault {
        id: "engine-down",
        what: "the engine is killed under load and started again after up to a second: meanwhile 503 with Retry-After, no 200 for \
               a revocation, the metadata answers; afterwards all is well by itself, and what was acknowledged is there where the \
               engine keeps it",
        on: has_engine,
        rounds: (3, 60),
        run: |bed| Box::pin(down::goes(bed, down::Ends::Killed)),
    },
    Fault {
        id: "engine-restart",
        what: "the engine is stopped in order under load and started again: the same",
        on: has_engine,
        rounds: (2, 40),
        run: |bed| Box::pin(down::goes(bed, down::Ends::InOrder)),
    },
    Fault {
        id: "engine-down-at-start",
        what: "a process that starts while the engine is down does not serve and does not hang; it starts once the engine is there",
        on: has_engine,
        rounds: (1, 10),
        run: |bed| Box::pin(down::at_the_start(bed)),
    },
    Fault {
        id: "sessions-ended",
        what: "all sessions are ended by an administrator under load (pg_terminate_backend, KILL): acknowledged is kept, and the \
               connections come back",
        on: |setting| has(setting, Kind::Postgres) || has(setting, Kind::Mariadb),
        rounds: (10, 100),
        run: |bed| Box::pin(down::sessions_ended(bed)),
    },
    Fault {
        id: "engine-frozen",
        what: "in turn the engine is frozen (SIGSTOP), takes no request, gives no answer, or answers after 3 s: every request has \
               an answer all the same, connections stay within their number, the metadata answers; afterwards all is well by itself, \
               also with what is written late",
        on: |setting| has_engine(setting) && !setting.is_split(),
        rounds: (4, 40),
        run: |bed| Box::pin(frozen::frozen(bed)),
    },
    Fault {
        id: "reply-lost",
        what: "the engine has done a call of a request, and its answer is lost, for each call of each kind of request in turn: no \
               double effect, and with a retry window a client that repeats a refresh has its tokens",
        on: has_engine,
        rounds: (40, 500),
        run: |bed| Box::pin(lost::replies(bed)),
    },
    Fault {
        id: "cut-within",
        what: "the connection ends after N bytes of what the engine is asked and answers for one redemption of a code, for N all \
               over them: tokens or a clear error, never two families",
        on: has_engine,
        rounds: (40, 4_000),
        run: |bed| Box::pin(lost::bytes(bed)),
    },
    Fault {
        id: "wiped",
        what: "FLUSHALL or flush_all under load: users log in again, and nothing that was revoked lives again",
        on: |setting| wiped::kind(setting).is_some(),
        rounds: (10, 100),
        run: |bed| Box::pin(wiped::flushed(bed)),
    },
    Fault {
        id: "evicted",
        what: "the engine has too little memory and evicts: users log in again, and nothing that was revoked lives again",
        on: |setting| !setting.is_split() && matches!(setting.live, Kind::Redis | Kind::Memcached),
        rounds: (1, 20),
        run: |bed| Box::pin(wiped::evicted(bed)),
    },
    Fault {
        id: "node-away",
        what: "one of two memcached servers is killed: what lives on the other goes on, log-ins work at the second try at the \
               latest in most cases; after its return, empty, log-ins work and nothing that was revoked lives again",
        on: |setting| !setting.is_split() && setting.live == Kind::Memcached,
        rounds: (5, 60),
        run: |bed| Box::pin(memcached::node_away(bed)),
    },
    Fault {
        id: "redis-failover",
        what: "the Redis master is killed or cut off under load, and the Sentinels choose another: with `wait=1` only answers are \
               lost; afterwards all is well by itself",
        on: |setting| setting.live == Kind::Sentinels,
        rounds: (1, 50),
        run: |bed| Box::pin(sentinel::fail_over(bed)),
    },
];

fn has(setting: &Setting, kind: Kind) -> bool {
    setting.kinds().contains(&kind)
}

fn engines(setting: &Setting) -> Vec<Kind> {
    setting.kinds().into_iter().filter(|kind| kind.is_engine()).collect()
}

fn has_engine(setting: &Setting) -> bool {
    !engines(setting).is_empty()
}

/// The engines take turns.
fn victim(setting: &Setting, round: usize) -> Kind {
    let engines = engines(setting);
    engines.get(round % engines.len().max(1)).copied().unwrap_or(setting.live)
}

/// How long something may take that is not about time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Makes the clients known to a host.
async fn clients(bed: &Bed<'_>, host: &Host) -> Result<()> {
    if bed.stage.setting.clients.is_some() {
        host.add_client(RESOURCE_SERVER).await?;
        host.add_client(CLIENT).await?;
    }
    Ok(())
}

/// What must be so while a store does not answer: the metadata document comes from memory, and an error says when to
/// try again (RFC 9110 §10.2.3).
async fn meanwhile(host: &Host) -> Vec<String> {
    let mut wrong = Vec::new();
    match host.pool().get("/.well-known/oauth-authorization-server").await {
        Ok(answer) if answer.status == 200 => {}
        other => wrong.push(format!("the metadata document did not answer: {other:?}")),
    }
    let form = format!(
        "grant_type=client_credentials&scope={}&client_id={CLIENT}&client_secret={}",
        app::SCOPE,
        app::SECRET
    );
    match host.pool().post("/token", &form).await {
        Ok(answer) if is_try_again(&answer) || answer.status == 200 => {}
        other => wrong.push(format!("neither tokens nor a 503 that says when to try again: {other:?}")),
    }
    wrong
}

fn is_try_again(answer: &Answer) -> bool {
    answer.status == 503
        && answer
            .header("retry-after")
            .is_some_and(|value| value.parse::<u32>().is_ok_and(|seconds| seconds > 0))
        && answer.json()["error"] == "temporarily_unavailable"
}

/// Waits until the host serves again by itself, and says how long that took.
async fn comes_back(host: &Host) -> Result<Duration> {
    let since = Instant::now();
    // One that works may have met the engine that works, where there are two.
    let mut good = 0;
    while good < 5 {
        let flow = Flow::default();
        let said = flow.begin(host).await;
        good = if matches!(said, Said::Tokens { .. }) { good + 1 } else { 0 };
        if since.elapsed() > PATIENCE {
            return Err(format!("it does not come back by itself: {said}").into());
        }
        if good == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(since.elapsed())
}

/// A pause of up to a second, another one in each round.
async fn pause(round: usize) {
    tokio::time::sleep(Duration::from_millis(100 + (round as u64 * 379) % 900)).await;
}

/// The longest of what was measured.
#[derive(Debug, Default)]
struct Longest(Duration);

impl Longest {
    fn see(&mut self, one: Duration) {
        self.0 = self.0.max(one);
    }
}

impl std::fmt::Display for Longest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}
