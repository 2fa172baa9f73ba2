//! Each store beside its engine's own cost: requests a second, and the processor's time of the server and of the engine.

use std::collections::VecDeque;

use crate::engines::{self, Running};
use crate::figures::{Figures, verdict};
use crate::heading;
use crate::requests::{Measured, measure};
use crate::server::{Folder, Server};
use crate::workload::Workload;

pub(crate) struct Options {
    rounds: usize,
    operations: usize,
    connections: usize,
    only: Option<String>,
    stores: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self { rounds: 5, operations: 6_400, connections: 64, only: None, stores: engines::ALL.to_vec() }
    }
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Self {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = *words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match *word {
                "--rounds" => options.rounds = value.parse().expect("a number"),
                "--operations" => options.operations = value.parse().expect("a number"),
                "--connections" => options.connections = value.parse().expect("a number"),
                "--only" => options.only = Some(value.to_owned()),
                "--store" => {
                    options.stores = engines::ALL.into_iter().filter(|store| *store == value).collect();
                    assert!(!options.stores.is_empty(), "no store {value}; there are {:?}", engines::ALL);
                }
                _ => panic!("unknown option {word} {value}; bench --help says what there is"),
            }
        }
        options
    }
}

/// What is measured: a request, the round trip that it is compared with, how many of them it may cost.
const ROWS: [(Workload, Workload, f64); 5] = [
    (Workload::ClientCredentials, Workload::RawInsert, 1.2),
    (Workload::Introspect, Workload::RawRead, 1.2),
    (Workload::Redeem, Workload::RawUpdate, 2.0),
    (Workload::Refresh, Workload::RawUpdate, 2.0),
    // GET authorize writes the code, POST token redeems it.
    (Workload::CodeFlow, Workload::RawUpdate, 3.2),
];

#[derive(Default)]
struct Column {
    server: Figures,
    engine: Figures,
    per_second: Figures,
}

impl Column {
    fn push(&mut self, measured: &Measured) {
        self.server.push(measured.cpu / 1000.0);
        self.engine.push(measured.engine / 1000.0);
        self.per_second.push(measured.per_second);
    }
}

pub(crate) fn run(options: &Options) {
    heading(
        "Requests on each store beside one round trip to its engine",
        &format!(
            "{} rounds of {} operations on {} connections, in turns; the server has one worker thread, the store its \
             default settings. CPU in µs for one operation: server + engine, medians. The ratios are those of a round, \
             median (span), of both CPU times together and of the rates.",
            options.rounds, options.operations, options.connections
        ),
    );
    println!(
        "| store | request | CPU | a second | beside | CPU | a second | ratio of CPU | ratio of rates | aim |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    let folder = Folder::new("stores");
    for store in &options.stores {
        let running = Running::start(store, &folder.inside(store));
        for (request, trip, aim) in ROWS {
            if options.only.as_deref().is_some_and(|only| only != request.name()) {
                continue;
            }
            row(options, store, &running, (request, trip, aim));
        }
    }
}

fn row(options: &Options, store: &str, running: &Running, (request, trip, aim): (Workload, Workload, f64)) {
    let (mut ours, mut raw) = (Column::default(), Column::default());
    let (mut cpu, mut rate) = (Figures::default(), Figures::default());
    for _ in 0..options.rounds {
        let one = |what: &str, workload| {
            // A new process each time: no round profits from what an earlier one left in memory.
            let server = Server::start(what, &running.place, 0);
            let states = vec![VecDeque::new(); options.connections];
            measure(&server, running.process(), workload, options.operations, states)
        };
        let beside = one(&format!("raw-{store}"), trip);
        let measured = one(store, request);
        cpu.push((measured.cpu + measured.engine) / (beside.cpu + beside.engine));
        rate.push(beside.per_second / measured.per_second);
        ours.push(&measured);
        raw.push(&beside);
    }
    let span = |figures: &Figures| {
        format!("{:.2} ({:.2} to {:.2})", figures.median(), figures.least(), figures.most())
    };
    println!(
        "| {store} | {} | {:.0} + {:.0} | {:.0} | {} | {:.0} + {:.0} | {:.0} | {} | {} | {aim} {} |",
        request.name(),
        ours.server.median(),
        ours.engine.median(),
        ours.per_second.median(),
        trip.name(),
        raw.server.median(),
        raw.engine.median(),
        raw.per_second.median(),
        span(&cpu),
        span(&rate),
        verdict(cpu.median(), aim),
    );
}
