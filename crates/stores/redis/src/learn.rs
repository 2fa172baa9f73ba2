//! Learning where the slots of a Cluster are.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::select_ok;
use redis::{RedisResult, Value};

use crate::failure::Failure;
use crate::link::{Link, PAUSE};
use crate::nodes::Line;
use crate::target::Node;

/// How many nodes are asked at once.
const ASKED: usize = 8;

impl Link {
    /// Learns where the slots are, by and by, from others than the node that gave rise to it.
    pub(crate) fn learn_soon(self: &Arc<Self>, trouble: &Node) {
        if !self.learning.swap(true, Ordering::Relaxed) {
            let (link, trouble) = (Arc::clone(self), Arc::clone(trouble));
            tokio::spawn(async move {
                // More than one call meets what has changed.
                tokio::time::sleep(PAUSE).await;
                // Whoever needs it learns from the node that it asks, or tries again.
                let _ = tokio::time::timeout(link.options.deadline, link.learn(&trouble)).await;
                link.learning.store(false, Ordering::Relaxed);
            });
        }
    }

    /// Learns where the slots are from the node that is first to answer, and from the one in trouble only if no other does.
    pub(crate) async fn learn(&self, trouble: &Node) -> Result<(), Failure> {
        let mut nodes = self.slots.nodes();
        nodes.extend(self.target.seeds());
        nodes.sort_unstable();
        nodes.dedup();
        nodes.retain(|node| node != trouble);
        nodes.truncate(ASKED);
        let mut failure = Failure::before("no node of the Cluster is named");
        if !nodes.is_empty() {
            match select_ok(nodes.iter().map(|node| Box::pin(self.ask_for_slots(node)))).await {
                Ok(_) => return Ok(()),
                Err(why) => failure = why,
            }
        }
        if trouble.is_empty() { Err(failure) } else { self.ask_for_slots(trouble).await }
    }

    async fn ask_for_slots(&self, node: &Node) -> Result<(), Failure> {
        let line = Line::to(node);
        let attempt = self.nodes.attempt(&line);
        let mut connection = attempt.clone().await.inspect_err(|_| self.nodes.forget(&line, &attempt))?;
        let answer: RedisResult<Value> =
            redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await;
        let answer = answer.map_err(|error| {
            self.nodes.forget(&line, &attempt);
            Failure::of(&error).of_read()
        })?;
        if self.slots.learn(&answer, node) {
            self.nodes.keep(&self.slots.nodes());
            Ok(())
        } else {
            Err(Failure::before("a node of the Cluster knows of no slots"))
        }
    }
}
