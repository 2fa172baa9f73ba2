//! What a provider must fulfil to be built.

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::{BuildError, refuse};
use crate::client_auth::ClientAuthentication;
use crate::config::{Lifetime, LifetimeOverrides, Lifetimes, Paths};
use crate::grant_type::{Front, GrantType};
use crate::provider::Issuer;
use crate::token::credential::{MAX_LENGTH, is_presentable};
use crate::token::format::Format;
use crate::types::{GrantTypeName, is_loopback};

/// > The issuer identifier ... is a URL that uses the "https" scheme and has no query or fragment components
/// > (RFC 8414 §2)
pub(super) fn issuer(text: &str, insecure: bool) -> Result<Issuer, BuildError> {
    let Ok(url) = Url::parse(text) else {
        return refuse(format!(
            "the issuer `{text}` is not a URL; write for example https://login.example.com"
        ));
    };
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return refuse(
            "the issuer has a query, a fragment or user information; write scheme, host and path only",
        );
    }
    let secure = url.scheme() == "https";
    let http_allowed = url.scheme() == "http" && (insecure || is_loopback(&url));
    if !secure && !http_allowed {
        return refuse(
            "the issuer is not https; plain http is allowed on this machine (http://localhost) or with .insecure_issuer()",
        );
    }
    // What stands there is what clients compare, so it must be what browsers and clients read.
    let canonical = url.as_str();
    if canonical != text && canonical.strip_suffix('/') != Some(text) {
        return refuse(format!(
            "the issuer is written unusually; write `{}`",
            canonical.trim_end_matches('/')
        ));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    let cookie = if secure { "__Host-grantor-browser" } else { "grantor-browser" };
    Ok(Issuer { text: text.to_owned(), path, secure, cookie })
}

pub(super) fn grant_types(kinds: &[Arc<dyn GrantType>]) -> Result<(), BuildError> {
    if kinds.is_empty() {
        return refuse("it has no grant type; call .grant(..)");
    }
    for (at, kind) in kinds.iter().enumerate() {
        for other in kinds.iter().skip(at + 1) {
            if kind.grant_type() == other.grant_type() {
                return refuse(format!("the grant type {} is registered twice", kind.grant_type()));
            }
            if kind.front() != Front::None && kind.front() == other.front() {
                return refuse(format!(
                    "the grant types {} and {} answer the same response_type",
                    kind.grant_type(),
                    other.grant_type()
                ));
            }
            if kind.refresh().is_some() && other.refresh().is_some() {
                return refuse("two grant types bring refresh tokens");
            }
        }
    }
    Ok(())
}

pub(super) fn methods(methods: &[Arc<dyn ClientAuthentication>]) -> Result<(), BuildError> {
    for (at, method) in methods.iter().enumerate() {
        if methods.iter().skip(at + 1).any(|other| other.method() == method.method()) {
            return refuse(format!("the client authentication {} is registered twice", method.method()));
        }
    }
    Ok(())
}

pub(super) fn paths(paths: &Paths) -> Result<(), BuildError> {
    let all = [&paths.authorize, &paths.token, &paths.revoke, &paths.introspect];
    for (at, path) in all.iter().enumerate() {
        let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.' | b'~');
        if !path.starts_with('/') || path.len() < 2 || !path.bytes().all(legal) {
            return refuse(format!(
                "the path `{path}` must begin with `/` and have letters, digits, - _ . ~ only"
            ));
        }
        if all.iter().skip(at + 1).any(|other| other == path) {
            return refuse(format!("two endpoints have the path {path}"));
        }
    }
    Ok(())
}

/// A lifetime of zero gives what is dead already; who means "for ever" must say so.
pub(super) fn lifetimes(kinds: &[Arc<dyn GrantType>], provider: &Lifetimes) -> Result<(), BuildError> {
    let zero = Some(Lifetime::For(Duration::ZERO));
    let refuse_for = |of: &str| {
        refuse(format!(
            "{of} has a lifetime of zero; give it some time, or write Lifetime::Never for one that never ends"
        ))
    };
    let own = [provider.access_token, provider.refresh_token, provider.refresh_token_idle];
    if provider.code.is_zero() || provider.request.is_zero() || own.into_iter().any(|own| Some(own) == zero) {
        return refuse_for("the provider");
    }
    for kind in kinds {
        let of_refresh = kind.refresh().map(|refresh| refresh.lifetimes).unwrap_or_default();
        let has_zero = |own: LifetimeOverrides| {
            [own.code, own.access_token, own.refresh_token, own.refresh_token_idle].contains(&zero)
        };
        if has_zero(kind.lifetimes()) || has_zero(of_refresh) {
            return refuse_for(&format!("the grant type {}", kind.grant_type()));
        }
    }
    Ok(())
}

/// Strings that could not be found again, or that somebody could guess, would be seen by users first.
pub(super) fn format(format: &Format) -> Result<(), BuildError> {
    let Format::Foreign(generator) = format else { return Ok(()) };
    let (one, again, other) =
        (generator.generate(&[7; 32]), generator.generate(&[7; 32]), generator.generate(&[8; 32]));
    if one != again {
        return refuse(format!(
            "{generator:?} gives two strings for one seed; it must be a pure function, for a repeated request derives its token again"
        ));
    }
    if one == other {
        return refuse(format!(
            "{generator:?} gives one string for two seeds; it must keep at least 128 bits of the seed"
        ));
    }
    if [&one, &other].iter().any(|text| !is_presentable(text) || text.len() < 16) {
        return refuse(format!("{generator:?} must give 16 to {MAX_LENGTH} characters of visible ASCII"));
    }
    Ok(())
}

/// What works, but should be known.
pub(super) fn warn(kinds: &[Arc<dyn GrantType>], lifetimes: &Lifetimes, issuer: &Issuer) {
    for kind in kinds {
        let name = kind.grant_type();
        if name == GrantTypeName::IMPLICIT || name == GrantTypeName::PASSWORD {
            tracing::warn!(target: "grantor", reason = "legacy_grant", grant_type = %name, "RFC 9700 forbids this grant type to new deployments");
        }
        let own = kind.lifetimes();
        if own.access_token.unwrap_or(lifetimes.access_token) == Lifetime::Never {
            tracing::warn!(target: "grantor", reason = "tokens_never_expire", grant_type = %name, "its access tokens never expire");
        }
    }
    if lifetimes.refresh_token == Lifetime::Never {
        tracing::warn!(target: "grantor", reason = "tokens_never_expire", "refresh tokens never expire");
    }
    if !issuer.secure && !Url::parse(&issuer.text).is_ok_and(|url| is_loopback(&url)) {
        tracing::warn!(target: "grantor", reason = "insecure_issuer", "the issuer is not https");
    }
}
