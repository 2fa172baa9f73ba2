//! One code, many redemptions at once (RFC 6749 §4.1.2, OAuth 2.1 §7.5.2).

use std::time::Duration;

use futures_util::future::join_all;

use super::Bed;
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::report::Outcome;

/// Requests at once.
const AT_ONCE: usize = 64;

/// Each round: a code, and all requests for it spread over the hosts.
pub(super) async fn race(bed: &mut Bed<'_>, processes: usize) -> Result<Outcome> {
    let hosts = bed.ready_hosts(processes, |_| {}).await?;
    for host in &hosts {
        host.pool().warm(AT_ONCE / processes).await.map_err(|_| "the host does not listen")?;
    }
    let mut outcome = Outcome::new();
    for round in 0..bed.rounds {
        let host = &hosts[round % processes];
        let flow = Flow::default();
        let Said::Code(code) = flow.authorize(host).await else {
            outcome.round(flow.history().impossible(&Rules::sound(Duration::ZERO)));
            continue;
        };
        let tries = (0..AT_ONCE).map(|number| flow.redeem(&hosts[(round + number) % processes], &code));
        let said = join_all(tries).await;
        let won: Vec<_> = said.iter().filter_map(Said::tokens).collect();
        let mut wrong = Vec::new();
        if won.len() != 1 {
            wrong.push(format!("{} of {AT_ONCE} redemptions gave tokens", won.len()));
        }
        // The losers were replays with all that belongs to the code: the grant is gone. The model knows that.
        for (access, refresh) in &won {
            let host = &hosts[(round + 1) % processes];
            flow.introspect(host, access).await;
            flow.refresh(host, refresh).await;
        }
        wrong.extend(flow.history().impossible(&Rules::sound(Duration::ZERO)));
        outcome.round(wrong);
    }
    outcome.figures = format!("{} requests", outcome.rounds * AT_ONCE);
    Ok(outcome)
}
