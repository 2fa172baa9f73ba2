//! Request parameters, decoded strictly (RFC 6749 §3.1, §3.2 and Appendix B).
//!
//! > Parameters sent without a value MUST be treated as if they were omitted ... Request and response parameters MUST
//! > NOT be included more than once.

use std::fmt;

use bytes::Bytes;
use http::{Request, header};

use crate::config::Limits;
use crate::error::Error;

/// The parameters of one query or form, in order.
#[derive(Clone, Default)]
pub struct Params {
    /// All names and values, decoded, one after the other.
    text: String,
    pairs: Vec<Pair>,
}

/// Where a name begins in the text, where its value begins, and where that ends.
#[derive(Debug, Clone, Copy)]
struct Pair {
    name: usize,
    value: usize,
    end: usize,
}

impl fmt::Debug for Params {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

impl Params {
    /// Decodes `application/x-www-form-urlencoded` text.
    ///
    /// # Errors
    /// `invalid_request` for more than the limits allow, a percent sign without two hexadecimal digits, bytes that are
    /// not UTF-8, or a control character other than tab and line ends.
    pub fn parse(text: &[u8], limits: &Limits) -> Result<Self, Error> {
        if text.contains(&b'%') && !percent_encodings_are_whole(text) {
            return Err(Error::invalid_request("A percent sign is not followed by two hexadecimal digits.")
                .because("percent_encoding"));
        }
        let mut decoded = String::with_capacity(text.len());
        let mut pairs = Vec::with_capacity(8);
        for part in text.split(|b| *b == b'&').filter(|part| !part.is_empty()) {
            if pairs.len() >= limits.parameters {
                return Err(
                    Error::invalid_request("There are too many parameters.").because("too_many_parameters")
                );
            }
            let mut split = part.splitn(2, |b| *b == b'=');
            let name = decoded.len();
            decode(split.next().unwrap_or_default(), &mut decoded)?;
            let value = decoded.len();
            decode(split.next().unwrap_or_default(), &mut decoded)?;
            let end = decoded.len();
            if end - value > limits.value_bytes || value - name > 255 {
                return Err(Error::invalid_request("A parameter is too long.").because("parameter_too_long"));
            }
            pairs.push(Pair { name, value, end });
        }
        Ok(Self { text: decoded, pairs })
    }

    /// The parameters of the query.
    ///
    /// # Errors
    /// As [`Params::parse`].
    pub fn of_query<B>(request: &Request<B>, limits: &Limits) -> Result<Self, Error> {
        match request.uri().query() {
            Some(query) => Self::parse(query.as_bytes(), limits),
            None => Ok(Self::default()),
        }
    }

    /// The parameters of a form in the body.
    ///
    /// # Errors
    /// `invalid_request` where the content type is another, and as [`Params::parse`].
    pub fn of_form(request: &Request<Bytes>, limits: &Limits) -> Result<Self, Error> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let kind = kind.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        if request.body().is_empty() && kind.is_empty() {
            return Ok(Self::default());
        }
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(Error::invalid_request(
                "The body must be a form: Content-Type application/x-www-form-urlencoded.",
            )
            .because("content_type"));
        }
        Self::parse(request.body(), limits)
    }

    /// These and the others.
    #[must_use]
    pub(crate) fn and(mut self, others: Self) -> Self {
        let before = self.text.len();
        self.text.push_str(&others.text);
        self.pairs.extend(others.pairs.into_iter().map(|pair| Pair {
            name: pair.name + before,
            value: pair.value + before,
            end: pair.end + before,
        }));
        self
    }

    /// The value; `None` where the parameter is absent or empty. Of a repeated one the first.
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.iter().find(|(own, _)| *own == name)?;
        Some(value).filter(|value| !value.is_empty())
    }

    /// The value of a parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request` where it is absent or empty.
    pub fn required(&self, name: &'static str) -> Result<&str, Error> {
        self.get(name).ok_or_else(|| {
            Error::invalid_request(format!("The parameter {name} is missing.")).because("parameter_missing")
        })
    }

    /// All values with this name, also the empty ones.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.iter().filter(move |(own, _)| *own == name).map(|(_, value)| value)
    }

    /// All pairs, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + Clone {
        self.pairs.iter().map(|pair| (self.part(pair.name, pair.value), self.part(pair.value, pair.end)))
    }

    fn part(&self, from: usize, to: usize) -> &str {
        self.text.get(from..to).unwrap_or_default()
    }

    /// The first name that comes more than once.
    pub fn repeated(&self) -> Option<&str> {
        let mut names = self.iter().map(|(name, _)| name);
        while let Some(name) = names.next() {
            if names.clone().any(|other| other == name) {
                return Some(name);
            }
        }
        None
    }

    /// Refuses repeated parameters.
    ///
    /// # Errors
    /// `invalid_request`, naming the parameter.
    pub(crate) fn once(&self) -> Result<(), Error> {
        match self.repeated() {
            None => Ok(()),
            Some(name) => {
                let shown: String = name.chars().take(40).collect();
                Err(Error::invalid_request(format!("The parameter {shown} is there more than once."))
                    .because("repeated_parameter"))
            }
        }
    }

    /// The value if the parameter is there exactly once, whatever the others are.
    pub(crate) fn unambiguous(&self, name: &str) -> Option<&str> {
        let mut values = self.iter().filter(|(own, _)| *own == name).map(|(_, value)| value);
        let value = values.next().filter(|value| !value.is_empty())?;
        values.next().is_none().then_some(value)
    }
}

