//! The host is killed (SIGKILL) at any moment, alone or together with the engines: what was acknowledged is there, what was
//! revoked is not, and no code is used twice.

use std::time::Duration;

use futures_util::future::join_all;
use grantor_testkit::SeededRandom;

use super::Bed;
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::Kind;

const WINDOW: Duration = Duration::from_secs(120);
/// Clients that go on at once.
const CLIENTS: usize = 8;
/// Grants of one round of revocations.
const GRANTS: usize = 20;

/// A flow, and what its client would try again.
struct Way {
    flow: Flow,
    code: String,
    token: Option<String>,
}

/// Each round: load, a kill at a random moment, a start, and every client goes on where it was.
pub(super) async fn under_load(bed: &mut Bed<'_>) -> Result<Outcome> {
    // The engine lives, so all but the memory of the process keeps what it has.
    let rules = Rules::failing(WINDOW, bed.stage.setting.is_shared());
    let host = bed.ready_hosts(1, |options| options.window_s = WINDOW.as_secs()).await?.remove(0);
    let random = SeededRandom::new(6);
    let mut outcome = Outcome::new();
    let (mut slowest, mut grants, mut cut) = (Duration::ZERO, 0, 0);
    for _ in 0..bed.rounds {
        let moment = Duration::from_millis(5 + random.next_number() % 495);
        let killing = async {
            tokio::time::sleep(moment).await;
            host.kill()
        };
        let (ways, killed) = tokio::join!(join_all((0..CLIENTS).map(|_| client(&host))), killing);
        killed?;
        host.start_again()?;
        slowest = slowest.max(host.started_in());
        let mut wrong = Vec::new();
        for way in ways.iter().flatten() {
            cut += usize::from(way.flow.history().was_cut());
            go_on(way, &host).await;
            wrong.extend(way.flow.history().impossible(&rules));
            grants += 1;
        }
        outcome.round(wrong);
    }
    outcome.figures = format!("{grants} grants, {cut} cut off; start {} ms at most", slowest.as_millis());
    Ok(outcome)
}

/// Begins grant after grant until the host is dead.
async fn client(host: &Host) -> Vec<Way> {
    let mut ways = Vec::new();
    loop {
        let mut way = Way { flow: Flow::default(), code: String::new(), token: None };
        let alive = live(&mut way, host).await;
        ways.push(way);
        if !alive {
            return ways;
        }
    }
}

/// A code, three refreshes, a look after each; whether the host still answers.
async fn live(way: &mut Way, host: &Host) -> bool {
    way.code = way.flow.authorize(host).await.code();
    if way.code.is_empty() {
        return false;
    }
    let mut said = way.flow.redeem(host, &way.code).await;
    for _ in 0..3 {
        let Some((access, token)) = said.tokens() else { return false };
        way.token = Some(token.clone());
        if way.flow.introspect(host, &access).await != Said::Active(true) {
            return false;
        }
        said = way.flow.refresh(host, &token).await;
    }
    said.tokens().is_some()
}

/// The client tries again what it got no answer to: its last refresh, or its code.
async fn go_on(way: &Way, host: &Host) {
    for (access, _) in way.flow.history().tokens() {
        way.flow.introspect(host, &access).await;
    }
    match &way.token {
        Some(token) => {
            if let Some((access, _)) = way.flow.refresh(host, token).await.tokens() {
                way.flow.introspect(host, &access).await;
                way.flow.refresh(host, token).await;
            }
        }
        None if !way.code.is_empty() => {
            way.flow.redeem(host, &way.code).await;
            way.flow.redeem(host, &way.code).await;
        }
        None => {}
    }
}

/// Each round: grants, every other one ended in one of three ways, then host and engines are killed at once.
pub(super) async fn revoked_stays_revoked(bed: &mut Bed<'_>) -> Result<Outcome> {
    let rules = Rules::failing(WINDOW, bed.stage.setting.is_durable());
    let host = bed.ready_hosts(1, |options| options.window_s = WINDOW.as_secs()).await?.remove(0);
    let mut outcome = Outcome::new();
    let (mut ended, mut kept) = (0, 0);
    for _ in 0..bed.rounds {
        let flows: Vec<Flow> = (0..GRANTS).map(|_| Flow::default()).collect();
        let begun = join_all(flows.iter().map(|flow| flow.begin(&host))).await;
        for (number, (flow, begun)) in flows.iter().zip(&begun).enumerate() {
            let Some((_, token)) = begun.tokens() else { continue };
            ended += usize::from(number % 4 != 3);
            match number % 4 {
                0 => drop(flow.revoke(&host, &token).await),
                1 => drop(flow.operate(&host, "remove", &token).await),
                2 => drop(flow.operate(&host, "disable-user", &token).await),
                _ => {}
            }
        }
        host.kill()?;
        let kinds: Vec<Kind> = bed.stage.setting.kinds();
        for kind in &kinds {
            bed.stage.kill(*kind)?;
        }
        for kind in &kinds {
            bed.stage.start_again(*kind)?;
        }
        host.start_again()?;
        for flow in &flows {
            for (access, _) in flow.history().tokens() {
                kept += usize::from(flow.introspect(&host, &access).await == Said::Active(true));
            }
        }
        join_all(flows.iter().map(|flow| flow.look_at_all(&host))).await;
        outcome.round(flows.iter().flat_map(|flow| flow.history().impossible(&rules)));
    }
    let others = outcome.rounds * GRANTS - ended;
    outcome.figures = format!("{ended} grants ended; of {others} others {kept} are alive");
    Ok(outcome)
}
