//! Authorization server metadata (RFC 8414): computed from what is registered, once.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, Response};
use serde::Serialize;

use crate::authorize::RESPONSE_MODES;
use crate::grant_type::Front;
use crate::provider::Parts;
use crate::types::{AuthMethod, Scopes};

#[derive(Serialize)]
struct Metadata {
    issuer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorization_endpoint: Option<String>,
    token_endpoint: String,
    revocation_endpoint: String,
    introspection_endpoint: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes_supported: Vec<String>,
    response_types_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    response_modes_supported: Vec<String>,
    grant_types_supported: Vec<String>,
    token_endpoint_auth_methods_supported: Vec<String>,
    revocation_endpoint_auth_methods_supported: Vec<String>,
    introspection_endpoint_auth_methods_supported: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    code_challenge_methods_supported: Vec<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    authorization_response_iss_parameter_supported: bool,
}

/// > inserting the well-known string between the host component and the path component (§3)
pub(crate) fn path(parts: &Parts) -> String {
    format!("/.well-known/oauth-authorization-server{}", parts.issuer.path)
}

/// The document, as it is sent.
pub(crate) fn document(parts: &Parts) -> Bytes {
    let base = parts.issuer.text.strip_suffix('/').unwrap_or(&parts.issuer.text);
    let url = |path: &str| format!("{base}{path}");
    let fronts: Vec<Front> = parts.grant_types.iter().map(|kind| kind.front()).collect();
    let has_front = fronts.iter().any(|front| *front != Front::None);
    let methods = |also_none: bool| {
        let names = parts.client_authentications.iter().map(|method| method.method());
        names
            .filter(|name| also_none || *name != AuthMethod::NONE)
            .map(|name| name.to_string())
            .collect::<Vec<_>>()
    };
    let mut scopes = vec![parts.scopes.announced()];
    scopes
        .extend(parts.grant_types.iter().filter_map(|kind| kind.scopes()).map(crate::ScopePolicy::announced));
    let scopes = scopes.iter().flat_map(Scopes::iter).collect::<Vec<_>>().join(" ");
    let metadata = Metadata {
        issuer: parts.issuer.text.clone(),
        authorization_endpoint: has_front.then(|| url(&parts.paths.authorize)),
        token_endpoint: url(&parts.paths.token),
        revocation_endpoint: url(&parts.paths.revoke),
        introspection_endpoint: url(&parts.paths.introspect),
        scopes_supported: Scopes::parse(&scopes).unwrap_or_default().iter().map(str::to_owned).collect(),
        response_types_supported: fronts
            .iter()
            .filter_map(|front| front.response_type())
            .map(|name| name.to_string())
            .collect(),
        response_modes_supported: if has_front {
            RESPONSE_MODES.iter().map(|mode| mode.name().to_string()).collect()
        } else {
            Vec::new()
        },
        grant_types_supported: parts.grant_types.iter().map(|kind| kind.grant_type().to_string()).collect(),
        token_endpoint_auth_methods_supported: methods(true),
        revocation_endpoint_auth_methods_supported: methods(true),
        introspection_endpoint_auth_methods_supported: methods(false),
        code_challenge_methods_supported: if fronts.contains(&Front::Code) {
            vec!["S256"]
        } else {
            Vec::new()
        },
        authorization_response_iss_parameter_supported: has_front,
    };
    // Texts and lists only: this cannot fail.
    Bytes::from(serde_json::to_vec(&metadata).unwrap_or_default())
}

pub(super) fn answer(parts: &Parts, method: &Method) -> Response<Bytes> {
    let body = if *method == Method::GET { parts.metadata.clone() } else { Bytes::new() };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Public facts: every script may read them, whatever headers its library sends along.
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if *method == Method::OPTIONS {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("*"));
    }
    response
}
