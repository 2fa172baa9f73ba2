//! One of two memcached servers is away. Nobody takes its place, so that what was revoked there stays revoked.

use std::time::Duration;

use futures_util::future::join_all;

use super::wiped::begun;
use super::{Bed, clients, comes_back};
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::Kind;

/// A new grant is on either server: a user who does not get in at so many tries has a chance of one in a million to be unlucky.
const TRIES: usize = 20;
const LOGINS: usize = 20;

/// Each round: one of the servers is killed, and started again, empty.
pub(super) async fn node_away(bed: &mut Bed<'_>) -> Result<Outcome> {
    let host = Host::start(&bed.stage.options())?;
    clients(bed, &host).await?;
    let rules = Rules::failing(Duration::ZERO, false);
    let mut outcome = Outcome::new();
    let (mut stayed, mut away, mut tries) = (0, 0, 0);
    for round in 0..bed.rounds {
        let before = begun(&host, 60).await?;
        let servers = bed.stage.engines(Kind::Memcached)?;
        let gone = round % servers.len();
        servers[gone].kill()?;
        let mut wrong = Vec::new();
        let asks = before.alive.iter().map(|(flow, access)| flow.introspect(&host, access));
        let said = join_all(asks).await;
        let here: Vec<bool> = said.iter().map(|said| *said == Said::Active(true)).collect();
        for said in &said {
            match said {
                Said::Active(true) => stayed += 1,
                Said::TryAgain => away += 1,
                other => {
                    wrong.push(format!("a token of a server that is away, or of the other one: {other}"));
                }
            }
        }
        for _ in 0..LOGINS {
            let (flow, used) = log_in(&host).await;
            tries += used;
            if used > TRIES {
                wrong.push("no log-in while one of two servers is away".to_owned());
            }
            wrong.extend(flow.history().impossible(&rules));
        }
        bed.stage.engines(Kind::Memcached)?[gone].start_again()?;
        comes_back(&host).await?;
        for ((flow, access), here) in before.alive.iter().zip(here) {
            let said = flow.introspect(&host, access).await;
            if said != Said::Active(here) {
                wrong.push(format!("it was {here} that it is on the other server, and now it said {said}"));
            }
        }
        wrong.extend(super::traffic::judge(&before.all, &host, &rules).await);
        outcome.round(wrong);
    }
    if stayed == 0 || away == 0 {
        outcome.wrong.push("all grants were on one server".to_owned());
    }
    outcome.figures = format!(
        "{stayed} grants went on, {away} ended with their server; {} log-ins with {tries} tries",
        outcome.rounds * LOGINS
    );
    Ok(outcome)
}

/// A user who tries until it works; how often.
async fn log_in(host: &Host) -> (Flow, usize) {
    let mut used = 0;
    loop {
        used += 1;
        let flow = Flow::default();
        if used > TRIES || flow.begin(host).await.tokens().is_some() {
            return (flow, used);
        }
    }
}
