//! Kinds of values: how each is read from the file or a variable, shown, and named in messages.

use std::fmt::Write as _;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::Duration;

use grantor::{GrantTypeName, Lifetime, Scopes};
use toml::de::DeValue;

use super::network::Network;

/// A value as it was written, before anybody knows what it should be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// In the file.
    Toml(&'a DeValue<'a>),
    /// In an environment variable.
    Text(&'a str),
}

/// What is wrong with a value, and what could stand there instead.
pub(crate) type Wrong = String;

impl Raw<'_> {
    /// The text of a string.
    pub(crate) fn text(&self) -> Result<&str, Wrong> {
        match self {
            Raw::Text(text) => Ok(text),
            Raw::Toml(value) => value.as_str().ok_or_else(|| self.is_not("a text in quotes")),
        }
    }

    /// The text of a string that no message may repeat.
    pub(crate) fn secret(&self) -> Result<&str, Wrong> {
        self.text().map_err(|_| "it must be a text in quotes".to_owned())
    }

    /// The digits of a number, or the text of a string: what may be a duration.
    fn number_or_text(&self, wanted: &str) -> Result<&str, Wrong> {
        match self {
            Raw::Text(text) => Ok(text),
            Raw::Toml(DeValue::String(text)) => Ok(text),
            Raw::Toml(DeValue::Integer(number)) if number.radix() == 10 => Ok(number.as_str()),
            Raw::Toml(_) => Err(self.is_not(wanted)),
        }
    }

    fn number<N: std::str::FromStr>(&self) -> Result<N, Wrong> {
        let digits = match self {
            Raw::Text(text) => Some(*text),
            Raw::Toml(DeValue::Integer(number)) if number.radix() == 10 => Some(number.as_str()),
            Raw::Toml(_) => None,
        };
        digits.and_then(|digits| digits.parse().ok()).ok_or_else(|| self.is_not("a whole number, 0 or more"))
    }

    /// The words of a list; in a variable they are separated by commas or spaces.
    pub(crate) fn words(&self) -> Result<Vec<String>, Wrong> {
        match self {
            Raw::Text(text) => {
                Ok(text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned).collect())
            }
            Raw::Toml(DeValue::String(text)) => Ok(vec![text.to_string()]),
            Raw::Toml(DeValue::Array(array)) => array
                .iter()
                .map(|item| item.get_ref().as_str().map(str::to_owned))
                .collect::<Option<_>>()
                .ok_or_else(|| "every entry of the list must be a text in quotes".to_owned()),
            Raw::Toml(_) => Err(self.is_not("a list of texts, like [\"a\", \"b\"]")),
        }
    }

    fn is_not(&self, wanted: &str) -> Wrong {
        format!("{} is not {wanted}", self.shown())
    }

    /// The value as a message may repeat it: short and without control characters.
    pub(crate) fn shown(&self) -> String {
        match self {
            Raw::Text(text) => quoted(&shortened(text)),
            Raw::Toml(DeValue::String(text)) => quoted(&shortened(text)),
            Raw::Toml(DeValue::Integer(number)) => shortened(&number.to_string()),
            Raw::Toml(DeValue::Boolean(truth)) => truth.to_string(),
            Raw::Toml(DeValue::Array(array)) => {
                format!(
                    "[{}]",
                    array.iter().map(|item| Raw::Toml(item.get_ref()).shown()).collect::<Vec<_>>().join(", ")
                )
            }
            Raw::Toml(other) => format!("this {}", other.type_str()),
        }
    }
}

fn shortened(text: &str) -> String {
    let mut out: String = text.chars().take(60).collect();
    if text.chars().nth(60).is_some() {
        out.push_str("..");
    }
    out
}

/// A text as it stands in a TOML file.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list(words: impl IntoIterator<Item = String>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| quoted(&word)).collect();
    format!("[{}]", words.join(", "))
}

