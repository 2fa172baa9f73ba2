//! The engine goes and comes back: killed, stopped in order, its sessions ended, or not there from the beginning.

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Bed, Longest, PATIENCE, Traffic, clients, comes_back, engines, meanwhile, pause, victim};
use crate::Result;
use crate::app::{CLIENT, Flow};
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::{Kind, Stage};

const USERS: usize = 8;

/// How an engine ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    /// Without warning (SIGKILL).
    Killed,
    /// As an administrator stops it.
    InOrder,
}

impl Ends {
    fn end(self, stage: &mut Stage<'_>, kind: Kind) -> Result<()> {
        // PostgreSQL would wait for its clients to go.
        let signal = if kind == Kind::Postgres { "-INT" } else { "-TERM" };
        for engine in stage.engines(kind)? {
            match self {
                Self::Killed => engine.kill()?,
                Self::InOrder => engine.stop(signal)?,
            }
        }
        Ok(())
    }
}

/// Each round: one of the engines ends, and is started again.
pub(super) async fn goes(bed: &mut Bed<'_>, ends: Ends) -> Result<Outcome> {
    let host = Arc::new(Host::start(&bed.stage.options_with_deadlines())?);
    clients(bed, &host).await?;
    let setting = bed.stage.setting;
    let keeps = engines(&setting).into_iter().all(Kind::is_durable);
    let rules = Rules::failing(Duration::ZERO, keeps);
    let (mut back, mut slowest) = (Longest::default(), Longest::default());
    let mut outcome = Outcome::new();
    for round in 0..bed.rounds {
        let kind = victim(&setting, round);
        let revoked = Flow::of(CLIENT);
        let Some((_, refresh)) = revoked.begin(&host).await.tokens() else {
            return Err("no tokens before anything failed".into());
        };
        let traffic = Traffic::start(&host, USERS);
        traffic.good(40).await?;
        ends.end(&mut bed.stage, kind)?;
        traffic.errors(USERS as u64).await?;
        let mut wrong = meanwhile(&host).await;
        let said = revoked.revoke(&host, &refresh).await;
        if kind == setting.live && said != Said::TryAgain {
            wrong.push(format!("the engine is down, and a revocation said {said}"));
        }
        pause(round).await;
        bed.stage.start_again(kind)?;
        back.see(comes_back(&host).await?);
        traffic.good(40).await?;
        slowest.see(traffic.tally().slowest);
        wrong.extend(traffic.end(&host, &rules).await?);
        wrong.extend(super::traffic::judge(&[revoked], &host, &rules).await);
        outcome.round(wrong);
    }
    outcome.figures = format!("slowest answer {slowest}, back in {back}");
    Ok(outcome)
}

/// Each round: no engine, no host; then both.
pub(super) async fn at_the_start(bed: &mut Bed<'_>) -> Result<Outcome> {
    let setting = bed.stage.setting;
    let mut longest = Longest::default();
    let mut outcome = Outcome::new();
    for round in 0..bed.rounds {
        let kind = victim(&setting, round);
        bed.stage.kill(kind)?;
        let mut wrong = Vec::new();
        let began = Instant::now();
        match Host::start(&bed.stage.options_with_deadlines()) {
            // It ended.
            Err(_) => {}
            // One that serves all the same must say that it cannot.
            Ok(host) => wrong.extend(meanwhile(&host).await),
        }
        longest.see(began.elapsed());
        if began.elapsed() > PATIENCE {
            wrong.push(format!("a host without its engine hung for {:?}", began.elapsed()));
        }
        bed.stage.start_again(kind)?;
        let host = Host::start(&bed.stage.options_with_deadlines())?;
        clients(bed, &host).await?;
        comes_back(&host).await?;
        outcome.round(wrong);
    }
    outcome.figures = format!("it took at most {longest} to end");
    Ok(outcome)
}

/// Each round: every session but the administrator's own is ended.
pub(super) async fn sessions_ended(bed: &mut Bed<'_>) -> Result<Outcome> {
    let host = Arc::new(Host::start(&bed.stage.options())?);
    clients(bed, &host).await?;
    let setting = bed.stage.setting;
    let keeps = setting.is_durable();
    let traffic = Traffic::start(&host, 16);
    traffic.good(100).await?;
    let mut ended = 0;
    let mut outcome = Outcome::new();
    for _ in 0..bed.rounds {
        for kind in [Kind::Postgres, Kind::Mariadb] {
            for port in bed.stage.ports(kind) {
                ended += end_sessions(kind, port)?;
            }
        }
        // None of these could come if the connections did not come back.
        traffic.good(50).await?;
        outcome.round(None);
    }
    let errors = traffic.tally().try_again;
    outcome.wrong.extend(traffic.end(&host, &Rules::failing(Duration::ZERO, keeps)).await?);
    if ended == 0 {
        outcome.wrong.push("there was no session to end".to_owned());
    }
    outcome.figures = format!("{ended} sessions ended, {errors} answers of 503");
    Ok(outcome)
}

/// Ends the sessions of an engine, and says how many there were.
fn end_sessions(kind: Kind, port: u16) -> Result<usize> {
    if kind == Kind::Postgres {
        let of_clients =
            "FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let mut ask = Command::new("psql");
        ask.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-U", "grantor", "-d", "postgres", "-tAqc"]);
        ask.arg(format!("SELECT pg_terminate_backend(pid) {of_clients}"));
        return Ok(output(ask)?.lines().filter(|line| *line == "t").count());
    }
    let ask = |what: &str| {
        let mut client = Command::new("mariadb");
        client.args(["--no-defaults", "-h127.0.0.1", "-uroot", "-BNf", &format!("-P{port}"), "-e", what]);
        client
    };
    let sessions = output(ask(
        "SELECT id FROM information_schema.processlist WHERE id <> connection_id() AND db = 'test'",
    ))?;
    let kills: Vec<String> = sessions.lines().map(|id| format!("KILL {id}")).collect();
    // One that has ended meanwhile cannot be ended: the others are (-f).
    let _ = ask(&kills.join(";")).output()?;
    Ok(sessions.lines().count())
}

fn output(mut command: Command) -> Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
