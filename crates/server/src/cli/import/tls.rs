//! TLS to the old store: the options that all stores share (`tls=yes`, `ca=`, `cert=`, `key=`, `danger_unverified=yes`), taken
//! out of a URL before the client library sees it.

use grantor_store_tls::{Reading, Tls};
use url::form_urlencoded;

use crate::failure::Failure;

/// The URL without the options of TLS, and what they ask for; `scheme` where the scheme asks for TLS already.
///
/// # Errors
/// The options contradict each other; the message repeats nothing of the URL but the name of an option.
pub(super) fn taken_out(url: &str, scheme: bool) -> Result<(String, Option<Tls>), Failure> {
    let (place, query) = url.split_once('?').unwrap_or((url, ""));
    let mut reading = Reading::default();
    let mut rest = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = form_urlencoded::parse(pair.as_bytes()).next() else { continue };
        let ours = reading.set(&name, &value);
        // Only options of TLS have errors, so the name is one of theirs.
        if !ours.map_err(|why| Failure::usage(format!("--from has the option `{name}`, but {why}")))? {
            rest.push(pair);
        }
    }
    let tls = reading.finish(scheme).map_err(|why| Failure::usage(format!("--from {why}")))?;
    let query = if rest.is_empty() { String::new() } else { format!("?{}", rest.join("&")) };
    Ok((format!("{place}{query}"), tls))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_of_tls_are_taken_out_and_others_stay() {
        let (url, tls) = taken_out("mysql://u:p@h/d?a=1&tls=yes&ca=%2Fmy%20ca.pem&b=2", false).unwrap();
        assert_eq!(url, "mysql://u:p@h/d?a=1&b=2");
        assert_eq!(tls, Some(Tls::verified().ca("/my ca.pem")));
        let (url, tls) = taken_out("redis://h", true).unwrap();
        assert_eq!((url.as_str(), tls), ("redis://h", Some(Tls::verified())));
        assert_eq!(taken_out("redis://h/0", false).unwrap(), ("redis://h/0".to_owned(), None));
    }

    #[test]
    fn what_would_be_less_than_it_looks_is_refused() {
        for url in ["redis://:hunter2@h?ca=/ca.pem", "redis://:hunter2@h?tls=on"] {
            let why = taken_out(url, false).unwrap_err().to_string();
            assert!(why.contains("--from") && !why.contains("hunter2"), "{why}");
        }
    }
}
