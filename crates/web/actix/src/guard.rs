//! The guard as a middleware of actix-web, and who came past it as an extractor (RFC 6750).

use std::fmt;
use std::future::{Future, Ready, ready};
use std::ops::Deref;
use std::pin::Pin;
use std::rc::Rc;

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Payload, Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::{Error, FromRequest, HttpMessage as _, HttpRequest, HttpResponse, ResponseError};
use grantor_web_guard::Guard;

/// Lets only requests pass that a [`Guard`] accepts; handlers behind it find out by [`Access`] who sent them.
///
/// ```
/// use actix_web::web;
/// use grantor_core::{Provider, Scopes};
/// use grantor_web_actix::{Access, GuardMiddleware};
/// use grantor_web_guard::Guard;
///
/// async fn jobs(access: Access) -> String {
///     format!("the jobs of {}", access.client_id())
/// }
///
/// fn api(config: &mut web::ServiceConfig, provider: Provider) -> Result<(), Box<dyn std::error::Error>> {
///     let guard = Guard::new(provider).require(Scopes::parse("jobs.read")?);
///     config.service(web::resource("/jobs").wrap(GuardMiddleware::new(guard)).route(web::get().to(jobs)));
///     Ok(())
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

impl<S, B> Transform<S, ServiceRequest> for GuardMiddleware
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Transform = GuardService<S>;
    type InitError = ();
    type Future = Ready<Result<GuardService<S>, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(GuardService { guard: self.guard.clone(), inner: Rc::new(inner) }))
    }
}

/// A service behind a [`Guard`]; [`GuardMiddleware`] makes it.
pub struct GuardService<S> {
    guard: Guard,
    inner: Rc<S>,
}

impl<S> fmt::Debug for GuardService<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").field("guard", &self.guard).finish_non_exhaustive()
    }
}

impl<S, B> Service<ServiceRequest> for GuardService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + 'static,
{
    type Response = ServiceResponse<EitherBody<B>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Error>>>>;

    forward_ready!(inner);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (guard, inner) = (self.guard.clone(), Rc::clone(&self.inner));
        Box::pin(async move {
            match guard.check(&authorization(&request)).await {
                Ok(access) => {
                    request.extensions_mut().insert(Access(access));
                    Ok(inner.call(request).await?.map_into_left_body())
                }
                Err(refusal) => {
                    let response: HttpResponse = super::outward(refusal.into_response());
                    Ok(request.into_response(response).map_into_right_body())
                }
            }
        })
    }
}

/// The headers that the guard reads, in the types of the newer crate `http`.
fn authorization(request: &ServiceRequest) -> http::HeaderMap {
    let values = request.headers().get_all(actix_web::http::header::AUTHORIZATION);
    let values = values.filter_map(|value| http::HeaderValue::from_bytes(value.as_bytes()).ok());
    let mut headers = http::HeaderMap::new();
    for value in values {
        headers.append(http::header::AUTHORIZATION, value);
    }
    headers
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

impl FromRequest for Access {
    type Error = NoGuard;
    type Future = Ready<Result<Self, NoGuard>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(request.extensions().get::<Self>().cloned().ok_or(NoGuard))
    }
}

/// A handler takes [`Access`], but no [`GuardMiddleware`] is around its route: 500.
#[derive(Debug, Clone, Copy)]
pub struct NoGuard;

impl fmt::Display for NoGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Internal Server Error")
    }
}

impl ResponseError for NoGuard {
    fn error_response(&self) -> HttpResponse {
        tracing::error!(target: "grantor", reason = "route_without_guard",
            "a handler takes Access, but no GuardMiddleware is around its route");
        HttpResponse::InternalServerError().finish()
    }
}
