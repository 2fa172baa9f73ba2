//! Benchmarks: the processor's time that grantor needs for a request beside a bare axum handler that does the same work
//! without rules, measured in turns in one run; the time to the first answer; what a living token costs; and what changes
//! from a thousand to a million of them.
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]
#![expect(clippy::expect_used, clippy::panic, reason = "a benchmark that cannot go on must stop loudly")]

mod bare;
mod client;
mod cpu;
mod engines;
mod figures;
mod growth;
mod host;
mod inside;
mod raw;
mod requests;
mod server;
mod start;
mod stores;
mod sweep;
mod workload;

use crate::figures::heading;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const USAGE: &str = "\
usage: bench                    everything, in about five minutes
       bench requests [OPTIONS] CPU of a request beside the bare handler
           --rounds N           rounds, each of which measures all servers in turn (8)
           --operations N       operations of one measurement (12000; a quarter of it on SQLite)
           --connections N      connections that each wait for their answer (16)
           --only WORKLOAD      client_credentials, introspect, code_flow or refresh
           --store STORE        memory or sqlite; both where nothing is said
       bench stores [OPTIONS]   every store beside one round trip to its engine, which is started for it
           --rounds N           rounds, each of which measures the round trip, then the request (5)
           --operations N       operations of one measurement (6400)
           --connections N      connections that each wait for their answer (64)
           --only REQUEST       client_credentials, introspect, redeem, refresh or code_flow
           --store STORE        memory, sqlite, postgres, mysql, redis or memcached; all where nothing is said
       bench sweep [OPTIONS]    latency of the token endpoint while a million expired records are swept
           --rounds N           windows with the sweep, and as many without (10)
           --seconds N          length of a window (20)
           --rate N             requests a second, whether or not the earlier ones are answered (300)
           --rows N             expired records at first (1000000)
           --batch N, --pause MS  how the server sweeps; its defaults where nothing is said
           --store STORE        sqlite, postgres or mysql; all where nothing is said
       bench start              from the start of a process to its first answer
       bench growth             a thousand and a million living tokens: CPU, bytes, the longest stall
       bench serve bare|STORE|raw-STORE PORT PLACE [TOKENS]
                                one of the servers, with so many tokens issued before it listens; PLACE is a folder or a URL
       bench inside bare|memory|sqlite WORKLOAD OPERATIONS
                                the same without sockets, in one thread: for a profiler

requests: a server is a process of its own on a loopback port, new for each measurement. A round measures the bare handler,
then grantor on each store; the ratio is taken within the round. The tables have the median of all rounds, the least, and the
span of the ratios. CPU is the user and system time of all threads of the server process, from /proc/PID/task/*/schedstat.
client_credentials, introspect: one request. code_flow: GET authorize, approved at once, and POST token with PKCE S256.
refresh: each refresh token once, no grant more than four times.

The machine's other load makes all figures larger and less sure; it stands above each table.";

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            requests::run(&requests::Options::default());
            start::run();
            growth::run();
        }
        ["requests", options @ ..] => requests::run(&requests::Options::parse(options)),
        ["stores", options @ ..] => stores::run(&stores::Options::parse(options)),
        ["sweep", options @ ..] => sweep::run(&sweep::Options::parse(options)),
        ["start"] => start::run(),
        ["growth"] => growth::run(),
        ["serve", what, port, folder, tokens @ ..] => {
            let tokens = tokens.first().map_or(0, |tokens| tokens.parse().expect("a number of tokens"));
            host::serve(what, port.parse().expect("a port number"), folder, tokens);
        }
        ["inside", what, workload, operations] => {
            inside::run(what, workload, operations.parse().expect("a number"));
        }
        _ => println!("{USAGE}"),
    }
}
