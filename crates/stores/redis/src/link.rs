//! Calls over the connections: each with a deadline, none sent twice unless it certainly did nothing the first time.
//!
//! In a Cluster a call goes to the node of its key, and follows `MOVED` and `ASK`. This is not left to the client library:
//! while its Cluster connection learns slots anew, which each `MOVED` makes it do, it serves no call at all, not even those
//! that are answered, so one node that has stopped holds up those of all others; and it sends writes again.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{join_all, select_ok};
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::failure::{Failure, is_refusal};
use crate::nodes::{Attempt, Nodes};
use crate::options::Options;
use crate::script::Call;
use crate::slots::{self, Slots};
use crate::target::{Node, Target};

/// Between two tries to do what the engine could not do yet.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a call follows where a Cluster sends it before it pauses: nodes may point at each other for a moment.
const REDIRECTS: u32 = 4;
/// How many nodes are asked at once where the slots are.
const ASKED: usize = 8;

/// Told where `WAIT` came back with fewer.
const TOO_FEW: &str = "too few replicas";

/// The engine, which is connected to as it is needed.
pub(crate) struct Link {
    target: Arc<Target>,
    pub(crate) options: Arc<Options>,
    nodes: Nodes,
    slots: Slots,
    learning: AtomicBool,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("target", &self.target)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// How far a call is.
#[derive(Default)]
struct Progress {
    /// A command is out that may do something.
    sent: AtomicBool,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    /// The connection that the call waits for.
    on: Option<(Node, Attempt)>,
    /// Why nothing came of it so far.
    failure: Option<Failure>,
}

impl Progress {
    fn sent(&self, sent: bool) {
        self.sent.store(sent, Ordering::Relaxed);
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link {
    pub(crate) fn new(target: Target, options: Options) -> Self {
        let (target, options) = (Arc::new(target), Arc::new(options));
        let nodes = Nodes::new(Arc::clone(&target), Arc::clone(&options));
        let slots = Slots::new(target.seeds());
        Self { target, options, nodes, slots, learning: AtomicBool::new(false) }
    }

    pub(crate) fn is_single(&self) -> bool {
        self.target.is_single()
    }

    pub(crate) fn is_sentinel(&self) -> bool {
        self.target.is_sentinel()
    }

    /// Runs a command that may run twice without harm: it is sent again when the connection breaks, to one server once, and
    /// where another may take over, until the deadline.
    pub(crate) async fn run(self: &Arc<Self>, command: &Cmd) -> Result<Value, Failure> {
        self.within(async |progress| {
            let mut first = true;
            loop {
                match self.send(command, progress, false).await {
                    Err(Broken { kind: Kind::Dropped, .. }) if first && self.is_single() => {}
                    Err(Broken { kind: Kind::Dropped | Kind::Late, .. }) if !self.is_single() => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    other => return other,
                }
                first = false;
            }
        })
        .await
    }

    /// Runs a script, waits for the replicas where that is asked for, and answers the number that it returns.
    pub(crate) async fn write(self: &Arc<Self>, call: &Call<'_>) -> Result<i64, Failure> {
        let value = self
            .within(async |progress| match self.send(&call.short, progress, true).await {
                Err(Broken { kind: Kind::NoScript, .. }) => self.send(&call.long(), progress, true).await,
                other => other,
            })
            .await?;
        match value {
            Value::Int(number) => Ok(number),
            _ => Err(Failure::unknown("it gave an answer that is not understood")),
        }
    }

    /// Runs commands that may run twice and whose answers nobody needs; each with a deadline of its own.
    pub(crate) async fn all(self: &Arc<Self>, commands: &[Cmd]) -> Result<(), Failure> {
        for some in commands.chunks(64) {
            for done in join_all(some.iter().map(|command| self.run(command))).await {
                done?;
            }
        }
        Ok(())
    }

    /// The answers of all nodes that take writes.
    pub(crate) async fn everywhere(self: &Arc<Self>, command: &Cmd) -> Result<Value, Failure> {
        self.within(async |progress| {
            let mut nodes = vec![Node::default()];
            if self.target.is_cluster() {
                self.learn().await.map_err(Broken::other)?;
                nodes = self.slots.masters();
            }
            let answers = join_all(nodes.iter().map(async |node| {
                let (attempt, mut connection) = self.connected(node, progress).await?;
                command.query_async::<Value>(&mut connection).await.map_err(|error| {
                    self.nodes.forget(node, &attempt);
                    Broken::of(&error)
                })
            }));
            let answers: Result<Vec<Value>, Broken> = answers.await.into_iter().collect();
            answers.map(Value::Array)
        })
        .await
    }

    /// The deadline of a call, with what is known when it passes.
    async fn within(
        &self,
        call: impl AsyncFnOnce(&Progress) -> Result<Value, Broken>,
    ) -> Result<Value, Failure> {
        let progress = Progress::default();
        match tokio::time::timeout(self.options.deadline, call(&progress)).await {
            Ok(answer) => answer.map_err(|broken| broken.failure),
            Err(_) => {
                let Last { on, failure } = std::mem::take(&mut *progress.last());
                // Whatever it hangs on, the next call begins anew.
                if let Some((node, attempt)) = on {
                    self.nodes.forget(&node, &attempt);
                }
                Err(Failure::late(progress.sent.load(Ordering::Relaxed), failure))
            }
        }
    }

    async fn connected(
        &self,
        node: &Node,
        progress: &Progress,
    ) -> Result<(Attempt, MultiplexedConnection), Broken> {
        let attempt = self.nodes.attempt(node);
        progress.last().on = Some((Arc::clone(node), attempt.clone()));
        match attempt.clone().await {
            Ok(connection) => Ok((attempt, connection)),
            Err(failure) => {
                self.nodes.forget(node, &attempt);
                Err(Broken::other(failure))
            }
        }
    }

    async fn send(
        self: &Arc<Self>,
        command: &Cmd,
        progress: &Progress,
        writes: bool,
    ) -> Result<Value, Broken> {
        let slot = if self.target.is_cluster() { Some(slots::slot(command)) } else { None };
        let (mut next, mut asking, mut redirects) = (None, false, 0);
        loop {
            let node = match (next.take(), slot) {
                (Some(node), _) => node,
                (None, None) => Node::default(),
                (None, Some(slot)) => self.slots.node(slot).unwrap_or_default(),
            };
            let (attempt, connection) = match self.connected(&node, progress).await {
                Ok(connected) => connected,
                Err(broken) if self.is_single() => return Err(broken),
                // During a fail-over it comes about a little later, or elsewhere.
                Err(broken) => {
                    progress.last().failure = Some(broken.failure);
                    self.elsewhere(slot, &node).await;
                    continue;
                }
            };
            progress.sent(true);
            let error = match self.exchange(connection, command, std::mem::take(&mut asking), writes).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let broken = Broken::of(&error);
            if broken.failure.nothing_written {
                progress.sent(false);
            }
            match error.kind() {
                ErrorKind::Server(kind @ (ServerErrorKind::Moved | ServerErrorKind::Ask))
                    if slot.is_some() =>
                {
                    let Some((address, slot)) = error.redirect_node() else { return Err(broken) };
                    let to = slots::address(address, &node);
                    if kind == ServerErrorKind::Ask {
                        asking = true;
                    } else {
                        self.slots.moved(slot, &to);
                        self.learn_soon();
                    }
                    next = Some(to);
                    redirects += 1;
                    if redirects % REDIRECTS == 0 {
                        tokio::time::sleep(PAUSE).await;
                    }
                }
                ErrorKind::Server(
                    ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::BusyLoading
                    | ServerErrorKind::ReadOnly,
                ) if !self.is_single() => {
                    if error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly) {
                        // The Sentinels have chosen another.
                        self.nodes.forget(&node, &attempt);
                    }
                    progress.last().failure = Some(broken.failure);
                    self.elsewhere(slot, &node).await;
                }
                kind => {
                    let demoted = kind == ErrorKind::Server(ServerErrorKind::ReadOnly);
                    if error.is_unrecoverable_error() || error.is_timeout() || demoted {
                        self.nodes.forget(&node, &attempt);
                        if let Some(slot) = slot {
                            self.slots.doubt(slot, &node);
                            self.learn_soon();
                        }
                    }
                    return Err(broken);
                }
            }
        }
    }

    /// The node did nothing and may not be the right one any more: pauses, and lets another say.
    async fn elsewhere(self: &Arc<Self>, slot: Option<u16>, node: &Node) {
        if let Some(slot) = slot {
            self.slots.doubt(slot, node);
            self.learn_soon();
        }
        tokio::time::sleep(PAUSE).await;
    }

    /// Sends a command, and after a write waits for the replicas.
    async fn exchange(
        &self,
        mut connection: MultiplexedConnection,
        command: &Cmd,
        asking: bool,
        writes: bool,
    ) -> RedisResult<Value> {
        let answer: Value = if asking {
            let mut both = redis::pipe();
            both.cmd("ASKING").add_command(command.clone());
            let mut answers = connection.req_packed_commands(&both, 0, 2).await?;
            answers.pop().unwrap_or(Value::Nil).extract_error()?
        } else {
            command.query_async(&mut connection).await?
        };
        // Scripts that wrote answer with this number.
        if !writes || self.options.wait == 0 || answer != Value::Int(1) {
            return Ok(answer);
        }
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.options.wait).arg(u64::try_from(self.options.wait_for.as_millis()).unwrap_or(u64::MAX));
        // The write is there already: no error of this may look as if it were not.
        let have: RedisResult<u32> = wait.query_async(&mut connection).await;
        match have {
            Ok(have) if have >= self.options.wait => Ok(answer),
            Err(error) if error.is_unrecoverable_error() || error.is_timeout() => Err(error),
            _ => Err((ErrorKind::Client, TOO_FEW).into()),
        }
    }

