//! What single keys cannot tell: the issuer, what clients may ask for, two of the same name.

use grantor::{GrantTypeName, Scopes, Secret};
use url::{Host, Url};

use super::client::Draft;
use super::problem::Origin;
use super::read::Reading;
use super::setting::nearest;
use super::user::{self, FilePassword, FileUser};
use crate::registry;

/// Checks what was read as a whole.
pub(super) fn all(reading: &mut Reading<'_>) {
    issuer(reading);
    store(reading);
    paths(reading);
    default_scope(reading);
    doubles(reading);
    warn(reading);
}

/// Checks a client by itself, and takes it.
pub(super) fn client(reading: &mut Reading<'_>, origin: Origin, shown: &str, draft: Draft) {
    let client = draft.client;
    if let Err(error) = client.check() {
        let text = error.to_string();
        let prefix = format!("client `{}`: ", client.client_id);
        let why = text.strip_prefix(&prefix).unwrap_or(&text).to_owned();
        return reading.problem(origin, shown, why);
    }
    if draft.names_grant_types {
        reading.named_grants.push((origin, client.client_id.clone()));
    } else {
        reading.plain_clients.push((origin, client.client_id.clone()));
    }
    reading.config.clients.push(client);
}

/// Checks a user by itself, and takes it.
pub(super) fn user(
    reading: &mut Reading<'_>,
    origin: Origin,
    shown: &str,
    draft: user::Draft,
    clear: Option<Secret>,
) {
    if draft.name.is_empty() {
        return reading.problem(origin, shown, "name is missing");
    }
    let password = match (clear, draft.hash) {
        (Some(_), Some(_)) => {
            return reading.problem(origin, shown, "write the password or password_hash, not both");
        }
        (Some(clear), None) => match crate::passwords::check(clear.expose()) {
            Ok(()) => FilePassword::Clear(clear),
            Err(why) => return reading.problem(origin, shown, why),
        },
        (None, Some(hash)) => FilePassword::Hash(hash),
        (None, None) => {
            return reading.problem(
                origin,
                shown,
                "the password is missing; write password_file, password_env, password_hash or password",
            );
        }
    };
    let subject = draft.subject.unwrap_or_else(|| crate::users::subject_of_name(&draft.name));
    let twice = reading.config.users.iter().any(|own| own.name == draft.name);
    if twice {
        return reading.problem(origin, shown, "there are two users with this name; remove one");
    }
    if reading.config.users.iter().any(|own| own.subject == subject) {
        return reading.problem(
            origin,
            shown,
            "there are two users with this subject; a subject is one person's for ever",
        );
    }
    let (name, display_name, disabled) = (draft.name, draft.display_name, draft.disabled);
    reading.config.users.push(FileUser { name, subject, display_name, password, disabled });
}

/// RFC 8414 §2, and what core asks for when it builds a provider: here with the place.
fn issuer(reading: &mut Reading<'_>) {
    let text = reading.config.issuer.clone();
    let origin = reading.config.origin("issuer").clone();
    if text.is_empty() {
        let open = reading.config.listen.iter().find(|address| !address.ip().is_loopback());
        if let Some(address) = open {
            let why = format!(
                "it is missing, and {address} can be reached by others, so http://localhost will not do; write the https URL that clients use, for example \"https://login.example.com\""
            );
            let origin = reading.config.origin("listen").clone();
            reading.problem(origin, "issuer", why);
        }
        return;
    }
    let why = match Url::parse(&text) {
        Err(_) => Some("it is no URL; write for example \"https://login.example.com\"".to_owned()),
        Ok(url) => issuer_refusal(&text, &url, reading.config.insecure_issuer),
    };
    if let Some(why) = why {
        reading.problem(origin, "issuer", why);
    }
}

fn issuer_refusal(text: &str, url: &Url, insecure: bool) -> Option<String> {
    if url.query().is_some()
        || url.fragment().is_some()
        || !url.username().is_empty()
        || url.password().is_some()
    {
        return Some("it has a query, a fragment or user information; write scheme, host and path only (RFC 8414 section 2)".into());
    }
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if here || insecure => {}
        "http" => {
            return Some(format!(
                "plain http is for this machine only (http://localhost); write \"https{}\", and let a proxy with TLS stand before the server; if you know that you want it, set insecure_issuer = true",
                text.trim_start_matches("http")
            ));
        }
        _ => return Some("it is not https; write for example \"https://login.example.com\"".into()),
    }
    let canonical = url.as_str();
    if canonical != text && canonical.strip_suffix('/') != Some(text) {
        return Some(format!(
            "clients compare it byte by byte; write it as browsers do: \"{}\"",
            canonical.trim_end_matches('/')
        ));
    }
    None
}

