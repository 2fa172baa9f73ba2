//! Where a host ends itself on command: before a store is asked to write a grant, or after it has and before anybody is told.

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

/// The point at which the host kills itself (SIGKILL).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// `live`, or `pending` for the store of codes where there is one.
    pub store: String,
    /// The write.
    pub call: Call,
    /// Its side.
    pub when: When,
}

impl Exit {
    /// A point at the store of grants.
    pub fn live(call: Call, when: When) -> Self {
        Self { store: "live".to_owned(), call, when }
    }

    /// A point at the store of codes.
    pub fn pending(call: Call, when: When) -> Self {
        Self { store: "pending".to_owned(), call, when }
    }
}
