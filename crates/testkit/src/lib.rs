//! What tests of grantor, and of whatever is built with it, need: a scripted browser, clocks, seeded randomness, stores
//! that fail, and the suites that stores and web adapters must pass.

mod form;
mod user_agent;

pub use form::Form;
pub use user_agent::{Cookie, Page, Stuck, UserAgent};
