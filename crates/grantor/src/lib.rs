//! OAuth 2.0 authorization server framework: grants, stores, site adapters, web adapters.
//!
//! This crate has nothing of its own: it brings the parts together under one name. Features: `memory` and `axum` (on by
//! default), `sqlite`, `postgres`, `mysql`, `redis`, `memcached`, `mongodb`; `actix`, `rocket`, `poem`, `salvo`, `guard`,
//! `introspection` (a guard that asks another server); and `legacy` for the implicit and the password grant.

pub use grantor_core::*;

// The ports speak in these, so that an application need not name their versions.
pub use async_trait::async_trait;
pub use {bytes, http};

/// Stores in memory: [`MemoryStore`](memory::MemoryStore).
#[cfg(feature = "memory")]
pub use grantor_store_memory as memory;

/// Stores in SQLite files: [`SqliteStore`](sqlite::SqliteStore).
#[cfg(feature = "sqlite")]
pub use grantor_store_sqlite as sqlite;

/// Stores in PostgreSQL.
#[cfg(feature = "postgres")]
pub use grantor_store_postgres as postgres;

/// Stores in MySQL and MariaDB.
#[cfg(feature = "mysql")]
pub use grantor_store_mysql as mysql;

/// Stores in Redis.
#[cfg(feature = "redis")]
pub use grantor_store_redis as redis;

/// Stores in memcached.
#[cfg(feature = "memcached")]
pub use grantor_store_memcached as memcached;

/// Stores in MongoDB.
#[cfg(feature = "mongodb")]
pub use grantor_store_mongodb as mongodb;

/// Mounts grantor in axum and in every other server that speaks tower.
#[cfg(feature = "axum")]
pub use grantor_web_tower as axum;

/// Mounts grantor in actix-web.
#[cfg(feature = "actix")]
pub use grantor_web_actix as actix;

/// Mounts grantor in Rocket.
#[cfg(feature = "rocket")]
pub use grantor_web_rocket as rocket;

/// Mounts grantor in poem.
#[cfg(feature = "poem")]
pub use grantor_web_poem as poem;

/// Mounts grantor in Salvo.
#[cfg(feature = "salvo")]
pub use grantor_web_salvo as salvo;

/// Protects one's own API with the tokens that grantor issued.
#[cfg(feature = "guard")]
pub use grantor_web_guard as guard;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
