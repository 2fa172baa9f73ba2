//! A network that fails on command: a TCP proxy on the loopback in front of a real engine.
//!
//! A test puts it between a store and its engine and commands it while both run. It knows nothing of what passes, so it
//! serves every engine. It has a thread of its own: a test may block, and its runtime may end, while the proxy goes on.
//!
//! | command | what the store meets |
//! |---|---|
//! | [`Proxy::delay`], [`Proxy::throttle`] | an engine that is far, or behind a thin line |
//! | [`Proxy::hold`] | a black hole: connections come about, and nothing more; or only answers stay away |
//! | [`Proxy::refuse`] | nobody listens |
//! | [`Proxy::cut`] | all connections end now |
//! | [`Proxy::cut_after`] | a connection ends in the middle of a request or of an answer |
//! | [`Proxy::lose_answer`] | the engine has done it, but nobody is told |
//! | [`Proxy::heal`] | no faults from now on; what was held goes on its way, late |
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use grantor_testkit::engine;
//! use grantor_testkit::proxy::{Cut, Proxy, Way};
//!
//! let engine = engine::postgres()?;
//! let proxy = Proxy::to(engine.port())?;
//! let url = format!("postgres://grantor@127.0.0.1:{}/grantor", proxy.port());
//! // .. open a store with this URL ..
//! proxy.lose_answer(0, Cut::Reset);
//! // .. write: it is written, and the store answers that it does not know ..
//! assert_eq!(proxy.seen().cuts, 1);
//!
//! proxy.hold(Way::Answers);
//! // .. begin another write ..
//! proxy.until(|seen| seen.answers.arrived > seen.answers.passed).await?; // the engine has done it
//! proxy.heal()?; // and now the store hears of it
//! # Ok(())
//! # }
//! ```

mod carry;
mod plan;

use std::io::{Error, ErrorKind, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc as blocking;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime;
use tokio::sync::{mpsc, watch};

use carry::Shared;
use plan::Planned;

/// How long [`Proxy::until`] waits.
const PATIENCE: Duration = Duration::from_secs(120);

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the client to the engine.
    Requests,
    /// From the engine to the client.
    Answers,
}

/// How a connection ends, on both of its sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// As after an orderly end (FIN): who reads sees the end of the stream.
    Close,
    /// As after the death of a machine or a firewall's verdict (RST): "connection reset by peer".
    Reset,
}

/// Bytes of one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Passage {
    /// So many came to the proxy.
    pub arrived: u64,
    /// So many were passed on. What lies between is on its way, or held.
    pub passed: u64,
}

/// What the proxy has seen since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// Connections that came.
    pub accepted: u64,
    /// Connections that are open now.
    pub open: u64,
    /// Those of them whose client has gone already: what it sent is still held or on its way, or the engine has not noticed.
    pub left: u64,
    /// From clients to the engine.
    pub requests: Passage,
    /// From the engine to clients.
    pub answers: Passage,
    /// Cuts of [`Proxy::cut_after`] and [`Proxy::lose_answer`] that have happened.
    pub cuts: u64,
}

/// What holds for each connection until it is changed.
#[derive(Debug, Clone, Copy, Default)]
struct Rule {
    delay: Duration,
    /// 0: as fast as it goes.
    bytes_per_second: u32,
    hold: bool,
}

#[derive(Debug, Clone, Copy, Default)]
struct Rules {
    requests: Rule,
    answers: Rule,
    /// How many orders to cut all connections there were, and how the last one ends them.
    cuts: u64,
    reset: bool,
}

impl Rules {
    fn of(&self, way: Way) -> Rule {
        match way {
            Way::Requests => self.requests,
            Way::Answers => self.answers,
        }
    }

    fn of_mut(&mut self, way: Way) -> &mut Rule {
        match way {
            Way::Requests => &mut self.requests,
            Way::Answers => &mut self.answers,
        }
    }
}

/// Whether the port is open, and whom to tell that it is so now.
type Order = (bool, blocking::Sender<Result<()>>);

