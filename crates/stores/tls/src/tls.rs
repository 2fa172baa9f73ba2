//! What a store was told about TLS.

use std::path::{Path, PathBuf};

/// TLS, as a store is asked to speak it to its server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    pub(crate) ca: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
    pub(crate) unverified: bool,
}

impl Tls {
    /// The server's certificate must come from a CA that the system trusts, be valid now, and name the host.
    pub fn verified() -> Self {
        Self::default()
    }

    /// The CAs of this PEM file are believed, and no others.
    #[must_use]
    pub fn ca(mut self, file: impl Into<PathBuf>) -> Self {
        self.ca = Some(file.into());
        self
    }

    /// Shows the server this certificate (a PEM file, with its chain) and proves it by this key (a PEM file, without a
    /// password).
    #[must_use]
    pub fn client_certificate(mut self, certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> Self {
        self.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Believes any server. Whoever sits on the way can read and change everything, so this is for nothing but trying out.
    #[must_use]
    pub fn danger_unverified(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// The files of the client's certificate and its key, for a client library that reads them itself.
    pub fn identity(&self) -> Option<(&Path, &Path)> {
        self.identity.as_ref().map(|(certificate, key)| (certificate.as_path(), key.as_path()))
    }

    /// Whether any server is believed.
    pub fn is_unverified(&self) -> bool {
        self.unverified
    }
}