fn store(reading: &mut Reading<'_>) {
    let origin = reading.config.origin("store").clone();
    if let Err(why) = registry::check(&reading.config.store, &reading.config.data_folder()) {
        reading.problem(origin, "store", why);
    }
}

fn paths(reading: &mut Reading<'_>) {
    let paths = reading.config.paths.clone();
    let all = [
        ("paths.authorize", paths.authorize),
        ("paths.token", paths.token),
        ("paths.revoke", paths.revoke),
        ("paths.introspect", paths.introspect),
    ];
    for (at, (name, path)) in all.iter().enumerate() {
        if let Some((other, _)) = all.iter().take(at).find(|(_, own)| own == path) {
            let origin = match reading.config.origin(name) {
                Origin::Default => reading.config.origin(other).clone(),
                origin => origin.clone(),
            };
            reading.problem(
                origin,
                *name,
                format!("{other} is {path} too; each endpoint needs a path of its own"),
            );
        }
    }
}

fn default_scope(reading: &mut Reading<'_>) {
    let scopes = reading.config.policy.default_scope.clone();
    let origin = reading.config.origin("policy.default_scope").clone();
    known_scopes(reading, &origin, "policy.default_scope", &scopes);
    let clients = reading.config.clients.clone();
    let named = reading.named_grants.clone();
    let plain = reading.plain_clients.clone();
    for (origin, id) in named.iter().chain(&plain) {
        let Some(client) = clients.iter().find(|client| client.client_id == *id) else { continue };
        for (key, scopes) in [("scope", &client.scope), ("default_scope", &client.default_scope)] {
            if let Some(scopes) = scopes {
                known_scopes(reading, origin, &format!("clients[{id}].{key}"), scopes);
            }
        }
    }
    let offered = reading.config.policy.grant_types.clone();
    for (origin, id) in &named {
        let Some(client) = clients.iter().find(|client| client.client_id == *id) else { continue };
        for name in client.grant_types.iter().filter(|name| !offered.contains(name)) {
            let with: Vec<String> = offered.iter().chain([name]).map(|name| format!("\"{name}\"")).collect();
            let warned = if [GrantTypeName::PASSWORD, GrantTypeName::IMPLICIT].contains(name) {
                " (RFC 9700 forbids it to new deployments)"
            } else {
                ""
            };
            reading.problem(
                origin.clone(),
                format!("clients[{id}].grant_types"),
                format!("this server does not offer {name}{warned}; remove it, or set [policy] grant_types = [{}]", with.join(", ")),
            );
        }
    }
}

fn known_scopes(reading: &mut Reading<'_>, origin: &Origin, key: &str, scopes: &Scopes) {
    let known = reading.config.scopes.clone();
    for scope in scopes.iter().filter(|scope| !known.contains_key(*scope)) {
        let meant = nearest(scope, known.keys().map(String::as_str));
        let instead = meant.map_or_else(
            || format!("add it to [scopes]: \"{scope}\" = \"what it allows, in words\""),
            |meant| format!("did you mean `{meant}`?"),
        );
        let why = format!("there is no scope `{scope}`; {instead}");
        reading.problem(origin.clone(), key, why);
    }
}

fn doubles(reading: &mut Reading<'_>) {
    let all: Vec<_> = reading.named_grants.iter().chain(&reading.plain_clients).cloned().collect();
    for (at, (origin, id)) in all.iter().enumerate() {
        if all.iter().take(at).any(|(_, other)| other == id) {
            reading.problem(
                origin.clone(),
                format!("clients[{id}].client_id"),
                "there are two clients with this identifier; remove one or give it another client_id",
            );
        }
    }
}

fn warn(reading: &mut Reading<'_>) {
    let config = &mut reading.config;
    for name in &config.policy.grant_types {
        if [GrantTypeName::PASSWORD, GrantTypeName::IMPLICIT].contains(name) {
            config
                .warnings
                .push(format!("policy.grant_types offers {name}, which RFC 9700 forbids to new deployments"));
        }
    }
    if config.insecure_issuer && config.issuer().starts_with("http://") {
        config.warnings.push("insecure_issuer is on: codes and tokens can be read on the way".into());
    }
    if let (true, Some(file)) = (reading.has_clear_secrets, &config.file)
        && crate::secrets::others_may_read(file)
    {
        config
            .warnings
            .push(format!("{} holds secrets and others may read it; run chmod 600 on it", file.display()));
    }
}
