//! A few connections that all callers share. Each carries many calls at once (pipelining); one that ended or no longer
//! answers is replaced at the next call, so the store comes back when the server does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use grantor_core::store::StoreError;

use crate::connect::{self, Care, Session, Source};
use crate::options::Options;

/// The shared connections.
#[derive(Debug)]
pub(crate) struct Pool {
    source: Source,
    options: Options,
    promised: Care,
    sessions: Mutex<Vec<Arc<Session>>>,
    /// One connection is opened at a time.
    opening: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

/// A session for one call.
#[derive(Debug)]
pub(crate) struct Lease(Arc<Session>);

impl Lease {
    fn of(session: &Arc<Session>) -> Self {
        session.in_flight.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(session))
    }

    pub(crate) fn session(&self) -> &Session {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Pool {
    pub(crate) fn new(source: Source, options: Options, first: Session, promised: Care) -> Arc<Self> {
        Arc::new(Self {
            source,
            options,
            promised,
            sessions: Mutex::new(vec![Arc::new(first)]),
            opening: tokio::sync::Mutex::new(()),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn promised(&self) -> Care {
        self.promised
    }

    /// An idle session, else the one with the fewest calls while another is opened beside the callers, else a new one.
    ///
    /// # Errors
    /// There is none, and the server cannot be reached. Nothing was sent.
    pub(crate) async fn lease(self: &Arc<Self>) -> Result<Lease, StoreError> {
        if let Some(lease) = self.held()? {
            return Ok(lease);
        }
        let _opening = self.opening.lock().await;
        // Another caller may have opened one while this one waited.
        match self.held()? {
            Some(lease) => Ok(lease),
            // Boxed, for it is large and seldom.
            None => Box::pin(self.open()).await,
        }
    }

    fn held(self: &Arc<Self>) -> Result<Option<Lease>, StoreError> {
        if self.closed.load(Ordering::Relaxed) {
            return Err(StoreError::nothing_written("the PostgreSQL store is closed"));
        }
        let (lease, grow) = {
            let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.retain(|session| !session.client.is_closed());
            // The first of several: one caller after the other stays on one connection.
            let calls = |session: &&Arc<Session>| session.in_flight.load(Ordering::Relaxed);
            let Some(session) = sessions.iter().min_by_key(calls) else { return Ok(None) };
            (Lease::of(session), calls(&session) > 1 && sessions.len() < self.options.connections)
        };
        if grow {
            self.grow();
        }
        Ok(Some(lease))
    }

    /// Opens one more in the background, unless that is being done.
    fn grow(self: &Arc<Self>) {
        if self.opening.try_lock().is_err() {
            return;
        }
        let pool = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(_opening) = pool.opening.try_lock() else { return };
            let opened = tokio::time::timeout(pool.options.deadline, Box::pin(pool.open())).await;
            if let Ok(Err(error)) = opened {
                tracing::warn!(%error, "a further connection to PostgreSQL could not be opened");
            }
        });
    }

    async fn open(self: &Arc<Self>) -> Result<Lease, StoreError> {
        let connected = connect::connect(&self.source, &self.options).await?;
        let (session, _) = connect::session(connected, &self.options, Some(self.promised)).await?;
        let session = Arc::new(session);
        let lease = Lease::of(&session);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.closed.load(Ordering::Relaxed) && sessions.len() < self.options.connections {
            sessions.push(session);
        }
        Ok(lease)
    }

    /// Nobody else gets this session. Calls under way on it keep it until they end.
    pub(crate) fn retire(&self, lease: &Lease) {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|session| !Arc::ptr_eq(session, &lease.0));
    }

    /// Lets go of all connections; each ends with its last call.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}
