//! `redirect_uri`: what may be registered (RFC 6749 §3.1.2, RFC 8252 §7, RFC 9700 §2.1, §4.1) and what a request may ask for.
//!
//! Comparison is by plain strings (RFC 9700 §2.1). The parsed form is used at registration only, to refuse what browsers
//! read differently from what stands there.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use url::{Host, Url};

/// A redirect URI as it was registered, byte for byte.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedirectUri(Arc<str>);

/// Why a redirect URI cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{uri}` cannot be a redirect URI: {why}")]
pub struct InvalidRedirectUri {
    uri: String,
    why: &'static str,
}

/// What answers add: a registered query may not have it, for it must be there once (RFC 6749 §3.1).
const OF_ANSWERS: [&str; 13] = [
    "code",
    "state",
    "iss",
    "error",
    "error_description",
    "error_uri",
    "access_token",
    "token_type",
    "expires_in",
    "refresh_token",
    "scope",
    "id_token",
    "response",
];
/// The longest redirect URI, in bytes.
const MAX_LENGTH: usize = 2048;

impl RedirectUri {
    /// Checks that the URI may be registered.
    ///
    /// # Errors
    /// [`InvalidRedirectUri`], which says what is wrong, where the URI is not absolute, has a fragment, user information
    /// or a wildcard, a query with a parameter of an answer (`code`, `state` ..), uses `http` anywhere but on a loopback
    /// host, a private-use scheme without a dot, or is spelled so that a browser would go elsewhere.
    pub fn parse(text: &str) -> Result<Self, InvalidRedirectUri> {
        match refusal(text) {
            None => Ok(Self(Arc::from(text))),
            Some(why) => Err(InvalidRedirectUri { uri: text.chars().take(200).collect(), why }),
        }
    }

    /// The URI as registered.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI as shared text.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }

    /// Whether a requested URI is this one: the same string, or, where `free_port` allows it, the same but for the port
    /// of a loopback host.
    ///
    /// > The authorization server MUST allow any port to be specified at the time of the request for loopback IP redirect
    /// > URIs (RFC 8252 §7.3)
    pub(crate) fn allows(&self, requested: &str, free_port: FreePort) -> bool {
        if *self.0 == *requested {
            return true;
        }
        let (Some(own), Some(asked)) = (loopback_parts(&self.0), loopback_parts(requested)) else {
            return false;
        };
        let host_may = match free_port {
            FreePort::Never => false,
            FreePort::LoopbackIp => own.0 != "localhost",
            FreePort::LoopbackIpAndLocalhost => true,
        };
        host_may && own == asked
    }
}

/// Where a request may name another port than the registered one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FreePort {
    /// Nowhere: web clients.
    Never,
    /// On `127.0.0.1` and `[::1]`: native clients (RFC 8252 §7.3).
    LoopbackIp,
    /// On `localhost` too, where the client or the policy says so (RFC 8252 §8.3 advises against).
    LoopbackIpAndLocalhost,
}

/// Host and what follows the port of `http://HOST[:PORT]/...`, for the three loopback hosts only.
fn loopback_parts(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let Some(port) = authority.strip_prefix(host) else { continue };
        let digits = match port.strip_prefix(':') {
            Some(digits) => digits,
            None if port.is_empty() => return Some((host, tail)),
            None => continue,
        };
        let real = digits.parse::<u16>().is_ok_and(|number| number > 0 && digits == number.to_string());
        return real.then_some((host, tail));
    }
    None
}

fn refusal(text: &str) -> Option<&'static str> {
    if text.len() > MAX_LENGTH {
        return Some("it is longer than 2048 bytes");
    }
    if !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Some("it must be printable ASCII without spaces; percent-encode the rest");
    }
    if text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}', '*']) {
        return Some("it has a character that no URI may have (or a wildcard, which is not supported)");
    }
    if text.contains('#') {
        return Some("it has a fragment (RFC 6749 section 3.1.2)");
    }
    if !percent_encodings_are_whole(text) {
        return Some("a percent sign is not followed by two hexadecimal digits");
    }
    let Ok(url) = Url::parse(text) else {
        return Some("it is not an absolute URI (RFC 6749 section 3.1.2)");
    };
    if url.query_pairs().any(|(name, _)| OF_ANSWERS.contains(&&*name)) {
        return Some(
            "its query has a parameter of an answer, such as code or state, which would then be there twice",
        );
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Some("it is not an absolute URI (RFC 6749 section 3.1.2)");
    };
    if scheme.bytes().any(|b| b.is_ascii_uppercase()) {
        return Some("its scheme must be written in lower case");
    }
    let authority = rest.strip_prefix("//").and_then(|rest| rest.split(['/', '?']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Some("it has user information");
    }
    match scheme {
        "https" | "http" => web_refusal(scheme, rest, &url),
        _ if !scheme.contains('.') => Some(
            "a private-use scheme is a reversed domain name with a dot, like com.example.app (RFC 8252 section 7.1)",
        ),
        _ if rest.is_empty() || rest == "/" || rest == "//" => {
            Some("a private-use scheme needs a path behind it")
        }
        _ => None,
    }
}

