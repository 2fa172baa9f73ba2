//! The connections: one to each server, made when it is first needed, and anew when it broke.

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

pub(crate) struct Nodes {
    target: Arc<Target>,
    options: Arc<Options>,
    /// Never held over an await.
    open: Mutex<HashMap<Node, Attempt>>,
}

impl Nodes {
    pub(crate) fn new(target: Arc<Target>, options: Arc<Options>) -> Self {
        Self { target, options, open: Mutex::default() }
    }

    /// The connection to this node.
    pub(crate) fn attempt(&self, node: &Node) -> Attempt {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = open.get(node) {
            return attempt.clone();
        }
        let (target, options, to) = (Arc::clone(&self.target), Arc::clone(&self.options), Arc::clone(node));
        let attempt = async move { target.connect(&to, &options).await }.boxed().shared();
        open.insert(Arc::clone(node), attempt.clone());
        attempt
    }

    /// Lets the next call connect anew, unless another did so meanwhile.
    pub(crate) fn forget(&self, node: &Node, broken: &Attempt) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.get(node).is_some_and(|attempt| attempt.ptr_eq(broken)) {
            open.remove(node);
        }
    }

    /// Forgets all but these.
    pub(crate) fn keep(&self, nodes: &[Node]) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|node, _| nodes.contains(node));
    }
}
