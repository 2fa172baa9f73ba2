//! The `Cookie` header of a request.

use http::{HeaderMap, header};

/// The values of a request's cookies with this name, in their order.
///
/// There may be several header fields, as HTTP/2 splits them, and several cookies of the name, from several paths. Who sends
/// them may send anything.
///
/// ```
/// use grantor_core::cookies;
/// use http::{HeaderMap, HeaderValue, header};
///
/// let mut headers = HeaderMap::new();
/// headers.append(header::COOKIE, HeaderValue::from_static("session=1; other=2"));
/// headers.append(header::COOKIE, HeaderValue::from_static("session=3"));
/// assert!(cookies(&headers, "session").eq(["1", "3"]));
/// ```
pub fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(move |pair| pair.trim().split_once('=').filter(|(own, _)| *own == name))
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn cookies_are_told_apart_by_their_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xa=0;a=1;  a=2=; a ; A=3; b=4"));
        headers.append(header::COOKIE, HeaderValue::from_bytes(b"a=\xff").unwrap());
        headers.append(header::COOKIE, HeaderValue::from_static("a="));
        assert!(cookies(&headers, "a").eq(["1", "2=", ""]));
        assert_eq!(cookies(&HeaderMap::new(), "a").count(), 0);
    }
}
