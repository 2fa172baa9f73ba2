//! What tests of grantor, and of whatever is built with it, are made of, and the suites that a store and a web adapter
//! must pass.
//!
//! - [`SetClock`]: time that a test sets
//! - [`SeededRandom`]: randomness that comes again
//! - [`FaultStore`]: a store with faults on command; [`Gate`] puts racing calls in an order
//! - [`TestIssuer`]: an authorization server for the test of an API or of a client
//! - [`UserAgent`]: a scripted browser
//! - [`store_suite!`]: what a store must pass
//! - [`adapter_suite!`]: what a web adapter must pass
//! - [`process`]: the test binary as a second process, ports for servers
//! - [`folder`](folder()): folders that a killed test does not leave behind for long
//! - [`engine`]: real engines behind stores, started for a test; [`Certificates`] for those that speak TLS, and an [`Impostor`]
//!   for what must not be told to a stranger
//! - [`proxy`]: a network before an engine that is slow, silent or cut on command

mod adapter;
mod certificates;
mod clock;
pub mod engine;
mod fault;
mod folder;
mod form;
mod gate;
mod impostor;
mod issuer;
pub mod process;
pub mod proxy;
mod random;
mod store;
mod suite;
mod user_agent;

pub use adapter::{AdapterSuite, Lack};
pub use certificates::{Certificates, ServerTls};
pub use clock::SetClock;
pub use fault::{Call, Calls, Fault, FaultStore, Landed};
pub use folder::folder;
pub use form::Form;
pub use gate::Gate;
pub use impostor::Impostor;
pub use issuer::{TestIssuer, TestToken};
pub use random::SeededRandom;
pub use store::{Place, StoreSuite};
pub use suite::{Outcome, Report, Row};
pub use user_agent::{Cookie, Page, Stuck, UserAgent};

/// The README's code compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
