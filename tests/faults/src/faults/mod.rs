//! The faults, each with the invariant that must hold.

mod codes;

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use crate::Result;
use crate::app::Flow;
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
pub const ALL: &[Fault] = &[
    Fault {
        id: "code-race-1",
        what: "one code redeemed by 64 requests at once in one process: one 200, the others invalid_grant, then the grant is \
               gone",
        on: |_| true,
        rounds: (25, 100),
        run: |bed| Box::pin(codes::race(bed, 1)),
    },
    Fault {
        id: "code-race-2",
        what: "the same over two processes",
        on: Setting::is_shared,
        rounds: (25, 100),
        run: |bed| Box::pin(codes::race(bed, 2)),
    },
    Fault {
        id: "code-race-4",
        what: "the same over four processes",
        on: Setting::is_shared,
        rounds: (25, 100),
        run: |bed| Box::pin(codes::race(bed, 4)),
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
        for fault in ALL.iter().filter(|fault| Choice::has(&choice.faults, fault.id) && (fault.on)(setting)) {
            let started = Instant::now();
            let rounds = if choice.soak { fault.rounds.1 } else { fault.rounds.0 };
            let outcome = Stage::new(*setting, &mut engines).and_then(|stage| {
                let mut bed = Bed { stage, rounds: choice.rounds.unwrap_or(rounds) };
                runtime.block_on((fault.run)(&mut bed))
            });
            let row = Row {
                id: fault.id,
                what: fault.what,
                setting: setting.name.to_owned(),
                outcome: outcome.map_err(|error| error.to_string()),
                took: started.elapsed(),
            };
            said(&row);
            rows.push(row);
        }
    }
    rows
}
