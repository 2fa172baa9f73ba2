//! One connection to a server, shared by any number of callers: requests go out one behind the other, without waiting for
//! replies, and replies come back in the same order.
//!
//! One task reads and writes. It ends when the server hangs up, when an answer is not one, or when a caller has waited in
//! vain and the oldest request has no answer for as long as a call may take; all that still wait are then told.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::handshake::Settings;
use crate::wire::{self, Broken, Reply};

/// Requests that are written at once.
const BATCH: usize = 128;
/// A buffer that has grown larger than this for one large record is given back.
const BUFFER: usize = 64 << 10;

/// Why there is no reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Whether the request, or a part of it, may have reached the server.
    pub(crate) sent: bool,
    pub(crate) why: Arc<str>,
}

impl Failure {
    pub(crate) fn before(why: impl Into<Arc<str>>) -> Self {
        Self { sent: false, why: why.into() }
    }

    pub(crate) fn after(why: impl Into<Arc<str>>) -> Self {
        Self { sent: true, why: why.into() }
    }
}

type Answer = oneshot::Sender<Result<Reply, Failure>>;

struct Request {
    bytes: Vec<u8>,
    opaque: u32,
    answer: Answer,
}

struct Waiting {
    opaque: u32,
    since: Instant,
    answer: Answer,
}

/// A connection that may have ended.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: mpsc::Sender<Request>,
    opaque: AtomicU32,
    silent: Arc<Notify>,
    pub(crate) settings: Settings,
}

impl Connection {
    /// Takes the halves of a stream on which the server has told its settings.
    pub(crate) fn start(
        inward: impl AsyncRead + Unpin + Send + 'static,
        outward: impl AsyncWrite + Unpin + Send + 'static,
        settings: Settings,
        queue: usize,
        patience: Duration,
    ) -> Self {
        let (requests, receiver) = mpsc::channel(queue);
        let silent = Arc::new(Notify::new());
        let largest = settings.item_size_max;
        tokio::spawn(serve(inward, outward, receiver, largest, patience, Arc::clone(&silent)));
        Self { requests, opaque: AtomicU32::new(0), silent, settings }
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.requests.is_closed()
    }

    /// Sends a request, which is told its number, and waits for the reply.
    pub(crate) async fn ask(
        &self,
        request: impl FnOnce(u32) -> Vec<u8>,
        deadline: Instant,
    ) -> Result<Reply, Failure> {
        let place = match timeout_at(deadline, self.requests.reserve()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(Failure::before("the connection has ended")),
            Err(_) => {
                self.silent.notify_one();
                return Err(Failure::before("too many requests wait for it"));
            }
        };
        let opaque = self.opaque.fetch_add(1, Ordering::Relaxed);
        let (answer, reply) = oneshot::channel();
        place.send(Request { bytes: request(opaque), opaque, answer });
        match timeout_at(deadline, reply).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(_)) => Err(Failure::after("the connection has ended")),
            Err(_) => {
                self.silent.notify_one();
                Err(Failure::after("it did not answer in time"))
            }
        }
    }
}

/// The task of a connection.
async fn serve(
    inward: impl AsyncRead + Unpin,
    outward: impl AsyncWrite + Unpin,
    mut requests: mpsc::Receiver<Request>,
    largest: usize,
    patience: Duration,
    silent: Arc<Notify>,
) {
    let waiting = Mutex::new(VecDeque::new());
    let why = tokio::select! {
        why = read(inward, largest, &waiting) => why,
        why = write(outward, &mut requests, &waiting) => why,
        why = watch(&silent, patience, &waiting) => why,
    };
    tracing::debug!(why, "a connection to memcached has ended");
    requests.close();
    for waiting in waiting.into_inner() {
        // Who does not wait any more needs no answer; so below.
        let _ = waiting.answer.send(Err(Failure::after(why)));
    }
    while let Some(request) = requests.recv().await {
        let _ = request.answer.send(Err(Failure::before(why)));
    }
}

async fn write(
    mut stream: impl AsyncWrite + Unpin,
    requests: &mut mpsc::Receiver<Request>,
    waiting: &Mutex<VecDeque<Waiting>>,
) -> &'static str {
    let (mut batch, mut out) = (Vec::new(), Vec::new());
    while requests.recv_many(&mut batch, BATCH).await > 0 {
        {
            let since = Instant::now(); // how long a request waits
            let mut waiting = waiting.lock();
            // What nobody waits for any more was dropped before it was sent, and is not.
            for request in batch.drain(..).filter(|request| !request.answer.is_closed()) {
                out.extend_from_slice(&request.bytes);
                waiting.push_back(Waiting { opaque: request.opaque, since, answer: request.answer });
            }
        }
        // Without the second, TLS could keep the end of it.
        if stream.write_all(&out).await.is_err() || stream.flush().await.is_err() {
            return "the connection was cut";
        }
        out.clear();
        out.shrink_to(BUFFER);
    }
    "it is not needed any more"
}

async fn read(
    mut stream: impl AsyncRead + Unpin,
    largest: usize,
    waiting: &Mutex<VecDeque<Waiting>>,
) -> &'static str {
    let mut buffer = BytesMut::with_capacity(BUFFER);
    loop {
        loop {
            match wire::reply(&mut buffer, largest) {
                Ok(Some(reply)) => match hand_over(reply, waiting) {
                    Ok(()) => {}
                    Err(Broken(why)) => return why,
                },
                Ok(None) => break,
                Err(Broken(why)) => return why,
            }
        }
        buffer.reserve(4096);
        match stream.read_buf(&mut buffer).await {
            Ok(0) => return "it has closed the connection",
            Ok(_) => {}
            Err(_) => return "the connection was cut",
        }
    }
}

/// Gives a reply to the caller that has waited longest, whose it must be.
fn hand_over(reply: Reply, waiting: &Mutex<VecDeque<Waiting>>) -> Result<(), Broken> {
    let Some(first) = waiting.lock().pop_front() else { return Err(Broken("it answers without a question")) };
    if reply.opaque.is_some_and(|opaque| opaque != first.opaque) {
        let why = "it answers another question";
        let _ = first.answer.send(Err(Failure::after(why)));
        return Err(Broken(why));
    }
    let _ = first.answer.send(Ok(reply));
    Ok(())
}

/// Ends the connection when a caller has waited in vain and the server does not answer at all.
async fn watch(silent: &Notify, patience: Duration, waiting: &Mutex<VecDeque<Waiting>>) -> &'static str {
    loop {
        silent.notified().await;
        let oldest = waiting.lock().front().map(|waiting| waiting.since);
        // A little less than a call may take, for the caller began to count before the request was sent.
        if oldest.is_some_and(|since| since.elapsed() >= patience / 2) {
            return "it did not answer in time";
        }
    }
}
