//! Programs about client authentication, paths, and how an application mounts the provider.

use std::sync::Arc;

use actix_web::{App, HttpResponse, HttpServer, web};
use axum::Router;
use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use grantor::actix::{Access, GuardMiddleware, routes};
use grantor::guard::Guard;
use grantor::legacy::Implicit;
use grantor::{
    AuthMethod, BackChannel, BoxError, Client, ClientAuthentication, ClientCredentials, ClientId,
    ClientSecretBasic, Ctx, Error, Paths, Provider, StaticClients, async_trait, client_refused,
};

use crate::grants::code;
use crate::login::{self, Sessions};
use crate::site::{Always, Page};
use crate::{Args, Program, accounts, resource};

/// Their names.
pub(crate) const PROGRAMS: [&str; 6] =
    ["basic_auth", "own_client_auth", "paths", "login_redirect", "flask_app", "tornado_app"];
const HELLO: &str = "the application's own route";
const OWN: AuthMethod = AuthMethod::from_static("x_client_key");

/// The programs of this file.
pub(crate) fn program(args: &Args) -> Result<Program, BoxError> {
    let base = args.provider()?;
    match args.program.as_str() {
        "basic_auth" => Program::of(
            base.clients(StaticClients::new(accounts::clients_with(&AuthMethod::CLIENT_SECRET_BASIC)?))
                .only_client_authentications(vec![Arc::new(ClientSecretBasic)])
                .grant(ClientCredentials::new()),
        ),
        "own_client_auth" => Program::of(
            base.clients(StaticClients::new(accounts::clients_with(&OWN)?))
                .only_client_authentications(vec![Arc::new(ClientKey)])
                .grant(ClientCredentials::new()),
        ),
        "paths" => {
            let paths = Paths {
                authorize: "/oauth/authorize".to_owned(),
                token: "/oauth/token".to_owned(),
                ..Paths::default()
            };
            let mut program = Program::of(
                base.paths(paths)
                    .site_headers([HeaderName::from_static("x-tenant")])
                    .site(Page { about_request: true, ..Page::default() })
                    .grant(code(3600)),
            )?;
            program.touch = served_by;
            Ok(program)
        }
        "login_redirect" => {
            let sessions = Sessions::default();
            let mut program = Program::of(base.site(sessions.clone()).grant(code(3600)))?;
            program.routes = login::routes(sessions);
            Ok(program)
        }
        "flask_app" => {
            let mut program = Program::of(base.site(Always).grant(code(3600)))?;
            program.routes = Router::new().route("/hello", get(async || HELLO));
            Ok(program)
        }
        _ => {
            let mut program = Program::of(base.site(Always).grant(code(3600)).grant(Implicit::new()))?;
            program.on_actix = true;
            Ok(program)
        }
    }
}

/// One more header on every answer: what `response_class` was for.
fn served_by(mut answer: Response) -> Response {
    answer.headers_mut().insert("x-served-by", HeaderValue::from_static("grantor-example"));
    answer
}

/// `X-Client-Key: id/secret`.
#[derive(Debug)]
struct ClientKey;

fn client_key<'a>(request: &BackChannel<'a>) -> Option<(&'a str, &'a str)> {
    request.http().headers().get("x-client-key")?.to_str().ok()?.split_once('/')
}

#[async_trait]
impl ClientAuthentication for ClientKey {
    fn method(&self) -> AuthMethod {
        OWN
    }

    fn claimed(&self, request: &BackChannel<'_>) -> Result<Option<ClientId>, Error> {
        client_key(request)
            .map(|(id, _)| ClientId::parse(id).map_err(|_| client_refused("client_key_malformed")))
            .transpose()
    }

    async fn verify(&self, _ctx: &Ctx<'_>, request: &BackChannel<'_>, client: &Client) -> Result<(), Error> {
        let (_, secret) = client_key(request).ok_or_else(|| client_refused("client_key_missing"))?;
        if client.has_secret(secret) { Ok(()) } else { Err(client_refused("client_key_wrong")) }
    }
}

/// The counterpart of the Tornado example: the same provider in actix-web.
pub(crate) async fn serve_on_actix(port: u16, provider: Provider) -> Result<(), BoxError> {
    let server = HttpServer::new(move || {
        let guard = GuardMiddleware::new(Guard::new(provider.clone()));
        let of_facts = provider.clone();
        let resource = move |access: Access| {
            let facts = resource::facts(&of_facts, access.info());
            async move { HttpResponse::Ok().json(facts) }
        };
        App::new()
            .configure(routes(provider.clone()))
            .route("/hello", web::get().to(async || HELLO))
            .service(web::resource("/resource").wrap(guard).route(web::get().to(resource)))
    });
    let server = server.workers(1).shutdown_timeout(3).bind(("127.0.0.1", port))?;
    println!("listening on http://127.0.0.1:{port}");
    Ok(server.run().await?)
}
