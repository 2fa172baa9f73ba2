//! Where a host ends itself, or waits, on command: before a store is asked to write a grant, or after it has and before anybody
//! is told.

use serde::{Deserialize, Serialize};

/// A write of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Call {
    /// A code is issued, or a grant moves from the store of codes.
    Create,
    /// A code is spent, a refresh token rotated.
    Replace,
    /// A grant ends.
    Remove,
}

/// On which side of the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum When {
    /// Nothing has been sent to the engine.
    Before,
    /// The engine has acknowledged it.
    After,
}

/// What the host does at the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// It kills itself (SIGKILL).
    Die,
    /// The request waits until the point is taken away.
    Hold,
}

/// The point, and what happens there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// `live`, or `pending` for the store of codes where there is one.
    pub store: String,
    /// The write.
    pub call: Call,
    /// Its side.
    pub when: When,
    /// What happens.
    pub act: Act,
}

impl Exit {
    /// The end of the host at the store of grants.
    pub fn live(call: Call, when: When) -> Self {
        Self { store: "live".to_owned(), call, when, act: Act::Die }
    }

    /// The end of the host at the store of codes.
    pub fn pending(call: Call, when: When) -> Self {
        Self { store: "pending".to_owned(), call, when, act: Act::Die }
    }

    /// A wait instead of the end.
    #[must_use]
    pub fn hold(self) -> Self {
        Self { act: Act::Hold, ..self }
    }
}
