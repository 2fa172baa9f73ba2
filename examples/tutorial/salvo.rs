//! The tutorial on Salvo: tokens for a program, and an API that asks for them.

mod auth;

use grantor::BoxError;
use grantor::salvo::{Access, GuardHoop, router};
use salvo::conn::TcpListener;
use salvo::{Listener as _, Router, Server, Writer as _, handler};

#[handler]
fn jobs(access: Access) -> String {
    format!("the jobs of {}\n", access.client_id())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let provider = auth::provider()?;
    let guard = auth::guard(&provider)?;
    let api = Router::with_path("jobs").hoop(GuardHoop::new(guard)).get(jobs);
    let listener = TcpListener::new(format!("127.0.0.1:{}", auth::port())).bind().await;
    Server::new(listener).serve(Router::new().push(api).push(router(&provider))).await;
    Ok(())
}