fn web_refusal(scheme: &str, rest: &str, url: &Url) -> Option<&'static str> {
    let Some(rest) = rest.strip_prefix("//") else {
        return Some("`//` and a host must follow the scheme");
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    if authority.is_empty() {
        return Some("it has no host");
    }
    // What stands there must be what a browser reads: no other spelling of the host, the port or the path.
    let written_host = url.host_str().unwrap_or_default();
    let (host, port) = match authority.rfind(':') {
        Some(at) if !authority.ends_with(']') => {
            (authority.get(..at).unwrap_or_default(), authority.get(at + 1..))
        }
        _ => (authority, None),
    };
    if host != written_host {
        return Some(
            "its host must be spelled as browsers read it: lower case, no encodings, no odd numbers",
        );
    }
    if let Some(port) = port
        && !port.parse::<u16>().is_ok_and(|number| number > 0 && port == number.to_string())
    {
        return Some("its port is not a number from 1 to 65535");
    }
    let path = rest.get(authority.len()..).unwrap_or_default().split('?').next().unwrap_or_default();
    let dots = |segment: &str| {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        plain == "." || plain == ".."
    };
    if path.split('/').any(dots) {
        return Some("its path has a `.` or `..` segment");
    }
    if scheme == "http" && !is_loopback(url) {
        return Some("plain http is allowed on loopback hosts only (RFC 9700 section 2.6); use https");
    }
    None
}

fn percent_encodings_are_whole(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let hex = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_hexdigit());
        if byte == b'%' && !(hex(bytes.next()) && hex(bytes.next())) {
            return false;
        }
    }
    true
}

/// Whether the URL's host is this machine, by name or address.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        None => false,
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = InvalidRedirectUri;
    fn try_from(text: String) -> Result<Self, InvalidRedirectUri> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.0.as_ref().to_owned()
    }
}

