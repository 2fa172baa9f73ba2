//! TLS in the URL: the options of all stores, and the names that users of PostgreSQL know for them, in PostgreSQL's meaning.

use grantor_store_tls::{Reading, Tls};

/// The options of TLS while a URL is read.
#[derive(Debug, Default)]
pub(crate) struct Ssl {
    reading: Reading,
    /// The last `sslmode`, where it asks for TLS.
    asked: Option<Asked>,
    unverified: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Require,
    VerifyFull,
}

impl Ssl {
    /// Takes an option; `false` for one that has nothing to do with TLS.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        let name = match name {
            "sslmode" => return self.mode(value).map(|()| true),
            // Of libpq 16: the CAs that the system trusts, which is what there is without it.
            "sslrootcert" if value == "system" => return Ok(true),
            "sslrootcert" => "ca",
            "sslcert" => "cert",
            "sslkey" => "key",
            other => other,
        };
        self.unverified |= name == "danger_unverified" && value == "yes";
        self.reading.set(name, value)
    }

    fn mode(&mut self, value: &str) -> Result<(), String> {
        self.asked = match value {
            "disable" => None,
            "require" => Some(Asked::Require),
            "verify-full" => Some(Asked::VerifyFull),
            "allow" | "prefer" => {
                return Err(
                    "it would speak in plain text with whoever refuses TLS: write disable or verify-full"
                        .into(),
                );
            }
            "verify-ca" => {
                return Err(
                    "it would believe every server of the CA under any name: write verify-full".into()
                );
            }
            _ => return Err("its value is one of disable, require, verify-full".into()),
        };
        self.reading.set("tls", if self.asked.is_some() { "yes" } else { "no" }).map(drop)
    }

    /// What was asked for.
    pub(crate) fn finish(self) -> Result<Option<Tls>, String> {
        match self.asked {
            Some(Asked::Require) if !self.unverified => {
                return Err("has sslmode=require, by which PostgreSQL means to encrypt and to believe any server: write \
                            sslmode=verify-full, with ca=FILE where the CA is your own; or, knowing that whoever sits on the \
                            way can read and change everything, add danger_unverified=yes"
                    .into());
            }
            Some(Asked::VerifyFull) if self.unverified => {
                return Err("has sslmode=verify-full and danger_unverified=yes: leave one of them".into());
            }
            _ => {}
        }
        self.reading.finish(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(options: &[(&str, &str)]) -> Result<Option<Tls>, String> {
        let mut ssl = Ssl::default();
        for (name, value) in options {
            assert!(ssl.set(name, value)?, "{name}");
        }
        ssl.finish()
    }

    #[test]
    fn modes_mean_what_they_mean_to_postgresql_or_are_refused() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("sslmode", "disable")]), Ok(None));
        assert_eq!(read(&[("sslmode", "verify-full")]), Ok(Some(Tls::verified())));
        assert_eq!(read(&[("tls", "yes")]), Ok(Some(Tls::verified())));
        assert_eq!(read(&[("sslmode", "verify-full"), ("sslrootcert", "system")]), Ok(Some(Tls::verified())));
        let files = [("sslcert", "/c"), ("sslkey", "/k"), ("sslrootcert", "/ca"), ("sslmode", "verify-full")];
        assert_eq!(read(&files), Ok(Some(Tls::verified().ca("/ca").client_certificate("/c", "/k"))));
        let open = read(&[("danger_unverified", "yes"), ("sslmode", "require")]);
        assert_eq!(open, Ok(Some(Tls::verified().danger_unverified())));
        for (options, why) in [
            (&[("sslmode", "require")][..], "danger_unverified=yes"),
            (&[("sslmode", "verify-full"), ("danger_unverified", "yes")], "leave one"),
            (&[("sslmode", "prefer")], "plain text"),
            (&[("sslmode", "allow")], "plain text"),
            (&[("sslmode", "verify-ca")], "verify-full"),
            (&[("sslmode", "on")], "one of disable"),
            (&[("sslmode", "disable"), ("ca", "/c")], "add tls=yes"),
            (&[("tls", "yes"), ("sslmode", "disable")], "and not"),
        ] {
            let told = read(options).unwrap_err();
            assert!(told.contains(why), "{options:?}: {told}");
        }
    }
}
