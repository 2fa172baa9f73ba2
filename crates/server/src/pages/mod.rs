//! The pages: templates with automatic escaping, one style sheet, and the headers that every page has.
//!
//! Plain HTML forms; nothing needs a script, nothing is loaded from elsewhere. The templates are compiled into the binary.
//!
//! # To change a page
//! Edit the template beside this file. `./test browser` photographs every page and holds it against WCAG 2.2 AA.

mod csp;

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use minijinja::{Environment, Value, context};

pub(crate) use csp::form_target;

/// The name of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    Login,
    Consent,
    Account,
    Logout,
    Message,
    Home,
    Demo,
}

const LAYOUT: (&str, &str) = ("layout.html", include_str!("layout.html"));

impl Page {
    const ALL: [Self; 7] =
        [Self::Login, Self::Consent, Self::Account, Self::Logout, Self::Message, Self::Home, Self::Demo];

    const fn template(self) -> (&'static str, &'static str) {
        match self {
            Self::Login => ("login.html", include_str!("login.html")),
            Self::Consent => ("consent.html", include_str!("consent.html")),
            Self::Account => ("account.html", include_str!("account.html")),
            Self::Logout => ("logout.html", include_str!("logout.html")),
            Self::Message => ("message.html", include_str!("message.html")),
            Self::Home => ("home.html", include_str!("home.html")),
            Self::Demo => ("demo.html", include_str!("demo.html")),
        }
    }
}

/// Renders the pages of one server.
#[derive(Debug)]
pub(crate) struct Pages {
    templates: Environment<'static>,
    /// The issuer's path, which stands before every address of a page.
    base: String,
    /// What the server is called: the host of its issuer.
    app: String,
}

impl Pages {
    /// The pages of the server with this issuer.
    ///
    /// # Errors
    /// A template that does not compile, which the tests rule out.
    pub(crate) fn new(issuer: &url::Url) -> Result<Self, minijinja::Error> {
        let mut templates = Environment::new();
        templates.add_template(LAYOUT.0, LAYOUT.1)?;
        for (name, text) in Page::ALL.map(Page::template) {
            templates.add_template(name, text)?;
        }
        let base = issuer.path().trim_end_matches('/').to_owned();
        Ok(Self { templates, base, app: authority(issuer) })
    }

    /// The issuer's path without a trailing slash.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// A page whose forms come back to this server.
    pub(crate) fn show(&self, page: Page, status: StatusCode, values: Value) -> Response<Bytes> {
        self.show_with_target(page, status, values, "")
    }

    /// A page after whose form the browser may be sent on to `target`, a source expression of CSP.
    pub(crate) fn show_with_target(
        &self,
        page: Page,
        status: StatusCode,
        values: Value,
        target: &str,
    ) -> Response<Bytes> {
        let values = context! { base => &self.base, app => &self.app, ..values };
        let rendered = self.templates.get_template(page.template().0).and_then(|page| page.render(values));
        match rendered {
            Ok(html) => {
                let mut response = Response::new(Bytes::from(html));
                *response.status_mut() = status;
                headers(&mut response, &csp::policy(target));
                response
            }
            Err(error) => {
                tracing::error!(target: "grantor", reason = "page_failed", page = ?page, cause = %error, "a page cannot be rendered");
                let mut response = Response::new(Bytes::from_static(b"The page cannot be shown."));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                headers(&mut response, &csp::policy(""));
                response.headers_mut().insert(header::CONTENT_TYPE, TEXT);
                response
            }
        }
    }

    /// A heading, a sentence, and perhaps a way on.
    pub(crate) fn message(&self, status: StatusCode, heading: &str, words: &str) -> Response<Bytes> {
        self.show(Page::Message, status, context! { heading, words })
    }

    /// One of the files that the pages load, if `name` is one.
    pub(crate) fn asset(name: &str) -> Option<Response<Bytes>> {
        let (kind, text) = match name {
            "style.css" => ("text/css; charset=utf-8", include_str!("style.css")),
            "icon.svg" => ("image/svg+xml", include_str!("icon.svg")),
            _ => return None,
        };
        let mut response = Response::new(Bytes::from_static(text.as_bytes()));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'"));
        headers.insert(CORP, HeaderValue::from_static("same-origin"));
        Some(response)
    }
}

/// `host` or `host:port`, as a person reads it in the address bar.
pub(crate) fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// Features of browsers that no page here needs.
const NO_PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), fullscreen=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), midi=(), payment=(), publickey-credentials-get=(), screen-wake-lock=(), usb=()";

/// The headers of a page: it loads only our style sheet, is framed by nobody (RFC 9700 §4.16), sends no referrer to others
/// (§4.2.4) and is kept by nobody. The referrer policy is not `no-referrer`: browsers would send `Origin: null` then.
fn headers(response: &mut Response<Bytes>, policy: &str) {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    if let Ok(policy) = HeaderValue::from_str(policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (COOP, "same-origin"),
        (CORP, "same-origin"),
        (PERMISSIONS, NO_PERMISSIONS),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// 303, so that a POST becomes a GET and a reload sends nothing twice (RFC 9700 §4.12).
pub(crate) fn see_other(location: &str) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = StatusCode::SEE_OTHER;
    if let Ok(location) = HeaderValue::from_str(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages() -> Pages {
        Pages::new(&"https://login.example/auth".parse().unwrap()).unwrap()
    }

    #[test]
    fn values_are_escaped_also_in_attributes() {
        let values = context! { action => "/x", form_token => "t", username => "\"><script>", client => "<b>&", problem => "" };
        let page = pages().show(Page::Login, StatusCode::OK, values);
        let html = std::str::from_utf8(page.body()).unwrap();
        assert!(!html.contains("<script>") && !html.contains("<b>"), "{html}");
        assert!(html.contains("auth/assets/style.css"), "{html}");
    }

    #[test]
    fn every_page_renders_without_values_and_has_its_headers() {
        for page in Page::ALL {
            let response = pages().show(page, StatusCode::OK, context! {});
            assert_eq!(response.status(), StatusCode::OK, "{page:?}");
            let html = std::str::from_utf8(response.body()).unwrap();
            assert!(
                html.contains("<html lang=\"en\">") && html.matches("<h1").count() == 1,
                "{page:?}: {html}"
            );
            assert!(!html.contains("<script") && !html.contains("style="), "{page:?}");
            let policy = response.headers()["content-security-policy"].to_str().unwrap();
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            assert_eq!(response.headers()["x-frame-options"], "DENY");
        }
    }
}
