//! The tutorial on poem: tokens for a program, and an API that asks for them.
#![expect(clippy::unused_async, reason = "a handler, which waits in a real application")]

mod auth;

use grantor::BoxError;
use grantor::poem::{Access, GuardMiddleware, routes};
use poem::listener::TcpListener;
use poem::{EndpointExt as _, Route, Server, get, handler};

#[handler]
async fn jobs(access: Access) -> String {
    format!("the jobs of {}\n", access.client_id())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let provider = auth::provider()?;
    let guard = auth::guard(&provider)?;
    let api = Route::new().at("/jobs", get(jobs).with(GuardMiddleware::new(guard)));
    let listener = TcpListener::bind(format!("127.0.0.1:{}", auth::port()));
    Ok(Server::new(listener).run(routes(api, &provider)).await?)
}
