//! The tower service in axum: the adapter suite, and what an app puts around a request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../guard/tests/environ/mod.rs"]
mod environ;

use std::net::SocketAddr;

use axum::Router;
use axum::extract::Extension;
use axum::routing::get;
use environ::{Tenant, provider, seen};
use grantor_core::{Peer, Provider};
use grantor_web_tower::GrantorService;

async fn listen(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// At the root as the fallback, below a prefix by nesting.
async fn serve(provider: Provider, prefix: &'static str) -> SocketAddr {
    let metadata = provider.paths().pop().unwrap();
    let service = GrantorService::new(provider);
    let own = Router::new().route("/own", get(async || "own"));
    listen(if prefix.is_empty() {
        own.fallback_service(service)
    } else {
        own.route_service(&metadata, service.clone()).nest_service(prefix, service)
    })
    .await
}

grantor_testkit::adapter_suite! { adapter: "tower, in axum", serve: serve }

#[tokio::test]
async fn an_issuer_with_a_path_works_as_the_fallback() {
    let address = listen(Router::new().fallback_service(GrantorService::new(provider("/auth")))).await;
    assert_eq!(seen(address, "/auth/authorize").await, "none from 127.0.0.1, back to /auth/authorize?");
}

#[tokio::test]
async fn what_layers_say_about_a_request_counts() {
    let peer = Peer("203.0.113.9".parse().unwrap());
    let app = Router::new()
        .fallback_service(GrantorService::new(provider("")))
        .layer(Extension(peer))
        .layer(Extension(Tenant("acme")));
    let address = listen(app).await;
    assert_eq!(seen(address, "/authorize").await, "acme from 203.0.113.9, back to /authorize?");
}

#[tokio::test]
async fn a_plain_address_is_the_peer_where_axum_says_nothing() {
    let plain: SocketAddr = "[::ffff:203.0.113.9]:1".parse().unwrap();
    let app = Router::new().fallback_service(GrantorService::new(provider(""))).layer(Extension(plain));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    assert_eq!(seen(address, "/authorize").await, "none from 203.0.113.9, back to /authorize?");
}
