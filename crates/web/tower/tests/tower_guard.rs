//! The guard in axum, as RFC 6750 §3 says.

#[path = "../../guard/tests/rfc6750/mod.rs"]
mod rfc6750;

use axum::Router;
use axum::routing::get;
use grantor_web_tower::{Access, GuardLayer};
use rfc6750::{World, check, shown, shown_maybe};

#[tokio::test]
async fn rfc6750_3_in_axum() {
    let world = World::new();
    let handler = async |access: Access| shown(&access);
    let app = Router::new()
        .route("/jobs", get(handler).layer(GuardLayer::new(world.strict_guard())))
        .route("/open", get(handler).layer(GuardLayer::new(world.guard())))
        .route("/both", get(async |access: Option<Access>| shown_maybe(access.as_deref())))
        .route("/forgotten", get(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    check(&world, address).await;
    server.abort();
}
