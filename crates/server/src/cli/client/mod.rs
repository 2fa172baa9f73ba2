//! `grantor client`: the clients of the store.

mod fields;

use clap::Subcommand;
use grantor::store::Kind;
use grantor::{AuthMethod, Client, ClientSecret, Random as _, Scopes, Secret, SystemRandom, Whose};
use serde_json::{Value, json};

use super::context::{Own, of_file};
use super::{input, output};
use crate::failure::Failure;
use fields::Fields;
pub(super) use fields::duration;

/// What to do with clients.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a client. Its secret is made up and printed, once.
    Create {
        /// Its identifier; made up where none is given.
        client_id: Option<String>,
        /// A public client: an application without a server of its own, which cannot keep a secret.
        #[arg(long, conflicts_with_all = ["secret_stdin", "auth_method"])]
        public: bool,
        /// Take the secret from standard input; it is kept as an Argon2id hash.
        #[arg(long)]
        secret_stdin: bool,
        /// It may do nothing until `grantor client enable`.
        #[arg(long)]
        disabled: bool,
        #[command(flatten)]
        fields: Fields,
    },
    /// List all clients.
    List,
    /// Show a client.
    Show {
        /// Its identifier.
        client_id: String,
    },
    /// Change what is registered; a list replaces the whole list. It ends what was issued before.
    Change {
        /// Its identifier.
        client_id: String,
        /// What was issued before lives on.
        #[arg(long)]
        keep_grants: bool,
        /// Forget a setting, so that the default holds again: scope, lifetimes and so on.
        #[arg(long, value_name = "KEY")]
        unset: Vec<String>,
        #[command(flatten)]
        fields: Fields,
    },
    /// Give it a new secret, printed once. The old one works too, until --drop-old.
    Secret {
        /// Its identifier.
        client_id: String,
        /// End the old secrets; the newest stays.
        #[arg(long, conflicts_with = "secret_stdin")]
        drop_old: bool,
        /// Take the new secret from standard input; it is kept as an Argon2id hash.
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Switch it off, which ends what it was given for good.
    Disable {
        /// Its identifier.
        client_id: String,
    },
    /// Switch it on again. What ended stays ended.
    Enable {
        /// Its identifier.
        client_id: String,
    },
    /// Delete it, which ends what it was given.
    Delete {
        /// Its identifier.
        client_id: String,
    },
}

/// The most clients that are listed.
const LISTED: usize = 100_000;
/// A secret and the one before it.
const MOST_SECRETS: usize = 2;

pub(super) async fn run(own: &Own, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { client_id, public, secret_stdin, disabled, fields } => {
            let id = match client_id {
                Some(id) => id,
                None => made_up_id()?,
            };
            let method = if public { Some(AuthMethod::NONE) } else { fields.auth_method() };
            create(own, &id, method, secret_stdin, disabled, &fields).await
        }
        Command::List => list(own).await,
        Command::Show { client_id } => {
            let (client, of_file) = own.client(&client_id).await?;
            show(own, &client, of_file, None).await
        }
        Command::Change { client_id, keep_grants, unset, fields } => {
            change(own, &client_id, keep_grants, &unset, &fields).await
        }
        Command::Secret { client_id, drop_old: true, .. } => drop_old(own, &client_id).await,
        Command::Secret { client_id, drop_old: false, secret_stdin } => {
            new_secret(own, &client_id, secret_stdin).await
        }
        Command::Disable { client_id } => set_disabled(own, &client_id, true).await,
        Command::Enable { client_id } => set_disabled(own, &client_id, false).await,
        Command::Delete { client_id } => delete(own, &client_id).await,
    }
}

fn made_up_id() -> Result<String, Failure> {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes)?;
    Ok(format!("client-{:016x}", u64::from_be_bytes(bytes)))
}

