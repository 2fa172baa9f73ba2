//! The connections: one to each server (and one more for writes that wait for replicas), made when it is first needed, and anew when it broke.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;

use crate::failure::Failure;
use crate::options::Options;
use crate::target::{Node, Target};

/// A connection over which many calls go at once, that is or will be made: all who wait for it share it, and how it failed.
pub(crate) type Attempt = Shared<BoxFuture<'static, Result<MultiplexedConnection, Failure>>>;

/// Which connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) node: Node,
    /// For writes that wait for replicas, which hold up what comes after them.
    pub(crate) waits: bool,
}

impl Line {
    /// The usual one to a node.
    pub(crate) fn to(node: &Node) -> Self {
        Self { node: Arc::clone(node), waits: false }
    }
}

pub(crate) struct Nodes {
    target: Arc<Target>,
    options: Arc<Options>,
    /// Never held over an await.
    open: Mutex<HashMap<Line, Attempt>>,
}

impl Nodes {
    pub(crate) fn new(target: Arc<Target>, options: Arc<Options>) -> Self {
        Self { target, options, open: Mutex::default() }
    }

    /// The connection to this node.
    pub(crate) fn attempt(&self, line: &Line) -> Attempt {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = open.get(line) {
            return attempt.clone();
        }
        let (target, options, to) =
            (Arc::clone(&self.target), Arc::clone(&self.options), Arc::clone(&line.node));
        let attempt = async move { target.connect(&to, &options).await }.boxed().shared();
        open.insert(line.clone(), attempt.clone());
        attempt
    }

    /// Lets the next call connect anew, unless another did so meanwhile.
    pub(crate) fn forget(&self, line: &Line, broken: &Attempt) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(line).is_some_and(|attempt| attempt.ptr_eq(broken)) {
            open.remove(line);
        }
    }

    /// Forgets all but these.
    pub(crate) fn keep(&self, nodes: &[Node]) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|line, _| nodes.contains(&line.node));
    }
}
