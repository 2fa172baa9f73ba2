//! Everything that is logged, at every level, for the test that asks.
//!
//! One subscriber serves the whole process and is there before anything is logged, for `tracing` remembers for good
//! that nobody listened; it writes where the test of its thread wants it.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

thread_local! {
    static CURRENT: RefCell<Option<Capture>> = const { RefCell::new(None) };
}

/// Makes the subscriber of the process listen.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| tracing::subscriber::set_global_default(Listener).unwrap());
}

/// The lines that were logged by one thread between [`Capture::start`] and [`Capture::stop`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Capture {
    lines: Arc<Mutex<Vec<String>>>,
}

impl Capture {
    pub(crate) fn start(&self) {
        install();
        CURRENT.set(Some(self.clone()));
    }

    pub(crate) fn stop() {
        CURRENT.set(None);
    }

    pub(crate) fn text(&self) -> String {
        self.lines.lock().unwrap().join("\n")
    }

    /// The lines so far, and begins anew.
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

/// Whether the text stands in the bytes.
pub(crate) fn contains(bytes: &[u8], text: &str) -> bool {
    assert!(!text.is_empty());
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

struct Listener;

fn note(line: Line) {
    CURRENT.with_borrow(|current| {
        if let Some(capture) = current {
            capture.lines.lock().unwrap().push(line.0);
        }
    });
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {}={value}", field.name());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line(format!("span {}", span.metadata().name()));
        span.record(&mut line);
        note(line);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line(String::new());
        values.record(&mut line);
        note(line);
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut line = Line(format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut line);
        note(line);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}
