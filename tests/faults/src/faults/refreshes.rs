//! One refresh token, many refreshes at once (RFC 9700 §4.14.2).

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;

use super::Bed;
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;

/// Requests at once.
const AT_ONCE: usize = 200;
/// A window that ends after the slowest of them.
const WINDOW: Duration = Duration::from_secs(120);

/// With a window all get the same successor and one writes; without one it is a reuse, and the grant ends.
pub(super) async fn race(bed: &mut Bed<'_>, processes: usize, with_window: bool) -> Result<Outcome> {
    let window = if with_window { WINDOW } else { Duration::ZERO };
    let hosts = bed.ready_hosts(processes, |options| options.window_s = window.as_secs()).await?;
    for host in &hosts {
        host.pool().warm(AT_ONCE / processes).await.map_err(|_| "the host does not listen")?;
    }
    let (mut outcome, mut writes) = (Outcome::new(), 0);
    for round in 0..bed.rounds {
        let flow = Flow::default();
        let mut wrong = Vec::new();
        if let Some((_, token)) = flow.begin(&hosts[round % processes]).await.tokens() {
            count(&hosts).await?;
            let tries = (0..AT_ONCE).map(|number| flow.refresh(&hosts[number % processes], &token));
            let said = join_all(tries).await;
            let written = count(&hosts).await?;
            writes += written;
            wrong.extend(judge(&said, with_window, written));
            // At most one live successor: the model knows whether there is to be one.
            flow.look_at_all(&hosts[(round + 1) % processes]).await;
        }
        wrong.extend(flow.history().impossible(&Rules::sound(window)));
        outcome.round(wrong);
    }
    outcome.figures = format!("{} requests, {writes} writes", outcome.rounds * AT_ONCE);
    Ok(outcome)
}

fn judge(said: &[Said], with_window: bool, written: u64) -> Vec<String> {
    let won: Vec<_> = said.iter().filter_map(Said::tokens).collect();
    let successors: BTreeSet<_> = won.iter().collect();
    let mut wrong = Vec::new();
    let expected = if with_window { said.len() } else { 1 };
    if won.len() != expected || successors.len() != 1 {
        wrong.push(format!(
            "{} answers with {} successors, not {expected} with one",
            won.len(),
            successors.len()
        ));
    }
    // Without a window the second write is the end of the grant.
    let most = if with_window { 1 } else { 2 };
    if written > most {
        wrong.push(format!("{written} writes, at most {most}"));
    }
    wrong
}

/// How often the hosts have written a grant since the last question.
async fn count(hosts: &[Host]) -> Result<u64> {
    let mut writes = 0;
    for host in hosts {
        writes += host.take_writes().await?;
    }
    Ok(writes)
}
