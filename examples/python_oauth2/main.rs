//! The examples and options of python-oauth2 as programs of one host, for whoever comes from there:
//! `cargo run --release --example python_oauth2 -- --program NAME --port N [--store URL]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "says where it listens, or what is wrong")]

mod accounts;
mod apps;
mod engines;
mod grants;
mod login;
mod resource;
mod site;
mod stores;
mod tokens;

#[path = "../file_store.rs"]
mod file_store;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::middleware::map_response;
use axum::response::Response;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::{BoxError, Provider, ProviderBuilder, StaticClients};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: python_oauth2 --program NAME --port N [--store URL]";

/// Makes a program of its name.
type Make = fn(&Args) -> Result<Program, BoxError>;

/// All programs, by the file that they stand in.
const PROGRAMS: [(&[&str], Make); 5] = [
    (&grants::PROGRAMS, grants::program),
    (&tokens::PROGRAMS, tokens::program),
    (&apps::PROGRAMS, apps::program),
    (&stores::PROGRAMS, stores::program),
    (&engines::PROGRAMS, engines::program),
];

fn names() -> Vec<&'static str> {
    PROGRAMS.iter().flat_map(|(names, _)| names.iter().copied()).collect()
}

/// What the command line says.
#[derive(Debug, Default)]
struct Args {
    program: String,
    port: u16,
    store: Option<String>,
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            if word == "--help" {
                break;
            }
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--program" => args.program = value,
                "--port" => args.port = value.parse().map_err(|_| format!("{value} is no port number"))?,
                "--store" => args.store = Some(value),
                _ => return Err(format!("unknown option {word}").into()),
            }
        }
        if args.program.is_empty() || args.port == 0 {
            Err(format!("a program and a port are needed; the programs are {}", names().join(", ")).into())
        } else {
            Ok(args)
        }
    }

    /// A provider with the accounts, the page and the memory store that most programs have.
    fn provider(&self) -> Result<ProviderBuilder, BoxError> {
        Ok(Provider::builder(format!("http://127.0.0.1:{}", self.port))
            .store(MemoryStore::new())
            .clients(StaticClients::new(accounts::clients()?))
            .site(site::Page::default()))
    }

    fn make(&self) -> Result<Program, BoxError> {
        let name = self.program.as_str();
        match PROGRAMS.iter().find(|(names, _)| names.contains(&name)) {
            Some((_, make)) => make(self),
            None => Err(format!("there is no program {name}; there are {}", names().join(", ")).into()),
        }
    }
}

/// A program: its provider, and what the application has besides.
struct Program {
    provider: Provider,
    /// Routes of the application itself.
    routes: Router,
    /// What the application does to every answer.
    touch: fn(Response) -> Response,
    /// Runs on actix-web instead of axum.
    on_actix: bool,
}

impl Program {
    fn of(builder: ProviderBuilder) -> Result<Self, BoxError> {
        Ok(Self {
            provider: builder.build()?,
            routes: Router::new(),
            touch: |answer| answer,
            on_actix: false,
        })
    }
}

fn main() -> ExitCode {
    match Args::parse(std::env::args().skip(1)).and_then(|args| run(&args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), BoxError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    // A program whose clients are in a store writes them before it serves.
    let _inside = runtime.enter();
    let program = args.make()?;
    if program.on_actix {
        runtime.block_on(apps::serve_on_actix(args.port, program.provider))
    } else {
        runtime.block_on(serve(args.port, program))
    }
}

async fn serve(port: u16, program: Program) -> Result<(), BoxError> {
    let touch = program.touch;
    let app = program
        .routes
        .merge(resource::route(&program.provider))
        .fallback_service(GrantorService::new(program.provider))
        .layer(map_response(move |answer| std::future::ready(touch(answer))))
        .into_make_service_with_connect_info::<SocketAddr>();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let (mut first, mut again) = (signal(SignalKind::terminate())?, signal(SignalKind::terminate())?);
    let terminated = async move {
        first.recv().await;
    };
    println!("listening on http://127.0.0.1:{port}");
    tokio::select! {
        served = async { axum::serve(listener, app).with_graceful_shutdown(terminated).await } => Ok(served?),
        // Whoever keeps a connection busy is not waited for longer.
        () = async { again.recv().await; tokio::time::sleep(Duration::from_secs(3)).await } => Ok(()),
    }
}
