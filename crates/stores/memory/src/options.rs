//! How large the store may become: the builder, and the URL that the server's configuration uses.

use grantor_core::store::StoreError;

const MIB: usize = 1 << 20;

/// How much memory a [`MemoryStore`](crate::MemoryStore) may take.
///
/// | in the URL | default | meaning |
/// |---|---|---|
/// | `max_mib=1..1048576` | `1024` | the most memory for records, in MiB |
/// | `max_pending_mib=1..1048576` | a quarter of `max_mib` | the part of it that pending records may take: requests that wait for the user and codes that were not redeemed, which anybody can cause |
///
/// What is counted is each record's own bytes and an estimate of what it costs beside them (48 bytes). A
/// client-credentials token counts as 160 bytes or so, a waiting request as 300 to 600: a GiB holds six million tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    pub(crate) max_bytes: usize,
    pub(crate) max_pending_bytes: Option<usize>,
}

impl Default for Options {
    fn default() -> Self {
        Self { max_bytes: 1024 * MIB, max_pending_bytes: None }
    }
}

impl Options {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads `memory:` or `memory:?option=value&option=value`.
    ///
    /// # Errors
    /// Another scheme, a path, an unknown option or a bad value; the message says what to write.
    pub fn parse(url: &str) -> Result<Self, StoreError> {
        let refuse = |why: &str| {
            StoreError::nothing_written(format!(
                "the store URL {url:?} {why}; write memory: or memory:?max_mib=512"
            ))
        };
        let rest = url.strip_prefix("memory:").ok_or_else(|| refuse("does not begin with memory:"))?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        if !path.is_empty() && path != "//" {
            return Err(refuse("names a place, but this store has none"));
        }
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            options.set(name, value).map_err(|why| {
                StoreError::nothing_written(format!("the store URL has the option {pair:?}: {why}"))
            })?;
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        match name {
            "max_mib" => self.max_bytes = mib(value)?,
            "max_pending_mib" => self.max_pending_bytes = Some(mib(value)?),
            _ => return Err("there is no such option; there are max_mib and max_pending_mib".to_owned()),
        }
        Ok(())
    }

    /// The most memory for records, in bytes. At this limit no record is created; none that lives has to go.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How much of it pending records may take, in bytes.
    #[must_use]
    pub fn max_pending_bytes(mut self, bytes: usize) -> Self {
        self.max_pending_bytes = Some(bytes);
        self
    }

    pub(crate) fn pending_bytes(&self) -> usize {
        self.max_pending_bytes.unwrap_or(self.max_bytes / 4).min(self.max_bytes)
    }
}

fn mib(value: &str) -> Result<usize, String> {
    let number: Option<usize> = value.parse().ok().filter(|number| (1..=MIB).contains(number));
    number
        .and_then(|number| number.checked_mul(MIB))
        .ok_or_else(|| format!("its value is a number from 1 to {MIB}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        assert_eq!(Options::parse("memory:").unwrap(), Options::new());
        assert_eq!(Options::parse("memory://").unwrap(), Options::new());
        let options = Options::parse("memory:?max_mib=3&max_pending_mib=2").unwrap();
        assert_eq!(options, Options::new().max_bytes(3 * MIB).max_pending_bytes(2 * MIB));
        assert_eq!(Options::parse("memory:?max_mib=8").unwrap().pending_bytes(), 2 * MIB);
        assert_eq!(Options::new().max_bytes(10).max_pending_bytes(20).pending_bytes(), 10);
    }

    #[test]
    fn refusals_say_what_to_write() {
        let refused = |url: &str| Options::parse(url).unwrap_err().to_string();
        assert!(refused("sqlite:a.db").contains("write memory:"));
        assert!(refused("memory:/tmp/a").contains("names a place"));
        assert!(refused("memory:?records=7").contains("there are max_mib"));
        for bad in ["0", "-1", "", "1048577", "1GiB"] {
            assert!(refused(&format!("memory:?max_mib={bad}")).contains("a number from 1 to"), "{bad}");
        }
    }
}
