//! The tutorial on actix-web: tokens for a program, and an API that asks for them.

mod auth;

use actix_web::{App, HttpServer, web};
use grantor::BoxError;
use grantor::actix::{Access, GuardMiddleware, routes};

async fn jobs(access: Access) -> String {
    format!("the jobs of {}\n", access.client_id())
}

#[actix_web::main]
async fn main() -> Result<(), BoxError> {
    let provider = auth::provider()?;
    let guard = auth::guard(&provider)?;
    let app = move || {
        let guard = GuardMiddleware::new(guard.clone());
        App::new()
            .service(web::resource("/jobs").wrap(guard).route(web::get().to(jobs)))
            .configure(routes(provider.clone()))
    };
    Ok(HttpServer::new(app).bind(("127.0.0.1", auth::port()))?.run().await?)
}
