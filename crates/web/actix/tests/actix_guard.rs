//! The guard in actix-web, as RFC 6750 §3 says.

#[path = "../../guard/tests/rfc6750/mod.rs"]
mod rfc6750;

use actix_web::{App, HttpServer, web};
use grantor_web_actix::{Access, GuardMiddleware};
use rfc6750::{World, check, shown, shown_maybe};

async fn show(access: Access) -> String {
    shown(&access)
}

async fn show_maybe(access: Option<Access>) -> String {
    shown_maybe(access.as_deref())
}

#[actix_web::test]
async fn rfc6750_3_in_actix() {
    let world = World::new();
    let (strict, open) = (world.strict_guard(), world.guard());
    let app = move || {
        let guarded =
            |path, guard| web::resource(path).wrap(GuardMiddleware::new(guard)).route(web::get().to(show));
        App::new()
            .service(guarded("/jobs", strict.clone()))
            .service(guarded("/open", open.clone()))
            .route("/both", web::get().to(show_maybe))
            .route("/forgotten", web::get().to(show))
    };
    let server = HttpServer::new(app).workers(1).disable_signals().bind("127.0.0.1:0").unwrap();
    let address = server.addrs()[0];
    let server = server.run();
    let handle = server.handle();
    actix_web::rt::spawn(server);
    check(&world, address).await;
    handle.stop(false).await;
}
