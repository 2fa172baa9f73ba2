//! What the engine has done and nobody was told, and connections that end in the middle of anything (the grant's mark:
//! after an unknown write it is loaded again, and the mark says whether it was ours).

use std::time::Duration;

use grantor_testkit::proxy::Way;

use super::{Bed, clients};
use crate::Result;
use crate::app::{CLIENT, Flow, client_credentials};
use crate::history::{Rules, Said};
use crate::network::{Network, in_turn};
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::Kind;

/// The retry window of the second host: longer than anything here takes.
const WINDOW: u64 = 600;

/// A request.
#[derive(Debug, Clone, Copy)]
enum Ask {
    Authorize,
    Redeem,
    Refresh,
    RefreshWithinWindow,
    Revoke,
    ClientCredentials,
}

const ASKS: [Ask; 6] = [
    Ask::Authorize,
    Ask::Redeem,
    Ask::Refresh,
    Ask::RefreshWithinWindow,
    Ask::Revoke,
    Ask::ClientCredentials,
];

/// Two hosts behind proxies, without and with a retry window.
struct Scene {
    network: Network,
    strict: Host,
    lenient: Host,
    keeps: bool,
}

impl Scene {
    async fn new(bed: &Bed<'_>) -> Result<Self> {
        let network = Network::before(&bed.stage)?;
        let options = network.options(&bed.stage, true);
        let strict = Host::start(&options)?;
        let lenient = Host::start(&crate::host::Options { window_s: WINDOW, ..options })?;
        clients(bed, &strict).await?;
        let keeps = bed.stage.setting.kinds().into_iter().all(|kind| kind != Kind::Memory);
        Ok(Self { network, strict, lenient, keeps })
    }

    fn host(&self, ask: Ask) -> (&Host, Rules) {
        let (host, window) = match ask {
            Ask::RefreshWithinWindow => (&self.lenient, Duration::from_secs(WINDOW)),
            _ => (&self.strict, Duration::ZERO),
        };
        // Connections fail, the engines do not: nothing is lost.
        (host, Rules::failing(window, self.keeps))
    }
}

/// Each round: one answer is lost. For each kind of request the answer to its first call, then to its second one, and so
/// on until it has no further call.
pub(super) async fn replies(bed: &mut Bed<'_>) -> Result<Outcome> {
    let scene = Scene::new(bed).await?;
    let mut outcome = Outcome::new();
    let (mut served, mut calls) = (0, [0; ASKS.len()]);
    let mut skip = 0;
    while outcome.rounds < bed.rounds {
        let mut any = false;
        for (number, ask) in ASKS.into_iter().enumerate() {
            let how = in_turn(outcome.rounds);
            let arm = || scene.network.all().for_each(|proxy| proxy.lose_answer(skip, how));
            let (was_cut, was_served, wrong) = one(&scene, ask, arm).await?;
            if was_cut {
                any = true;
                calls[number] = calls[number].max(skip + 1);
                served += usize::from(was_served);
                outcome.round(wrong);
            } else {
                outcome.wrong.extend(wrong);
            }
        }
        if !any && skip == 0 {
            return Err("no answer was lost at all".into());
        }
        skip = if any { skip + 1 } else { 0 };
    }
    outcome.figures = format!(
        "calls that were met, of {ASKS:?}: {calls:?}; {served} requests had their answer all the same"
    );
    Ok(outcome)
}

/// Each round: the connection ends after so many bytes of one redemption, first of what is answered, then of what is asked.
pub(super) async fn bytes(bed: &mut Bed<'_>) -> Result<Outcome> {
    let scene = Scene::new(bed).await?;
    let mut outcome = Outcome::new();
    let mut served = 0;
    let mut figures = Vec::new();
    for way in [Way::Answers, Way::Requests] {
        let whole = length(&scene, way).await?;
        let rounds = (bed.rounds as u64 / 2).clamp(1, whole + 1);
        for round in 0..rounds {
            let bytes = if rounds > 1 { whole * round / (rounds - 1) } else { whole / 2 };
            let how = in_turn(outcome.rounds);
            let arm = || scene.network.all().for_each(|proxy| proxy.cut_after(way, bytes, how));
            let (_, was_served, wrong) = one(&scene, Ask::Redeem, arm).await?;
            served += usize::from(was_served);
            outcome.round(wrong);
        }
        figures.push(format!("{rounds} cuts in {whole} bytes of {way:?}"));
    }
    outcome.figures = format!("{}; {served} redemptions had their tokens all the same", figures.join(", "));
    Ok(outcome)
}

