//! The words of the protocol. No I/O, no async, no clock.

mod client_id;
mod error_code;
mod names;
mod pkce;
mod redirect_uri;
mod scope;
mod secret;

pub use client_id::{ClientId, InvalidClientId};
pub use error_code::ErrorCode;
pub use names::{AuthMethod, GrantTypeName, ResponseModeName, ResponseType};
pub use pkce::{CodeChallenge, InvalidPkce};
pub(crate) use redirect_uri::{FreePort, is_loopback};
pub use redirect_uri::{InvalidRedirectUri, RedirectUri};
pub use scope::{InvalidScope, Scopes};
pub use secret::{Digest, Secret};