fn decode(part: &[u8], out: &mut String) -> Result<(), Error> {
    // Nearly all parts are as they are sent. No early exit: so the processor looks at many bytes at once.
    let is_plain =
        part.iter().fold(true, |plain, b| plain & matches!(b, b' '..=b'~') & !matches!(b, b'%' | b'+'));
    if is_plain && let Ok(text) = std::str::from_utf8(part) {
        out.push_str(text);
        return Ok(());
    }
    let decoded;
    let plain = if part.iter().any(|b| matches!(b, b'%' | b'+')) {
        decoded = percent_decode(part);
        decoded.as_slice()
    } else {
        part
    };
    let text = std::str::from_utf8(plain)
        .map_err(|_| Error::invalid_request("A parameter is not UTF-8.").because("not_utf8"))?;
    let is_visible_ascii = text.bytes().all(|b| matches!(b, b' '..=b'~'));
    if !is_visible_ascii && text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(
            Error::invalid_request("A parameter has a control character.").because("control_character")
        );
    }
    out.push_str(text);
    Ok(())
}

fn percent_decode(text: &[u8]) -> Vec<u8> {
    let digit =
        |b: Option<&u8>| b.and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        out.push(match byte {
            b'%' => digit(bytes.next()).unwrap_or(0) << 4 | digit(bytes.next()).unwrap_or(0),
            b'+' => b' ',
            byte => *byte,
        });
    }
    out
}

fn percent_encodings_are_whole(text: &[u8]) -> bool {
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        let hex = |b: Option<&u8>| b.is_some_and(u8::is_ascii_hexdigit);
        if *byte == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Params, Error> {
        Params::parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn rfc6749_3_1_empty_is_absent() {
        let params = parse("scope=&state=x&&flag").unwrap();
        assert_eq!(params.get("scope"), None);
        assert_eq!(params.get("flag"), None);
        assert_eq!(params.get("state"), Some("x"));
    }

    #[test]
    fn rfc6749_3_1_repeated_is_found() {
        assert_eq!(parse("a=1&b=2&a=1").unwrap().repeated(), Some("a"));
        assert!(parse("a=1&b=2").unwrap().once().is_ok());
        assert_eq!(parse("a=1&a=2").unwrap().unambiguous("a"), None);
    }

    #[test]
    fn bad_encodings_are_refused() {
        for bad in ["a=%", "a=%1", "a=%zz", "%=1", "a=%ff", "a=%c0%80", "a=%00", "a=%1b", "a=\u{7f}"] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits::default();
        assert!(parse(&vec!["a=b"; limits.parameters].join("&")).is_ok());
        assert!(parse(&vec!["a=b"; limits.parameters + 1].join("&")).is_err());
        assert!(parse(&format!("a={}", "b".repeat(limits.value_bytes + 1))).is_err());
    }

    proptest! {
        #[test]
        fn equals_the_url_crate_or_refuses(text in "[a-c=&%+0-9A-Fé\u{0}]{0,40}") {
            if let Ok(params) = parse(&text) {
                let ours: Vec<_> = params.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
                let theirs: Vec<_> = form_urlencoded::parse(text.as_bytes())
                    .map(|(n, v)| (n.into_owned(), v.into_owned())).collect();
                prop_assert_eq!(ours, theirs);
            }
        }

        #[test]
        fn never_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Params::parse(&text, &Limits::default());
        }
    }
}
