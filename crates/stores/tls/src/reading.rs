//! The options of TLS in the URL of a store.

use std::path::PathBuf;

use grantor_core::store::options::one_of;

use crate::Tls;

/// The options of TLS while a URL is read: they may come in any order, so they are put together at its end.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    tls: Option<bool>,
    ca: Option<PathBuf>,
    cert: Option<PathBuf>,
    key: Option<PathBuf>,
    unverified: bool,
}

impl Reading {
    /// The names of the options, for messages.
    pub const NAMES: &str = "tls, ca, cert, key, danger_unverified";

    /// Takes an option; `false` for one that has nothing to do with TLS.
    ///
    /// # Errors
    /// The value is none; the message says what to write.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let yes_or_no = || one_of(value, &[("no", false), ("yes", true)]);
        match name {
            "tls" => {
                let tls = yes_or_no()?;
                if self.tls.replace(tls).is_some_and(|before| before != tls) {
                    return Err("TLS is asked for and not: leave one of them".to_owned());
                }
            }
            "ca" => self.ca = Some(file(value)?),
            "cert" => self.cert = Some(file(value)?),
            "key" => self.key = Some(file(value)?),
            "danger_unverified" => self.unverified = yes_or_no()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// What was asked for; `scheme` where the scheme of the URL asks for TLS already.
    ///
    /// # Errors
    /// The options contradict each other; the message says what to write.
    pub fn finish(self, scheme: bool) -> Result<Option<Tls>, String> {
        let Self { tls, ca, cert, key, unverified } = self;
        if scheme && tls == Some(false) {
            return Err("asks for TLS by its scheme and has tls=no: leave one of them".to_owned());
        }
        if !scheme && tls != Some(true) {
            let files = [("ca", ca.is_some()), ("cert", cert.is_some()), ("key", key.is_some())];
            let named = files.into_iter().chain([("danger_unverified", unverified)]);
            return match named.into_iter().find(|(_, given)| *given) {
                Some((name, _)) => Err(format!("has `{name}`, but does not ask for TLS: add tls=yes")),
                None => Ok(None),
            };
        }
        if unverified && ca.is_some() {
            return Err(
                "names a ca, which danger_unverified=yes would not ask: leave out the latter".to_owned()
            );
        }
        let identity = match (cert, key) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err("has one of cert and key: a client certificate needs both".to_owned()),
        };
        Ok(Some(Tls { ca, identity, unverified }))
    }
}

fn file(value: &str) -> Result<PathBuf, String> {
    if value.is_empty() { Err("its value is the name of a PEM file".to_owned()) } else { Ok(value.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(scheme: bool, options: &[(&str, &str)]) -> Result<Option<Tls>, String> {
        let mut reading = Reading::default();
        for (name, value) in options {
            assert!(reading.set(name, value)?, "{name}");
        }
        reading.finish(scheme)
    }

    #[test]
    fn what_is_asked_for() {
        assert_eq!(read(false, &[]), Ok(None));
        assert_eq!(read(false, &[("tls", "no")]), Ok(None));
        assert_eq!(read(true, &[]), Ok(Some(Tls::verified())));
        assert_eq!(read(false, &[("tls", "yes")]), Ok(Some(Tls::verified())));
        let all = [("key", "/k"), ("ca", "/c a"), ("cert", "/c"), ("tls", "yes")];
        assert_eq!(read(false, &all), Ok(Some(Tls::verified().ca("/c a").client_certificate("/c", "/k"))));
        let open = read(true, &[("danger_unverified", "yes")]);
        assert_eq!(open, Ok(Some(Tls::verified().danger_unverified())));
        assert_eq!(Reading::default().set("prefix", "x"), Ok(false));
    }

    #[test]
    fn what_would_be_less_than_it_looks_is_refused() {
        for (scheme, options, why) in [
            (false, &[("ca", "/c")][..], "add tls=yes"),
            (false, &[("cert", "/c"), ("key", "/k")], "add tls=yes"),
            (false, &[("danger_unverified", "yes")], "add tls=yes"),
            (false, &[("tls", "no"), ("ca", "/c")], "add tls=yes"),
            (true, &[("tls", "no")], "leave one"),
            (true, &[("cert", "/c")], "needs both"),
            (true, &[("key", "/k")], "needs both"),
            (true, &[("ca", "/c"), ("danger_unverified", "yes")], "leave out"),
            (true, &[("ca", "")], "PEM file"),
            (false, &[("tls", "true")], "one of no, yes"),
            (false, &[("tls", "prefer")], "one of no, yes"),
            (true, &[("danger_unverified", "1")], "one of no, yes"),
            (false, &[("tls", "yes"), ("tls", "no")], "and not"),
        ] {
            let told = read(scheme, options).unwrap_err();
            assert!(told.contains(why), "{options:?}: {told}");
        }
    }
}
