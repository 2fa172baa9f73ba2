//! TLS to the servers. The files are read when the first connection is made, for a client connects later than it begins.

use grantor_store_tls::tokio_rustls::client::TlsStream;
use grantor_store_tls::{Prepared, Tls};
use parking_lot::Mutex;
use tokio::net::TcpStream;

use crate::connection::Failure;

/// What was asked for, and what was made of it.
pub(crate) struct Secure {
    tls: Tls,
    prepared: Mutex<Option<Prepared>>,
}

impl Secure {
    pub(crate) fn new(tls: Tls) -> Self {
        Self { tls, prepared: Mutex::new(None) }
    }

    /// Speaks TLS over a connection to this host.
    pub(crate) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, Failure> {
        self.prepared()?.connect(host, stream).await.map_err(Failure::before)
    }

    fn prepared(&self) -> Result<Prepared, Failure> {
        let mut prepared = self.prepared.lock();
        if let Some(prepared) = &*prepared {
            return Ok(prepared.clone());
        }
        let made = self.tls.prepare().map_err(|error| Failure::before(error.to_string()))?;
        *prepared = Some(made.clone());
        Ok(made)
    }
}
