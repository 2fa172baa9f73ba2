//! CPU of a request: rounds that measure the bare handler and grantor in turns.

use std::collections::VecDeque;
use std::time::Instant;

use crate::client::Connection;
use crate::cpu;
use crate::figures::{Figures, verdict};
use crate::heading;
use crate::server::{Folder, Server};
use crate::workload::{WARM_UP, Workload};

pub(crate) struct Options {
    rounds: usize,
    operations: usize,
    connections: usize,
    only: Option<String>,
    stores: Vec<&'static str>,
}

impl Default for Options {
    fn default() -> Self {
        Self { rounds: 8, operations: 12_000, connections: 16, only: None, stores: vec!["memory", "sqlite"] }
    }
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Self {
        let mut options = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = *words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match (*word, value) {
                ("--rounds", _) => options.rounds = value.parse().expect("a number"),
                ("--operations", _) => options.operations = value.parse().expect("a number"),
                ("--connections", _) => options.connections = value.parse().expect("a number"),
                ("--only", _) => options.only = Some(value.to_owned()),
                ("--store", "memory") => options.stores = vec!["memory"],
                ("--store", "sqlite") => options.stores = vec!["sqlite"],
                _ => panic!("unknown option {word} {value}; bench --help says what there is"),
            }
        }
        options
    }
}

/// What one measurement gives.
pub(crate) struct Measured {
    /// Nanoseconds of the server's processor time for one operation.
    pub(crate) cpu: f64,
    /// The same of the engine behind it.
    pub(crate) engine: f64,
    pub(crate) per_second: f64,
}

/// Drives a server with as many connections as `given` has entries, each of which begins with its state.
pub(crate) fn measure(
    server: &Server,
    engine: Option<u32>,
    workload: Workload,
    operations: usize,
    given: Vec<VecDeque<String>>,
) -> Measured {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let each = operations / given.len();
    let count = u32::try_from(each * given.len()).expect("a small number");
    runtime.block_on(async {
        let mut ready = Vec::new();
        for mut state in given {
            let mut connection = Connection::open(server.port).await;
            workload.prepare(&mut connection, &mut state, each).await;
            for _ in 0..WARM_UP {
                workload.once(&mut connection, &mut state).await;
            }
            ready.push((connection, state));
        }
        let engine_cpu = || engine.map_or(0.0, cpu::of_tree);
        let (cpu, before, since) = (cpu::of_process(server.process()), engine_cpu(), Instant::now());
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|(mut connection, mut state)| {
                tokio::spawn(async move {
                    for _ in 0..each {
                        workload.once(&mut connection, &mut state).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("every operation to succeed");
        }
        let per_second = f64::from(count) / since.elapsed().as_secs_f64();
        Measured {
            cpu: (cpu::of_process(server.process()) - cpu) / f64::from(count),
            engine: (engine_cpu() - before) / f64::from(count),
            per_second,
        }
    })
}

#[derive(Default)]
struct Row {
    cpu: Figures,
    ratio: Figures,
    per_second: Figures,
}

pub(crate) fn run(options: &Options) {
    heading(
        "CPU of a request",
        &format!(
            "{} rounds of {} operations on {} connections; the server has one worker thread.",
            options.rounds, options.operations, options.connections
        ),
    );
    println!(
        "| workload | server | CPU µs, median (least) | ratio to bare, median (span) | aim | operations a second |"
    );
    println!("|---|---|---|---|---|---|");
    let folder = Folder::new("requests");
    for workload in Workload::ALL {
        if options.only.as_deref().is_some_and(|only| only != workload.name()) {
            continue;
        }
        let servers: Vec<&str> = std::iter::once("bare").chain(options.stores.iter().copied()).collect();
        let mut rows: Vec<Row> = servers.iter().map(|_| Row::default()).collect();
        for round in 0..options.rounds {
            let mut bare = f64::NAN;
            for (what, row) in servers.iter().zip(&mut rows) {
                let own = folder.inside(&format!("{}-{what}-{round}", workload.name()));
                // A new process each time: no round profits from what an earlier one left in memory.
                let server = Server::start(what, &own, 0);
                let operations = options.operations / if *what == "sqlite" { 4 } else { 1 };
                let measured =
                    measure(&server, None, workload, operations, vec![VecDeque::new(); options.connections]);
                if *what == "bare" {
                    bare = measured.cpu;
                }
                row.cpu.push(measured.cpu / 1000.0);
                row.ratio.push(measured.cpu / bare);
                row.per_second.push(measured.per_second);
            }
        }
        for (what, row) in servers.iter().zip(&rows) {
            print_row(workload, what, row);
        }
    }
}

fn print_row(workload: Workload, what: &str, row: &Row) {
    let (aim, ratio) = (workload.aim(), row.ratio.median());
    let (ratio_text, aim_text) = match what {
        "bare" => (String::new(), String::new()),
        _ => (
            format!("{ratio:.2} ({:.2} to {:.2})", row.ratio.least(), row.ratio.most()),
            if what == "memory" { format!("{aim} {}", verdict(ratio, aim)) } else { String::new() },
        ),
    };
    println!(
        "| {} | {what} | {:.1} ({:.1}) | {ratio_text} | {aim_text} | {:.0} |",
        workload.name(),
        row.cpu.median(),
        row.cpu.least(),
        row.per_second.median()
    );
}
