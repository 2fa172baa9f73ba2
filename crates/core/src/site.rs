//! The site adapter: login and consent belong to the embedder.
//!
//! python-oauth2 asked three questions (`user_has_denied_access`, `authenticate`, `render_auth_page`). Here it is one
//! question with three answers: [`Decision::Allow`], [`Decision::Deny`], [`Decision::Show`].

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Extensions, HeaderMap, Method, Request, Response, Uri};
use serde_json::{Map, Value};

use crate::authorize::AuthorizationRequest;
use crate::authorize::pending::WayBack;
use crate::clock::Timestamp;
use crate::ctx::Ctx;
use crate::error::{BoxError, Error};
use crate::params::Params;
use crate::types::Scopes;

/// The embedder's login and consent.
///
/// ```
/// use grantor_core::{Approval, Ask, BoxError, Ctx, Decision, SiteAdapter};
///
/// #[derive(Debug)]
/// struct Site;
///
/// #[async_trait::async_trait]
/// impl SiteAdapter for Site {
///     async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
///         if ask.form("deny").is_some() {
///             return Ok(Decision::Deny);
///         }
///         if ask.form("confirm").is_some() {
///             return Ok(Decision::Allow(Approval::of("alice")));
///         }
///         let page = format!(
///             "<form method=post action='{}'><input type=hidden name=form_token value='{}'>\
///              <button name=confirm value=1>Allow</button><button name=deny value=1>Deny</button></form>",
///             ask.resume_url(), ask.form_token());
///         Ok(Decision::page(page))
///     }
/// }
/// ```
#[async_trait]
pub trait SiteAdapter: fmt::Debug + Send + Sync + 'static {
    /// Says yes, no, or shows a page that will come back to [`Ask::resume_url`].
    ///
    /// # Errors
    /// Anything; the client's browser is sent back with `server_error`, the cause goes to the log.
    async fn decide(&self, ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError>;

    /// The page for an error that must not be redirected. `None`: a plain page of core's.
    fn error_page(&self, _ctx: &Ctx<'_>, _error: &Error) -> Option<Response<Bytes>> {
        None
    }
}

/// What the site adapter answers.
#[must_use]
pub enum Decision {
    /// The user allows it.
    Allow(Approval),
    /// The user says no: the client gets `access_denied`.
    Deny,
    /// The user must do something first: any page or redirect.
    Show(Response<Bytes>),
}

impl Decision {
    /// Shows this HTML. Escape what comes from outside.
    pub fn page(html: impl Into<Bytes>) -> Self {
        Self::Show(Response::new(html.into()))
    }
}

impl fmt::Debug for Decision {
    /// Nothing of a page: it has the form token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allow(approval) => f.debug_tuple("Allow").field(approval).finish(),
            Self::Deny => f.write_str("Deny"),
            Self::Show(page) => f.debug_tuple("Show").field(&page.status()).finish(),
        }
    }
}

/// Who allowed what.
#[derive(Debug, Clone, Default)]
pub struct Approval {
    pub(crate) subject: Option<String>,
    pub(crate) data: Option<Map<String, Value>>,
    pub(crate) scopes: Option<Scopes>,
    pub(crate) auth_time: Option<Timestamp>,
}

impl Approval {
    /// Approved by this user.
    pub fn of(subject: impl Into<String>) -> Self {
        Self { subject: Some(subject.into()), ..Self::default() }
    }

    /// Approved by nobody who has a name.
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// What resource servers shall know besides: any JSON object. They get it from introspection and the guard.
    #[must_use]
    pub fn data(mut self, data: Map<String, Value>) -> Self {
        self.data = Some(data);
        self
    }

    /// Only these of the scopes that were asked for.
    #[must_use]
    pub fn scopes(mut self, scopes: Scopes) -> Self {
        self.scopes = Some(scopes);
        self
    }

    /// When the user proved who they are.
    #[must_use]
    pub fn auth_time(mut self, at: Timestamp) -> Self {
        self.auth_time = Some(at);
        self
    }
}

/// The question: a validated authorization request, and the HTTP request that brought it here.
pub struct Ask<'a> {
    pub(crate) request: &'a AuthorizationRequest,
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) extensions: &'a Extensions,
    pub(crate) query: &'a Params,
    /// Empty unless this is a POST with the right cookie and form token.
    pub(crate) form: &'a Params,
    pub(crate) way_back: WayBack<'a>,
    pub(crate) resumed: bool,
}

impl<'a> Ask<'a> {
    /// The validated request: client, scopes, state and so on.
    pub fn request(&self) -> &'a AuthorizationRequest {
        self.request
    }

    /// Where the page must come back to: the form's `action`, or the return address of one's own login page. Relative
    /// to the site's root, bound to this browser.
    pub fn resume_url(&self) -> &str {
        self.way_back.resume_url()
    }

    /// What a form must send as `form_token`; without it the POST is refused before the adapter is asked.
    pub fn form_token(&self) -> &str {
        self.way_back.form_token()
    }

    /// A field of the form that the user sent. Only a POST to [`Ask::resume_url`] with the right cookie and form token
    /// has any: parameters of the request that opened the page are never here, so they cannot count as consent.
    pub fn form(&self, name: &str) -> Option<&'a str> {
        self.form.get(name)
    }

    /// All fields of that form.
    pub fn form_fields(&self) -> &'a Params {
        self.form
    }

    /// A parameter of the URL.
    pub fn query(&self, name: &str) -> Option<&'a str> {
        self.query.get(name)
    }

    /// Whether the user sent a form to [`Ask::resume_url`].
    pub fn is_decision(&self) -> bool {
        self.resumed && *self.method == Method::POST
    }

    /// The method of the HTTP request.
    pub fn method(&self) -> &'a Method {
        self.method
    }

    /// The URI of the HTTP request.
    pub fn uri(&self) -> &'a Uri {
        self.uri
    }

    /// The headers of the HTTP request: all, or those that the builder's `site_headers` names.
    pub fn headers(&self) -> &'a HeaderMap {
        self.headers
    }

    /// What the web adapter and the layers before it put beside the request.
    pub fn extensions(&self) -> &'a Extensions {
        self.extensions
    }
}

impl fmt::Debug for Ask<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("request", &self.request)
            .field("method", self.method)
            .finish_non_exhaustive()
    }
}

/// The headers that the site adapter may see.
pub(crate) fn visible_headers<'a>(
    request: &'a Request<Bytes>,
    only: Option<&[http::HeaderName]>,
) -> Cow<'a, HeaderMap> {
    match only {
        None => Cow::Borrowed(request.headers()),
        Some(names) => {
            let mut visible = HeaderMap::new();
            for name in names {
                for value in request.headers().get_all(name) {
                    visible.append(name.clone(), value.clone());
                }
            }
            Cow::Owned(visible)
        }
    }
}
