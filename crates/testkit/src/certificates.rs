//! Certificates for tests of TLS: a CA, what it signed well and badly, and a CA that nobody knows.

use std::io::{Error, Result};
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use tempfile::TempDir;

/// PEM files of certificates and keys; they go away with this.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

/// What an engine shows, and whether it asks clients to show something.
#[derive(Debug, Clone)]
pub struct ServerTls {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    pub(crate) clients: Option<PathBuf>,
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

impl Certificates {
    /// Makes all of them anew.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn new() -> Result<Self> {
        let made = Self { folder: crate::folder("certificates")? };
        let ca = made.authority("ca")?;
        let stranger = made.authority("other-ca")?;
        made.signed("server", &["localhost", "127.0.0.1", "::1"], &ca, |_| {})?;
        made.signed("expired", &["localhost", "127.0.0.1", "::1"], &ca, |params| {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        })?;
        made.signed("other-name", &["db.example"], &ca, |_| {})?;
        made.signed("name-alone", &["localhost"], &ca, |_| {})?;
        made.signed("foreign", &["localhost", "127.0.0.1", "::1"], &stranger, |_| {})?;
        let of_a_client = |params: &mut CertificateParams| {
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        };
        made.signed("client", &["grantor"], &ca, of_a_client)?;
        made.signed("stranger", &["grantor"], &stranger, of_a_client)?;
        Ok(made)
    }

    /// The CA that signed all but [`Certificates::stranger`] and [`Certificates::foreign`].
    pub fn ca(&self) -> PathBuf {
        self.file("ca.pem")
    }

    /// Another CA.
    pub fn other_ca(&self) -> PathBuf {
        self.file("other-ca.pem")
    }

    /// A server with a certificate for `localhost`, `127.0.0.1` and `::1`.
    pub fn server(&self) -> ServerTls {
        self.shown("server")
    }

    /// A server whose certificate has expired.
    pub fn expired(&self) -> ServerTls {
        self.shown("expired")
    }

    /// A server whose certificate is for `db.example`.
    pub fn of_another_name(&self) -> ServerTls {
        self.shown("other-name")
    }

    /// A server whose certificate is for `localhost`, and for no address.
    pub fn of_a_name_alone(&self) -> ServerTls {
        self.shown("name-alone")
    }

    /// A server with such names as [`Certificates::server`], whose certificate the other CA signed.
    pub fn foreign(&self) -> ServerTls {
        self.shown("foreign")
    }

    /// Certificate and key of a client.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.pem"), self.file("client.key"))
    }

    /// Certificate and key of a client that the other CA signed.
    pub fn stranger(&self) -> (PathBuf, PathBuf) {
        (self.file("stranger.pem"), self.file("stranger.key"))
    }

    fn shown(&self, name: &str) -> ServerTls {
        let file = |end: &str| self.file(&format!("{name}.{end}"));
        ServerTls { certificate: file("pem"), key: file("key"), clients: None }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn authority(&self, name: &str) -> Result<Issuer> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, format!("grantor test {name}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().map_err(Error::other)?;
        let issuer = CertifiedIssuer::self_signed(params, key).map_err(Error::other)?;
        std::fs::write(self.file(&format!("{name}.pem")), issuer.pem())?;
        Ok(issuer)
    }

    fn signed(
        &self,
        name: &str,
        names: &[&str],
        issuer: &Issuer,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Result<()> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).map_err(Error::other)?;
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().map_err(Error::other)?;
        let certificate = params.signed_by(&key, issuer).map_err(Error::other)?;
        std::fs::write(self.file(&format!("{name}.pem")), certificate.pem())?;
        std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem())
    }
}

impl ServerTls {
    /// Certificate and key of a client that such a server lets in.
    pub(crate) fn client(&self) -> (PathBuf, PathBuf) {
        (self.certificate.with_file_name("client.pem"), self.certificate.with_file_name("client.key"))
    }

    /// The CAs, ours and the other.
    pub(crate) fn authorities(&self) -> [PathBuf; 2] {
        ["ca.pem", "other-ca.pem"].map(|name| self.certificate.with_file_name(name))
    }

    /// Clients must show a certificate of our CA.
    #[must_use]
    pub fn asking_clients(mut self) -> Self {
        self.clients = Some(self.certificate.with_file_name("ca.pem"));
        self
    }
}
