//! Tokens: how their strings look, how they are minted, and the one place that writes grants.

pub(crate) mod adopt;
pub mod bearer;
pub(crate) mod credential;
pub(crate) mod format;
pub(crate) mod fresh;
pub(crate) mod info;
pub(crate) mod issue;
pub(crate) mod pointer;
pub(crate) mod response;
pub(crate) mod swap;
mod unique;
