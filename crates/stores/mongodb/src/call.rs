//! One call: its deadline, and another try where it is certain that nothing was done.
//!
//! The driver asks that its futures be polled to their end, or its connections are lost with them. So each runs in a task of
//! its own, which goes on where nobody waits for it any more: a client of ours that hangs up costs no connection. There are
//! never more of them than connections, so none waits in the driver and lands long after its caller was told.

use std::sync::Arc;
use std::time::Duration;

use mongodb::error::Error;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::failure::Failure;

/// Between two looks for the new primary.
const PAUSE: Duration = Duration::from_millis(20);

/// What every call needs.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// For messages: hosts and database.
    pub(crate) target: String,
    deadline: Duration,
    /// The client is the user's, and may try again by itself.
    driver_retries: bool,
    connections: Arc<Semaphore>,
}

impl Caller {
    pub(crate) fn new(target: String, deadline: Duration, connections: u32, driver_retries: bool) -> Self {
        let connections = usize::try_from(connections).unwrap_or(1);
        Self { target, deadline, driver_retries, connections: Arc::new(Semaphore::new(connections)) }
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// For what may take long: an hour.
    pub(crate) fn patient(&self) -> Self {
        Self { deadline: Duration::from_secs(3_600), ..self.clone() }
    }

    /// Acts until there is an answer, an error after which another try could do harm, or no time.
    pub(crate) async fn call<T, F>(&self, doing: &str, act: impl Fn() -> F) -> Result<T, Failure>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let end = Instant::now() + self.deadline; // how long to wait: no record depends on it
        loop {
            let permit = Arc::clone(&self.connections).acquire_owned();
            let Ok(permit) = timeout_at(end, permit).await else {
                return Err(Failure::unsent(&self.target, doing));
            };
            let acting = act();
            let task = tokio::spawn(async move {
                let answer = acting.await;
                drop(permit);
                answer
            });
            let failure = match timeout_at(end, task).await {
                Ok(Ok(Ok(answer))) => return Ok(answer),
                Ok(Ok(Err(error))) => Failure::of(&self.target, doing, &error, self.driver_retries),
                Ok(Err(_)) => return Err(Failure::broken(&self.target, doing)),
                Err(_) => return Err(Failure::late(&self.target, doing)),
            };
            let next = Instant::now() + PAUSE; // whether there is time for another try
            if !failure.again || next >= end {
                return Err(failure);
            }
            sleep_until(next).await;
        }
    }
}
