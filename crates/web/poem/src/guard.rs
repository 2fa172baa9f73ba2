//! The guard as a middleware of poem, and who came past it as an extractor (RFC 6750).

use std::ops::Deref;

use grantor_web_guard::Guard;
use poem::http::StatusCode;
use poem::{Endpoint, Error, FromRequest, IntoResponse, Middleware, Request, RequestBody, Response, Result};

use crate::outward;

/// Lets only requests pass that a [`Guard`] accepts; handlers behind it find out by [`Access`] who sent them.
///
/// ```
/// use grantor_core::{Provider, Scopes};
/// use grantor_web_guard::Guard;
/// use grantor_web_poem::{Access, GuardMiddleware};
/// use poem::{EndpointExt as _, Route, get, handler};
///
/// #[handler]
/// async fn jobs(access: Access) -> String {
///     format!("the jobs of {}", access.client_id())
/// }
///
/// fn api(provider: Provider) -> Result<Route, Box<dyn std::error::Error>> {
///     let guard = Guard::new(provider).require(Scopes::parse("jobs.read")?);
///     Ok(Route::new().at("/jobs", get(jobs).with(GuardMiddleware::new(guard))))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct GuardMiddleware {
    guard: Guard,
}

impl GuardMiddleware {
    /// The middleware of this guard.
    pub const fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl<E: Endpoint> Middleware<E> for GuardMiddleware {
    type Output = GuardEndpoint<E>;

    fn transform(&self, inner: E) -> GuardEndpoint<E> {
        GuardEndpoint { guard: self.guard.clone(), inner }
    }
}

/// An endpoint behind a [`Guard`]; [`GuardMiddleware`] makes it.
#[derive(Debug)]
pub struct GuardEndpoint<E> {
    guard: Guard,
    inner: E,
}

impl<E: Endpoint> Endpoint for GuardEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        match self.guard.check(request.headers()).await {
            Ok(access) => {
                request.set_data(Access(access));
                self.inner.call(request).await.map(IntoResponse::into_response)
            }
            Err(refusal) => Ok(outward(refusal.into_response())),
        }
    }
}

/// Who a request comes from, behind a [`GuardMiddleware`]; a route without one answers 500, never the handler.
///
/// `Option<Access>` is `None` there instead, for handlers that serve both.
#[derive(Debug, Clone)]
pub struct Access(grantor_web_guard::Access);

impl Deref for Access {
    type Target = grantor_web_guard::Access;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'a> FromRequest<'a> for Access {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> Result<Self> {
        request.data::<Self>().cloned().ok_or_else(|| {
            tracing::error!(target: "grantor", reason = "route_without_guard", path = request.uri().path(),
                "a handler takes Access, but no GuardMiddleware is around its route");
            Error::from_status(StatusCode::INTERNAL_SERVER_ERROR)
        })
    }
}
