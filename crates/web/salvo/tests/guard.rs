//! The guard in Salvo, as RFC 6750 §3 says.

#[path = "../../guard/tests/rfc6750/mod.rs"]
mod rfc6750;

use grantor_web_salvo::{Access, GuardHoop};
use rfc6750::{World, check, shown, shown_maybe};
use salvo::conn::{Acceptor as _, TcpListener};
use salvo::{Listener as _, Request, Router, Server, Writer as _, handler};

#[handler]
async fn show(access: Access) -> String {
    shown(&access)
}

#[handler]
async fn show_maybe(request: &Request) -> String {
    shown_maybe(Access::of(request).map(|access| &**access))
}

#[tokio::test]
async fn rfc6750_3_in_salvo() {
    let world = World::new();
    let guarded = |path, guard| Router::with_path(path).hoop(GuardHoop::new(guard)).get(show);
    let app = Router::new()
        .push(guarded("jobs", world.strict_guard()))
        .push(guarded("open", world.guard()))
        .push(Router::with_path("both").get(show_maybe))
        .push(Router::with_path("forgotten").get(show));
    let acceptor = TcpListener::new("127.0.0.1:0").bind().await;
    let address = acceptor.holdings().first().unwrap().local_addr.clone().into_std().unwrap();
    tokio::spawn(Server::new(acceptor).serve(app));
    check(&world, address).await;
}