async fn create(
    own: &Own,
    id: &str,
    method: Option<AuthMethod>,
    secret_stdin: bool,
    disabled: bool,
    fields: &Fields,
) -> Result<(), Failure> {
    let mut client = Client::new(id).map_err(|error| Failure::usage(error.to_string()))?;
    if let Some(method) = method {
        client.token_endpoint_auth_method = method;
    }
    fields.apply(&mut client)?;
    let taken =
        || Failure::new(format!("there is a client {id} already; `grantor client change {id}` changes it"));
    if own.client(id).await.is_ok() {
        return Err(taken());
    }
    let mut shown = None;
    if !client.is_public() {
        let (secret, kept) = secret(own, secret_stdin).await?;
        client.secrets.push(kept);
        shown = secret;
    }
    check(own, &client)?;
    // An earlier client may have had this identifier: what that one was given must not live again.
    own.app.standings.end_earlier(Whose::Client(id), own.now).await?;
    own.app.standings.set_disabled(Whose::Client(id), disabled, own.now).await?;
    if !own.app.clients.stored().create(&client, own.now).await? {
        return Err(taken());
    }
    show(own, &client, false, shown.as_ref()).await
}

/// A secret that is made up, to be shown, or one from standard input, which is not; and what is kept of it.
async fn secret(own: &Own, from_stdin: bool) -> Result<(Option<Secret>, ClientSecret), Failure> {
    if from_stdin {
        let secret = input::new_password("Secret")?;
        let hash = own.app.passwords.hash(secret.expose()).await?;
        let kept = ClientSecret::from_phc(&hash).map_err(|error| Failure::new(error.to_string()))?;
        return Ok((None, kept));
    }
    let made = ClientSecret::generate(&SystemRandom)?;
    Ok((Some(made.secret), made.kept))
}

/// Refuses what could not work, and says what works but not here.
fn check(own: &Own, client: &Client) -> Result<(), Failure> {
    client.check().map_err(|error| {
        Failure::usage(format!(
            "{error}; `grantor client create --help` shows the options, --redirect-uri among them"
        ))
    })?;
    let known = &own.app.config.scopes;
    let scopes = client.scope.iter().chain(&client.default_scope);
    for scope in scopes.flat_map(Scopes::iter).filter(|scope| !known.contains_key(*scope)) {
        output::note(&format!("warning: the configuration has no scope {scope}, so nobody gets it"));
    }
    for name in client.grant_types.iter().filter(|name| !own.app.offers(name)) {
        output::note(&format!(
            "warning: [policy] grant_types does not have {name}, so the client cannot use it"
        ));
    }
    Ok(())
}

async fn change(own: &Own, id: &str, keep: bool, unset: &[String], fields: &Fields) -> Result<(), Failure> {
    let before = changeable(own, id).await?;
    // A public client that becomes a confidential one needs a secret.
    let needs_secret =
        before.is_public() && fields.auth_method().is_some_and(|method| method != AuthMethod::NONE);
    let (shown, kept) = if needs_secret {
        let (shown, kept) = secret(own, false).await?;
        (shown, Some(kept))
    } else {
        (None, None)
    };
    let apply = |client: &mut Client| {
        fields::unset(client, unset)?;
        fields.apply(client)?;
        client.secrets.extend(kept.clone());
        Ok::<_, Failure>(())
    };
    let mut after = before.clone();
    apply(&mut after)?;
    check(own, &after)?;
    let id = &before.client_id;
    // It was tried above: it fails on no client.
    let changed = own.app.clients.stored().change(id, own.now, |client| drop(apply(client))).await?;
    let changed = changed.ok_or_else(|| Failure::new(format!("the client {id} was deleted meanwhile")))?;
    if !keep {
        own.app.standings.end_earlier(Whose::Client(id.as_str()), own.app.clock.now()).await?;
    }
    show(own, &changed, false, shown.as_ref()).await
}

async fn new_secret(own: &Own, id: &str, from_stdin: bool) -> Result<(), Failure> {
    let before = changeable(own, id).await?;
    if before.is_public() {
        return Err(Failure::usage(format!(
            "{id} is a public client; `grantor client change {id} --auth-method client_secret_basic` comes first"
        )));
    }
    let (shown, kept) = secret(own, from_stdin).await?;
    let add = |client: &mut Client| {
        client.secrets.push(kept.clone());
        let extra = client.secrets.len().saturating_sub(MOST_SECRETS);
        client.secrets.drain(..extra);
    };
    let changed = own.app.clients.stored().change(&before.client_id, own.now, add).await?;
    let changed = changed.ok_or_else(|| Failure::new(format!("the client {id} was deleted meanwhile")))?;
    show(own, &changed, false, shown.as_ref()).await?;
    output::note(&format!(
        "The old secret works too. When the client has the new one: grantor client secret {id} --drop-old"
    ));
    Ok(())
}

