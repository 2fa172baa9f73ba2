//! The files are read, once for each opening of a store, and connections are made by what is in them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use grantor_core::store::StoreError;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::unverified::Unverified;
use crate::{Tls, why};

/// What connections are made with.
#[derive(Clone)]
pub struct Prepared {
    config: Arc<ClientConfig>,
    authorities: Arc<[CertificateDer<'static>]>,
}

/// Without what is in the files.
impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("authorities", &self.authorities.len()).finish_non_exhaustive()
    }
}

impl Tls {
    /// Reads the files. It may wait for the disk.
    ///
    /// # Errors
    /// A file cannot be read or has not in it what it should, or the system knows no CA; the message names the file and
    /// repeats nothing of what is in it.
    pub fn prepare(&self) -> Result<Prepared, StoreError> {
        self.try_prepare().map_err(|why| StoreError::nothing_written(format!("TLS: {why}")))
    }

    fn try_prepare(&self) -> Result<Prepared, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("the versions of the protocol: {error}"))?;
        let (builder, authorities) = if self.unverified {
            let verifier = Arc::new(Unverified(provider));
            (builder.dangerous().with_custom_certificate_verifier(verifier), Vec::new())
        } else {
            let authorities = self.authorities()?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities.iter().cloned());
            (builder.with_root_certificates(roots), authorities)
        };
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((cert, key)) => {
                let chain = certificates(cert)?;
                let secret = private_key(key)?;
                builder.with_client_auth_cert(chain, secret).map_err(|_| {
                    format!(
                        "the key in {} is not that of the certificate in {}",
                        key.display(),
                        cert.display()
                    )
                })?
            }
        };
        Ok(Prepared { config: Arc::new(config), authorities: authorities.into() })
    }

    /// The certificates of CAs that are believed: those of the file, or of the system. None of them is unusable.
    fn authorities(&self) -> Result<Vec<CertificateDer<'static>>, String> {
        let usable =
            |certificate: &CertificateDer<'static>| RootCertStore::empty().add(certificate.clone()).is_ok();
        match &self.ca {
            Some(file) => {
                let found = certificates(file)?;
                if found.iter().all(usable) {
                    Ok(found)
                } else {
                    Err(format!("{} has a certificate that cannot be read", file.display()))
                }
            }
            None => {
                let found: Vec<_> =
                    rustls_native_certs::load_native_certs().certs.into_iter().filter(usable).collect();
                if found.is_empty() {
                    return Err(
                        "this system knows no CA: install its ca-certificates, or name the server's CA with \
                                ca=FILE"
                            .to_owned(),
                    );
                }
                Ok(found)
            }
        }
    }
}

impl Prepared {
    /// For a client library that takes rustls' settings.
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }

    /// For a client library that reads certificates itself: the CAs that are believed, as DER. There are none where any server
    /// is.
    pub fn authorities(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Speaks TLS over a connection to this host.
    ///
    /// # Errors
    /// The server is not who it should be, or does not speak TLS; the message says what to do.
    pub async fn connect(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, String> {
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| "its host is no name and no address that a certificate could have".to_owned())?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await.map_err(|error| {
            why(&error).unwrap_or_else(|| {
                format!("it broke off while TLS began ({}): does it speak TLS on this port?", error.kind())
            })
        })
    }
}

/// For client libraries that take the cryptography that the process has, and would panic where two are linked and none was
/// chosen: where the process has none, it is aws-lc-rs from now on.
pub fn settle_provider() {
    if CryptoProvider::get_default().is_none() {
        // Another thread was quicker: then there is one, too.
        let _ = aws_lc_rs::default_provider().install_default();
    }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(format!("{} has no certificate in the PEM form", file.display())),
        Err(_) => Err(format!("{} has a certificate that cannot be read", file.display())),
    }
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(&read(file)?).map_err(|_| {
        format!("{} has no private key in the PEM form, or one that is locked by a password", file.display())
    })
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(file)
        .map_err(|error| format!("the file {} cannot be read ({})", file.display(), error.kind()))
}