/// A kind of value.
pub(crate) trait Value: Sized {
    /// What to call it in a list of settings.
    const KIND: &str;
    /// Reads it.
    fn read(raw: Raw<'_>) -> Result<Self, Wrong>;
    /// Writes it as it would stand in the file; empty where it has no value.
    fn show(&self) -> String;
}

impl Value for bool {
    const KIND: &str = "true or false";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        match raw {
            Raw::Toml(DeValue::Boolean(truth)) => Ok(*truth),
            Raw::Text("true") => Ok(true),
            Raw::Text("false") => Ok(false),
            _ => Err(raw.is_not("true or false (without quotes)")),
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

macro_rules! number {
    ($($type:ty),+) => { $(
        impl Value for $type {
            const KIND: &str = "number";
            fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
                raw.number()
            }
            fn show(&self) -> String {
                self.to_string()
            }
        }
    )+ };
}
number!(u32, usize);

impl Value for String {
    const KIND: &str = "text";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        raw.text().map(str::to_owned)
    }
    fn show(&self) -> String {
        quoted(self)
    }
}

impl Value for PathBuf {
    const KIND: &str = "path";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        match raw.text()? {
            "" => Err("the path is empty; write \".\" for this folder".into()),
            text => Ok(Self::from(text)),
        }
    }
    fn show(&self) -> String {
        quoted(&self.to_string_lossy())
    }
}

impl Value for Duration {
    const KIND: &str = "duration";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        let wanted =
            "a duration; write for example \"90s\", \"15m\", \"1h30m\", \"14d\" or a number of seconds";
        duration(raw.number_or_text(wanted)?).ok_or_else(|| raw.is_not(wanted))
    }
    fn show(&self) -> String {
        quoted(&written(*self))
    }
}

impl Value for Option<Duration> {
    const KIND: &str = "duration or \"off\"";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        match raw.text() {
            Ok("off") => Ok(None),
            _ => Duration::read(raw).map(Some).map_err(|wrong| format!("{wrong}, or \"off\"")),
        }
    }
    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quoted("off"), Duration::show)
    }
}

impl Value for Lifetime {
    const KIND: &str = "duration or \"never\"";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        match raw.text() {
            Ok("never") => Ok(Self::Never),
            _ => Duration::read(raw).map(Self::For).map_err(|wrong| format!("{wrong}, or \"never\"")),
        }
    }
    fn show(&self) -> String {
        match self {
            Self::For(duration) => duration.show(),
            Self::Never => quoted("never"),
        }
    }
}

impl Value for Scopes {
    const KIND: &str = "scopes, separated by spaces";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        Self::parse(raw.text()?).map_err(|error| error.to_string())
    }
    fn show(&self) -> String {
        quoted(self.as_str())
    }
}

impl Value for Vec<String> {
    const KIND: &str = "list of texts";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        raw.words()
    }
    fn show(&self) -> String {
        list(self.iter().cloned())
    }
}

impl Value for Vec<GrantTypeName> {
    const KIND: &str = "list of grant types";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        Ok(raw.words()?.into_iter().map(GrantTypeName::from).collect())
    }
    fn show(&self) -> String {
        list(self.iter().map(ToString::to_string))
    }
}

impl Value for Vec<Network> {
    const KIND: &str = "list of networks";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        raw.words()?.iter().map(|word| Network::parse(word)).collect()
    }
    fn show(&self) -> String {
        list(self.iter().map(ToString::to_string))
    }
}

impl Value for Vec<SocketAddr> {
    const KIND: &str = "address:port, or a list of them";
    fn read(raw: Raw<'_>) -> Result<Self, Wrong> {
        if let Raw::Toml(DeValue::Integer(port)) = raw {
            return Err(format!(
                "{port} is not ADDRESS:PORT; write for example \"127.0.0.1:{port}\"",
                port = port.as_str()
            ));
        }
        let mut all = Self::new();
        for word in raw.words()? {
            all.extend(addresses(&word)?);
        }
        if all.is_empty() { Err("no address stands there; write \"127.0.0.1:8080\"".into()) } else { Ok(all) }
    }
    fn show(&self) -> String {
        match self.as_slice() {
            [one] => quoted(&one.to_string()),
            all => list(all.iter().map(ToString::to_string)),
        }
    }
}

