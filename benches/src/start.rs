//! From the start of a process to its first answer.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::figures::{Figures, verdict};
use crate::heading;
use crate::server::{self, Folder, Server};
use crate::workload::client_credentials_form;

const STARTS: usize = 15;
const AIM: f64 = 15.0;

pub(crate) fn run() {
    heading("From the start of a process to its first answer", &format!("{STARTS} starts each, in turns."));
    println!("| process | first answer | ms, median (span) | aim |\n|---|---|---|---|");
    let folder = Folder::new("start");
    let mut bare = Figures::default();
    let mut memory = Figures::default();
    let mut sqlite = Figures::default();
    for round in 0..STARTS {
        for (what, figures) in [("bare", &mut bare), ("memory", &mut memory), ("sqlite", &mut sqlite)] {
            // The database exists already after the first start, as with a server that is started again.
            let own = folder.inside(what);
            let form = client_credentials_form();
            let port = server::free_port();
            let time = first_answer(server::command(what, port, &own, 0), port, &post("/token", &form));
            if round > 0 {
                figures.push(time);
            }
        }
    }
    row("`bench serve bare`", "POST /token", &bare, None);
    row("`bench serve memory`", "POST /token", &memory, Some(AIM));
    row("`bench serve sqlite`", "POST /token", &sqlite, Some(AIM));
    ready_server(folder.path());
}

fn row(process: &str, what: &str, figures: &Figures, aim: Option<f64>) {
    let aim = aim.map(|aim| format!("{aim} {}", verdict(figures.median(), aim))).unwrap_or_default();
    println!(
        "| {process} | {what} | {:.1} ({:.1} to {:.1}) | {aim} |",
        figures.median(),
        figures.least(),
        figures.most()
    );
}

/// The ready server, where it was built beside this program.
fn ready_server(folder: &Path) {
    let program = std::env::current_exe().expect("the path of this program").with_file_name("grantor");
    if !program.exists() {
        println!(
            "\nnot checked: the start of `grantor serve`, for {} was not built (cargo build --release)",
            program.display()
        );
        return;
    }
    let mut figures = Figures::default();
    let port = server::free_port();
    let config = folder.join("grantor.toml");
    let store = folder.join("ready.db");
    let text = format!(
        "issuer = \"http://localhost:{port}\"\nlisten = \"127.0.0.1:{port}\"\nstore = \"sqlite:{}\"\n",
        store.display()
    );
    std::fs::write(&config, text).expect("to write the configuration");
    for round in 0..STARTS {
        let mut command = Command::new(&program);
        command.arg("serve").arg("--config").arg(&config).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let time = first_answer(
            command,
            port,
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        );
        if round > 0 {
            figures.push(time);
        }
    }
    row("`grantor serve`, SQLite", "GET /healthz", &figures, Some(AIM));
}

fn post(path: &str, form: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\n\r\n{form}",
        form.len()
    )
}

/// Milliseconds from the spawn to the first 200.
fn first_answer(mut command: Command, port: u16, request: &str) -> f64 {
    let since = Instant::now();
    let child = command.spawn().expect("to start a server");
    let _server = Server::of(child, port);
    loop {
        assert!(since.elapsed() < Duration::from_secs(20), "no answer from {command:?}");
        let answered = TcpStream::connect(("127.0.0.1", port)).is_ok_and(|mut stream| {
            let mut answer = String::new();
            stream.write_all(request.as_bytes()).is_ok()
                && stream.read_to_string(&mut answer).is_ok()
                && answer.starts_with("HTTP/1.1 200")
        });
        if answered {
            return since.elapsed().as_secs_f64() * 1000.0;
        }
        std::thread::sleep(Duration::from_micros(100));
    }
}
