//! OAuth 2.0 as pure steps on one record.

pub mod clock;
pub mod random;
pub mod store;