async fn drop_old(own: &Own, id: &str) -> Result<(), Failure> {
    let before = changeable(own, id).await?;
    let newest = |client: &mut Client| {
        let extra = client.secrets.len().saturating_sub(1);
        client.secrets.drain(..extra);
    };
    own.app.clients.stored().change(&before.client_id, own.now, newest).await?;
    output::done(own.json, &format!("only the newest secret of {id} works now"))
}

async fn set_disabled(own: &Own, id: &str, disabled: bool) -> Result<(), Failure> {
    let (client, is_of_file) = own.client(id).await?;
    if !disabled && client.disabled {
        if is_of_file {
            return Err(of_file(own, "disabled = true for this client"));
        }
        own.app.clients.stored().change(&client.client_id, own.now, |client| client.disabled = false).await?;
    }
    own.app.standings.set_disabled(Whose::Client(client.client_id.as_str()), disabled, own.now).await?;
    let (client, is_of_file) = own.client(id).await?;
    show(own, &client, is_of_file, None).await
}

async fn delete(own: &Own, id: &str) -> Result<(), Failure> {
    let client = changeable(own, id).await?.client_id;
    own.app.clients.stored().remove(&client, own.now).await?;
    own.app.standings.delete_client(client.as_str(), own.app.clock.now()).await?;
    // All of it is dead already; this only tidies up.
    for kind in [Kind::CONSENT, Kind::GRANT] {
        own.remove_records(kind, Some(client.as_str()), None).await?;
    }
    output::done(own.json, &format!("the client {client} is deleted; what it was given has ended"))
}

/// The client, if commands may change it.
async fn changeable(own: &Own, id: &str) -> Result<Client, Failure> {
    match own.client(id).await? {
        (client, false) => Ok(client),
        (client, true) => Err(of_file(own, &format!("the client {}", client.client_id))),
    }
}

async fn list(own: &Own) -> Result<(), Failure> {
    let mut all = Vec::new();
    for client in own.app.clients.all_of_file() {
        all.push(facts(own, &client, true).await?);
    }
    let mut stored = own.app.clients.stored().list(LISTED, own.now).await?;
    stored.sort_by(|a, b| a.client_id.cmp(&b.client_id));
    for client in &stored {
        all.push(facts(own, client, false).await?);
    }
    if own.json {
        return output::json(&all);
    }
    let columns =
        ["client_id", "client_name", "token_endpoint_auth_method", "grant_types", "disabled", "source"];
    output::table(&columns, &all, "there are no clients; `grantor client create` makes one")
}

async fn show(own: &Own, client: &Client, of_file: bool, secret: Option<&Secret>) -> Result<(), Failure> {
    let mut facts = facts(own, client, of_file).await?;
    if let (Some(secret), Some(facts)) = (secret, facts.as_object_mut()) {
        facts.insert("client_secret".into(), secret.expose().into());
    }
    if own.json {
        return output::json(&facts);
    }
    output::facts(&facts)?;
    if let Some(secret) = secret {
        output::text(&format!("\nCLIENT_ID='{}'\nCLIENT_SECRET='{}'\n", client.client_id, secret.expose()))?;
        output::note("The secret is shown this once; only its digest is kept.");
    }
    Ok(())
}

/// Everything but its secrets, of which only the number is shown.
async fn facts(own: &Own, client: &Client, of_file: bool) -> Result<Value, Failure> {
    let standing = own.app.standings.get(Whose::Client(client.client_id.as_str()), own.now).await?;
    let mut facts = serde_json::to_value(client).map_err(|error| Failure::new(error.to_string()))?;
    if let Some(facts) = facts.as_object_mut() {
        facts.remove("secrets");
        if facts.get("lifetimes").is_some_and(|lifetimes| *lifetimes == json!({})) {
            facts.remove("lifetimes");
        }
        facts.insert("secret_count".into(), client.secrets.len().into());
        facts.insert("disabled".into(), (client.disabled || standing.disabled).into());
        if standing.not_before() > grantor::Timestamp::EPOCH {
            facts.insert("not_before".into(), output::time(standing.not_before()).into());
        }
        facts.insert("source".into(), if of_file { "file" } else { "store" }.into());
    }
    Ok(facts)
}
