//! Programs about client authentication, paths, and how an application mounts the provider.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use bytes::Bytes;
use grantor::legacy::Implicit;
use grantor::{
    Approval, Ask, AuthMethod, BackChannel, BoxError, Client, ClientAuthentication, ClientCredentials,
    ClientId, ClientSecretBasic, Ctx, Decision, Error, Paths, Provider, Secret, SiteAdapter, StaticClients,
    client_refused,
};

use crate::accounts;
use crate::grants::code;
use crate::site::{Always, Page, escaped};
use crate::{Args, Program, resource};

const OWN: AuthMethod = AuthMethod::from_static("x_client_key");

/// The programs of this file.
pub fn program(args: &Args) -> Result<Program, BoxError> {
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
        "paths" => Program::of(
            base.paths(Paths {
                authorize: "/oauth/authorize".to_owned(),
                token: "/oauth/token".to_owned(),
                ..Paths::default()
            })
            .site_headers([HeaderName::from_static("x-tenant")])
            .site(Page { about_request: true, ..Page::default() })
            .grant(code(3600)),
        ),
        "login_redirect" => {
            let mut program = Program::of(base.site(OwnLogin).grant(code(3600)))?;
            let mut bytes = [0; 16];
            program.provider.ctx().random(&mut bytes)?;
            SESSION.get_or_init(|| format!("{:032x}", u128::from_be_bytes(bytes)));
            program.routes = Router::new().route("/login", get(login).post(signed_in));
            Ok(program)
        }
        "flask_app" => {
            let mut program = Program::of(base.site(Always).grant(code(3600)))?;
            program.routes = Router::new().route("/hello", get(async || "the application's own route"));
            Ok(program)
        }
        _ => {
            let mut program = Program::of(base.site(Always).grant(code(3600)).grant(Implicit::new()))?;
            program.on_actix = true;
            Ok(program)
        }
    }
}

/// `X-Client-Key: id/secret`.
#[derive(Debug)]
struct ClientKey;

fn client_key<'a>(request: &BackChannel<'a>) -> Option<(&'a str, &'a str)> {
    request.http().headers().get("x-client-key")?.to_str().ok()?.split_once('/')
}

#[async_trait::async_trait]
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

/// The value of the application's session cookie; new at each start.
static SESSION: std::sync::OnceLock<String> = std::sync::OnceLock::new();

/// Sends the browser to the application's own login page.
#[derive(Debug)]
struct OwnLogin;

#[async_trait::async_trait]
impl SiteAdapter for OwnLogin {
    async fn decide(&self, _ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        let cookies =
            ask.headers().get(header::COOKIE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let session = cookies.split("; ").find_map(|pair| pair.strip_prefix("app_session="));
        let (user, value) = session.and_then(|session| session.split_once('.')).unwrap_or_default();
        if SESSION.get().is_some_and(|known| Secret::from(value).matches(known)) {
            return Ok(Decision::Allow(Approval::of(user)));
        }
        let to = format!("/login?next={}", ask.resume_url().replace('?', "%3F").replace('=', "%3D"));
        Ok(Decision::Show(
            http::Response::builder().status(303).header(header::LOCATION, to).body(Bytes::new())?,
        ))
    }
}

async fn login(Query(query): Query<HashMap<String, String>>) -> Html<String> {
    let next = escaped(query.get("next").map(String::as_str).unwrap_or_default());
    Html(format!(
        "<!doctype html><html lang=\"en\"><head><title>Sign in</title></head><body><form method=\"post\" action=\"/login\">\
         <input type=\"hidden\" name=\"next\" value=\"{next}\"><label>Name <input name=\"username\"></label>\
         <label>Password <input type=\"password\" name=\"password\"></label><button type=\"submit\">Sign in</button>\
         </form></body></html>"
    ))
}

async fn signed_in(Form(form): Form<HashMap<String, String>>) -> Response {
    let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
    let (user, next) = (field("username"), field("next"));
    let known = accounts::knows(user, &Secret::from(field("password")));
    match SESSION.get() {
        // Back to ourselves only: never to an address that somebody else chose.
        Some(session) if known && next.starts_with("/authorize?") => {
            let cookie = format!("app_session={user}.{session}; Path=/; HttpOnly; SameSite=Lax");
            ([(header::SET_COOKIE, cookie)], Redirect::to(next)).into_response()
        }
        _ => (StatusCode::FORBIDDEN, "wrong name or password\n").into_response(),
    }
}

/// The counterpart of the Tornado example: the same provider in actix-web.
pub fn run_on_actix(port: u16, provider: Provider) -> Result<(), BoxError> {
    use actix_web::{App, HttpResponse, HttpServer, web};
    actix_web::rt::System::new().block_on(async move {
        let server = HttpServer::new(move || {
            let guard = grantor::guard::Guard::new(provider.clone());
            let facts = provider.clone();
            App::new()
                .configure(grantor::actix::routes(provider.clone()))
                .app_data(web::Data::new(guard))
                .route("/hello", web::get().to(async || "the application's own route"))
                .route(
                    "/resource",
                    web::get().to(move |access: grantor::actix::Access| {
                        let body = resource::facts(&facts, access.info());
                        async move { HttpResponse::Ok().json(body) }
                    }),
                )
        });
        server.workers(1).bind(("127.0.0.1", port))?.run().await
    })?;
    Ok(())
}
