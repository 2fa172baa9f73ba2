//! The faults, each with the invariant that must hold.

mod clocks;
mod codes;
mod endings;
mod kills;
mod mixed;
mod outage;
mod points;
mod refreshes;

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use crate::Result;
use crate::app::{CLIENT, Flow, RESOURCE_SERVER};
use crate::host::Options;
use crate::process::Host;
use crate::report::{Outcome, Row};
use crate::setting::{self, Engines, Setting, Stage};

/// What a fault works with.
#[derive(Debug)]
pub struct Bed<'a> {
    /// The setting, its engines running.
    pub stage: Stage<'a>,
    /// How many rounds to try.
    pub rounds: usize,
}

impl Bed<'_> {
    /// Starts hosts that share the stores.
    ///
    /// # Errors
    /// One does not come up.
    pub fn hosts(&self, how_many: usize, change: impl Fn(&mut Options)) -> Result<Vec<Host>> {
        let mut options = self.stage.options();
        change(&mut options);
        (0..how_many).map(|_| Host::start(&options)).collect()
    }

    /// The same, and the clients that are always there are.
    ///
    /// # Errors
    /// One does not come up.
    pub async fn ready_hosts(&self, how_many: usize, change: impl Fn(&mut Options)) -> Result<Vec<Host>> {
        let hosts = self.hosts(how_many, change)?;
        if self.stage.setting.clients.is_some() {
            for client in [CLIENT, RESOURCE_SERVER] {
                hosts[0].add_client(client).await?;
            }
        }
        Ok(hosts)
    }

    /// A flow of a client that the hosts know.
    ///
    /// # Errors
    /// The host does not answer.
    pub async fn flow(&self, host: &Host, client: &str) -> Result<Flow> {
        if self.stage.setting.clients.is_some() {
            host.add_client(client).await?;
        }
        Ok(Flow::of(client))
    }
}

type Running<'b> = Pin<Box<dyn Future<Output = Result<Outcome>> + 'b>>;

/// A fault.
pub struct Fault {
    /// Its name.
    pub id: &'static str,
    /// What is done and what must hold.
    pub what: &'static str,
    /// Where it makes sense.
    pub on: fn(&Setting) -> bool,
    /// Rounds in the ordinary run, and in the long one.
    pub rounds: (usize, usize),
    /// Tries it.
    pub run: for<'b> fn(&'b mut Bed<'_>) -> Running<'b>,
}

impl std::fmt::Debug for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.id)
    }
}

/// All faults.
pub fn all() -> impl Iterator<Item = &'static Fault> {
    [RACES, outage::ALL].into_iter().flatten()
}

