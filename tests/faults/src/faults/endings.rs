//! Refreshes against everything that ends a grant, in random order: afterwards nothing of it lives (RFC 7009 §2.1, RFC 9700
//! §4.14.2).

use std::time::Duration;

use futures_util::future::join_all;
use grantor_testkit::SeededRandom;

use super::Bed;
use crate::Result;
use crate::app::{CLIENT, Flow};
use crate::history::Rules;
use crate::process::Host;
use crate::report::Outcome;

const WINDOW: Duration = Duration::from_secs(120);
/// Grants at once.
const AT_ONCE: usize = 8;
/// Refreshes of a grant, one after the other, unless it ends.
const REFRESHES: u64 = 6;
/// What ends a grant.
const WAYS: [&str; 7] =
    ["revoke", "replay", "remove", "disable-client", "disable-user", "end-earlier-of-user", "end-consent"];

/// Each round is one grant.
pub(super) async fn race(bed: &mut Bed<'_>) -> Result<Outcome> {
    let processes = if bed.stage.setting.is_shared() { 2 } else { 1 };
    let hosts = bed.ready_hosts(processes, |options| options.window_s = WINDOW.as_secs()).await?;
    let random = SeededRandom::new(4);
    let mut outcome = Outcome::new();
    let mut refreshed = 0;
    for first in (0..bed.rounds).step_by(AT_ONCE) {
        let rounds = first..bed.rounds.min(first + AT_ONCE);
        let done = join_all(rounds.map(|round| one(bed, &hosts, round, &random))).await;
        for round in done {
            let (tokens, wrong) = round?;
            refreshed += tokens;
            outcome.round(wrong);
        }
    }
    outcome.figures = format!("{refreshed} tokens, all dead");
    Ok(outcome)
}

async fn one(
    bed: &Bed<'_>,
    hosts: &[Host],
    round: usize,
    random: &SeededRandom,
) -> Result<(usize, Vec<String>)> {
    let way = WAYS[round % WAYS.len()];
    let (here, there) = (&hosts[round % hosts.len()], &hosts[(round + 1) % hosts.len()]);
    let flow = match way {
        // A client of its own, for the others go on.
        "disable-client" => bed.flow(here, &format!("{CLIENT}-{}-{round}", bed.rounds)).await?,
        _ => Flow::default(),
    };
    let code = flow.authorize(here).await.code();
    if let Some((_, token)) = flow.redeem(here, &code).await.tokens() {
        // The end comes at a random moment during or after one of the refreshes.
        let (refreshed, mut count) = tokio::sync::watch::channel(0);
        let first = token.clone();
        let refreshing = async {
            let mut current = first;
            for number in 1..=REFRESHES {
                match flow.refresh(here, &current).await.tokens() {
                    Some((_, next)) => current = next,
                    None => break,
                }
                refreshed.send_replace(number);
            }
            drop(refreshed);
        };
        let after = random.next_number() % REFRESHES;
        let ending = async {
            let _ = count.wait_for(|number| *number >= after).await;
            pause(random, 8_000).await;
            match way {
                "revoke" => flow.revoke(there, &token).await,
                "replay" => flow.redeem(there, &code).await,
                what => flow.operate(there, what, &token).await,
            }
        };
        tokio::join!(refreshing, ending);
        flow.look_at_all(here).await;
        // Enabled again, what was granted before stays dead.
        match way {
            "disable-client" => drop(flow.operate(here, "enable-client", &token).await),
            "disable-user" => drop(flow.operate(here, "enable-user", &token).await),
            _ => {}
        }
        flow.look_at_all(there).await;
    }
    let wrong = flow.history().impossible(&Rules::sound(WINDOW));
    Ok((flow.history().tokens().len(), wrong.into_iter().map(|wrong| format!("{way}: {wrong}")).collect()))
}

/// Waits for up to so many microseconds.
async fn pause(random: &SeededRandom, most: u64) {
    tokio::time::sleep(Duration::from_micros(random.next_number() % most)).await;
}