/// How many bytes go this way for one redemption over warm connections.
async fn length(scene: &Scene, way: Way) -> Result<u64> {
    let mut bytes = 0;
    for _ in 0..3 {
        let flow = Flow::of(CLIENT);
        let Said::Code(code) = flow.authorize(&scene.strict).await else {
            return Err("no code before anything failed".into());
        };
        let before = scene.network.passed(way);
        flow.redeem(&scene.strict, &code).await;
        bytes = scene.network.passed(way) - before;
    }
    Ok(bytes)
}

/// One request with a cut that is armed just before it, and what a client does after it. Whether there was a cut, whether the
/// request had its answer all the same, and what was wrong.
async fn one(scene: &Scene, ask: Ask, arm: impl Fn()) -> Result<(bool, bool, Vec<String>)> {
    let (host, rules) = scene.host(ask);
    let flow = Flow::of(CLIENT);
    let prepared = prepare(&flow, host, ask).await?;
    let cuts = scene.network.cuts();
    arm();
    let said = act(&flow, host, ask, &prepared).await;
    let was_cut = scene.network.cuts() > cuts;
    scene.network.heal()?;
    let mut wrong = Vec::new();
    let was_served = !matches!(said, Said::TryAgain);
    match &said {
        Said::TryAgain if was_cut => {}
        Said::TryAgain => wrong.push(format!("{ask:?}: nothing was cut, and it said try again")),
        Said::Code(_) | Said::Tokens { .. } | Said::Done => {}
        // Once, at the first time: it is right, and nothing has used it before.
        other => wrong.push(format!("{ask:?}: the answer to a first try is {other}")),
    }
    // Now nothing fails. A client that was told to try again does so.
    let last = if was_served { said } else { act(&flow, host, ask, &prepared).await };
    match (ask, &last) {
        (_, Said::Code(_) | Said::Tokens { .. } | Said::Done) => {}
        // What was written is not undone by an error: the repetition is a replay, or a reuse, and ends the grant.
        (Ask::Redeem | Ask::Refresh, said) if said.is_invalid_grant() && !was_served => {}
        (_, other) => wrong.push(format!("{ask:?}: after its answer was lost, the repetition said {other}")),
    }
    match ask {
        Ask::ClientCredentials => {
            if let Some((access, _)) = last.tokens()
                && flow.introspect(host, &access).await != Said::Active(true)
            {
                wrong.push("a token of the client's own is dead at once".to_owned());
            }
            return Ok((was_cut, was_served, wrong));
        }
        Ask::Authorize => {
            if let Said::Code(code) = &last {
                flow.redeem(host, code).await;
            }
        }
        _ => {}
    }
    wrong.extend(super::traffic::judge(&[flow], host, &rules).await);
    Ok((was_cut, was_served, wrong))
}

/// What the request is about: a code, or a refresh token.
async fn prepare(flow: &Flow, host: &Host, ask: Ask) -> Result<String> {
    let said = match ask {
        Ask::Authorize | Ask::ClientCredentials => return Ok(String::new()),
        Ask::Redeem => flow.authorize(host).await,
        _ => flow.begin(host).await,
    };
    match &said {
        Said::Code(code) => Ok(code.clone()),
        Said::Tokens { refresh: Some(refresh), .. } => Ok(refresh.clone()),
        other => Err(format!("before anything failed: {other}").into()),
    }
}

async fn act(flow: &Flow, host: &Host, ask: Ask, about: &str) -> Said {
    match ask {
        Ask::Authorize => flow.authorize(host).await,
        Ask::Redeem => flow.redeem(host, about).await,
        Ask::Refresh | Ask::RefreshWithinWindow => flow.refresh(host, about).await,
        Ask::Revoke => flow.revoke(host, about).await,
        Ask::ClientCredentials => client_credentials(host, CLIENT).await,
    }
}
