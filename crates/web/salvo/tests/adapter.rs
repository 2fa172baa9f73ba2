//! The adapter in Salvo: the adapter suite, and what an app puts around a request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../guard/tests/environ/mod.rs"]
mod environ;

use std::net::SocketAddr;

use environ::{Tenant, provider, seen};
use grantor_core::{Peer, Provider};
use grantor_web_salvo::router;
use salvo::conn::{Acceptor as _, TcpListener};
use salvo::{Listener as _, Request, Router, Server, handler};

#[handler]
async fn own() -> &'static str {
    "own"
}

/// It ends with the runtime of the test.
async fn listen(app: Router) -> SocketAddr {
    let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.holdings().first().unwrap().local_addr.clone().into_std().unwrap();
    tokio::spawn(Server::new(acceptor).serve(app));
    address
}

/// The paths of the provider have the prefix already.
async fn serve(provider: Provider, _prefix: &'static str) -> SocketAddr {
    listen(Router::new().push(Router::with_path("own").get(own)).push(router(&provider))).await
}

grantor_testkit::adapter_suite! { adapter: "Salvo", serve: serve }

#[handler]
async fn around(request: &mut Request) {
    request.extensions_mut().insert(Tenant("acme"));
    request.extensions_mut().insert(Peer("203.0.113.9".parse().unwrap()));
}

#[tokio::test]
async fn what_a_hoop_says_about_a_request_counts() {
    let address = listen(router(&provider("")).hoop(around)).await;
    assert_eq!(seen(address, "/authorize").await, "acme from 203.0.113.9, back to /authorize?");
}
