//! Reading the URL of a store: what the options of every store have in common.
//!
//! The messages say what to write and never repeat a value, which may be a password.

/// The value among these names.
///
/// # Errors
/// It is none of them.
pub fn one_of<T: Copy>(value: &str, values: &[(&str, T)]) -> Result<T, String> {
    values.iter().find(|(name, _)| *name == value).map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<_> = values.iter().map(|(name, _)| *name).collect();
        format!("its value is one of {}", names.join(", "))
    })
}

/// A whole number between these two, both of them included.
///
/// # Errors
/// It is none.
pub fn number(value: &str, least: u32, most: u32) -> Result<u32, String> {
    value
        .parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| format!("its value is a number from {least} to {most}"))
}

/// Percent-decoding; `None` for a bad encoding, a NUL or what is not UTF-8.
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        out.push(if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            u8::try_from(high * 16 + low).ok()?
        } else {
            byte
        });
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_meant_is_read() {
        assert_eq!(one_of("yes", &[("yes", true), ("no", false)]), Ok(true));
        assert!(one_of("Yes", &[("yes", true), ("no", false)]).unwrap_err().ends_with("one of yes, no"));
        assert_eq!((number("1", 1, 2), number("2", 1, 2)), (Ok(1), Ok(2)));
        for bad in ["0", "3", "-1", "", "1.0", " 1"] {
            assert!(number(bad, 1, 2).unwrap_err().ends_with("from 1 to 2"), "{bad}");
        }
        assert_eq!(percent_decoded("a%20b%c3%a9").as_deref(), Some("a bé"));
        for bad in ["%", "%4", "%zz", "%ff", "%00", "a\0"] {
            assert_eq!(percent_decoded(bad), None, "{bad:?}");
        }
    }
}
