//! The content security policy of the pages.
//!
//! Chromium applies `form-action` also to the redirects that follow a POST. So the pages of login and consent name where the
//! client's answer goes, and nothing else.

use url::{Host, Url};

/// The policy, with one more target for forms where `target` is not empty.
pub(super) fn policy(target: &str) -> String {
    let between = if target.is_empty() { "" } else { " " };
    format!(
        "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'{between}{target}; \
         base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
    )
}

/// The source expression for a redirect URI: its origin, or its scheme where CSP cannot name the host (an app's own scheme;
/// an IP address other than 127.0.0.1).
pub(crate) fn form_target(redirect_uri: &str) -> String {
    let Ok(url) = Url::parse(redirect_uri) else { return String::new() };
    match url.host() {
        // The URL standard lets a host have characters that end a source expression or mean any host.
        Some(Host::Domain(host)) if matches!(url.scheme(), "http" | "https") && is_plain(host) => {
            origin(&url, host)
        }
        Some(Host::Ipv4(address)) if address == std::net::Ipv4Addr::LOCALHOST => {
            origin(&url, &address.to_string())
        }
        _ => format!("{}:", url.scheme()),
    }
}

fn is_plain(host: &str) -> bool {
    host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

fn origin(url: &Url, host: &str) -> String {
    match url.port() {
        Some(port) => format!("{}://{host}:{port}", url.scheme()),
        None => format!("{}://{host}", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use super::{form_target, policy};

    #[test]
    fn the_origin_or_the_scheme_of_the_redirect_uri() {
        for (uri, target) in [
            ("https://rp.example/cb?x=1", "https://rp.example"),
            ("https://rp.example:8443/cb", "https://rp.example:8443"),
            ("http://localhost:1/callback", "http://localhost:1"),
            ("http://127.0.0.1:51004/cb", "http://127.0.0.1:51004"),
            ("http://[::1]:51004/cb", "http:"),
            ("com.example.app:/cb", "com.example.app:"),
            ("https://rp.example;script-src *", ""),
            ("nonsense", ""),
        ] {
            assert_eq!(form_target(uri), target, "{uri}");
        }
    }

    #[test]
    fn nothing_can_be_smuggled_into_the_policy() {
        let target = form_target("https://rp.example/;script-src *");
        assert_eq!(policy(&target).matches("script-src").count(), 0);
        for uri in ["https://rp.example;sandbox/", "https://*.example/", "https://a,b/", "https://'self'/"] {
            assert_eq!(form_target(uri), "https:", "{uri}");
        }
        assert!(policy("").contains("form-action 'self';"));
    }
}
