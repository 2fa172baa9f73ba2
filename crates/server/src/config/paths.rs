//! `[paths]`: where the endpoints are, below the path of the issuer.

use super::Config;
use super::setting::{Setting, setting};

const FORM: &str = "write a path that begins with / and has letters, digits, - _ . ~ only";

fn path(text: &str) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
    text.len() > 1 && text.starts_with('/') && text.bytes().all(legal)
}

/// Its settings.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    setting!(
        "paths",
        "authorize",
        String,
        paths.authorize,
        "The authorization endpoint (RFC 6749 section 3.1)",
        |text| path(text),
        FORM
    ),
    setting!(
        "paths",
        "token",
        String,
        paths.token,
        "The token endpoint (RFC 6749 section 3.2)",
        |text| path(text),
        FORM
    ),
    setting!(
        "paths",
        "revoke",
        String,
        paths.revoke,
        "The revocation endpoint (RFC 7009)",
        |text| path(text),
        FORM
    ),
    setting!(
        "paths",
        "introspect",
        String,
        paths.introspect,
        "The introspection endpoint (RFC 7662)",
        |text| path(text),
        FORM
    ),
];
