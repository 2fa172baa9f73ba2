//! One connection: bytes from one side to the other, as the rules and the plan have it.

use std::io::Result;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::Sleep;

use super::plan::{Plan, Planned};
use super::{Cut, Passage, Rules, Seen, Way, channel};

/// So many bytes are read at once, and so many pieces wait at most on one way of a connection.
const PIECE: usize = 16 * 1024;
const PIECES: usize = 256;

/// What all connections of a proxy have in common.
#[derive(Debug)]
pub(super) struct Shared {
    engine: u16,
    pub(super) rules: watch::Sender<Rules>,
    pub(super) seen: watch::Sender<Seen>,
    plan: Mutex<Plan>,
}

impl Shared {
    pub(super) fn new(engine: u16) -> Self {
        Self { engine, rules: channel(), seen: channel(), plan: Mutex::default() }
    }

    pub(super) fn plan(&self, planned: Planned) {
        self.plan.lock().set(Some(planned));
    }

    pub(super) fn forget(&self) {
        self.plan.lock().set(None);
    }

    fn count(&self, way: Way, add: impl FnOnce(&mut Passage)) {
        self.seen.send_modify(|seen| match way {
            Way::Requests => add(&mut seen.requests),
            Way::Answers => add(&mut seen.answers),
        });
    }
}

/// Carries what comes from a client to the engine, and back.
pub(super) async fn carry(client: TcpStream, shared: Arc<Shared>) {
    let open = Open::new(&shared.seen);
    let cut = ordered(shared.rules.subscribe());
    let Ok(engine) = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.engine)).await else {
        return end(&[&client], Cut::Reset);
    };
    // Both are hints: without them bytes come later, not otherwise.
    let _ = (client.set_nodelay(true), engine.set_nodelay(true));
    let (mut client, mut engine) = (client, engine);
    let how = {
        let (from_client, to_client) = client.split();
        let (from_engine, to_engine) = engine.split();
        let asked = Mutex::new(0);
        let there = pass(Way::Requests, from_client, to_engine, &asked, &shared, || open.left());
        let back = pass(Way::Answers, from_engine, to_client, &asked, &shared, || ());
        tokio::select! {
            how = cut => how,
            // Each ends well by itself; the connection ends with both of them, or when one says so.
            how = async { tokio::try_join!(there, back).err() } => how.unwrap_or(Cut::Close),
        }
    };
    end(&[&client, &engine], how);
}

/// Both sockets close when they are dropped; this says how.
fn end(sockets: &[&TcpStream], how: Cut) {
    if how == Cut::Reset {
        for socket in sockets {
            // One that has ended already cannot be set.
            let _ = socket.set_zero_linger();
        }
    }
}

/// Waits for the next order to cut all connections.
async fn ordered(mut rules: watch::Receiver<Rules>) -> Cut {
    let before = rules.borrow().cuts;
    match rules.wait_for(|rules| rules.cuts != before).await {
        Ok(rules) if rules.reset => Cut::Reset,
        _ => Cut::Close,
    }
}

/// One way of a connection, to its end. What ends the other way too is an error.
async fn pass(
    way: Way,
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    asked: &Mutex<u64>,
    shared: &Shared,
    no_more: impl FnOnce(),
) -> std::result::Result<(), Cut> {
    let (pieces, taken) = mpsc::channel(PIECES);
    let take = async {
        let end = take(way, from, pieces, shared).await;
        no_more();
        Ok(end)
    };
    let (read, ()) = tokio::try_join!(take, give(way, taken, to, asked, shared))?;
    // A client that has reset its connection is like one that has closed it: what it sent is on its way. An engine's reset
    // is passed on as one.
    if read.is_err() && way == Way::Answers { Err(Cut::Reset) } else { Ok(()) }
}

/// Bytes, and when they are due.
type Piece = (Pin<Box<Sleep>>, Bytes);

/// Takes what arrives.
async fn take(way: Way, mut from: ReadHalf<'_>, pieces: mpsc::Sender<Piece>, shared: &Shared) -> Result<()> {
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        let length = from.read_buf(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        shared.count(way, |passage| passage.arrived += length as u64);
        // It sleeps from now on, not from when it is waited for.
        let due = tokio::time::sleep(shared.rules.borrow().of(way).delay);
        if pieces.send((Box::pin(due), piece.freeze())).await.is_err() {
            return Ok(());
        }
    }
}

/// Gives it on, when and as far as it may.
async fn give(
    way: Way,
    mut pieces: mpsc::Receiver<Piece>,
    mut to: WriteHalf<'_>,
    asked: &Mutex<u64>,
    shared: &Shared,
) -> std::result::Result<(), Cut> {
    let mut rules = shared.rules.subscribe();
    while let Some((due, mut piece)) = pieces.recv().await {
        due.await;
        while !piece.is_empty() {
            // The sender lives as long as `shared`.
            let rule = rules.wait_for(|rules| !rules.of(way).hold).await.map(|rules| rules.of(way));
            let rate = rule.map_or(0, |rule| rule.bytes_per_second);
            // A tenth of a second's worth at a time.
            let most = if rate == 0 { piece.len() } else { piece.len().min((rate / 10).max(1) as usize) };
            let mut part = piece.split_to(most);
            let (passes, cut) = shared.plan.lock().pass(way, part.len(), &mut asked.lock());
            part.truncate(passes);
            if to.write_all(&part).await.is_err() && cut.is_none() {
                // Its reader has gone; the other way hears of that too.
                return Ok(());
            }
            shared.count(way, |passage| passage.passed += passes as u64);
            if let Some(how) = cut {
                shared.seen.send_modify(|seen| seen.cuts += 1);
                return Err(how);
            }
            if rate != 0 {
                tokio::time::sleep(Duration::from_millis(passes as u64 * 1_000 / u64::from(rate))).await;
            }
        }
    }
    // The receiver may have gone already.
    let _ = to.shutdown().await;
    Ok(())
}

/// Counts a connection as long as it is open.
struct Open<'a> {
    seen: &'a watch::Sender<Seen>,
    left: AtomicBool,
}

impl<'a> Open<'a> {
    fn new(seen: &'a watch::Sender<Seen>) -> Self {
        seen.send_modify(|seen| {
            seen.accepted += 1;
            seen.open += 1;
        });
        Self { seen, left: AtomicBool::new(false) }
    }

    /// Its client has gone.
    fn left(&self) {
        self.left.store(true, Ordering::Relaxed);
        self.seen.send_modify(|seen| seen.left += 1);
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let left = u64::from(self.left.load(Ordering::Relaxed));
        self.seen.send_modify(|seen| {
            seen.open = seen.open.saturating_sub(1);
            seen.left = seen.left.saturating_sub(left);
        });
    }
}
