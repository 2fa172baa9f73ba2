//! The engine is there and does not answer, or not in time.

use std::sync::Arc;
use std::time::Duration;

use grantor_testkit::engine::Engine;
use grantor_testkit::proxy::{Proxy, Way};

use super::{Bed, Longest, Traffic, clients, comes_back, engines, meanwhile, victim};
use crate::Result;
use crate::history::Rules;
use crate::network::Network;
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::Kind;

const USERS: usize = 32;
/// The connections that a store has by default, and a few to replace them and to watch the engine.
const fn connections(kind: Kind) -> u64 {
    let by_default = match kind {
        Kind::Postgres => 8,
        Kind::Mariadb => 16,
        Kind::Mongodb => 32,
        _ => 1,
    };
    by_default + 4
}

/// No answer may take longer. A request asks its store several times, and each time has two seconds.
const LONG: Duration = Duration::from_secs(60);

/// Each round: one of the engines does not answer, in one of four ways.
pub(super) async fn frozen(bed: &mut Bed<'_>) -> Result<Outcome> {
    let network = Network::before(&bed.stage)?;
    let host = Arc::new(Host::start(&network.options(&bed.stage, false))?);
    clients(bed, &host).await?;
    let setting = bed.stage.setting;
    // No engine loses anything here.
    let rules = Rules::failing(Duration::ZERO, engines(&setting).into_iter().all(Kind::is_durable));
    let (mut back, mut slowest, mut most) = (Longest::default(), Longest::default(), 0);
    let mut outcome = Outcome::new();
    for round in 0..bed.rounds {
        let kind = victim(&setting, round / 4);
        let traffic = Traffic::start(&host, USERS);
        traffic.good(100).await?;
        let frozen = match round % 4 {
            0 => Some(Frozen::new(bed.stage.engines(kind)?)?),
            1 => {
                network.of(kind).for_each(|proxy| proxy.hold(Way::Requests));
                None
            }
            2 => {
                network.of(kind).for_each(|proxy| proxy.hold(Way::Answers));
                None
            }
            _ => {
                network.of(kind).for_each(|proxy| proxy.delay(Way::Answers, Duration::from_secs(3)));
                None
            }
        };
        // Every user has had an error, although the engine never answered.
        traffic.errors(USERS as u64).await?;
        let mut wrong = meanwhile(&host).await;
        // Those that the host has not given up.
        let seen = network.of(kind).map(Proxy::seen);
        let open = seen.map(|seen| seen.open - seen.left).max().unwrap_or_default();
        most = most.max(open);
        if open > connections(kind) {
            wrong.push(format!("{open} connections to an engine that does not answer"));
        }
        drop(frozen);
        network.heal()?;
        back.see(comes_back(&host).await?);
        traffic.good(100).await?;
        let longest = traffic.tally().slowest;
        slowest.see(longest);
        if longest > LONG {
            wrong.push(format!("an answer took {longest:?}"));
        }
        wrong.extend(traffic.end(&host, &rules).await?);
        outcome.round(wrong);
    }
    outcome.figures =
        format!("slowest answer {slowest}, back in {back}, at most {most} connections to an engine");
    Ok(outcome)
}

/// Engines that stand still until this is dropped.
#[derive(Debug)]
struct Frozen<'a>(&'a [Engine]);

impl<'a> Frozen<'a> {
    fn new(engines: &'a [Engine]) -> Result<Self> {
        let frozen = Self(engines);
        for engine in engines {
            engine.freeze()?;
        }
        Ok(frozen)
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        for engine in self.0 {
            // One that cannot go on is missed when the host is to come back.
            let _ = engine.thaw();
        }
    }
}
