//! The guard as a hoop of Salvo, and who came past it as an extractor (RFC 6750).

use std::fmt::Debug;
use std::ops::Deref;
use std::sync::LazyLock;

use grantor_web_guard::Guard;
use salvo::extract::Metadata;
use salvo::http::StatusError;
use salvo::{Depot, Extractible, FlowCtrl, Handler, Request, Response, Writer, async_trait};

use crate::outward;

/// Lets only requests pass that a [`Guard`] accepts; handlers behind it find out by [`Access`] who sent them.
///
/// ```
/// use grantor_core::{Provider, Scopes};
/// use grantor_web_guard::Guard;
/// use grantor_web_salvo::{Access, GuardHoop};
/// use salvo::{Router, Writer as _, handler};
///
/// #[handler]
/// async fn jobs(access: Access) -> String {
///     format!("the jobs of {}", access.client_id())
/// }
///
/// fn api(provider: Provider) -> Result<Router, Box<dyn std::error::Error>> {
///     let guard = Guard::new(provider).require(Scopes::parse("jobs.read")?);
///     Ok(Router::with_path("jobs").hoop(GuardHoop::new(guard)).get(jobs))
/// }
/// ```
#[derive(Debug, Clone)]
pub struct GuardHoop {
    guard: Guard,
}

impl GuardHoop {
    /// The hoop of this guard.
    pub const fn new(guard: Guard) -> Self {
        Self { guard }
    }
}

#[async_trait]
impl Handler for GuardHoop {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        flow: &mut FlowCtrl,
    ) {
        match self.guard.check(request.headers()).await {
            Ok(access) => {
                request.extensions_mut().insert(Access(access));
                flow.call_next(request, depot, response).await;
            }
            Err(refusal) => {
                outward(refusal.into_response(), response);
                flow.skip_rest();
            }
        }
    }
}

/// Who a request comes from, behind a [`GuardHoop`]; a route without one answers 500, never the handler.
///
/// [`Access::of`] is `None` there instead, for handlers that serve both.
#[derive(Debug, Clone)]
pub struct Access(grantor_web_guard::Access);

impl Deref for Access {
    type Target = grantor_web_guard::Access;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl Access {
    /// Who this request comes from, where a hoop has let it pass.
    pub fn of(request: &Request) -> Option<&Self> {
        request.extensions().get()
    }
}

static METADATA: LazyLock<Metadata> = LazyLock::new(|| Metadata::new("Access"));

impl<'ex> Extractible<'ex> for Access {
    fn metadata() -> &'static Metadata {
        &METADATA
    }

    async fn extract(
        request: &'ex mut Request,
        _: &'ex mut Depot,
    ) -> Result<Self, impl Writer + Send + Debug + 'static> {
        Self::of(request).cloned().ok_or_else(|| {
            tracing::error!(target: "grantor", reason = "route_without_guard", path = request.uri().path(),
                "a handler takes Access, but no GuardHoop is around its route");
            StatusError::internal_server_error()
        })
    }
}
