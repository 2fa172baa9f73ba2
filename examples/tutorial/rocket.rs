//! The tutorial on Rocket: tokens for a program, and an API that asks for them.
#![expect(clippy::unused_async, reason = "a handler, which waits in a real application")]

mod auth;

use grantor::BoxError;
use grantor::rocket::{Access, guarded};
use rocket::{Config, get, routes};

#[get("/jobs")]
async fn jobs(access: Access) -> String {
    format!("the jobs of {}\n", access.client_id())
}

#[rocket::main]
async fn main() -> Result<(), BoxError> {
    let provider = auth::provider()?;
    let guard = auth::guard(&provider)?;
    let config = Config { port: auth::port(), ..Config::default() };
    rocket::custom(config)
        .mount("/", guarded(&guard, routes![jobs]))
        .mount("/", grantor::rocket::routes(&provider))
        .launch()
        .await?;
    Ok(())
}
