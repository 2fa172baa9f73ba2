//! Caches lose what they have: all at once, or what they take for the least needed. A record that is lost is absent, so a token
//! dies, and never lives again.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use grantor_testkit::engine::{self, Engine};

use super::{Bed, Traffic, clients, comes_back};
use crate::Result;
use crate::app::Flow;
use crate::history::{Rules, Said};
use crate::process::Host;
use crate::report::Outcome;
use crate::setting::{Kind, Setting};

/// The engine of the setting that can be emptied with one command, where codes or grants are in one.
pub(super) fn kind(setting: &Setting) -> Option<Kind> {
    let stores = [Some(setting.live), setting.pending];
    stores.into_iter().flatten().find(|kind| matches!(kind, Kind::Redis | Kind::Memcached))
}

/// Each round: all is gone, while users are at work.
pub(super) async fn flushed(bed: &mut Bed<'_>) -> Result<Outcome> {
    let host = Arc::new(Host::start(&bed.stage.options())?);
    clients(bed, &host).await?;
    let kind = kind(&bed.stage.setting).ok_or("nothing that can be emptied")?;
    let rules = Rules::failing(Duration::ZERO, false);
    let (mut lost, mut asked) = (0, 0);
    let mut outcome = Outcome::new();
    for _ in 0..bed.rounds {
        let before = begun(&host, 24).await?;
        let traffic = Traffic::start(&host, 8);
        traffic.good(40).await?;
        for port in bed.stage.ports(kind) {
            flush(kind, port)?;
        }
        comes_back(&host).await?;
        traffic.good(40).await?;
        let mut wrong = traffic.end(&host, &rules).await?;
        wrong.extend(super::traffic::judge(&before.all, &host, &rules).await);
        lost += before.lost(&host).await;
        asked += before.alive.len();
        outcome.round(wrong);
    }
    if kind == bed.stage.setting.live && lost < asked {
        outcome.wrong.push(format!("of {asked} grants {} are there after all was emptied", asked - lost));
    }
    outcome.figures = format!("{lost} of {asked} users had to log in again");
    Ok(outcome)
}

/// Each round: grants, then so much else that the engine has to let some go.
pub(super) async fn evicted(bed: &mut Bed<'_>) -> Result<Outcome> {
    let small = Small::new(bed.stage.setting.live)?;
    let mut options = bed.stage.options_over(true, |kind| {
        if kind == bed.stage.setting.live { small.ports() } else { bed.stage.ports(kind) }
    });
    // Who is disabled must not be forgotten: the provider refuses a store that does not keep for it.
    options.standing = Some(format!("sqlite:{}", bed.stage.folder().join("standing.db").display()));
    let host = Host::start(&options)?;
    let rules = Rules::failing(Duration::ZERO, false);
    let (mut lost, mut asked) = (0, 0);
    let mut outcome = Outcome::new();
    for _ in 0..bed.rounds {
        let before = begun(&host, 300).await?;
        small.fill()?;
        comes_back(&host).await?;
        let mut wrong = super::traffic::judge(&before.all, &host, &rules).await;
        lost += before.lost(&host).await;
        asked += before.alive.len();
        if small.evictions()? == 0 {
            wrong.push("nothing was evicted".to_owned());
        }
        outcome.round(wrong);
    }
    if lost == 0 {
        outcome.wrong.push("no grant was evicted".to_owned());
    }
    outcome.figures =
        format!("{lost} of {asked} users had to log in again, {} evictions", small.evictions()?);
    Ok(outcome)
}

/// Grants from before, a third of them revoked.
pub(super) struct Begun {
    pub(super) all: Vec<Flow>,
    /// Those that live, with the access token of each.
    pub(super) alive: Vec<(Flow, String)>,
}

/// So many users log in, and a third of them revokes what it got.
pub(super) async fn begun(host: &Host, users: usize) -> Result<Begun> {
    let mut begun = Begun { all: Vec::new(), alive: Vec::new() };
    let all: Vec<Flow> = (0..users).map(|_| Flow::default()).collect();
    for some in all.chunks(16) {
        let said = join_all(some.iter().map(|flow| flow.begin(host))).await;
        for (number, (flow, said)) in some.iter().zip(said).enumerate() {
            let Some((access, refresh)) = said.tokens() else {
                return Err(format!("no tokens before anything failed: {said}").into());
            };
            if number % 3 == 0 {
                flow.revoke(host, &refresh).await;
            } else {
                begun.alive.push((flow.clone(), access));
            }
            begun.all.push(flow.clone());
        }
    }
    Ok(begun)
}

