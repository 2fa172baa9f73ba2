//! Opening one connection: where it comes from, what the server says of its own settings, the prepared statements.

use std::fmt;
use std::sync::atomic::AtomicUsize;

use deadpool_postgres::{ClientWrapper, Object, Pool as UserPool, PoolError};
use grantor_core::store::StoreError;
use grantor_store_tls::Prepared;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{Client, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::failure::Failure;
use crate::options::Options;
use crate::write::Statements;

/// Where connections come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// The configuration of the options, with TLS where it is asked for.
    Own(Option<Prepared>),
    /// A pool of the user, which knows the server, and perhaps TLS. The store takes a few connections out of it.
    Pool(UserPool),
}

/// What the server says about its own care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Care {
    /// A commit is on the server's disk before it is acknowledged.
    pub(crate) durable: bool,
    /// It is where a synchronous standby, if there is one, will not lose it either.
    pub(crate) never_rewinds: bool,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Own(_) => "Own",
            Self::Pool(_) => "Pool",
        })
    }
}

impl Care {
    /// Whether nothing is missing that the other one has.
    fn is_at_least(self, other: Self) -> bool {
        self.durable >= other.durable && self.never_rewinds >= other.never_rewinds
    }
}

/// A connection, its statements, and how many calls are under way on it. Dropped, it ends the connection at once: what
/// still waits there waits for answers that do not come.
pub(crate) struct Session {
    pub(crate) client: ClientWrapper,
    pub(crate) statements: Statements,
    pub(crate) in_flight: AtomicUsize,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

/// A bare connection.
pub(crate) async fn connect(source: &Source, options: &Options) -> Result<ClientWrapper, StoreError> {
    let target = options.target();
    match source {
        Source::Own(None) => match options.config.connect(NoTls).await {
            Ok(connected) => Ok(started(connected, target)),
            Err(error) => Err(refused(&target, &error)),
        },
        Source::Own(Some(tls)) => {
            let tls = MakeRustlsConnect::new((**tls.config()).clone());
            match options.config.connect(tls).await {
                Ok(connected) => Ok(started(connected, target)),
                Err(error) => Err(refused(&target, &error)),
            }
        }
        Source::Pool(pool) => match pool.get().await {
            Ok(object) => Ok(Object::take(object)),
            Err(PoolError::Backend(error)) => Err(refused(&target, &error)),
            Err(_) => Err(StoreError::nothing_written(
                "the pool of PostgreSQL connections gave none: it is closed, or its time is over",
            )),
        },
    }
}

/// A connection whose task runs.
fn started<S, T>((client, connection): (Client, Connection<S, T>), target: String) -> ClientWrapper
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let task = tokio::spawn(async move {
        if let Err(error) = connection.await {
            let failure = Failure::of(&target, "a connection", &error).into_error();
            tracing::warn!(error = %failure, "a connection ended");
        }
    });
    ClientWrapper::new(client, task)
}

/// Makes a session of it, unless the server is less careful than `promised`.
pub(crate) async fn session(
    client: ClientWrapper,
    options: &Options,
    promised: Option<Care>,
) -> Result<(Session, Care), StoreError> {
    let target = options.target();
    let failed = |error: tokio_postgres::Error| refused(&target, &error);
    // What nobody waits for any more, the server ends too.
    let limit = format!("SET statement_timeout = {}", options.deadline.as_millis());
    client.batch_execute(&limit).await.map_err(failed)?;
    let care = care(&client, options).await?;
    if promised.is_some_and(|promised| !care.is_at_least(promised)) {
        return Err(StoreError::nothing_written(format!(
            "PostgreSQL {target}: fsync, full_page_writes or synchronous_commit has become weaker than when the store \
             was opened, and it would not keep what it promised: set them again, or restart this process"
        )));
    }
    let statements = Statements::prepare(&client, &options.schema).await.map_err(failed)?;
    Ok((Session { client, statements, in_flight: AtomicUsize::new(0) }, care))
}

/// Reads back what durability rests on. A server that does not know a setting promises nothing.
async fn care(client: &Client, options: &Options) -> Result<Care, StoreError> {
    let target = options.target();
    let row = client
        .query_one(
            "SELECT current_setting('fsync', true), current_setting('full_page_writes', true),
                    current_setting('synchronous_commit', true), current_setting('transaction_read_only', true)",
            &[],
        )
        .await
        .map_err(|error| refused(&target, &error))?;
    let setting = |index| row.try_get::<_, Option<String>>(index).ok().flatten().unwrap_or_default();
    if setting(3) == "on" {
        return Err(StoreError::nothing_written(format!(
            "PostgreSQL {target}: it only reads, it is a standby or read-only: name the server that writes"
        )));
    }
    let synced = setting(0) == "on" && setting(1) == "on";
    let commit = setting(2);
    let on_disk = ["on", "remote_apply", "remote_write", "local"].contains(&commit.as_str());
    let on_standby = ["on", "remote_apply"].contains(&commit.as_str());
    Ok(Care { durable: synced && on_disk, never_rewinds: synced && on_standby && !options.lagging_standby })
}

/// No write was sent yet.
fn refused(target: &str, error: &tokio_postgres::Error) -> StoreError {
    Failure::of(target, "connecting", error).wrote_nothing().into_error()
}
