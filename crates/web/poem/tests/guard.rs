//! The guard in poem, as RFC 6750 §3 says.
#![expect(clippy::needless_pass_by_value, reason = "extractors of poem are taken by value")]

#[path = "../../guard/tests/rfc6750/mod.rs"]
mod rfc6750;

use grantor_web_poem::{Access, GuardMiddleware};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::{EndpointExt as _, Route, Server, get, handler};
use rfc6750::{World, check, shown, shown_maybe};

#[handler]
fn show(access: Access) -> String {
    shown(&access)
}

#[handler]
fn show_maybe(access: Option<Access>) -> String {
    shown_maybe(access.as_deref())
}

#[tokio::test]
async fn rfc6750_3_in_poem() {
    let world = World::new();
    let app = Route::new()
        .at("/jobs", get(show).with(GuardMiddleware::new(world.strict_guard())))
        .at("/open", get(show).with(GuardMiddleware::new(world.guard())))
        .at("/both", get(show_maybe))
        .at("/forgotten", get(show));
    let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.unwrap();
    let address = acceptor.local_addr().first().unwrap().as_socket_addr().copied().unwrap();
    tokio::spawn(async move { Server::new_with_acceptor(acceptor).run(app).await });
    check(&world, address).await;
}
