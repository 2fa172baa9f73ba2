//! The store in MongoDB of grantor. The driver is re-exported, for a client object of the user.

pub use mongodb;
