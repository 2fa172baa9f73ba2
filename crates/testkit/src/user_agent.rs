//! A scripted browser without a network: it keeps cookies, follows redirects inside one origin, reads forms and sends
//! them back, as RFC 6749 §3.1 expects of a user agent.
//!
//! ```
//! use bytes::Bytes;
//! use grantor_testkit::UserAgent;
//! use http::{Request, Response};
//!
//! # async fn doc() -> Result<(), grantor_testkit::Stuck> {
//! let mut browser = UserAgent::new("https://as.example", |request: Request<Bytes>| async move {
//!     let _ = request;
//!     Response::new(Bytes::from("<form action=/next><button name=yes value=1>Yes</button></form>"))
//! });
//! let page = browser.get("/authorize?client_id=abc").await;
//! let next = browser.press(&page, "yes", &[]).await?;
//! assert_eq!(next.status, 200);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::future::Future;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use url::{Position, Url};

use crate::form::{Form, forms};

/// So many redirects are followed before the browser gives up, as a person would.
const MAX_REDIRECTS: usize = 10;

/// A scripted browser with one cookie jar, over any function that answers requests.
pub struct UserAgent<S> {
    origin: Url,
    send: S,
    cookies: Vec<Cookie>,
    headers: HeaderMap,
}

impl<S> fmt::Debug for UserAgent<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserAgent").field("origin", &self.origin.as_str()).finish_non_exhaustive()
    }
}

/// A cookie in the jar.
#[derive(Debug, Clone)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The header that set it, whole.
    pub header: String,
    path: String,
    secure: bool,
}

/// Where the browser is.
#[derive(Debug, Clone)]
pub struct Page {
    /// The address of the last answer.
    pub url: Url,
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
    /// Where the last answer sends the browser to, outside of the origin: the client's redirect URI. It is not followed.
    pub left_for: Option<String>,
}

/// The script cannot go on: the page does not have what the script wants to press.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck(String);

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Stuck {}

