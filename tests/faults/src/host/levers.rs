//! What the driver may do to a host besides sending requests: its clock, its end, its operator's actions, its counters.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use grantor::store::StoreError;
use grantor::{Clock, Grants, Provider, SystemClock, Timestamp, Whose};
use parking_lot::Mutex;
use serde::Deserialize;

use super::Apps;
use crate::exit::{Act, Call, Exit, When};

/// The system's clock and a settable rest.
#[derive(Debug, Clone)]
pub(super) struct OffsetClock(Arc<AtomicI64>);

impl OffsetClock {
    pub(super) fn new(offset_ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(offset_ms)))
    }
}

impl Clock for OffsetClock {
    fn now(&self) -> Timestamp {
        let offset = self.0.load(Ordering::Relaxed);
        let by = Duration::from_millis(offset.unsigned_abs());
        let now = SystemClock.now();
        if offset < 0 { now.before(by) } else { now.after(by) }
    }
}

#[derive(Debug)]
pub(super) struct Levers {
    clock: OffsetClock,
    exit: Mutex<Option<Exit>>,
    held: AtomicUsize,
    writes: AtomicUsize,
}

impl Levers {
    pub(super) fn new(clock: OffsetClock) -> Self {
        Self { clock, exit: Mutex::new(None), held: AtomicUsize::new(0), writes: AtomicUsize::new(0) }
    }

    pub(super) fn clock(&self) -> OffsetClock {
        self.clock.clone()
    }

    pub(super) fn count(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends the process, or waits, where this is the point.
    pub(super) async fn pass(&self, store: &str, call: Call, when: When) {
        match self.armed(store, call, when) {
            None => {}
            Some(Act::Die) => {
                let _ =
                    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
                // Nothing is answered before the signal comes.
                std::thread::sleep(Duration::from_secs(60));
            }
            Some(Act::Hold) => {
                self.held.fetch_add(1, Ordering::SeqCst);
                while self.armed(store, call, when).is_some() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                self.held.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    fn armed(&self, store: &str, call: Call, when: When) -> Option<Act> {
        let armed = self.exit.lock();
        let here =
            armed.as_ref().filter(|exit| exit.store == store && exit.call == call && exit.when == when);
        here.map(|exit| exit.act)
    }
}

#[derive(Clone)]
struct Parts {
    levers: Arc<Levers>,
    provider: Provider,
    clients: Arc<Apps>,
}

/// What ends grants from outside, and whose.
#[derive(Debug, Deserialize)]
struct Subject {
    what: String,
    #[serde(default)]
    client: String,
    #[serde(default)]
    user: String,
    #[serde(default)]
    id: String,
}

pub(super) fn routes(levers: Arc<Levers>, provider: Provider, clients: Arc<Apps>) -> Router {
    let parts = Parts { levers, provider, clients };
    Router::new()
        .route("/control/clock", post(set_clock))
        .route("/control/exit", post(set_exit))
        .route("/control/held", get(held))
        .route("/control/writes", get(take_writes))
        .route("/control/client", post(add_client))
        .route("/control/operator", post(operate))
        .with_state(parts)
}

async fn set_clock(State(parts): State<Parts>, Json(offset_ms): Json<i64>) {
    parts.levers.clock.0.store(offset_ms, Ordering::Relaxed);
}

async fn set_exit(State(parts): State<Parts>, Json(exit): Json<Option<Exit>>) {
    *parts.levers.exit.lock() = exit;
}

/// How many requests wait at the point.
async fn held(State(parts): State<Parts>) -> Json<usize> {
    Json(parts.levers.held.load(Ordering::SeqCst))
}

/// How often a grant was written since the last question.
async fn take_writes(State(parts): State<Parts>) -> Json<usize> {
    Json(parts.levers.writes.swap(0, Ordering::Relaxed))
}

async fn add_client(State(parts): State<Parts>, Json(id): Json<String>) -> StatusCode {
    acknowledge(&parts.clients.add(&id, parts.provider.clock().now()).await)
}

/// What an operator does; 200 only once it is done.
async fn operate(State(parts): State<Parts>, Query(subject): Query<Subject>) -> StatusCode {
    let now = parts.provider.clock().now();
    let standings = parts.provider.standings();
    let (client, user) = (Whose::Client(&subject.client), Whose::Subject(&subject.user));
    let consent = Whose::Consent { client: &subject.client, subject: &subject.user };
    acknowledge(&match subject.what.as_str() {
        "disable-client" => standings.set_disabled(client, true, now).await,
        "enable-client" => standings.set_disabled(client, false, now).await,
        "disable-user" => standings.set_disabled(user, true, now).await,
        "enable-user" => standings.set_disabled(user, false, now).await,
        "end-earlier-of-user" => standings.end_earlier(user, now).await,
        "end-consent" => standings.end_earlier(consent, now).await,
        "remove" => {
            let grants = Grants::new(Arc::clone(parts.provider.store()));
            grants.revoke(&subject.id, now).await.map(|_| ())
        }
        _ => return StatusCode::NOT_FOUND,
    })
}

fn acknowledge(done: &Result<(), StoreError>) -> StatusCode {
    match done {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}
