//! A connection that does not wait for ever: for the next request, for the rest of its headers, for a reader of the answer.
//!
//! hyper has one time-out for the first two; here a connection may idle for long (proxies keep connections), while a request
//! that has begun must get its headers done. While a request is handled there is no deadline here: its body has one of its
//! own, and so has the answer.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// Whether a request of the connection is being handled; shared with the service of the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Busy(Arc<AtomicBool>);

impl Busy {
    /// A request is handled as long as the result lives.
    pub(super) fn begin(&self) -> Working {
        self.0.store(true, Ordering::Relaxed);
        Working(self.clone())
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A request is handled.
#[derive(Debug)]
pub(super) struct Working(Busy);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.0.store(false, Ordering::Relaxed);
    }
}

/// How long a connection may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For the first byte of a request, and for a reader of an answer.
    pub(super) idle: Option<Duration>,
    /// From there until the headers are complete.
    pub(super) headers: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiting {
    Nothing,
    FirstByte,
    Headers,
    Reader,
}

/// A TCP stream with deadlines.
#[derive(Debug)]
pub(super) struct Timed {
    stream: TcpStream,
    busy: Busy,
    patience: Patience,
    waiting: Waiting,
    deadline: Pin<Box<Sleep>>,
}

impl Timed {
    pub(super) fn new(stream: TcpStream, busy: Busy, patience: Patience) -> Self {
        let deadline = Box::pin(sleep(Duration::ZERO));
        Self { stream, busy, patience, waiting: Waiting::Nothing, deadline }
    }

    fn wait_for(&mut self, what: Waiting) {
        if self.waiting == what {
            return;
        }
        self.waiting = what;
        if let Some(patience) = self.limit() {
            self.deadline.as_mut().set(sleep(patience));
        }
    }

    const fn limit(&self) -> Option<Duration> {
        match self.waiting {
            Waiting::Nothing => None,
            Waiting::FirstByte | Waiting::Reader => self.patience.idle,
            Waiting::Headers => self.patience.headers,
        }
    }

    fn expired<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if self.limit().is_some() && self.deadline.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Poll::Pending
    }

    fn written<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match done {
            Poll::Pending => {
                self.wait_for(Waiting::Reader);
                self.expired(cx)
            }
            Poll::Ready(done) => {
                if self.waiting == Waiting::Reader {
                    self.waiting = Waiting::Nothing;
                }
                Poll::Ready(done)
            }
        }
    }
}

impl AsyncRead for Timed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let busy = self.busy.get();
        if read.is_ready() {
            if busy {
                self.waiting = Waiting::Nothing;
            } else if buf.filled().len() > before {
                self.wait_for(Waiting::Headers);
            }
            return read;
        }
        if self.waiting == Waiting::Reader {
            return self.expired(cx);
        }
        if busy {
            self.waiting = Waiting::Nothing;
            return Poll::Pending;
        }
        if self.waiting == Waiting::Nothing {
            self.wait_for(Waiting::FirstByte);
        }
        self.expired(cx)
    }
}

impl AsyncWrite for Timed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, done)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(cx);
        self.written(cx, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
