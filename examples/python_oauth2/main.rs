//! The examples and options of python-oauth2 as programs of one host, for whoever comes from there:
//! `cargo run --release --example python_oauth2 -- --program NAME --port N [--store FOLDER]`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "says where it listens, or what is wrong")]

mod accounts;
mod apps;
mod grants;
mod resource;
mod site;
mod stores;
mod tokens;

#[path = "../file_store.rs"]
mod file_store;

use std::process::ExitCode;
use std::sync::Arc;

use axum::Router;
use grantor::axum::GrantorService;
use grantor::memory::MemoryStore;
use grantor::{BoxError, Provider, ProviderBuilder, StaticClients};

const USAGE: &str = "usage: python_oauth2 --program NAME --port N [--store FOLDER]";

/// What the command line says.
#[derive(Debug, Default)]
pub struct Args {
    program: String,
    port: u16,
    store: Option<String>,
}

impl Args {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, BoxError> {
        let mut args = Self::default();
        while let Some(word) = words.next() {
            let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
            match word.as_str() {
                "--program" => args.program = value,
                "--port" => args.port = value.parse()?,
                "--store" => args.store = Some(value),
                _ => return Err(format!("unknown option {word}").into()),
            }
        }
        if args.program.is_empty() || args.port == 0 {
            Err("a program and a port are needed".into())
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

    fn pick(&self) -> Result<Program, BoxError> {
        match self.program.as_str() {
            "quickstart" | "authorization_code" | "implicit" | "resource_owner" | "client_credentials"
            | "refresh_token" | "rotation" | "short_lifetimes" | "custom_grant" => grants::program(self),
            "scopes" | "scope_class" | "unique_tokens" | "random_tokens" | "own_tokens" => {
                tokens::program(self)
            }
            "basic_auth" | "own_client_auth" | "paths" | "login_redirect" | "flask_app" | "tornado_app" => {
                apps::program(self)
            }
            "slow_store" | "failing_store" | "own_store" => stores::program(self),
            "memcache_client" | "memcache_servers" => Err(missing(&self.program, "memcached")),
            "mongodb" | "mixed_stores" => Err(missing(&self.program, "MongoDB")),
            "redis_store" => Err(missing(&self.program, "Redis")),
            other => Err(format!("there is no program {other}").into()),
        }
    }
}

fn missing(program: &str, store: &str) -> BoxError {
    format!("the program {program} needs the {store} store, which this release does not have").into()
}

/// A program: its provider, and what the application has besides.
pub struct Program {
    provider: Provider,
    /// Routes of the application itself.
    routes: Router,
    /// Runs on actix-web instead of axum.
    on_actix: bool,
}

impl Program {
    fn of(builder: ProviderBuilder) -> Result<Self, BoxError> {
        Ok(Self { provider: builder.build()?, routes: Router::new(), on_actix: false })
    }
}

fn main() -> ExitCode {
    let done = Args::parse(std::env::args().skip(1)).and_then(|args| run(&args));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<(), BoxError> {
    // Programs with stored clients write them before they serve, so all are picked inside the runtime.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let program = {
        let _inside = runtime.enter();
        args.pick()?
    };
    if program.on_actix {
        return apps::run_on_actix(args.port, program.provider);
    }
    runtime.block_on(serve(args, program))
}

async fn serve(args: &Args, program: Program) -> Result<(), BoxError> {
    let provider = Arc::new(program.provider.clone());
    let app = program
        .routes
        .merge(resource::route(provider))
        .fallback_service(GrantorService::new(program.provider));
    let app =
        if args.program == "paths" { app.layer(axum::middleware::map_response(served_by)) } else { app };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await?;
    println!("listening on http://127.0.0.1:{}", args.port);
    axum::serve(listener, app).with_graceful_shutdown(terminated()).await?;
    Ok(())
}

/// One more header on every answer: what `response_class` was for.
async fn served_by(mut response: axum::response::Response) -> axum::response::Response {
    response.headers_mut().insert("x-served-by", axum::http::HeaderValue::from_static("grantor-example"));
    response
}

/// Ends at SIGTERM.
async fn terminated() {
    match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(error) => eprintln!("SIGTERM cannot be waited for: {error}"),
    }
}
