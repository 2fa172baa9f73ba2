//! `client_id` (RFC 6749 §2.2, grammar in Appendix A.1). It is no secret.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The identifier of a client: 1 to 255 visible ASCII characters or spaces.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(Arc<str>);

/// Not a client identifier by RFC 6749 Appendix A.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a client_id has 1 to 255 characters, all of them visible ASCII or space (RFC 6749 Appendix A.1)")]
pub struct InvalidClientId;

impl ClientId {
    /// Checks the grammar.
    ///
    /// # Errors
    /// [`InvalidClientId`] where RFC 6749 Appendix A.1 (`client-id = *VSCHAR`) is not met.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let fits = (1..=255).contains(&text.len()) && text.bytes().all(|b| (0x20..=0x7e).contains(&b));
        if fits { Ok(Self(Arc::from(text))) } else { Err(InvalidClientId) }
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier as shared text, for a record's column.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

impl TryFrom<String> for ClientId {
    type Error = InvalidClientId;
    fn try_from(text: String) -> Result<Self, InvalidClientId> {
        Self::parse(&text)
    }
}

impl From<ClientId> for String {
    fn from(id: ClientId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
