//! `grantor dev`: a server to try things with. It keeps what it knows in a folder, so that stopping and starting again loses
//! nothing, and listens to this machine only.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args as ClapArgs;
use grantor::store::StoreError;
use grantor::{AuthMethod, Client, ClientId, ClientSecret, GrantTypeName, RedirectUri, Scopes, Secret};

use super::output;
use crate::app::App;
use crate::config::{Config, Origin};
use crate::demo::{Demo, DemoClient};
use crate::failure::Failure;
use crate::registry;
use crate::server;
use crate::users::NewUser;

/// Its options: those of `grantor serve`.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    serve: super::serve::Args,
}

const USER: &str = "demo";
const CLIENT: &str = "demo";
const SERVICE: &str = "demo-service";

/// The folder, where `GRANTOR_DATA_DIR` names no other.
const FOLDER: &str = "grantor-data";

fn scopes() -> BTreeMap<String, String> {
    let words = [("notes.read", "Read your notes"), ("notes.write", "Write and change your notes")];
    words.into_iter().map(|(name, words)| (name.to_owned(), words.to_owned())).collect()
}

/// Runs a server to try things.
pub(crate) fn run(args: &Args, file: Option<&Path>) -> Result<(), Failure> {
    // A file of a real server in this folder is not meant, unless it is named.
    let mut config = Config::load_changed(file, false, |variables| {
        args.serve.set(variables);
        if file.is_none() {
            variables.entry("GRANTOR_DATA_DIR".into()).or_insert_with(|| FOLDER.into());
        }
    })
    .map_err(|problems| args.serve.failure(problems))?;
    if let Some(address) = config.listen.iter().find(|address| !address.ip().is_loopback()) {
        return Err(Failure::usage(format!(
            "listen: {address} can be reached by others, and the demo is for this machine only; set `--listen` to a loopback address such as 127.0.0.1:8080, or use `grantor serve`"
        )));
    }
    if config.scopes.is_empty() {
        config.scopes = scopes();
    }
    server::run(config, prepare, tell)
}

fn client_secret(app: &App, client: &str) -> Secret {
    app.secrets.derive(&format!("dev client {client}"))
}

/// Four groups of letters and digits, about 90 bits: a person may have to type it.
fn password(app: &App) -> Secret {
    let letters = app.secrets.derive("dev user");
    let plain: String = letters.expose().chars().filter(char::is_ascii_alphanumeric).take(16).collect();
    let groups: Vec<String> =
        plain.as_bytes().chunks(4).map(|group| String::from_utf8_lossy(group).to_lowercase()).collect();
    Secret::new(groups.join("-"))
}

async fn prepare(app: App) -> Result<Option<Demo>, Failure> {
    let now = app.clock.now();
    let issuer = app.config.issuer();
    let (demo, service) = (client_secret(&app, CLIENT), client_secret(&app, SERVICE));
    let redirect_uri = format!("{}/demo/callback", issuer.trim_end_matches('/'));
    let redirect_uri =
        RedirectUri::parse(&redirect_uri).map_err(|error| Failure::usage(error.to_string()))?;
    keep(&app, CLIENT, |client| {
        client.client_name = Some("Demo client".into());
        client.secrets = vec![ClientSecret::digest_of(demo.expose())];
        client.redirect_uris = vec![redirect_uri.clone()];
    })
    .await?;
    keep(&app, SERVICE, |client| {
        client.client_name = Some("Demo service".into());
        client.secrets = vec![ClientSecret::digest_of(service.expose())];
        client.grant_types = vec![GrantTypeName::CLIENT_CREDENTIALS];
        client.token_endpoint_auth_method = AuthMethod::CLIENT_SECRET_BASIC;
    })
    .await?;
    let password = password(&app);
    let user = NewUser { name: USER, display_name: None, password: password.expose(), disabled: false };
    if app.users.by_name(USER, now).await?.is_none() {
        let _ = app.users.create(user, now).await?;
    }
    let scope: Scopes = app.config.scope_names();
    let client = DemoClient { client_id: CLIENT.into(), secret: demo, scope: scope.to_string() };
    Ok(Some(Demo::new(issuer, &app.config.paths, client)))
}

/// Makes a client, or brings it to what the demo needs; what was set besides stays.
async fn keep(app: &App, id: &str, change: impl Fn(&mut Client) + Send + Sync) -> Result<(), Failure> {
    let now = app.clock.now();
    let mut client = Client::new(id).map_err(|error| Failure::new(error.to_string()))?;
    let stored = app.clients.stored();
    let id: ClientId = client.client_id.clone();
    if stored.change(&id, now, &change).await?.is_none() {
        change(&mut client);
        if !stored.create(&client, now).await? {
            return Err(
                StoreError::nothing_written("another process makes the same client; start again").into()
            );
        }
    }
    Ok(())
}

/// What to do with it, on standard output.
fn tell(app: &App) {
    let issuer = app.config.issuer();
    let base = issuer.trim_end_matches('/');
    let token = &app.config.paths.token;
    let (password, service) = (password(app), client_secret(app, SERVICE));
    let scope = app.config.scope_names();
    let first = scope.iter().next().unwrap_or_default();
    let _ = output::text(&format!(
        "\n\
         grantor is ready. It is for this machine only; `grantor serve` is the real thing.\n\n\
         Open      {base}/\n\
         User      {USER}\n\
         Password  {password}\n\
         {elsewhere}\n\
         Or ask for a token as a service:\n\n\
         curl -u {SERVICE}:{service} -d grant_type=client_credentials -d scope={first} {base}{token}\n\n\
         {kept}\n\n",
        password = password.expose(),
        service = service.expose(),
        kept = kept(&app.config),
        elsewhere = elsewhere(&app.config),
    ));
}

/// Where everything is kept.
fn kept(config: &Config) -> String {
    let folder = config.data_folder();
    let place = match config.origin("store") {
        _ if !registry::is_shared(&config.store) => {
            return "Nothing is kept: the store is memory. Stop with Ctrl-C.".into();
        }
        Origin::Default => folder.display().to_string(),
        _ => format!("{} and {}", config.store, folder.display()),
    };
    format!("Everything is kept in {place}. Stop with Ctrl-C; start again, and all of it is still there.")
}

/// Where it listens, in case that this does not follow from the URL to open.
fn elsewhere(config: &Config) -> String {
    let Some(address) = config.listen.first().filter(|_| *config.origin("issuer") != Origin::Default) else {
        return String::new();
    };
    let local = format!("http://localhost:{}", address.port());
    match config.issuer().strip_prefix(&local) {
        Some(path) if path.is_empty() || path.starts_with('/') => String::new(),
        _ => format!(
            "Listens   on {address}: let a proxy lead the URL above there, or give the same port to --listen\n"
        ),
    }
}
