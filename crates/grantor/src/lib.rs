//! OAuth 2.0 authorization server framework: grants, stores, site adapters, web adapters.
//!
//! This crate has nothing of its own: it brings the parts together under one name. Features: `memory` and `axum` (on by
//! default), `sqlite`, `actix`, `guard`, and `legacy` for the implicit and the password grant.

pub use grantor_core::*;

/// Stores in memory: [`MemoryStore`](memory::MemoryStore).
#[cfg(feature = "memory")]
pub use grantor_store_memory as memory;

/// Stores in SQLite files: [`SqliteStore`](sqlite::SqliteStore).
#[cfg(feature = "sqlite")]
pub use grantor_store_sqlite as sqlite;

/// Mounts grantor in axum and in every other server that speaks tower.
#[cfg(feature = "axum")]
pub use grantor_web_tower as axum;

/// Mounts grantor in actix-web.
#[cfg(feature = "actix")]
pub use grantor_web_actix as actix;

/// Protects one's own API with the tokens that grantor issued.
#[cfg(feature = "guard")]
pub use grantor_web_guard as guard;
