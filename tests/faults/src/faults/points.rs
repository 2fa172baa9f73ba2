//! The host kills itself right before and right after each write of a grant, and the client tries again.
//!
//! | killed | then |
//! |---|---|
//! | before the write | nothing has happened: the same request succeeds |
//! | after a code was spent | `invalid_grant`, and the user logs in again: nobody got the tokens |
//! | after a refresh, inside the window | the same successor, any number of times |
//! | after a refresh, without a window | `invalid_grant`, and the grant is gone: it looks like a reuse |
//! | after a revocation | it is revoked |

use std::time::Duration;

use super::Bed;
use crate::Result;
use crate::app::Flow;
use crate::exit::{Call, Exit, When};
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;

const WINDOW: Duration = Duration::from_secs(120);

/// The request during which the host dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum During {
    Authorize,
    Redeem,
    Refresh,
    Revoke,
}

/// What the client finds afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// The same request succeeds.
    Succeeds,
    /// It is `invalid_grant`, and nothing of the grant lives.
    LogIn,
}

struct Point {
    during: During,
    exit: Exit,
    window: Duration,
    then: Then,
}

impl Point {
    fn new(during: During, exit: Exit, then: Then) -> Self {
        Self { during, exit, window: WINDOW, then }
    }

    fn without_window(self) -> Self {
        Self { window: Duration::ZERO, ..self }
    }
}

fn points(split: bool) -> Vec<Point> {
    use Call::{Create, Remove, Replace};
    use During::{Authorize, Redeem, Refresh, Revoke};
    use Then::{LogIn, Succeeds};
    use When::{After, Before};

    let code = |call, when| if split { Exit::pending(call, when) } else { Exit::live(call, when) };
    let mut points = vec![
        Point::new(Authorize, code(Create, Before), Succeeds),
        Point::new(Authorize, code(Create, After), Succeeds),
        Point::new(Redeem, code(Replace, Before), Succeeds),
        Point::new(Redeem, code(Replace, After), LogIn),
        Point::new(Refresh, Exit::live(Replace, Before), Succeeds),
        Point::new(Refresh, Exit::live(Replace, Before), Succeeds).without_window(),
        Point::new(Refresh, Exit::live(Replace, After), Succeeds),
        Point::new(Refresh, Exit::live(Replace, After), LogIn).without_window(),
        Point::new(Revoke, Exit::live(Remove, Before), Succeeds),
        Point::new(Revoke, Exit::live(Remove, After), Succeeds),
    ];
    if split {
        // Spent in the one store, not yet in the other; and in both.
        points.push(Point::new(Redeem, Exit::live(Create, Before), LogIn));
        points.push(Point::new(Redeem, Exit::live(Create, After), LogIn));
        points.push(Point::new(Revoke, Exit::pending(Remove, Before), Succeeds));
    }
    points
}

/// So many rounds of each point.
pub(super) async fn each(bed: &mut Bed<'_>) -> Result<Outcome> {
    let points = points(bed.stage.setting.is_split());
    let mut outcome = Outcome::new();
    for point in &points {
        let hosts = bed.ready_hosts(1, |options| options.window_s = point.window.as_secs()).await?;
        for _ in 0..bed.rounds {
            outcome.round(one(&hosts[0], point).await?);
        }
    }
    outcome.figures = format!("{} points", points.len());
    Ok(outcome)
}

async fn one(host: &Host, point: &Point) -> Result<Vec<String>> {
    let flow = Flow::default();
    let (mut code, mut token) = (String::new(), String::new());
    if point.during != During::Authorize {
        code = flow.authorize(host).await.code();
    }
    if matches!(point.during, During::Refresh | During::Revoke) {
        token = flow.redeem(host, &code).await.tokens().unwrap_or_default().1;
    }
    let act = async || match point.during {
        During::Authorize => flow.authorize(host).await,
        During::Redeem => flow.redeem(host, &code).await,
        During::Refresh => flow.refresh(host, &token).await,
        During::Revoke => flow.revoke(host, &token).await,
    };
    let name =
        format!("{:?}, {:?} {:?} in {}", point.during, point.exit.when, point.exit.call, point.exit.store);
    host.exit_at(&point.exit).await?;
    let mut wrong = Vec::new();
    let said = act().await;
    // A trace that is not there need not be removed: then the host has answered.
    let reached = said == Said::Lost;
    if !reached && (point.during != During::Revoke || point.exit.store != "pending") {
        wrong.push(format!("{name}: the host did not die, and said {said}"));
    }
    host.start_again()?;
    let said = act().await;
    let good = match (point.then, point.during) {
        (Then::LogIn, _) => said.is_invalid_grant(),
        (Then::Succeeds, During::Authorize) => !said.code().is_empty(),
        (Then::Succeeds, During::Revoke) => said == Said::Done,
        (Then::Succeeds, _) => said.tokens().is_some(),
    };
    if !good {
        wrong.push(format!("{name}: tried again, it said {said}"));
    }
    if point.during == During::Refresh && !point.window.is_zero() {
        // Any number of times: the model compares the answers.
        act().await;
    }
    for (access, _) in flow.history().tokens() {
        flow.introspect(host, &access).await;
    }
    // The user can log in again, always.
    let again = Flow::default();
    if again.begin(host).await.tokens().is_none() {
        wrong.push(format!("{name}: nobody can log in any more"));
    }
    let rules = Rules::failing(point.window, true);
    let impossible = flow.history().impossible(&rules).into_iter().map(|wrong| format!("{name}: {wrong}"));
    wrong.extend(impossible);
    Ok(wrong)
}
