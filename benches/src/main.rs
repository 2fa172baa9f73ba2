//! Benchmarks: server CPU per request of grantor beside a bare axum handler that does the same work without rules, measured
//! alternately in one run; and the time from process start to the first answer.
//!
//! `cargo run --release -p grantor-benches -- run` prints a table; `--help` says what can be set.
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on must stop loudly")]

mod bare;
mod client;
mod host;
mod run;
mod workload;

const USAGE: &str = "\
usage: bench run [--rounds N] [--requests N] [--connections N] [--only WORKLOAD] [--store memory|sqlite]
       bench start PROGRAM [ARGS..]     time from spawn to the first answer of http://127.0.0.1:18080
       bench serve bare|memory|sqlite PORT [FOLDER]

run: each round measures the bare handler, then grantor, for every workload; the ratio is taken within the round and the
median over all rounds is reported with its spread. CPU is user and system time of the server process.
workloads: client_credentials introspect code_flow refresh";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", what, port, rest @ ..] => serve(what, port, rest.first().copied()),
        ["run", options @ ..] => run::run(&run::Options::parse(options)),
        ["start", program @ ..] if !program.is_empty() => run::start(program),
        _ => println!("{USAGE}"),
    }
}

fn serve(what: &str, port: &str, folder: Option<&str>) {
    let port: u16 = port.parse().expect("a port number");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let app = match what {
            "bare" => bare::app(),
            store => host::app(store, folder, port),
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("a free port");
        axum::serve(listener, app).await.expect("serving");
    });
}
