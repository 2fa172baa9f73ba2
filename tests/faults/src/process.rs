//! Hosts as processes: started, commanded, killed, started again.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::Result;
use crate::exit::Exit;
use crate::host::Options;
use crate::http::{Lost, Pool};

/// Connections to one host at most.
const CONNECTIONS: usize = 256;

/// A running host. It is killed where this is dropped. All methods take `&self`: many flows use one host at once.
#[derive(Debug)]
pub struct Host {
    options: Options,
    running: Mutex<Running>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    pool: Arc<Pool>,
    started_in: Duration,
}

impl Host {
    /// Starts a host and waits until it listens.
    ///
    /// # Errors
    /// It ends before it listens; its own output says why.
    pub fn start(options: &Options) -> Result<Self> {
        Ok(Self { options: options.clone(), running: Mutex::new(launch(options)?) })
    }

    /// The connections to it.
    pub fn pool(&self) -> Arc<Pool> {
        Arc::clone(&self.running.lock().pool)
    }

    /// How long it took from its start until it listened.
    pub fn started_in(&self) -> Duration {
        self.running.lock().started_in
    }

    /// Ends it without warning (SIGKILL).
    ///
    /// # Errors
    /// The system refuses.
    pub fn kill(&self) -> Result<()> {
        let mut running = self.running.lock();
        running.child.kill()?;
        running.child.wait()?;
        Ok(())
    }

    /// Whether it has ended, as by an armed exit.
    ///
    /// # Errors
    /// The system does not say.
    pub fn has_ended(&self) -> Result<bool> {
        Ok(self.running.lock().child.try_wait()?.is_some())
    }

    /// Starts it again, on another port.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub fn start_again(&self) -> Result<()> {
        let mut running = self.running.lock();
        let _ = running.child.kill();
        running.child.wait()?;
        *running = launch(&self.options)?;
        Ok(())
    }

    /// Arms the point at which it kills itself.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn exit_at(&self, exit: &Exit) -> Result<()> {
        let exit = serde_json::to_value(exit)?;
        done(self.pool().post_json("/control/exit", &exit).await)
    }

    /// Takes the point away: who waits there goes on.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn go_on(&self) -> Result<()> {
        done(self.pool().post_json("/control/exit", &serde_json::Value::Null).await)
    }

    /// Waits until a request waits at the armed point.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn reached(&self) -> Result<()> {
        while self.number("/control/held").await? == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Sets its clock so far from the system's.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn set_clock(&self, offset_ms: i64) -> Result<()> {
        done(self.pool().post_json("/control/clock", &offset_ms.into()).await)
    }

    /// Makes a client known.
    ///
    /// # Errors
    /// It does not answer, or its store does not.
    pub async fn add_client(&self, id: &str) -> Result<()> {
        done(self.pool().post_json("/control/client", &id.into()).await)
    }

    /// How often it has written a grant since the last question.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn take_writes(&self) -> Result<u64> {
        self.number("/control/writes").await
    }

    async fn number(&self, path: &str) -> Result<u64> {
        let answer = self.pool().get(path).await.map_err(|_| "the host does not answer")?;
        answer.json().as_u64().ok_or_else(|| "no number".into())
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Our own child: ending it twice does no harm.
        let running = self.running.get_mut();
        let _ = running.child.kill();
        let _ = running.child.wait();
    }
}

fn done(answer: std::result::Result<crate::http::Answer, Lost>) -> Result<()> {
    match answer {
        Ok(answer) if answer.status == 200 => Ok(()),
        Ok(answer) => Err(format!("the host answered {} to a command", answer.status).into()),
        Err(Lost) => Err("the host does not answer".into()),
    }
}

fn launch(options: &Options) -> Result<Running> {
    let started = Instant::now();
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("host").arg(serde_json::to_string(options)?);
    // What the host cannot open it says in one line.
    command.env("RUST_BACKTRACE", "0");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = child.stdout.take().ok_or("no output")?;
    for line in BufReader::new(output).lines() {
        if let Some(port) = line?.strip_prefix("listening ") {
            let pool = Pool::new(port.parse()?, CONNECTIONS);
            return Ok(Running { child, pool, started_in: started.elapsed() });
        }
    }
    Err(format!("the host ended before it listened: {}", child.wait()?).into())
}