    /// Learns where the slots are, by and by.
    fn learn_soon(self: &Arc<Self>) {
        if !self.learning.swap(true, Ordering::Relaxed) {
            let link = Arc::clone(self);
            tokio::spawn(async move {
                // More than one call meets what has changed.
                tokio::time::sleep(PAUSE).await;
                // Whoever needs it learns from the node that it asks, or tries again.
                let _ = tokio::time::timeout(link.options.deadline, link.learn()).await;
                link.learning.store(false, Ordering::Relaxed);
            });
        }
    }

    /// Learns where the slots are from the node that is first to answer.
    async fn learn(&self) -> Result<(), Failure> {
        let mut nodes = self.slots.nodes();
        nodes.truncate(ASKED);
        nodes.extend(self.target.seeds().into_iter().take(ASKED));
        nodes.sort_unstable();
        nodes.dedup();
        let asked = nodes.iter().map(|node| {
            Box::pin(async move {
                let attempt = self.nodes.attempt(node);
                let mut connection =
                    attempt.clone().await.inspect_err(|_| self.nodes.forget(node, &attempt))?;
                let answer: RedisResult<Value> =
                    redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await;
                let answer = answer.map_err(|error| {
                    self.nodes.forget(node, &attempt);
                    Failure::of(&error).of_read()
                })?;
                if self.slots.learn(&answer, node) {
                    self.nodes.keep(&self.slots.nodes());
                    Ok(())
                } else {
                    Err(Failure::before("a node of the Cluster knows of no slots"))
                }
            })
        });
        if nodes.is_empty() {
            return Err(Failure::before("no node of the Cluster is named"));
        }
        select_ok(asked).await.map(|_| ())
    }
}

/// What a call met, as far as it matters for what is done next.
enum Kind {
    /// The engine has forgotten the script, and did nothing.
    NoScript,
    /// The connection broke.
    Dropped,
    /// The answer did not come.
    Late,
    Other,
}

struct Broken {
    failure: Failure,
    kind: Kind,
}

impl Broken {
    fn of(error: &RedisError) -> Self {
        let kind = match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoScript) => Kind::NoScript,
            _ if error.is_timeout() => Kind::Late,
            _ if error.is_connection_dropped() && !is_refusal(error) => Kind::Dropped,
            _ => Kind::Other,
        };
        Self { failure: Failure::of(error), kind }
    }

    fn other(failure: Failure) -> Self {
        Self { failure, kind: Kind::Other }
    }
}
