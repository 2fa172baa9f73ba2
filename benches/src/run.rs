//! Runs servers as processes of their own, drives them in turn, and reports medians of ratios.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::client::Connection;
use crate::workload::Workload;

pub(crate) struct Options {
    rounds: usize,
    requests: usize,
    connections: usize,
    only: Option<String>,
    store: String,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Self {
        let mut options =
            Self { rounds: 7, requests: 20_000, connections: 16, only: None, store: "memory".to_owned() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = *words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match *word {
                "--rounds" => options.rounds = value.parse().expect("a number"),
                "--requests" => options.requests = value.parse().expect("a number"),
                "--connections" => options.connections = value.parse().expect("a number"),
                "--only" => options.only = Some(value.to_owned()),
                "--store" => value.clone_into(&mut options.store),
                other => panic!("unknown option {other}"),
            }
        }
        options
    }
}

/// A server process that ends with this value.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(what: &str, folder: &std::path::Path) -> Self {
        let port = free_port();
        let program = std::env::current_exe().expect("the path of this program");
        let child = Command::new(program)
            .args(["serve", what, &port.to_string()])
            .arg(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("to start a server");
        wait_for(port);
        Self { child, port }
    }

    /// User and system time so far, in clock ticks of 10 ms, as nanoseconds.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).expect("/proc");
        let (_, rest) = stat.rsplit_once(')').expect("a stat line");
        let ticks: f64 =
            rest.split_whitespace().skip(11).take(2).map(|n| n.parse::<f64>().expect("ticks")).sum();
        ticks * 1e7
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Our own child: ending it twice does no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a socket");
    listener.local_addr().expect("an address").port()
}

fn wait_for(port: u16) {
    let since = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(since.elapsed() < Duration::from_secs(10), "the server does not listen");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// CPU nanoseconds of the server for one operation, and operations per second.
fn measure(server: &Server, workload: Workload, options: &Options) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let each = options.requests / options.connections;
    runtime.block_on(async {
        let mut ready = Vec::new();
        for _ in 0..options.connections {
            let mut connection = Connection::open(server.port).await;
            let mut state = workload.prepare(&mut connection).await;
            for _ in 0..20 {
                state = workload.once(&mut connection, &state).await;
            }
            ready.push((connection, state));
        }
        let (cpu, since) = (server.cpu(), Instant::now());
        let tasks: Vec<_> = ready
            .into_iter()
            .map(|(mut connection, mut state)| {
                tokio::spawn(async move {
                    for _ in 0..each {
                        state = workload.once(&mut connection, &state).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("every operation to succeed");
        }
        let operations = f64::from(u32::try_from(each * options.connections).expect("a small number"));
        ((server.cpu() - cpu) / operations, operations / since.elapsed().as_secs_f64())
    })
}

pub(crate) fn run(options: &Options) {
    let folder = std::env::temp_dir().join(format!("grantor-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the database");
    println!(
        "store {}, {} rounds, {} operations each, {} connections; CPU of the server process per operation",
        options.store, options.rounds, options.requests, options.connections
    );
    println!(
        "{:<20} {:>10} {:>10} {:>7} {:>15} {:>6} {:>9}",
        "workload", "bare us", "grantor us", "ratio", "spread", "aim", "op/s"
    );
    for workload in Workload::ALL {
        if options.only.as_deref().is_some_and(|only| only != workload.name()) {
            continue;
        }
        let (mut bare, mut own, mut ratios, mut speed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            // A new process each time: no round profits from what an earlier one left in memory.
            let (a, _) = measure(&Server::start("bare", &folder), workload, options);
            let (b, per_second) = measure(&Server::start(&options.store, &folder), workload, options);
            bare.push(a);
            own.push(b);
            ratios.push(b / a);
            speed.push(per_second);
        }
        let (low, high) = (least(&ratios), -least(&ratios.iter().map(|ratio| -ratio).collect::<Vec<_>>()));
        let ratio = median(&mut ratios);
        let aim = workload.aim();
        let verdict = match options.store.as_str() {
            "memory" if ratio <= aim => "reached",
            "memory" => "MISSED",
            _ => "",
        };
        println!(
            "{:<20} {:>10.2} {:>10.2} {:>7.2} {:>15} {:>6} {:>9.0} {verdict}",
            workload.name(),
            median(&mut bare) / 1000.0,
            median(&mut own) / 1000.0,
            ratio,
            format!("{low:.2}..{high:.2}"),
            aim,
            median(&mut speed)
        );
    }
    remove(&folder);
}

fn remove(folder: &PathBuf) {
    if let Err(error) = std::fs::remove_dir_all(folder) {
        println!("{} is left behind: {error}", folder.display());
    }
}

fn least(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::INFINITY, f64::min)
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Time from spawning a server to its first answer.
pub(crate) fn start(program: &[&str]) {
    use std::io::{Read as _, Write as _};
    let [name, args @ ..] = program else { return };
    let mut times = Vec::new();
    for _ in 0..15 {
        let since = Instant::now();
        let mut child = Command::new(name)
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("to start it");
        let answered = loop {
            if since.elapsed() > Duration::from_secs(10) {
                break false;
            }
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", 18080)) else {
                std::thread::sleep(Duration::from_micros(200));
                continue;
            };
            let request = b"GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
            let mut answer = String::new();
            if stream.write_all(request).is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.contains(" 200 ")
            {
                break true;
            }
        };
        times.push(since.elapsed().as_secs_f64() * 1000.0);
        // Our own child.
        let _ = child.kill();
        let _ = child.wait();
        assert!(answered, "no answer on port 18080");
    }
    let least = least(&times);
    println!(
        "first answer after {:.1} ms (median of {}), {least:.1} ms at best; aim 15 ms",
        median(&mut times),
        times.len()
    );
}
