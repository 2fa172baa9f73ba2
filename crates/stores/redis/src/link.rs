//! Calls over the connection: each with a deadline, none sent twice unless it certainly did nothing the first time.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::OnceCell;

use crate::failure::{Failure, is_refusal};
use crate::options::Options;
use crate::script::Call;
use crate::target::{Connected, Target};

/// Between two tries to do what the engine could not do yet.
const PAUSE: Duration = Duration::from_millis(20);
/// How often a call follows where a Cluster sends it.
const REDIRECTS: usize = 16;

/// Told where `WAIT` came back with fewer.
const TOO_FEW: &str = "too few replicas";

/// A connection that is or will be made; all who wait for it share it.
type Connecting = Arc<OnceCell<Connected>>;

/// The connection, which is made anew when it breaks.
pub(crate) struct Link {
    target: Target,
    pub(crate) options: Options,
    /// Never held over an await.
    current: Mutex<Connecting>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("target", &self.target)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Link {
    pub(crate) fn new(target: Target, options: Options) -> Self {
        Self { target, options, current: Mutex::default() }
    }

    pub(crate) fn is_single(&self) -> bool {
        matches!(self.target, Target::Single(_))
    }

    pub(crate) fn is_sentinel(&self) -> bool {
        matches!(self.target, Target::Sentinel { .. })
    }

    /// Runs a command that may run twice without harm: it is sent again when the connection breaks.
    pub(crate) async fn run(&self, command: &Cmd) -> Result<Value, Failure> {
        self.within(async |sent| match self.send(command, sent, false).await {
            Err(Broken { kind: Kind::Broken, .. }) => self.send(command, sent, false).await,
            other => other,
        })
        .await
    }

    /// Runs a script, waits for the replicas where that is asked for, and answers the number that it returns.
    pub(crate) async fn write(&self, call: &Call<'_>) -> Result<i64, Failure> {
        let value = self
            .within(async |sent| match self.send(&call.short, sent, true).await {
                Err(Broken { kind: Kind::NoScript, .. }) => {
                    sent.store(false, Ordering::Relaxed);
                    self.send(&call.long(), sent, true).await
                }
                other => other,
            })
            .await?;
        match value {
            Value::Int(number) => Ok(number),
            _ => Err(Failure::unknown("it gave an answer that is not understood")),
        }
    }

    /// Runs commands that may run twice and whose answers nobody needs; each with a deadline of its own.
    pub(crate) async fn all(&self, commands: &[Cmd]) -> Result<(), Failure> {
        for some in commands.chunks(64) {
            for done in join_all(some.iter().map(|command| self.run(command))).await {
                done?;
            }
        }
        Ok(())
    }

    /// The answers of all nodes that take writes.
    pub(crate) async fn everywhere(&self, command: &Cmd) -> Result<Value, Failure> {
        self.within(async |sent| {
            let (_, connected) = self.connected().await?;
            sent.store(true, Ordering::Relaxed);
            let answer = match connected {
                Connected::One(mut connection) => command.query_async(&mut connection).await,
                Connected::Many(mut connection) => {
                    let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                    connection.route_command(command.clone(), all).await
                }
            };
            answer.map_err(|error| Broken::of(&error))
        })
        .await
    }

    /// The deadline of a call, with what is known when it passes.
    async fn within(
        &self,
        call: impl AsyncFnOnce(&AtomicBool) -> Result<Value, Broken>,
    ) -> Result<Value, Failure> {
        let sent = AtomicBool::new(false);
        let before = self.now();
        match tokio::time::timeout(self.options.deadline, call(&sent)).await {
            Ok(answer) => answer.map_err(|broken| broken.failure),
            Err(_) => {
                // Whatever it hangs on, the next call begins anew.
                self.forget(&before);
                Err(Failure::late(sent.load(Ordering::Relaxed)))
            }
        }
    }

    fn now(&self) -> Connecting {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Lets the next call connect anew, unless another did so meanwhile.
    fn forget(&self, broken: &Connecting) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(&current, broken) {
            *current = Connecting::default();
        }
    }

    async fn connected(&self) -> Result<(Connecting, Connected), Broken> {
        let connecting = self.now();
        let connected = connecting.get_or_try_init(|| self.target.connect(&self.options)).await;
        match connected {
            Ok(connected) => {
                let connected = connected.clone();
                Ok((connecting, connected))
            }
            Err(failure) => Err(Broken { failure, kind: Kind::Other }),
        }
    }

    async fn send(&self, command: &Cmd, sent: &AtomicBool, writes: bool) -> Result<Value, Broken> {
        loop {
            let (connecting, connected) = match self.connected().await {
                Ok(connected) => connected,
                Err(broken) if matches!(self.target, Target::Single(_)) => return Err(broken),
                // During a fail-over it comes about a little later.
                Err(_) => {
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            };
            sent.store(true, Ordering::Relaxed);
            let answer = match connected {
                Connected::One(mut connection) => match command.query_async(&mut connection).await {
                    // Scripts that wrote answer with this number.
                    Ok(Value::Int(1)) if writes && self.options.wait > 0 => self.replicas(connection).await,
                    other => other,
                },
                Connected::Many(connection) => to_many(connection, command).await,
            };
            let error = match answer {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            let one = !matches!(self.target, Target::Cluster(_));
            let demoted = error.kind() == ErrorKind::Server(ServerErrorKind::ReadOnly);
            let lost = error.is_unrecoverable_error() || error.is_timeout();
            if (one && (lost || demoted)) || is_closed(&error) {
                self.forget(&connecting);
            }
            if demoted && matches!(self.target, Target::Sentinel { .. }) {
                sent.store(false, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            return Err(Broken::of(&error));
        }
    }

    /// Waits until so many replicas have what was written over this connection.
    async fn replicas(&self, mut connection: MultiplexedConnection) -> RedisResult<Value> {
        let mut wait = redis::cmd("WAIT");
        wait.arg(self.options.wait).arg(u64::try_from(self.options.wait_for.as_millis()).unwrap_or(u64::MAX));
        let have: u32 = wait.query_async(&mut connection).await?;
        if have >= self.options.wait { Ok(Value::Int(1)) } else { Err(too_few()) }
    }
}

/// Sends a command to the node of its key, and follows it where the Cluster sends it. Each of these answers says that the
/// node did nothing.
async fn to_many(mut connection: ClusterConnection, command: &Cmd) -> RedisResult<Value> {
    let mut answer = command.query_async(&mut connection).await;
    for _ in 0..REDIRECTS {
        let Err(error) = &answer else { break };
        let node = error.redirect_node().and_then(|(node, _)| {
            let (host, port) = node.rsplit_once(':')?;
            Some(SingleNodeRoutingInfo::ByAddress { host: host.to_owned(), port: port.parse().ok()? })
        });
        answer = match (error.kind(), node) {
            (ErrorKind::Server(ServerErrorKind::Moved), Some(node)) => {
                connection.route_command(command.clone(), RoutingInfo::SingleNode(node)).await
            }
            (ErrorKind::Server(ServerErrorKind::Ask), Some(node)) => {
                asking(&mut connection, command, node).await
            }
            (
                ErrorKind::ClusterConnectionNotFound
                | ErrorKind::Server(
                    ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ReadOnly
                    | ServerErrorKind::BusyLoading,
                ),
                _,
            ) => {
                tokio::time::sleep(PAUSE).await;
                command.query_async(&mut connection).await
            }
            _ => break,
        };
    }
    answer
}

async fn asking(
    connection: &mut ClusterConnection,
    command: &Cmd,
    node: SingleNodeRoutingInfo,
) -> RedisResult<Value> {
    let mut both = redis::pipe();
    both.cmd("ASKING").add_command(command.clone());
    let mut answers = connection.route_pipeline(both, 0, 2, node).await?;
    answers.pop().unwrap_or(Value::Nil).extract_error()
}

/// The write is there, but not on as many replicas as asked for: the caller may not count on it.
fn too_few() -> RedisError {
    (ErrorKind::Client, TOO_FEW).into()
}

/// Whether the connection's own task has ended.
fn is_closed(error: &RedisError) -> bool {
    error.is_connection_dropped() && !error.is_connection_refusal()
}

/// What a call met, as far as it matters for what is done next.
enum Kind {
    /// The engine has forgotten the script, and did nothing.
    NoScript,
    /// The connection broke.
    Broken,
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
            _ if error.is_connection_dropped() && !is_refusal(error) => Kind::Broken,
            _ => Kind::Other,
        };
        Self { failure: Failure::of(error), kind }
    }
}
