//! What an error of TLS means, and what to do about it.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use rustls_pki_types::InvalidDnsNameError;

/// Names of a certificate that are repeated, and how long each may be.
const NAMES: usize = 3;
const NAME: usize = 64;

/// The words for an error of TLS that this error is or comes from; `None` where TLS is not to blame. Of what the server sent
/// only the names in its certificate are repeated.
pub fn why(error: &(dyn Error + 'static)) -> Option<String> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<TlsError>() {
            return Some(words(error));
        }
        if error.is::<InvalidDnsNameError>() {
            return Some("its host is no name and no address that a certificate could have".to_owned());
        }
        // What these two wrap is not what they call their source, but that one's source.
        let wrapped = match (error.downcast_ref::<io::Error>(), error.downcast_ref::<Shared>()) {
            (Some(error), _) => error.get_ref().map(|inner| -> &(dyn Error + 'static) { inner }),
            (_, Some(error)) => Some(&**error as &(dyn Error + 'static)),
            _ => None,
        };
        next = wrapped.or_else(|| error.source());
    }
    None
}

type Shared = Arc<dyn Error + Send + Sync>;

fn words(error: &TlsError) -> String {
    match error {
        TlsError::InvalidCertificate(error) => of_certificate(error),
        TlsError::AlertReceived(alert) => of_alert(*alert),
        TlsError::InvalidMessage(_)
        | TlsError::InappropriateMessage { .. }
        | TlsError::PeerSentOversizedRecord => {
            "what it answers is not TLS: is this its port for TLS, and has it TLS at all?".to_owned()
        }
        TlsError::PeerIncompatible(_) => {
            "it has no version or cipher of TLS in common with this client, which speaks TLS 1.2 and 1.3"
                .to_owned()
        }
        TlsError::NoCertificatesPresented => "it showed no certificate".to_owned(),
        _ => "TLS with it failed: its log may say why".to_owned(),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired: renew it (or set this machine's clock)".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet: set the clock of this machine or of the one that issued it".to_owned()
        }
        CertificateError::UnknownIssuer => {
            "its certificate comes from an unknown issuer: name the file of its CA with ca=FILE, or add the CA to those of \
             this system"
                .to_owned()
        }
        CertificateError::NotValidForName => {
            "its certificate is for another name than the host: write the name that stands in it".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<String> = presented.iter().take(NAMES).map(|name| printable(name)).collect();
            format!(
                "its certificate is for another name than the host: write one that stands in it ({})",
                if names.is_empty() { "there is none".to_owned() } else { names.join(", ") }
            )
        }
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            "its certificate is not one for servers".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        CertificateError::BadSignature => "its certificate has a wrong signature".to_owned(),
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            "its certificate is that of a CA: have a certificate for the server signed by it".to_owned()
        }
        _ => "its certificate is not acceptable".to_owned(),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired
        | AlertDescription::NoCertificate
        | AlertDescription::HandshakeFailure
        | AlertDescription::BadCertificate
        | AlertDescription::UnknownCA
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::CertificateUnknown
        | AlertDescription::AccessDenied => {
            "it refuses this client's certificate, or that there is none: cert=FILE and key=FILE name one of a CA that the \
             server trusts"
                .to_owned()
        }
        AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity => {
            "it has no version or cipher of TLS in common with this client, which speaks TLS 1.2 and 1.3".to_owned()
        }
        AlertDescription::UnrecognisedName => "it knows no such host name".to_owned(),
        _ => "it broke TLS off: its log may say why".to_owned(),
    }
}

fn printable(name: &str) -> String {
    name.chars().take(NAME).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Around(Shared);

    impl std::fmt::Display for Around {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("around")
        }
    }

    impl Error for Around {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    fn expired() -> TlsError {
        TlsError::InvalidCertificate(CertificateError::Expired)
    }

    #[test]
    fn an_error_of_tls_is_found_wherever_it_is_wrapped() {
        let io = || io::Error::other(expired());
        for error in [
            Box::new(expired()) as Box<dyn Error>,
            Box::new(io()),
            Box::new(io::Error::other(io())),
            Box::new(Around(Arc::new(expired()))),
            Box::new(Around(Arc::new(io()))),
        ] {
            assert!(why(&*error).is_some_and(|why| why.contains("expired")), "{error:?}");
        }
        assert_eq!(why(&io::Error::from(io::ErrorKind::ConnectionReset)), None);
        assert_eq!(why(&Around(Arc::new(io::Error::other("rustls")))), None);
    }

    #[test]
    fn each_says_what_to_do() {
        let presented =
            vec!["a.example\r\nforged".to_owned(), "b".to_owned(), "c".to_owned(), "d".to_owned()];
        let expected = rustls_pki_types::ServerName::try_from("h").unwrap();
        let other_name = CertificateError::NotValidForNameContext { expected, presented };
        for (error, words) in [
            (TlsError::InvalidCertificate(CertificateError::UnknownIssuer), "ca=FILE"),
            (TlsError::InvalidCertificate(other_name), "a.example\\r\\nforged, b, c)"),
            (TlsError::InvalidCertificate(CertificateError::NotValidYet), "clock"),
            (TlsError::AlertReceived(AlertDescription::CertificateRequired), "cert=FILE"),
            (TlsError::AlertReceived(AlertDescription::ProtocolVersion), "TLS 1.2"),
            (TlsError::InvalidMessage(rustls::InvalidMessage::InvalidContentType), "not TLS"),
            (TlsError::General("secret".to_owned()), "log"),
        ] {
            let told = why(&error).unwrap();
            assert!(told.contains(words) && !told.contains("secret"), "{told}");
        }
    }
}
