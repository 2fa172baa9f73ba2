//! The adapter in actix-web: the adapter suite, and what an app puts around a request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../guard/tests/environ/mod.rs"]
mod environ;

use std::net::SocketAddr;

use actix_web::dev::Service as _;
use actix_web::{App, HttpMessage as _, HttpServer, web};
use environ::{Tenant, provider, seen};
use grantor_core::{Peer, Provider};
use grantor_web_actix::routes;

/// On a thread of its own, as actix-web wants it; it ends with the process.
fn listen(configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        actix_web::rt::System::new().block_on(async move {
            let app = move || App::new().configure(configure.clone());
            let server = HttpServer::new(app).workers(2).disable_signals().bind("127.0.0.1:0").unwrap();
            tell.send(server.addrs().first().copied()).unwrap();
            server.run().await
        })
    });
    told.recv().unwrap().unwrap()
}

/// The paths of the provider have the prefix already.
async fn serve(provider: Provider, _prefix: &'static str) -> SocketAddr {
    listen(move |config| {
        config.configure(routes(provider.clone())).route("/own", web::get().to(async || "own"));
    })
}

grantor_testkit::adapter_suite! { adapter: "actix-web", serve: serve }

#[tokio::test]
async fn an_issuer_with_a_path_and_a_scope_without() {
    let address = listen(|config| {
        config.service(web::scope("").configure(routes(provider("/auth"))));
    });
    assert_eq!(seen(address, "/auth/authorize").await, "none from 127.0.0.1, back to /auth/authorize?");
}

#[tokio::test]
async fn what_middleware_says_about_a_request_counts() {
    let address = listen(|config| {
        let scope = web::scope("").wrap_fn(|request, next| {
            let mut extensions = http::Extensions::new();
            extensions.insert(Tenant("acme"));
            extensions.insert(Peer("203.0.113.9".parse().unwrap()));
            request.extensions_mut().insert(extensions);
            next.call(request)
        });
        config.service(scope.configure(routes(provider(""))));
    });
    assert_eq!(seen(address, "/authorize").await, "acme from 203.0.113.9, back to /authorize?");
}
