//! Whether a form came from a page of this server: what the browser itself says about it.

use http::{HeaderMap, header};

/// What the browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FormOrigin {
    /// A page of this server.
    Here,
    /// A page of somebody else.
    Elsewhere,
    /// Nothing: an old browser, or none.
    Unsaid,
}

/// Where a POST came from: `Sec-Fetch-Site` where the browser sends it (no page can forge it), else `Origin`.
pub(crate) fn of(headers: &HeaderMap, origin: &str) -> FormOrigin {
    let text = |name| headers.get(name).map(|value: &http::HeaderValue| value.to_str().unwrap_or("?"));
    match text(http::HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin") => return FormOrigin::Here,
        Some(_) => return FormOrigin::Elsewhere,
        None => {}
    }
    match text(header::ORIGIN) {
        Some(sent) if sent == origin => FormOrigin::Here,
        Some(_) => FormOrigin::Elsewhere,
        None => FormOrigin::Unsaid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(pairs: &[(&'static str, &'static str)]) -> FormOrigin {
        let headers = pairs.iter().map(|(name, value)| {
            (http::HeaderName::from_static(name), http::HeaderValue::from_static(value))
        });
        of(&headers.collect(), "https://login.example")
    }

    #[test]
    fn what_browsers_say() {
        assert_eq!(from(&[("sec-fetch-site", "same-origin")]), FormOrigin::Here);
        for other in ["same-site", "cross-site", "none", ""] {
            assert_eq!(
                from(&[("sec-fetch-site", other), ("origin", "https://login.example")]),
                FormOrigin::Elsewhere
            );
        }
        assert_eq!(from(&[("origin", "https://login.example")]), FormOrigin::Here);
        for other in ["null", "http://login.example", "https://login.example.evil"] {
            assert_eq!(from(&[("origin", other)]), FormOrigin::Elsewhere);
        }
        assert_eq!(from(&[]), FormOrigin::Unsaid);
    }
}
