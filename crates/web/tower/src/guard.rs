//! The guard as a tower layer, and who came past it as an extractor of axum (RFC 6750).

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use grantor_web_guard::Guard;
use http::request::Parts;
use http::{Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

/// Lets only requests pass that a [`Guard`] accepts; handlers behind it find out by [`Access`] who sent them.
///
/// ```
/// use axum::{Router, routing::get};
/// use grantor_core::{Provider, Scopes};
/// use grantor_web_guard::Guard;
/// use grantor_web_tower::{Access, GuardLayer};
///
/// async fn jobs(access: Access) -> String {
///     format!("the jobs of {}", access.client_id())
/// }
///
/// fn api(provider: Provider) -> Result<Router, Box<dyn std::error::Error>> {
///     let guard = Guard::new(provider).require(Scopes::parse("jobs.read")?);
///     Ok(Router::new().route("/jobs", get(jobs)).layer(GuardLayer::new(guard)))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct GuardLayer {
    guard: Guard,
}

impl GuardLayer {
    /// The layer of this guard.
    pub const fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = GuardService<S>;
    fn layer(&self, inner: S) -> GuardService<S> {
        GuardService { guard: self.guard.clone(), inner }
    }
}

/// A service behind a [`Guard`]; [`GuardLayer`] makes it.
#[derive(Clone)]
pub struct GuardService<S> {
    guard: Guard,
    inner: S,
}

impl<S> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl<S, B> Service<Request<B>> for GuardService<S>
where
    S: Service<Request<B>> + Clone + Send + 'static,
    S::Response: IntoResponse,
    S::Future: Send,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // The service that was polled ready goes with the request; its clone waits for the next one.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let guard = self.guard.clone();
        Box::pin(async move {
            match guard.check(request.headers()).await {
                Ok(access) => {
                    request.extensions_mut().insert(Access(access));
                    Ok(inner.call(request).await?.into_response())
                }
                Err(refusal) => Ok(refusal.into_response().map(Body::from)),
            }
        })
    }
}

/// Who a request comes from, behind a [`GuardLayer`]; a route without one answers 500, never the handler.
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

impl<S: Sync> FromRequestParts<S> for Access {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, StatusCode> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| {
            tracing::error!(target: "grantor", reason = "route_without_guard", path = parts.uri.path(),
                "a handler takes Access, but no GuardLayer is around its route");
            StatusCode::INTERNAL_SERVER_ERROR
        })
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Access {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Option<Self>, Infallible> {
        Ok(parts.extensions.get::<Self>().cloned())
    }
}
