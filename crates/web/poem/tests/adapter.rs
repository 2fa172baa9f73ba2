//! The adapter in poem: the adapter suite, and what an app puts around a request.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../guard/tests/environ/mod.rs"]
mod environ;

use std::net::SocketAddr;

use environ::{Tenant, provider, seen};
use grantor_core::{Peer, Provider};
use grantor_web_poem::{Grantor, routes};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{Endpoint, EndpointExt as _, IntoEndpoint, Request, Route, Server, get, handler};

#[handler]
fn own() -> &'static str {
    "own"
}

/// It ends with the runtime of the test.
async fn listen<E>(app: E) -> SocketAddr
where
    E: IntoEndpoint,
    E::Endpoint: Endpoint + 'static,
{
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr().first().unwrap().as_socket_addr().copied().unwrap();
    let endpoint = app.into_endpoint();
    tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(endpoint).await });
    address
}

/// The paths of the provider have the prefix already.
async fn serve(provider: Provider, _prefix: &'static str) -> SocketAddr {
    listen(routes(Route::new().at("/own", get(own)), &provider)).await
}

grantor_testkit::adapter_suite! { adapter: "poem", serve: serve }

#[tokio::test]
async fn nested_below_a_prefix_that_poem_takes_away() {
    let app = Route::new().nest("/auth", Grantor::new(provider("/auth")));
    let address = listen(app).await;
    assert_eq!(seen(address, "/auth/authorize").await, "none from 127.0.0.1, back to /auth/authorize?");
}

#[tokio::test]
async fn what_middleware_says_about_a_request_counts() {
    let app = routes(Route::new(), &provider("")).before(|mut request: Request| async move {
        request.set_data(Tenant("acme"));
        request.set_data(Peer("203.0.113.9".parse().unwrap()));
        Ok(request)
    });
    let address = listen(app).await;
    assert_eq!(seen(address, "/authorize").await, "acme from 203.0.113.9, back to /authorize?");
}