impl<S, F> UserAgent<S>
where
    S: Fn(Request<Bytes>) -> F,
    F: Future<Output = Response<Bytes>>,
{
    /// A fresh browser for this origin (`https://as.example`), without cookies.
    pub fn new(origin: &str, send: S) -> Self {
        // A wrong origin shows at the first request: nothing is there.
        let origin = Url::parse(origin).unwrap_or_else(|_| nowhere());
        Self { origin, send, cookies: Vec::new(), headers: HeaderMap::new() }
    }

    /// Sends this header with each request from now on.
    #[must_use]
    pub fn with_header(mut self, name: http::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The cookies in the jar.
    pub fn cookies(&self) -> &[Cookie] {
        &self.cookies
    }

    /// Empties the jar, as a browser does whose user clears it.
    pub fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    /// Opens an address; a relative one is below the origin.
    pub async fn get(&mut self, url: &str) -> Page {
        let url = self.origin.join(url).unwrap_or_else(|_| nowhere());
        self.go(Method::GET, url, None).await
    }

    /// Posts a form to an address.
    pub async fn post(&mut self, url: &str, fields: &[(&str, &str)]) -> Page {
        let url = self.origin.join(url).unwrap_or_else(|_| nowhere());
        self.go(Method::POST, url, Some(encoded(fields))).await
    }

    /// Fills in the first form of the page and presses the button with this name; `typed` replaces or adds fields.
    ///
    /// # Errors
    /// [`Stuck`] where the page has no form with such a button.
    pub async fn press(&mut self, page: &Page, button: &str, typed: &[(&str, &str)]) -> Result<Page, Stuck> {
        let forms = page.forms();
        let found = forms.iter().find_map(|form| Some((form, form.pressed(button)?)));
        let Some((form, mut fields)) = found else {
            return Err(Stuck(format!(
                "no form with a button `{button}` on {} ({}): {}",
                page.url,
                page.status,
                page.text()
            )));
        };
        for (name, value) in typed {
            fields.retain(|(own, _)| own != name);
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        Ok(self.send_form(page, form, &fields).await)
    }

    async fn send_form(&mut self, page: &Page, form: &Form, fields: &[(String, String)]) -> Page {
        let mut url = page.url.join(&form.action).unwrap_or_else(|_| nowhere());
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        if form.post {
            return self.go(Method::POST, url, Some(encoded(&fields))).await;
        }
        url.set_query(Some(&encoded(&fields)));
        self.go(Method::GET, url, None).await
    }

    async fn go(&mut self, method: Method, url: Url, form: Option<String>) -> Page {
        let (mut method, mut url, mut form) = (method, url, form);
        for _ in 0..MAX_REDIRECTS {
            if url.origin() != self.origin.origin() {
                return Page::elsewhere(url);
            }
            let request = self.request(&method, &url, form.as_deref());
            let response = (self.send)(request).await;
            self.keep_cookies(&url, response.headers());
            let target = location(&response).map(|target| (url.join(&target), target));
            match target {
                None => return Page::of(url, response, None),
                Some((Ok(next), _)) if next.origin() == self.origin.origin() => {
                    // 307 and 308 repeat the request; everything else becomes a GET.
                    if !matches!(response.status().as_u16(), 307 | 308) {
                        (method, form) = (Method::GET, None);
                    }
                    url = next;
                }
                Some((_, target)) => return Page::of(url, response, Some(target)),
            }
        }
        Page::elsewhere(url)
    }

    fn request(&self, method: &Method, url: &Url, form: Option<&str>) -> Request<Bytes> {
        let mut request = Request::new(Bytes::from(form.unwrap_or_default().to_owned()));
        request.method_mut().clone_from(method);
        let target = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        *request.uri_mut() = target.parse().unwrap_or_default();
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        let host = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]);
        headers.insert(header::HOST, host.unwrap_or(HeaderValue::from_static("nowhere")));
        headers.insert(header::ACCEPT, HeaderValue::from_static("text/html"));
        if form.is_some() {
            let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, kind);
        }
        let cookies: Vec<String> = self
            .cookies
            .iter()
            .filter(|cookie| cookie.goes_to(url))
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        if let Ok(value) = HeaderValue::from_str(&cookies.join("; "))
            && !cookies.is_empty()
        {
            headers.insert(header::COOKIE, value);
        }
        request
    }

    fn keep_cookies(&mut self, url: &Url, headers: &HeaderMap) {
        for value in headers.get_all(header::SET_COOKIE) {
            let Some((cookie, ended)) = value.to_str().ok().and_then(|text| Cookie::parse(text, url)) else {
                continue;
            };
            self.cookies.retain(|own| own.name != cookie.name || own.path != cookie.path);
            if !ended {
                self.cookies.push(cookie);
            }
        }
    }
}

impl Page {
    fn of(url: Url, response: Response<Bytes>, left_for: Option<String>) -> Self {
        let (parts, body) = response.into_parts();
        Self { url, status: parts.status, headers: parts.headers, body, left_for }
    }