impl fmt::Debug for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_may_be_registered() {
        for good in [
            "https://rp.example/cb",
            "https://rp.example/cb?tenant=a&x",
            "https://rp.example:8443/cb/",
            "https://rp.example",
            "http://localhost/callback",
            "http://127.0.0.1:51004/cb",
            "http://[::1]/cb",
            "com.example.app:/cb",
            "com.example.app://host/cb",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}: {:?}", RedirectUri::parse(good));
        }
    }

    #[test]
    fn rfc6749_3_1_2_rfc9700_2_6_what_may_not() {
        for bad in [
            "",
            "/cb",
            "//rp.example/cb",
            "rp.example/cb",
            "https://rp.example/cb#x",
            "https://rp.example/cb#",
            "https:///h",
            "http:/h",
            "https:rp.example",
            "https://u@rp.example/",
            "https://u:p@rp.example/",
            "http://rp.example/cb",
            "http://localhost.evil.example/",
            "http://127.0.0.1:80@evil.example/",
            "http://127.0.0.1.evil.example/",
            "javascript:alert(1)",
            "data:text/html,x",
            "myapp:/cb",
            "file:///etc",
            "https://rp.example/\\evil",
            "https://rp.example\\@evil/",
            "https://RP.example/cb",
            "HTTPS://rp.example/cb",
            "https://rp.example/a/../b",
            "https://rp.example/%2e%2e/b",
            "https://rp.example/%zz",
            "https://rp.example/ b",
            "https://rp.example/cb?state=fixed",
            "https://rp.example/cb?a=b&c%6fde=x",
            "com.example.app:/cb?iss",
            "https://rp.example/é",
            "https://*.example/cb",
            "https://[x]/",
            "https://0x7f.1/",
            "https://rp.example:0/",
            "https://rp.example:65536/",
            "https://rp.example:/cb",
            "https://rp.example/\ncb",
            "com.example.app:",
            "com.example.app://user@host/cb",
        ] {
            assert!(RedirectUri::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc8252_7_3_only_the_port_varies() {
        let registered = RedirectUri::parse("http://127.0.0.1/cb").unwrap();
        assert!(registered.allows("http://127.0.0.1:51004/cb", FreePort::LoopbackIp));
        assert!(!registered.allows("http://127.0.0.1:51004/cb", FreePort::Never));
        for bad in [
            "http://127.0.0.1:51004/cb/",
            "http://127.0.0.1:51004/other",
            "http://127.0.0.1:51004/cb?x=1",
            "https://127.0.0.1:51004/cb",
            "http://127.0.0.2:51004/cb",
            "http://localhost:51004/cb",
            "http://127.0.0.1:80@evil.example/cb",
            "http://127.0.0.1:0/cb",
            "http://127.0.0.1:+1/cb",
            "http://127.0.0.1:/cb",
            "http://127.0.0.1:99999/cb",
            "http://127.0.0.1:51004/cb#f",
        ] {
            assert!(!registered.allows(bad, FreePort::LoopbackIpAndLocalhost), "{bad}");
        }
        let by_name = RedirectUri::parse("http://localhost/cb").unwrap();
        assert!(!by_name.allows("http://localhost:5000/cb", FreePort::LoopbackIp));
        assert!(by_name.allows("http://localhost:5000/cb", FreePort::LoopbackIpAndLocalhost));
    }

    /// Pieces of which hostile URIs are made.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("https:"),
            Just("http:"),
            Just("https://"),
            Just("http://"),
            Just("com.example.app:/"),
            Just("//"),
            Just("/"),
            Just("\\"),
            Just("@"),
            Just(":"),
            Just("?"),
            Just("#"),
            Just("rp.example"),
            Just("evil.example"),
            Just("localhost"),
            Just("127.0.0.1"),
            Just("127.1"),
            Just("0x7f.1"),
            Just("[::1]"),
            Just("[::ffff:127.0.0.1]"),
            Just("."),
            Just(".."),
            Just("%2e"),
            Just("%2F"),
            Just("%00"),
            Just("%5c"),
            Just(":443"),
            Just(":80"),
            Just(":08"),
            Just("cb"),
            Just("A"),
            Just("\t"),
            Just("\n"),
            Just(" "),
            Just("é"),
            Just("xn--"),
            Just("\u{ad}"),
            Just("a=b"),
            Just("&"),
            Just(";"),
        ];
        proptest::collection::vec(piece, 0..9).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

        #[test]
        fn rfc9700_4_1_a_browser_goes_where_the_registered_text_says(
            text in prop_oneof![pieces(), pieces().prop_map(|rest| format!("https://rp.example{rest}"))],
        ) {
            let Ok(uri) = RedirectUri::parse(&text) else { return Ok(()) };
            prop_assert_eq!(uri.as_str(), &text, "kept byte for byte");
            let url = Url::parse(&text).unwrap();
            prop_assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
            let (scheme, rest) = text.split_once(':').unwrap();
            prop_assert_eq!(url.scheme(), scheme);
            if let "https" | "http" = scheme {
                // Read without a parser of URLs: what stands between `//` and the next `/` or `?`.
                let authority = rest.strip_prefix("//").unwrap().split(['/', '?']).next().unwrap();
                let host = url.host_str().unwrap();
                let port = authority.strip_prefix(host).unwrap();
                prop_assert!(port.is_empty() || port[1..].parse::<u16>().unwrap() == url.port_or_known_default().unwrap());
                prop_assert!(scheme == "https" || is_loopback(&url));
                // Behind it the browser changes nothing but what every client does: the missing slash.
                let written = &rest[2 + authority.len()..];
                let bare = |tail: &str| tail.strip_prefix('/').unwrap_or(tail).to_owned();
                prop_assert_eq!(bare(&url[url::Position::BeforePath..]), bare(written), "{} {}", url, text);
            }
        }

        #[test]
        fn rfc8252_7_3_a_request_differs_in_the_port_at_most(asked in pieces(), native in any::<bool>()) {
            let free = if native { FreePort::LoopbackIp } else { FreePort::Never };
            for registered in ["https://rp.example/cb", "http://127.0.0.1/cb", "http://[::1]:8080/cb", "http://localhost/cb"] {
                let uri = RedirectUri::parse(registered).unwrap();
                if asked == registered || !uri.allows(&asked, free) {
                    continue;
                }
                prop_assert!(native);
                let (own, other) = (Url::parse(registered).unwrap(), Url::parse(&asked).unwrap());
                prop_assert_eq!((own.scheme(), own.host_str(), own.path(), own.query()), (other.scheme(), other.host_str(), other.path(), other.query()));
                prop_assert!(other.fragment().is_none() && other.username().is_empty() && other.password().is_none());
            }
        }
    }
}
