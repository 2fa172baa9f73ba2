//! A fail-over of Redis: the master is killed, or frozen so that it comes back and believes to be the master still.

use std::sync::Arc;
use std::time::Duration;

use grantor_testkit::engine;

use super::{Bed, Longest, Traffic, comes_back, meanwhile};
use crate::Result;
use crate::history::Rules;
use crate::process::Host;
use crate::report::Outcome;

/// Each round: a master goes, and comes back as a replica of the one that was chosen.
pub(super) async fn fail_over(bed: &mut Bed<'_>) -> Result<Outcome> {
    let mut redis = engine::redis_sentinel(2)?;
    let mut options = bed.stage.options();
    options.store = format!("{}?wait=1", redis.url());
    let host = Arc::new(Host::start(&options)?);
    let (mut back, mut slowest) = (Longest::default(), Longest::default());
    let mut outcome = Outcome::new();
    for round in 0..bed.rounds {
        let traffic = Traffic::start(&host, 8);
        traffic.good(40).await?;
        let master = redis.master()?;
        let freezes = round % 2 == 1;
        if freezes {
            redis.server(master)?.freeze()?;
        } else {
            redis.server(master)?.kill()?;
        }
        let mut wrong = meanwhile(&host).await;
        let chosen = redis.wait_for_another_master(master);
        if freezes {
            redis.server(master)?.thaw()?;
        } else {
            redis.server(master)?.start_again()?;
        }
        chosen?;
        back.see(comes_back(&host).await?);
        redis.wait_for_replicas(2)?;
        traffic.good(40).await?;
        slowest.see(traffic.tally().slowest);
        // `wait` makes a loss rare and promises nothing; the chosen replica is the one that has most.
        wrong.extend(traffic.end(&host, &Rules::failing(Duration::ZERO, true)).await?);
        outcome.round(wrong);
    }
    outcome.figures = format!("slowest answer {slowest}, back in {back} after the new master was chosen");
    Ok(outcome)
}
