//! Calls over the connections: each with a deadline, none sent twice unless it certainly did nothing the first time.
//!
//! In a Cluster a call goes to the node of its key, and follows `MOVED` and `ASK`. This is not left to the client library:
//! while its Cluster connection learns slots anew, which each `MOVED` makes it do, it serves no call at all, not even those
//! that are answered, so one node that has stopped holds up those of all others; and it sends writes again.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

use crate::failure::{Failure, is_refusal};
use crate::nodes::{Attempt, Line, Nodes};
use crate::options::Options;
use crate::script::Call;
use crate::slots::{self, Slots};
use crate::target::{Node, Target};

/// Between two tries to do what the engine could not do yet.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);
/// How often a call follows where a Cluster sends it before it pauses: nodes may point at each other for a moment.
const REDIRECTS: u32 = 4;

/// Told where `WAIT` came back with fewer.
const TOO_FEW: &str = "too few replicas";

/// The engine, which is connected to as it is needed.
pub(crate) struct Link {
    pub(crate) target: Arc<Target>,
    pub(crate) options: Arc<Options>,
    pub(crate) nodes: Nodes,
    pub(crate) slots: Slots,
    pub(crate) learning: AtomicBool,
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
    on: Option<(Line, Attempt)>,
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
                progress.sent(false);
                first = false;
            }
        })
        .await
    }

    /// Runs a script that wrote unless it answers 0, and waits for the replicas then, where that is asked for.
    pub(crate) async fn script(self: &Arc<Self>, call: &Call<'_>) -> Result<Value, Failure> {
        self.within(async |progress| self.tell(call, progress).await).await
    }

    /// The same for one that answers a number.
    pub(crate) async fn write(self: &Arc<Self>, call: &Call<'_>) -> Result<i64, Failure> {
        number(&self.script(call).await?)
    }

    /// Runs a command that writes unless it answers nil, and such a script where it does.
    pub(crate) async fn write_or<'a>(
        self: &Arc<Self>,
        command: &Cmd,
        otherwise: impl FnOnce() -> Call<'a>,
    ) -> Result<i64, Failure> {
        let answer = self.within(async |progress| match self.send(command, progress, true).await? {
            Value::Nil => {
                progress.sent(false);
                self.tell(&otherwise(), progress).await
            }
            Value::Okay => Ok(Value::Int(1)),
            _ => Ok(Value::Nil),
        });
        number(&answer.await?)
    }

    async fn tell(self: &Arc<Self>, call: &Call<'_>, progress: &Progress) -> Result<Value, Broken> {
        match self.send(&call.short, progress, true).await {
            Err(Broken { kind: Kind::NoScript, .. }) => self.send(&call.long(), progress, true).await,
            other => other,
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
                self.learn(&Node::default()).await.map_err(Broken::other)?;
                nodes = self.slots.masters();
            }
            let answers = join_all(nodes.iter().map(async |node| {
                let line = Line::to(node);
                let (attempt, mut connection) = self.connected(&line, progress).await?;
                command.query_async::<Value>(&mut connection).await.map_err(|error| {
                    self.nodes.forget(&line, &attempt);
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
                if let Some((line, attempt)) = on {
                    self.nodes.forget(&line, &attempt);
                }
                Err(Failure::late(progress.sent.load(Ordering::Relaxed), failure))
            }
        }
    }

    async fn connected(
        &self,
        line: &Line,
        progress: &Progress,
    ) -> Result<(Attempt, MultiplexedConnection), Broken> {
        let attempt = self.nodes.attempt(line);
        progress.last().on = Some((line.clone(), attempt.clone()));
        match attempt.clone().await {
            Ok(connection) => Ok((attempt, connection)),
            Err(failure) => {
                self.nodes.forget(line, &attempt);
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
            // Reads do not stand behind those who wait for replicas.
            let line = Line { node: Arc::clone(&node), waits: writes && self.options.wait > 0 };
            let (attempt, connection) = match self.connected(&line, progress).await {
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
                        self.learn_soon(&node);
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
                        self.nodes.forget(&line, &attempt);
                    }
                    progress.last().failure = Some(broken.failure);
                    self.elsewhere(slot, &node).await;
                }
                kind => {
                    let demoted = kind == ErrorKind::Server(ServerErrorKind::ReadOnly);
                    if error.is_unrecoverable_error() || error.is_timeout() || demoted {
                        self.nodes.forget(&line, &attempt);
                        if slot.is_some() {
                            self.learn_soon(&node);
                        }
                    }
                    return Err(broken);
                }
            }
        }
    }

    /// The node did nothing and may not be the right one any more: pauses, and lets the others say.
    async fn elsewhere(self: &Arc<Self>, slot: Option<u16>, node: &Node) {
        if slot.is_some() {
            self.learn_soon(node);
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
        let wrote = writes && !matches!(answer, Value::Int(0) | Value::Nil);
        if !wrote || self.options.wait == 0 {
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
}

fn number(answer: &Value) -> Result<i64, Failure> {
    match answer {
        Value::Int(number) => Ok(*number),
        _ => Err(Failure::unknown("it gave an answer that is not understood")),
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