impl Begun {
    /// How many of those that lived are dead.
    pub(super) async fn lost(&self, host: &Host) -> usize {
        let said = join_all(self.alive.iter().map(|(flow, access)| flow.introspect(host, access))).await;
        said.into_iter().filter(|said| *said == Said::Active(false)).count()
    }
}

fn flush(kind: Kind, port: u16) -> Result<()> {
    if kind == Kind::Redis {
        engine::ask(port, &["FLUSHALL"])?;
        return Ok(());
    }
    let mut memcached = Memcached::at(port)?;
    match memcached.line("flush_all")?.as_str() {
        "OK" => Ok(()),
        other => Err(format!("flush_all: {other}").into()),
    }
}

/// An engine with too little memory.
struct Small {
    kind: Kind,
    engines: Vec<Engine>,
}

/// In megabytes; memcached has at least one for each size of items.
const MEMORY_OF_REDIS: usize = 8;
const MEMORY_OF_MEMCACHED: usize = 2;

impl Small {
    fn new(kind: Kind) -> Result<Self> {
        let engines = if kind == Kind::Redis {
            vec![engine::redis_with(&[
                "--maxmemory",
                &format!("{MEMORY_OF_REDIS}mb"),
                "--maxmemory-policy",
                "allkeys-lru",
            ])?]
        } else {
            // The plain rule: the oldest goes first, also if it was read lately.
            let settings = ["-m", &MEMORY_OF_MEMCACHED.to_string(), "-o", "no_modern"];
            vec![engine::memcached_with(&settings)?, engine::memcached_with(&settings)?]
        };
        Ok(Self { kind, engines })
    }

    fn ports(&self) -> Vec<u16> {
        self.engines.iter().map(Engine::port).collect()
    }

    /// Writes one and a half times as much as there is room for, in pieces as large as records.
    fn fill(&self) -> Result<()> {
        const PIECE: usize = 500;
        for port in self.ports() {
            let piece = "x".repeat(PIECE);
            if self.kind == Kind::Redis {
                let script = "for n = 1, tonumber(ARGV[1]) do redis.call('SET', KEYS[1] .. n, ARGV[2]) end";
                let thousands = MEMORY_OF_REDIS * 3 / 2 * 2;
                for thousand in 0..thousands {
                    engine::ask(
                        port,
                        &["EVAL", script, "1", &format!("filler:{thousand}:"), "1000", &piece],
                    )?;
                }
                continue;
            }
            let mut memcached = Memcached::at(port)?;
            // Each size of items has room of its own.
            for size in (80..=800).step_by(80) {
                let piece = "x".repeat(size);
                for number in 0..MEMORY_OF_MEMCACHED * 1_500_000 / size {
                    write!(
                        memcached.0.get_mut(),
                        "set filler:{size}:{number} 0 0 {size} noreply\r\n{piece}\r\n"
                    )?;
                }
            }
            // All before it has been done when this is answered.
            memcached.line("mn")?;
        }
        Ok(())
    }

    fn evictions(&self) -> Result<u64> {
        let mut all = 0;
        for port in self.ports() {
            all += if self.kind == Kind::Redis {
                let info = engine::ask(port, &["INFO", "stats"])?;
                info.field("evicted_keys").unwrap_or_default().parse::<u64>()?
            } else {
                Memcached::at(port)?.stat("evictions")?
            };
        }
        Ok(all)
    }
}

/// A connection to memcached.
struct Memcached(BufReader<TcpStream>);

impl Memcached {
    fn at(port: u16) -> Result<Self> {
        Ok(Self(BufReader::new(TcpStream::connect(("127.0.0.1", port))?)))
    }

    /// Says a line and hears one.
    fn line(&mut self, line: &str) -> Result<String> {
        self.0.get_mut().write_all(format!("{line}\r\n").as_bytes())?;
        let mut answer = String::new();
        self.0.read_line(&mut answer)?;
        Ok(answer.trim_end().to_owned())
    }

    fn stat(&mut self, name: &str) -> Result<u64> {
        let mut line = self.line("stats")?;
        let mut found = 0;
        while line != "END" {
            if let Some(value) = line.strip_prefix(&format!("STAT {name} ")) {
                found = value.parse()?;
            }
            line.clear();
            self.0.read_line(&mut line)?;
            line.truncate(line.trim_end().len());
        }
        Ok(found)
    }
}
