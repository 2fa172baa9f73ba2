//! The guard around routes of Rocket, and who came past it as a request guard (RFC 6750).

use std::ops::Deref;

use grantor_web_guard::Guard;
use rocket::http::Status;
use rocket::request::{self, FromRequest};
use rocket::route::{Handler, Outcome};
use rocket::{Data, Request, Route, async_trait};

use crate::{headers, outward};

/// The same routes, for those requests alone that a [`Guard`] accepts; handlers behind it find out by [`Access`] who sent
/// them.
///
/// ```
/// use grantor_core::{Provider, Scopes};
/// use grantor_web_guard::Guard;
/// use grantor_web_rocket::{Access, guarded};
/// use rocket::{Build, Rocket, get, routes};
///
/// #[get("/jobs")]
/// async fn jobs(access: Access) -> String {
///     format!("the jobs of {}", access.client_id())
/// }
///
/// fn api(rocket: Rocket<Build>, provider: Provider) -> Result<Rocket<Build>, Box<dyn std::error::Error>> {
///     let guard = Guard::new(provider).require(Scopes::parse("jobs.read")?);
///     Ok(rocket.mount("/", guarded(&guard, routes![jobs])))
/// }
/// ```
#[must_use]
pub fn guarded(guard: &Guard, routes: impl Into<Vec<Route>>) -> Vec<Route> {
    let mut routes = routes.into();
    for route in &mut routes {
        let inner = route.handler.clone();
        route.handler = Box::new(Guarded { guard: guard.clone(), inner });
    }
    routes
}

#[derive(Clone)]
struct Guarded {
    guard: Guard,
    inner: Box<dyn Handler>,
}

#[async_trait]
impl Handler for Guarded {
    async fn handle<'r>(&self, request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r> {
        match self.guard.check(&headers(request).unwrap_or_default()).await {
            Ok(access) => {
                request.local_cache(|| Some(Access(access)));
                self.inner.handle(request, data).await
            }
            Err(refusal) => Outcome::Success(outward(refusal.into_response())),
        }
    }
}

/// Who a request comes from, behind [`guarded`]; a route without it answers 500, never the handler.
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

/// A handler takes [`Access`], but its route is not [`guarded`]: 500.
#[derive(Debug, Clone, Copy)]
pub struct NoGuard;

#[async_trait]
impl<'r> FromRequest<'r> for Access {
    type Error = NoGuard;

    async fn from_request(request: &'r Request<'_>) -> request::Outcome<Self, NoGuard> {
        match request.local_cache(|| None::<Self>) {
            Some(access) => request::Outcome::Success(access.clone()),
            None => {
                tracing::error!(target: "grantor", reason = "route_without_guard", path = request.uri().path().as_str(),
                    "a handler takes Access, but its route is not guarded");
                request::Outcome::Error((Status::InternalServerError, NoGuard))
            }
        }
    }
}
