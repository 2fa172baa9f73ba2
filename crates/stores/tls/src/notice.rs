//! What the operator should know when a store is opened: what leaves the machine unprotected.

use std::net::IpAddr;

use crate::Tls;

/// Whether what is sent to this host stays on the machine.
pub fn is_local(host: &str) -> bool {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback())
}

/// Warns in the log where what is sent to these hosts is not encrypted, or the hosts are not verified.
pub fn warn<'a>(engine: &str, hosts: impl IntoIterator<Item = &'a str>, tls: Option<&Tls>) {
    match tls {
        Some(tls) if tls.is_unverified() => tracing::warn!(
            engine,
            "danger_unverified=yes: any server is believed, and whoever sits on the way can read and change everything"
        ),
        Some(_) => {}
        None => {
            if let Some(host) = hosts.into_iter().find(|host| !is_local(host)) {
                tracing::warn!(
                    engine,
                    host,
                    "what is sent to this server leaves the machine and is not encrypted: ask for TLS (tls=yes), unless the \
                     network is protected otherwise"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopbacks_are_local() {
        for local in
            ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"]
        {
            assert!(is_local(local), "{local}");
        }
        for far in ["db", "localhost.example", "10.0.0.1", "0.0.0.0", "::", "127.0.0.1.example", ""] {
            assert!(!is_local(far), "{far}");
        }
    }
}
