//! Serving: HTTP/1.1 on plain TCP, with limits on everything that comes from outside.
//!
//! A proxy with TLS stands before it where the world can reach it. A request passes [`listen`] (connections), [`io`]
//! (deadlines of a connection), [`request`] (id, address, body, log) and [`Front::dispatch`] (routes); the endpoints
//! are the provider's, mounted in axum as in every other application.
//!
//! `/healthz` says that the process lives, `/readyz` that it can answer: the store does, and nobody has asked it to stop.

mod io;
mod listen;
mod reply;
mod request;
mod route;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use grantor::Provider;
use grantor::axum::GrantorService;
use grantor::store::{Key, Kind};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use minijinja::context;
use tower::ServiceExt as _;

use crate::app::App;
use crate::config::Limits;
use crate::demo::Demo;
use crate::hooks::Hooks;
use crate::pages::{Page, Pages};
use crate::site::{Act, Site};
use route::Route;

pub(crate) use listen::serve;

/// Everything that answers requests.
#[derive(Debug)]
pub(crate) struct Front {
    provider: Provider,
    endpoints: Router,
    endpoint_paths: Vec<String>,
    metadata_path: String,
    site: Arc<Site>,
    demo: Option<Demo>,
    app: App,
    ids: request::Ids,
    hooks: Hooks,
    secure: bool,
    stopping: AtomicBool,
}

impl Front {
    /// The front of a server.
    pub(crate) fn new(
        app: App,
        provider: Provider,
        site: Arc<Site>,
        demo: Option<Demo>,
        hooks: Hooks,
    ) -> Self {
        let endpoint_paths = provider.paths();
        let endpoints = endpoint_paths.iter().fold(Router::new(), |router, path| {
            router.route_service(path, GrantorService::new(provider.clone()))
        });
        let secure = app.config.issuer().starts_with("https:");
        Self {
            endpoints,
            metadata_path: endpoint_paths.last().cloned().unwrap_or_default(),
            endpoint_paths,
            provider,
            site,
            demo,
            app,
            hooks,
            ids: request::Ids::new(),
            secure,
            stopping: AtomicBool::new(false),
        }
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.app.config.limits
    }

    pub(super) const fn app(&self) -> &App {
        &self.app
    }

    const fn ids(&self) -> &request::Ids {
        &self.ids
    }

    pub(super) const fn is_secure(&self) -> bool {
        self.secure
    }

    /// Turns readiness off.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether somebody asked the server to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// The name of what answers this path, for the log.
    pub(super) fn route(&self, path: &str) -> &str {
        match self.endpoint_paths.iter().find(|own| *own == path) {
            Some(own) => own,
            None => Route::of(path, self.site.pages().base()).map_or("none", Route::name),
        }
    }

    /// Sends a request to what answers its path.
    pub(super) async fn dispatch(&self, request: Request<Bytes>) -> Response<Bytes> {
        if self.endpoint_paths.iter().any(|own| own == request.uri().path()) {
            return self.endpoint(request).await;
        }
        let uri = request.uri().path_and_query().map_or("", |uri| uri.as_str());
        if uri.len() > self.limits().requests.uri_bytes {
            return reply::uri_too_long();
        }
        let Some(route) = Route::of(request.uri().path(), self.site.pages().base()) else {
            return self.site.not_found();
        };
        if !route.takes(request.method()) {
            return reply::other_method(route.methods());
        }
        // Of an answer to HEAD hyper sends no body.
        self.page(route, &request).await
    }

    async fn endpoint(&self, request: Request<Bytes>) -> Response<Bytes> {
        // The router answers always, and a body that is in memory can always be read.
        let Ok(response) = self.endpoints.clone().oneshot(request.map(Body::from)).await;
        let (head, body) = response.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Response::from_parts(head, body)
    }

    async fn page(&self, route: Route, request: &Request<Bytes>) -> Response<Bytes> {
        let now = self.provider.clock().now();
        let is_post = request.method() == Method::POST;
        match route {
            Route::Health => reply::text(StatusCode::OK, "alive\n"),
            Route::Ready => self.ready().await,
            Route::Home => match &self.demo {
                Some(demo) => demo.page(&self.site, request),
                None => self.home(),
            },
            Route::Account => self.site.account(request, now).await,
            Route::LogIn if is_post => self.site.act(Act::LogIn, request, now).await,
            Route::LogIn => self.site.to_account(),
            Route::End => self.site.act(Act::End, request, now).await,
            Route::Withdraw => self.site.act(Act::Withdraw, request, now).await,
            Route::LogOut if is_post => self.site.act(Act::LogOut, request, now).await,
            Route::LogOut => self.site.logout(request, now).await,
            Route::Asset(name) => Pages::asset(name).unwrap_or_else(|| self.site.not_found()),
            Route::Demo(step) => match &self.demo {
                Some(demo) => demo.answer(step, &self.provider, &self.site, request).await,
                None => self.site.not_found(),
            },
            Route::Panic => self.hooks.panic().unwrap_or_else(|| self.site.not_found()),
        }
    }

    fn home(&self) -> Response<Bytes> {
        let values = context! { metadata => &self.metadata_path };
        self.site.pages().show(Page::Home, StatusCode::OK, values)
    }

    async fn ready(&self) -> Response<Bytes> {
        if self.is_stopping() {
            return reply::text(StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
        }
        let key = Key::named(Kind::STANDING, "all");
        let load = self.provider.store().load(&key, self.provider.clock().now());
        match load.await {
            Ok(_) => reply::text(StatusCode::OK, "ready\n"),
            Err(cause) => {
                tracing::warn!(target: "grantor", reason = "not_ready", %cause, "the store does not answer");
                reply::text(StatusCode::SERVICE_UNAVAILABLE, "the store does not answer\n")
            }
        }
    }
}
