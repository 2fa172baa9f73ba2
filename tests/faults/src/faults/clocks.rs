//! Two processes whose clocks differ. Each judges by its own: what is documented as good within 15 seconds is, and beyond that the
//! difference shortens or lengthens lives by itself, and by nothing else.

use std::time::Duration;

use super::Bed;
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;

/// How far the second clock is ahead, in seconds.
const OFFSETS: [i64; 4] = [10, -10, 30, -30];
/// The life of a code, in seconds.
const CODE: i64 = 60;
/// The retry window, in seconds.
const WINDOW: i64 = 60;
/// A retry before the rotation, by the clock of whoever is asked, is taken for one up to this many seconds.
const SKEW: i64 = 15;
/// A second of grace for the time that requests take.
const SOON: i64 = 5;

pub(super) async fn skewed(bed: &mut Bed<'_>) -> Result<Outcome> {
    let hosts = bed.ready_hosts(2, |options| options.window_s = WINDOW.unsigned_abs()).await?;
    let (here, there) = (&hosts[0], &hosts[1]);
    let mut outcome = Outcome::new();
    let mut lives = Vec::new();
    for round in 0..bed.rounds {
        for offset in OFFSETS {
            let mut wrong = Vec::new();
            set(here, there, 0, offset).await?;
            wrong.extend(both_know_a_grant(here, there).await);
            wrong.extend(a_retry(here, there, offset).await);
            wrong.extend(a_disable(here, there).await);
            // By the clock there the code ends when it is 60 s old; it has lived that long, and the difference.
            let ends = CODE - offset;
            wrong.extend(a_code(here, there, offset, ends - SOON, true).await?);
            wrong.extend(a_code(here, there, offset, ends + SOON, false).await?);
            set(here, there, 0, 0).await?;
            if round == 0 {
                lives.push(format!("{offset:+} s: {ends} s"));
            }
            outcome.round(wrong.into_iter().map(|wrong| format!("{offset} s: {wrong}")));
        }
    }
    outcome.figures = format!("a code of {CODE} s lives by the other clock at {}", lives.join(", "));
    Ok(outcome)
}

/// It is so many seconds later, and the other clock is so far ahead of this one.
async fn set(here: &Host, there: &Host, later: i64, offset: i64) -> Result<()> {
    here.set_clock(later * 1000).await?;
    there.set_clock((later + offset) * 1000).await
}

fn checked(flow: &Flow, window: i64) -> Vec<String> {
    flow.history().impossible(&Rules::sound(Duration::from_secs(window.unsigned_abs())))
}

/// A code of the one is redeemed by the other; its tokens are known to both, and end at both.
async fn both_know_a_grant(here: &Host, there: &Host) -> Vec<String> {
    let mut wrong = Vec::new();
    for (here, there) in [(here, there), (there, here)] {
        let flow = Flow::default();
        let code = flow.authorize(here).await.code();
        let Some((access, token)) = flow.redeem(there, &code).await.tokens() else {
            wrong.extend(checked(&flow, WINDOW));
            continue;
        };
        flow.introspect(here, &access).await;
        flow.introspect(there, &access).await;
        flow.revoke(here, &token).await;
        flow.look_at_all(there).await;
        wrong.extend(checked(&flow, WINDOW));
    }
    wrong
}

/// Rotated there, tried again here: the same successor where the clocks say that it is within the window.
async fn a_retry(here: &Host, there: &Host, offset: i64) -> Vec<String> {
    let flow = Flow::default();
    let Some((_, token)) = flow.begin(here).await.tokens() else { return checked(&flow, WINDOW) };
    flow.refresh(there, &token).await;
    let again = flow.refresh(here, &token).await;
    let inside = (-SKEW..WINDOW).contains(&-offset);
    if again.tokens().is_some() != inside {
        return vec![format!("a retry {offset} s before its rotation said {again}")];
    }
    flow.look_at_all(here).await;
    // Outside of the window it is a reuse: the model knows of no other clocks, and must be told that this may end it.
    checked(&flow, if inside { WINDOW } else { 0 })
}

/// What is disabled is disabled for all, whatever their clocks say.
async fn a_disable(here: &Host, there: &Host) -> Vec<String> {
    let mut wrong = Vec::new();
    for (here, there) in [(here, there), (there, here)] {
        let flow = Flow::default();
        if let Some((_, token)) = flow.begin(here).await.tokens() {
            flow.operate(there, "disable-user", &token).await;
            flow.look_at_all(here).await;
            flow.look_at_all(there).await;
        }
        wrong.extend(checked(&flow, WINDOW));
    }
    wrong
}

/// A code made here now is redeemed there so many seconds later.
async fn a_code(here: &Host, there: &Host, offset: i64, later: i64, good: bool) -> Result<Vec<String>> {
    set(here, there, 0, offset).await?;
    let flow = Flow::default();
    let code = flow.authorize(here).await.code();
    set(here, there, later, offset).await?;
    let said = flow.redeem(there, &code).await;
    let as_expected = if good { matches!(said, Said::Tokens { .. }) } else { said.is_invalid_grant() };
    Ok(if as_expected { Vec::new() } else { vec![format!("a code after {later} s: {said}")] })
}
