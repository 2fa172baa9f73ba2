//! A running server, from its configuration to its last answer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use grantor::Sweeper;
use grantor::store::Store;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::app::App;
use crate::config::Config;
use crate::deadline::Deadline;
use crate::demo::Demo;
use crate::failure::Failure;
use crate::hooks::Hooks;
use crate::http::{self, Front};
use crate::site::{Adapter, Site};
use crate::telemetry;

/// After the time for what is in flight: for closing the store, and until the process ends whatever happens.
const CLOSE_WITHIN: Duration = Duration::from_millis(700);
const LAST_WORD: Duration = Duration::from_millis(1500);

/// Runs a server until SIGTERM or SIGINT. `prepare` makes what the server needs besides and may give a demo; `started` is
/// called when it listens.
///
/// # Errors
/// What keeps it from starting.
pub(crate) fn run<P>(
    config: Config,
    prepare: impl FnOnce(App) -> P,
    started: impl FnOnce(&App),
) -> Result<(), Failure>
where
    P: Future<Output = Result<Option<Demo>, Failure>>,
{
    let hooks = Hooks::of_environment()?;
    telemetry::start(&config.log)?;
    tell_panics();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("the runtime: {error}")))?;
    let done = runtime.block_on(serve(config, hooks, prepare, started));
    // A thread that still checks a password must not hold up the end.
    runtime.shutdown_background();
    done
}

async fn serve<P>(
    config: Config,
    hooks: Hooks,
    prepare: impl FnOnce(App) -> P,
    started: impl FnOnce(&App),
) -> Result<(), Failure>
where
    P: Future<Output = Result<Option<Demo>, Failure>>,
{
    for warning in &config.warnings {
        tracing::warn!(target: "grantor", reason = "configuration", "{warning}");
    }
    let store_timeout = config.limits.store_timeout;
    let app = App::open_with(config, |ports| {
        let (store, clock) = hooks.before(ports);
        (Arc::new(Deadline::new(store, store_timeout)) as Arc<dyn Store>, clock)
    })
    .await?;
    let demo = prepare(app.clone()).await?;
    let site = Arc::new(Site::new(&app)?);
    let provider = app.provider(Adapter(Arc::clone(&site))).await?;
    let limits = &app.config.limits;
    let places = places(limits.connections);
    let stop = stop_signal()?;
    let mut listeners = Vec::new();
    for address in &app.config.listen {
        listeners.push(listen(*address)?);
    }
    let sweeper = app.config.sweep.policy().map(|policy| {
        let sweeper = Sweeper::new(Arc::clone(&app.store)).clock(Arc::clone(&app.clock)).policy(policy);
        tokio::spawn(sweep(sweeper))
    });
    // Nothing may hold up the end once it was asked for.
    let patience = limits.shutdown_timeout + LAST_WORD;
    let asked = async move {
        stop.await;
        tracing::info!(target: "grantor", reason = "stopping", "asked to stop: answering what is in flight");
        if let Some(sweeper) = sweeper {
            sweeper.abort();
        }
        std::thread::spawn(move || {
            std::thread::sleep(patience);
            std::process::exit(0);
        });
    };
    app.opened.tell();
    let file = app.config.file.as_deref().map_or_else(|| "none".into(), |file| file.display().to_string());
    for address in &app.config.listen {
        tracing::info!(target: "grantor", reason = "listening", issuer = app.config.issuer(), %address, configuration = file, "listening");
    }
    let front = Arc::new(Front::new(app.clone(), provider, site, demo, hooks));
    started(&app);
    http::serve(listeners, places, front, asked).await;
    match tokio::time::timeout(CLOSE_WITHIN, app.close()).await {
        Ok(closed) => closed?,
        Err(_) => {
            tracing::warn!(target: "grantor", reason = "close_cut_short", "the store did not close in time; what was acknowledged is kept");
        }
    }
    tracing::info!(target: "grantor", reason = "stopped", "stopped");
    Ok(())
}

fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let refused = |error: io::Error| {
        let what = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another process listens there; stop it, or set another `listen` (`--listen localhost:8081`)"
            }
            io::ErrorKind::AddrNotAvailable => {
                "this machine does not have the address; `0.0.0.0` stands for all that it has"
            }
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; take a higher one",
            _ => "set another `listen`",
        };
        Failure::new(format!("listen: {address} cannot be opened: {what} ({error})"))
    };
    let socket =
        if address.is_ipv4() { tokio::net::TcpSocket::new_v4() } else { tokio::net::TcpSocket::new_v6() };
    let socket = socket.map_err(refused)?;
    socket.set_reuseaddr(true).map_err(refused)?;
    socket.bind(address).map_err(refused)?;
    // Bursts of connections wait in the system's queue.
    socket.listen(4096).map_err(refused)
}

/// SIGTERM or SIGINT.
fn stop_signal() -> Result<impl Future<Output = ()>, Failure> {
    let listen = |kind| signal(kind).map_err(|error| Failure::new(format!("signals: {error}")));
    let (mut terminate, mut interrupt) = (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// Open files that are no connections: the store, the log, the runtime.
const OTHER_FILES: usize = 64;

/// Lets the process have as many open files as the system allows, for each connection is one; and says how many connections
/// there may be, so that the next is not accepted where there would be no file for it. `None`: any number.
fn places(connections: usize) -> Option<usize> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let more = rustix::process::Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Where that is refused the limit is what it was.
        let _ = setrlimit(Resource::Nofile, more);
    }
    let wanted = (connections > 0).then_some(connections);
    let Some(files) = getrlimit(Resource::Nofile).current.and_then(|files| usize::try_from(files).ok())
    else {
        return wanted;
    };
    let most = files.saturating_sub(OTHER_FILES).max(1);
    if wanted.is_some_and(|wanted| wanted > files) {
        tracing::info!(target: "grantor", reason = "few_files", files, connections, "fewer files may be open than connections are allowed (see ulimit -n)");
    }
    Some(wanted.map_or(most, |wanted| wanted.min(most)))
}

/// Deletes expired records, a few at a time, for as long as it runs.
async fn sweep(mut sweeper: Sweeper) {
    loop {
        tokio::time::sleep(sweeper.step().await).await;
    }
}

/// A panic is one line of the log.
fn tell_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let words = payload.downcast_ref::<&str>().copied();
        let words = words.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let words = words.unwrap_or("something that is no text");
        tracing::error!(target: "grantor", reason = "panicked", place, words, "the server panicked");
    }));
}