const RACES: &[Fault] = &[
    Fault {
        id: "code-race-1",
        what: "64 requests at once for one code, one process: one 200, the others invalid_grant, then the grant is gone",
        on: |_| true,
        rounds: (20, 100),
        run: |bed| Box::pin(codes::race(bed, 1)),
    },
    Fault {
        id: "code-race-2",
        what: "the same over two processes",
        on: Setting::is_shared,
        rounds: (20, 100),
        run: |bed| Box::pin(codes::race(bed, 2)),
    },
    Fault {
        id: "code-race-4",
        what: "the same over four processes",
        on: Setting::is_shared,
        rounds: (20, 100),
        run: |bed| Box::pin(codes::race(bed, 4)),
    },
    Fault {
        id: "refresh-race-1",
        what: "200 refreshes at once of one token within the retry window: all get one successor, one writes",
        on: |_| true,
        rounds: (10, 100),
        run: |bed| Box::pin(refreshes::race(bed, 1, true)),
    },
    Fault {
        id: "refresh-race-2",
        what: "the same over two processes",
        on: Setting::is_shared,
        rounds: (10, 100),
        run: |bed| Box::pin(refreshes::race(bed, 2, true)),
    },
    Fault {
        id: "reuse-race-1",
        what: "the same without a window: one successor at most, then the grant is gone",
        on: |_| true,
        rounds: (10, 100),
        run: |bed| Box::pin(refreshes::race(bed, 1, false)),
    },
    Fault {
        id: "reuse-race-2",
        what: "the same over two processes",
        on: Setting::is_shared,
        rounds: (10, 100),
        run: |bed| Box::pin(refreshes::race(bed, 2, false)),
    },
    Fault {
        id: "end-race",
        what: "refreshes against revocation, replay, removal, disabled client and user, not-before, withdrawn consent, in \
               random order over two processes: afterwards no token lives, also when enabled again",
        on: |_| true,
        rounds: (70, 1000),
        run: |bed| Box::pin(endings::race(bed)),
    },
    Fault {
        id: "kill",
        what: "SIGKILL of the process under load, 5 to 500 ms after its start: acknowledged tokens are valid, no code is used \
               twice, a retry gets the same successor",
        on: |_| true,
        rounds: (5, 300),
        run: |bed| Box::pin(kills::under_load(bed)),
    },
    Fault {
        id: "point",
        what: "SIGKILL right before and right after each write of a grant: a retry finds what is documented, no second family",
        on: Setting::is_shared,
        rounds: (2, 100),
        run: |bed| Box::pin(points::each(bed)),
    },
    Fault {
        id: "revoked",
        what: "revoked, removed or disabled, then SIGKILL of the process and of all engines: inactive for ever; the others are \
               kept where the stores are durable",
        on: Setting::can_be_killed,
        rounds: (2, 15),
        run: |bed| Box::pin(kills::revoked_stays_revoked(bed)),
    },
    Fault {
        id: "split-down",
        what: "codes and grants in two stores, one of them down before a redemption or in the middle of it: 503, never two \
               grants, log in again",
        on: Setting::is_split,
        rounds: (1, 10),
        run: |bed| Box::pin(mixed::one_down(bed)),
    },
    Fault {
        id: "clocks",
        what: "two processes 10 and 30 s apart: what one issues the other knows and ends; a code lives no longer than its life \
               and the difference; a retry counts as one up to 15 s before its rotation",
        on: Setting::is_shared,
        rounds: (1, 10),
        run: |bed| Box::pin(clocks::skewed(bed)),
    },
];

/// Which faults on which settings, and how long.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The long run.
    pub soak: bool,
    /// Only faults whose names begin with one of these.
    pub faults: Vec<String>,
    /// Only settings whose names begin with one of these.
    pub settings: Vec<String>,
    /// So many rounds, whatever the fault says.
    pub rounds: Option<usize>,
}

impl Choice {
    fn has(wanted: &[String], name: &str) -> bool {
        let name = name.to_lowercase();
        wanted.is_empty() || wanted.iter().any(|wanted| name.starts_with(&wanted.to_lowercase()))
    }
}

/// Tries the chosen faults, one after the other; `said` hears each row as it comes.
pub fn run(choice: &Choice, mut said: impl FnMut(&Row)) -> Vec<Row> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut engines = Engines::default();
    let mut rows = Vec::new();
    for setting in setting::ALL.iter().filter(|setting| Choice::has(&choice.settings, setting.name)) {
        for fault in all().filter(|fault| Choice::has(&choice.faults, fault.id) && (fault.on)(setting)) {
            let started = Instant::now();
            let rounds = if choice.soak { fault.rounds.1 } else { fault.rounds.0 };
            let outcome = Stage::new(*setting, &mut engines).and_then(|stage| {
                let mut bed = Bed { stage, rounds: choice.rounds.unwrap_or(rounds) };
                runtime.block_on((fault.run)(&mut bed))
            });
            let row = Row {
                id: fault.id,
                what: fault.what,
                setting: setting.title(),
                outcome: outcome.map_err(|error| error.to_string()),
                took: started.elapsed(),
            };
            said(&row);
            rows.push(row);
        }
    }
    rows
}
