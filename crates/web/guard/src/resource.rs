//! What a protected API says about itself: OAuth 2.0 Protected Resource Metadata (RFC 9728).

use std::fmt;

use bytes::Bytes;
use grantor_core::Scopes;
use http::header::{self, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Map, Value, json};
use url::Url;

/// The metadata document of an API: who issues tokens for it, and which scopes there are. A client that was refused finds it
/// by the `resource_metadata` of the challenge, see [`Guard::resource`](crate::Guard::resource).
///
/// ```
/// use grantor_core::Scopes;
/// use grantor_web_guard::ProtectedResource;
///
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let resource = ProtectedResource::new("https://api.example.com/jobs")?
///     .authorization_server("https://login.example.com")
///     .scopes(&Scopes::parse("jobs.read jobs.write")?);
/// assert_eq!(resource.path(), "/.well-known/oauth-protected-resource/jobs");
/// let answer: http::Response<bytes::Bytes> = resource.response(); // for GET on this path
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct ProtectedResource {
    url: Url,
    document: Map<String, Value>,
}

/// Not the identifier of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidResource;

impl fmt::Display for InvalidResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "a protected resource is an https: URL without fragment and user (http: only on this machine), RFC 9728 section 1.2",
        )
    }
}

impl std::error::Error for InvalidResource {}

const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl ProtectedResource {
    /// The API of this identifier, the URL that clients know it by.
    ///
    /// > a URL that uses the https scheme and has no fragment component (RFC 9728 §1.2)
    ///
    /// # Errors
    /// [`InvalidResource`].
    pub fn new(resource: &str) -> Result<Self, InvalidResource> {
        let url = Url::parse(resource).map_err(|_| InvalidResource)?;
        let local = matches!(url.host_str(), Some("127.0.0.1" | "[::1]" | "localhost"));
        let scheme = url.scheme() == "https" || (url.scheme() == "http" && local);
        let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if !scheme || !plain || url.host_str().is_none_or(str::is_empty) {
            return Err(InvalidResource);
        }
        let mut document = Map::new();
        // The identifier is compared as a string (§3.3), so it is told as it was given.
        document.insert("resource".into(), resource.into());
        document.insert("bearer_methods_supported".into(), json!(["header"]));
        Ok(Self { url, document })
    }

    /// An issuer of tokens for this API; more than one may be named.
    #[must_use]
    pub fn authorization_server(mut self, issuer: impl Into<String>) -> Self {
        let servers = self.document.entry("authorization_servers").or_insert_with(|| json!([]));
        if let Value::Array(servers) = servers {
            servers.push(issuer.into().into());
        }
        self
    }

    /// The scopes that there are.
    #[must_use]
    pub fn scopes(self, scopes: &Scopes) -> Self {
        let scopes: Vec<&str> = scopes.iter().collect();
        let scopes = json!(scopes);
        self.with("scopes_supported", scopes)
    }

    /// What people call it.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("resource_name", Value::String(name.into()))
    }

    /// A URL with documentation for developers.
    #[must_use]
    pub fn documentation(self, url: impl Into<String>) -> Self {
        self.with("resource_documentation", Value::String(url.into()))
    }

    /// Any other member of the document (RFC 9728 §2).
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.document.insert(member.into(), value.into());
        self
    }

    /// The path that the document must be served at.
    ///
    /// > by inserting a well-known URI string ... between the host component and the path and/or query components (§3)
    pub fn path(&self) -> String {
        let path = self.url.path();
        format!("{WELL_KNOWN}{}", if path == "/" { "" } else { path })
    }

    /// The URL of the document, for the `resource_metadata` of a challenge (§5.1).
    pub fn metadata_url(&self) -> String {
        let query = self.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{}{query}", self.url.origin().ascii_serialization(), self.path())
    }

    /// The answer to a GET of the document. Scripts of every origin may read it, as clients in browsers have to.
    pub fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(Value::Object(self.document.clone()).to_string()));
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc9728_1_2_the_identifier() {
        for bad in [
            "http://api.example",
            "https://api.example/#f",
            "https://u@api.example",
            "api",
            "https://",
            "ftp://h/",
            "urn:x",
        ] {
            assert!(ProtectedResource::new(bad).is_err(), "{bad}");
        }
        for good in [
            "https://api.example",
            "https://api.example/a?b=c",
            "http://localhost:3000/x",
            "http://127.0.0.1",
        ] {
            assert!(ProtectedResource::new(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn rfc9728_3_where_the_document_is() {
        for (resource, url) in [
            ("https://api.example", "https://api.example/.well-known/oauth-protected-resource"),
            ("https://api.example/", "https://api.example/.well-known/oauth-protected-resource"),
            (
                "https://api.example:8443/a/b",
                "https://api.example:8443/.well-known/oauth-protected-resource/a/b",
            ),
            ("https://api.example/a?t=1", "https://api.example/.well-known/oauth-protected-resource/a?t=1"),
        ] {
            assert_eq!(ProtectedResource::new(resource).unwrap().metadata_url(), url);
        }
    }

    #[test]
    fn rfc9728_2_the_document() {
        let resource = ProtectedResource::new("https://API.example")
            .unwrap()
            .authorization_server("https://a.example")
            .authorization_server("https://b.example")
            .scopes(&Scopes::parse("x y").unwrap())
            .name("Jobs");
        let response = resource.response();
        let document: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(
            document,
            json!({
                "resource": "https://API.example", "authorization_servers": ["https://a.example", "https://b.example"],
                "scopes_supported": ["x", "y"], "bearer_methods_supported": ["header"], "resource_name": "Jobs",
            })
        );
        assert_eq!(response.headers()["content-type"], "application/json");
    }
}