    /// An address outside of the origin (or too many redirects): the browser shows nothing of it.
    fn elsewhere(url: Url) -> Self {
        let left_for = Some(url.as_str().to_owned());
        Self { url, status: StatusCode::OK, headers: HeaderMap::new(), body: Bytes::new(), left_for }
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The forms of the page.
    pub fn forms(&self) -> Vec<Form> {
        forms(&self.text())
    }

    /// A header as text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A parameter of the answer that the browser carries to the client: from the query or the fragment of
    /// [`Page::left_for`], or a field of a form that is posted to another origin.
    pub fn answer(&self, name: &str) -> Option<String> {
        self.answers().into_iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// All of these parameters, in order.
    pub fn answers(&self) -> Vec<(String, String)> {
        let Some(target) = &self.left_for else {
            let away = |form: &Form| {
                self.url.join(&form.action).is_ok_and(|target| target.origin() != self.url.origin())
            };
            return self.forms().into_iter().find(away).map(|form| form.fields).unwrap_or_default();
        };
        let text = target.split_once('#').or_else(|| target.split_once('?')).map_or("", |(_, rest)| rest);
        form_urlencoded::parse(text.as_bytes()).into_owned().collect()
    }
}

impl Cookie {
    /// Reads `Set-Cookie` as a browser does (RFC 6265bis §5.6); `true` beside it where it ends the cookie. `None` where
    /// a browser would not keep it: `Secure` over http, or a `__Host-` name without what it promises.
    fn parse(header: &str, url: &Url) -> Option<(Self, bool)> {
        let mut parts = header.split(';').map(str::trim);
        let (name, value) = parts.next()?.split_once('=')?;
        let attributes: Vec<(String, &str)> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "")))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect();
        let attribute =
            |wanted: &str| attributes.iter().find(|(own, _)| own == wanted).map(|(_, value)| *value);
        let secure = attribute("secure").is_some();
        let path = attribute("path").filter(|path| path.starts_with('/')).unwrap_or("/").to_owned();
        let is_https = url.scheme() == "https";
        let host_only = secure && attribute("domain").is_none() && path == "/";
        if (secure && !is_https) || (name.starts_with("__Host-") && !host_only) {
            return None;
        }
        let ended = attribute("max-age").is_some_and(|age| age.parse::<i64>().is_ok_and(|age| age <= 0));
        let cookie =
            Self { name: name.to_owned(), value: value.to_owned(), header: header.to_owned(), path, secure };
        Some((cookie, ended))
    }

    fn goes_to(&self, url: &Url) -> bool {
        let below = url.path().strip_prefix(self.path.as_str());
        let fits =
            below.is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'));
        fits && (!self.secure || url.scheme() == "https")
    }
}

fn location(response: &Response<Bytes>) -> Option<String> {
    let value = response.headers().get(header::LOCATION).filter(|_| response.status().is_redirection())?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// An address that no server has.
#[expect(clippy::expect_used, reason = "a constant")]
fn nowhere() -> Url {
    Url::parse("about:blank").expect("about:blank is a URL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn a_browser_refuses_what_cookies_promise_and_do_not_keep() {
        let (https, http) = (url("https://as.example/a"), url("http://localhost/a"));
        for (header, url, kept) in [
            ("a=b", &http, true),
            ("a=b; Secure", &http, false),
            ("a=b; Secure", &https, true),
            ("__Host-a=b; Secure; Path=/", &https, true),
            ("__Host-a=b; Secure; Path=/x", &https, false),
            ("__Host-a=b; Path=/", &https, false),
            ("__Host-a=b; Secure; Path=/; Domain=as.example", &https, false),
        ] {
            assert_eq!(Cookie::parse(header, url).is_some(), kept, "{header}");
        }
        assert!(Cookie::parse("a=; Max-Age=0", &https).unwrap().1);
    }

    #[test]
    fn the_host_has_its_port() {
        let browser = UserAgent::new("http://localhost:8081", async |_: Request<Bytes>| Response::default());
        for (target, host) in [("http://localhost:8081/a?b", "localhost:8081"), ("https://[::1]/", "[::1]")] {
            let request = browser.request(&Method::GET, &url(target), None);
            assert_eq!(request.headers()[header::HOST], host);
        }
    }

    #[test]
    fn a_cookie_goes_below_its_path_only() {
        let cookie = Cookie::parse("a=b; Path=/login", &url("https://as.example/")).unwrap().0;
        assert!(cookie.goes_to(&url("https://as.example/login/next")));
        assert!(!cookie.goes_to(&url("https://as.example/loginx")));
        assert!(!cookie.goes_to(&url("https://as.example/")));
    }
}
