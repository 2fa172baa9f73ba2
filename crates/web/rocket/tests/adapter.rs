//! The adapter in Rocket: the adapter suite, and what an app puts around a request.

#[path = "../../guard/tests/environ/mod.rs"]
mod environ;
mod rockets;

use std::net::SocketAddr;

use environ::{Tenant, provider, seen};
use grantor_core::{Peer, Provider};
use grantor_testkit::Lack;
use grantor_web_rocket::routes;
use rocket::fairing::AdHoc;
use rocket::get;
use rockets::{built, listen};

#[get("/own")]
fn own() -> &'static str {
    "own"
}

/// The paths of the provider have the prefix already.
async fn serve(provider: Provider, _prefix: &'static str) -> SocketAddr {
    listen(built().mount("/", rocket::routes![own]).mount("/", routes(&provider))).await
}

grantor_testkit::adapter_suite! {
    adapter: "Rocket", serve: serve, lacks: [Lack::UnknownMethods, Lack::OpaqueHeaders]
}

#[tokio::test]
async fn what_a_fairing_says_about_a_request_counts() {
    let fairing = AdHoc::on_request("around", |request, _| {
        Box::pin(async move {
            request.local_cache(|| {
                let mut extensions = http::Extensions::new();
                extensions.insert(Tenant("acme"));
                extensions.insert(Peer("203.0.113.9".parse().unwrap()));
                extensions
            });
        })
    });
    let address = listen(built().attach(fairing).mount("/", routes(&provider("")))).await;
    assert_eq!(seen(address, "/authorize").await, "acme from 203.0.113.9, back to /authorize?");
}
