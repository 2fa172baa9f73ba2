//! Codes in one store, grants in another, and one of the two is down: before the code is spent, or between its spending in the
//! one and the grant in the other. It fails closed: no two grants, and the user logs in again.

use std::time::Duration;

use super::Bed;
use crate::Result;
use crate::app::Flow;
use crate::exit::{Call, Exit, When};
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::Kind;

/// When the store goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Before the client sends the code.
    Before,
    /// While the code is spent in the store of codes, and the grant is not in its own.
    Between,
}

/// Each round: each store that can be down, at each moment.
pub(super) async fn one_down(bed: &mut Bed<'_>) -> Result<Outcome> {
    let setting = bed.stage.setting;
    let pending = setting.pending.ok_or("codes and grants are in one store")?;
    let mut options = bed.stage.options_with_deadlines();
    options.window_s = 0;
    let host = Host::start(&options)?;
    for client in [crate::app::CLIENT, crate::app::RESOURCE_SERVER] {
        host.add_client(client).await?;
    }
    let mut outcome = Outcome::new();
    let (mut again, mut kept) = (0, 0);
    for _ in 0..bed.rounds {
        for kind in [pending, setting.live].into_iter().filter(|kind| kind.is_engine()) {
            for moment in [Moment::Before, Moment::Between] {
                let flow = Flow::default();
                let code = flow.authorize(&host).await.code();
                let said = down(bed, &host, &flow, &code, kind, moment).await?;
                let mut wrong = Vec::new();
                // A store of codes that is down after the spending does no harm, unless the trace cannot be looked for.
                if !matches!(said, Said::TryAgain) {
                    wrong.push(format!("{kind:?} down {moment:?}: said {said}"));
                }
                let said = flow.redeem(&host, &code).await;
                let forgets = !kind.is_durable();
                match (&said, moment) {
                    (Said::Tokens { .. }, Moment::Before) => kept += 1,
                    (said, Moment::Between) if said.is_invalid_grant() => again += 1,
                    (said, Moment::Before) if said.is_invalid_grant() && forgets => again += 1,
                    _ => wrong.push(format!("{kind:?} down {moment:?}, then up: said {said}")),
                }
                flow.look_at_all(&host).await;
                if Flow::default().begin(&host).await.tokens().is_none() {
                    wrong.push(format!("{kind:?} down {moment:?}, then up: nobody can log in"));
                }
                wrong.extend(flow.history().impossible(&Rules::failing(Duration::ZERO, false)));
                outcome.round(wrong);
            }
        }
    }
    outcome.figures = format!("{again} log in again, {kept} codes still good");
    Ok(outcome)
}

/// The code is sent while the store is down; the store is up again afterwards.
async fn down(
    bed: &mut Bed<'_>,
    host: &Host,
    flow: &Flow,
    code: &str,
    kind: Kind,
    moment: Moment,
) -> Result<Said> {
    let said = if moment == Moment::Before {
        bed.stage.kill(kind)?;
        flow.redeem(host, code).await
    } else {
        host.exit_at(&Exit::live(Call::Create, When::Before).hold()).await?;
        let redeeming = async { Ok(flow.redeem(host, code).await) };
        let killing = async {
            host.reached().await?;
            bed.stage.kill(kind)?;
            host.go_on().await
        };
        let (said, killed): (Result<Said>, Result<()>) = tokio::join!(redeeming, killing);
        killed?;
        said?
    };
    bed.stage.start_again(kind)?;
    // The pools find out at their next call; that is not what is tried here.
    for _ in 0..50 {
        if Flow::default().begin(host).await.tokens().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(said)
}