/// A TCP proxy on a port of the loopback. It ends, with all its connections, when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    orders: Option<mpsc::UnboundedSender<Order>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one on a free port, in front of what listens, or will listen, on this port of 127.0.0.1.
    ///
    /// Where nobody listens there, connections are accepted and then reset: see [`Proxy::refuse`].
    ///
    /// # Errors
    /// The system gives no port or no thread.
    pub fn to(engine: u16) -> Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::new(Shared::new(engine));
        let (orders, taken) = mpsc::unbounded_channel();
        let (port, listener) = {
            let _inside = runtime.enter();
            on_a_free_port()?
        };
        let serve = serve(port, listener, taken, shared.clone());
        let thread = std::thread::Builder::new()
            .name("fault proxy".to_owned())
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self { port, shared, orders: Some(orders), thread: Some(thread) })
    }

    /// The port on 127.0.0.1 that stands for the engine's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Passes bytes of this way on so much later than they came, on every connection.
    pub fn delay(&self, way: Way, by: Duration) {
        self.shared.rules.send_modify(|rules| rules.of_mut(way).delay = by);
    }

    /// Passes at most so many bytes a second on this way of each connection, in small pieces; 0 takes the limit away.
    pub fn throttle(&self, way: Way, bytes_per_second: u32) {
        self.shared.rules.send_modify(|rules| rules.of_mut(way).bytes_per_second = bytes_per_second);
    }

    /// Takes bytes of this way and passes none on, on old and new connections, until [`Proxy::heal`]. Then they arrive,
    /// also where the sender has given up and gone: as a network delivers late.
    pub fn hold(&self, way: Way) {
        self.shared.rules.send_modify(|rules| rules.of_mut(way).hold = true);
    }

    /// Closes the port until [`Proxy::heal`]: new connections are refused, those that are open stay.
    ///
    /// # Errors
    /// Another process took the port in the moment in which it was free.
    pub fn refuse(&self) -> Result<()> {
        self.order(false)
    }

    /// Ends all connections now; new ones are accepted.
    pub fn cut(&self, how: Cut) {
        self.shared.rules.send_modify(|rules| {
            rules.cuts += 1;
            rules.reset = how == Cut::Reset;
        });
    }

    /// Lets so many more bytes pass this way, counted over all connections, then ends the connection that carried the
    /// last of them. With 0 it ends before the next byte. Happens once, and takes the place of what was planned before.
    pub fn cut_after(&self, way: Way, bytes: u64, how: Cut) {
        self.shared.plan(Planned::Bytes { way, left: bytes, how });
    }

    /// Passes a request on, and ends its connection when the first byte of its answer is there, without passing that: the
    /// engine has done it, and the client never knows. `skip` exchanges of request and answer go well before; those of a
    /// connection's beginning count too. Happens once, and takes the place of what was planned before.
    ///
    /// Meant for one call at a time: where several share a connection, it may be the answer of any of them.
    pub fn lose_answer(&self, skip: u64, how: Cut) {
        self.shared.plan(Planned::Answer { skip, how });
    }

    /// No faults from now on. What was planned is forgotten; what was held is passed on.
    ///
    /// # Errors
    /// The port cannot be opened again.
    pub fn heal(&self) -> Result<()> {
        self.shared.forget();
        self.shared.rules.send_modify(|rules| (rules.requests, rules.answers) = Default::default());
        self.order(true)
    }

    /// What it has seen so far.
    pub fn seen(&self) -> Seen {
        *self.shared.seen.borrow()
    }

    /// Waits until it has seen this. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// It has not seen it within two minutes.
    pub async fn until(&self, what: impl Fn(&Seen) -> bool + Send) -> Result<Seen> {
        let mut seen = self.shared.seen.subscribe();
        match tokio::time::timeout(PATIENCE, seen.wait_for(what)).await {
            Ok(Ok(found)) => Ok(*found),
            _ => Err(Error::new(ErrorKind::TimedOut, format!("the proxy has seen {:?} only", self.seen()))),
        }
    }

    fn order(&self, open: bool) -> Result<()> {
        let (done, answer) = blocking::channel();
        let orders = self.orders.as_ref().ok_or_else(gone)?;
        orders.send((open, done)).map_err(|_| gone())?;
        answer.recv().map_err(|_| gone())?
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Nobody gives orders any more: that ends the thread.
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn gone() -> Error {
    Error::other("the proxy's thread has ended")
}

const BACKLOG: u32 = 1024;

/// Enough for the runtime to look once whether somebody waits at the port.
const A_MOMENT: Duration = Duration::from_millis(2);

fn on_a_free_port() -> Result<(u16, TcpListener)> {
    let mut last = gone();
    for _ in 0..20 {
        let port = crate::process::free_port();
        match bound(port).and_then(listening) {
            Ok(listener) => return Ok((port, listener)),
            // Another process was quicker.
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A socket that has the port. While it does not listen the system refuses connections, and nobody else can listen there.
fn bound(port: u16) -> Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    // Old connections of the port keep nobody from it,
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    // but this socket does.
    socket.set_reuseaddr(false)?;
    Ok(socket)
}

fn listening(socket: TcpSocket) -> Result<TcpListener> {
    socket.set_reuseaddr(true)?;
    socket.listen(BACKLOG)
}

enum Port {
    Open(TcpListener),
    Closed(TcpSocket),
    /// Somebody else has it.
    Lost,
}

impl Port {
    fn turn(self, port: u16, open: bool) -> (Self, Result<()>) {
        let turned = match (self, open) {
            (Self::Closed(socket), true) => listening(socket).map(Self::Open),
            (Self::Open(listener), false) => {
                drop(listener);
                bound(port).map(Self::Closed)
            }
            (Self::Lost, true) => bound(port).and_then(listening).map(Self::Open),
            (Self::Lost, false) => bound(port).map(Self::Closed),
            (same, _) => Ok(same),
        };
        match turned {
            Ok(port) => (port, Ok(())),
            Err(error) => (Self::Lost, Err(error)),
        }
    }
}

async fn serve(
    port: u16,
    listener: TcpListener,
    mut orders: mpsc::UnboundedReceiver<Order>,
    shared: Arc<Shared>,
) {
    let mut state = Port::Open(listener);
    loop {
        let accept = async {
            match &state {
                Port::Open(listener) => listener.accept().await,
                Port::Closed(_) | Port::Lost => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv() => {
                let Some((open, done)) = order else { return };
                // Who connected before the port closes has an open connection.
                while let (Port::Open(listener), false) = (&state, open)
                    && let Ok(Ok((client, _))) = tokio::time::timeout(A_MOMENT, listener.accept()).await
                {
                    tokio::spawn(carry::carry(client, shared.clone()));
                }
                let result;
                (state, result) = state.turn(port, open);
                // Who gave the order waits for this; if not, nobody needs it.
                let _ = done.send(result);
            }
            accepted = accept => {
                if let Ok((client, _)) = accepted {
                    tokio::spawn(carry::carry(client, shared.clone()));
                }
            }
        }
    }
}

fn channel<T: Default>() -> watch::Sender<T> {
    watch::Sender::new(T::default())
}
