//! Grant types that RFC 9700 forbids to new deployments (§2.1.2, §2.4), for those who still have to serve them.

mod implicit;
mod password;

pub use implicit::Implicit;
pub use password::{Password, PasswordVerifier};
