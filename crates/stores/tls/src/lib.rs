//! TLS to the engines behind the stores: the options that all of their URLs share, what is verified, and the words for what
//! goes wrong.
//!
//! ```
//! use grantor_store_tls::Tls;
//!
//! // Chain, time and host name are verified, against the system's CAs:
//! let tls = Tls::verified();
//! // Against a CA of the house, with a client certificate:
//! let tls = Tls::verified().ca("ca.pem").client_certificate("grantor.pem", "grantor.key");
//! ```
//!
//! - [`Reading`]: the options of TLS in a URL
//! - [`Tls`]: what a store was told; [`Tls::prepare`] reads the files
//! - [`Prepared`]: what connections are made with
//! - [`why`]: what an error of TLS means, and what to do
//! - [`warn`]: what the operator should know when a store is opened
//!
//! TLS is rustls, its cryptography aws-lc-rs. Both are named wherever a connection is made, so that it does not matter what
//! else is linked into the program; for libraries that take what the process has, see [`settle_provider`].

mod notice;
mod prepare;
mod reading;
mod tls;
mod unverified;
mod words;

pub use notice::{is_local, warn};
pub use prepare::{Prepared, settle_provider};
pub use reading::Reading;
pub use tls::Tls;
pub use words::why;

/// What [`Prepared::config`] gives.
pub use rustls;
/// What [`Prepared::connect`] gives.
pub use tokio_rustls;

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