/// The addresses of `ADDRESS:PORT`, where the address may be the name `localhost`.
fn addresses(word: &str) -> Result<Vec<SocketAddr>, Wrong> {
    let localhost = word.strip_prefix("localhost:").is_some_and(|port| port.parse::<u16>().is_ok());
    let found = match word.parse() {
        Ok(address) => vec![address],
        // The IPv4 address alone: browsers try both, and a machine may have no IPv6.
        Err(_) if localhost => word
            .to_socket_addrs()
            .map(|found| found.filter(SocketAddr::is_ipv4).collect())
            .unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    if found.is_empty() {
        return Err(format!(
            "{} is not ADDRESS:PORT; write for example \"127.0.0.1:8080\", \"0.0.0.0:8080\" or \"[::1]:8080\"",
            quoted(&shortened(word))
        ));
    }
    Ok(found)
}

const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// A hundred years: more is a typing error.
const LONGEST: u64 = 100 * 366 * 86_400_000;

/// Reads `1h30m`, `14d`, `500ms`, or a plain number of seconds.
fn duration(text: &str) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        let millis = text.parse::<u64>().ok()?.checked_mul(1000)?;
        return (millis <= LONGEST).then(|| Duration::from_millis(millis));
    }
    let (mut rest, mut total, mut last) = (text, 0_u64, u64::MAX);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        let millis = UNITS.iter().find(|(name, _)| *name == unit)?.1;
        // Larger units first, each once: `30m1h` is more likely a typing error.
        if millis >= last {
            return None;
        }
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(millis)?)?;
        (rest, last) = (after, millis);
    }
    (last != u64::MAX && total <= LONGEST).then(|| Duration::from_millis(total))
}

/// Writes a duration as [`duration`] reads it, in as few units as possible.
pub(crate) fn written(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut out = String::new();
    for (unit, millis) in UNITS.into_iter().skip(1) {
        if rest >= millis {
            // Writing into a String cannot fail.
            let _ = write!(out, "{}{unit}", rest / millis);
            rest %= millis;
        }
    }
    if out.is_empty() { "0s".into() } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written() {
        for (text, millis, again) in [
            ("15m", 900_000, "15m"),
            ("14d", 1_209_600_000, "14d"),
            ("2w", 1_209_600_000, "14d"),
            ("1h30m", 5_400_000, "1h30m"),
            ("90", 90_000, "1m30s"),
            ("90s", 90_000, "1m30s"),
            ("500ms", 500, "500ms"),
            ("1s500ms", 1500, "1s500ms"),
            ("0", 0, "0s"),
        ] {
            let read = duration(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(read.as_millis(), millis, "{text}");
            assert_eq!(written(read), again, "{text}");
        }
    }

    #[test]
    fn what_is_no_duration() {
        for text in
            ["", "m", "15", "15 m", "-1s", "1.5h", "30m1h", "1m1m", "15min", "1h30", "99999999999d", "٣s"]
        {
            let plain = text == "15";
            assert_eq!(duration(text).is_some(), plain, "{text}");
        }
    }

    #[test]
    fn listen_takes_addresses_and_localhost() {
        let read = |text| Vec::<SocketAddr>::read(Raw::Text(text));
        assert_eq!(read("127.0.0.1:80,[::1]:80").unwrap().len(), 2);
        assert_eq!(read("localhost:8080").unwrap(), ["127.0.0.1:8080".parse().unwrap()]);
        for bad in ["", "8080", ":8080", "127.0.0.1", "127.0.0.1:99999", "example.com:80", "localhost:x"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn control_characters_are_shown_escaped() {
        assert_eq!(quoted("a\u{1b}[31m\"\\"), "\"a\\u001b[31m\\\"\\\\\"");
    }
}
