//! The tutorial on axum: tokens for a program, and an API that asks for them.

mod auth;

use axum::{Router, routing::get};
use grantor::BoxError;
use grantor::axum::{Access, GrantorService, GuardLayer};

async fn jobs(access: Access) -> String {
    format!("the jobs of {}\n", access.client_id())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let provider = auth::provider()?;
    let guard = auth::guard(&provider)?;
    let app = Router::new()
        .route("/jobs", get(jobs).layer(GuardLayer::new(guard)))
        .fallback_service(GrantorService::new(provider));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", auth::port())).await?;
    Ok(axum::serve(listener, app).await?)
}
