//! The guard in Rocket, as RFC 6750 §3 says.
#![expect(clippy::needless_pass_by_value, reason = "request guards of Rocket are taken by value")]

#[path = "../../guard/tests/rfc6750/mod.rs"]
mod rfc6750;
mod rockets;

use grantor_web_rocket::{Access, guarded};
use rfc6750::{World, check, shown, shown_maybe};
use rocket::{get, routes};
use rockets::{built, listen};

#[get("/jobs")]
fn jobs(access: Access) -> String {
    shown(&access)
}

#[get("/open")]
fn open(access: Access) -> String {
    shown(&access)
}

#[get("/forgotten")]
fn forgotten(access: Access) -> String {
    shown(&access)
}

#[get("/both")]
fn both(access: Option<Access>) -> String {
    shown_maybe(access.as_deref())
}

#[tokio::test]
async fn rfc6750_3_in_rocket() {
    let mut world = World::new();
    world.headers_are_text = true;
    let rocket = built()
        .mount("/", guarded(&world.strict_guard(), routes![jobs]))
        .mount("/", guarded(&world.guard(), routes![open]))
        .mount("/", routes![forgotten, both]);
    check(&world, listen(rocket).await).await;
}
