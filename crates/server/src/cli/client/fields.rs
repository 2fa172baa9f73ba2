//! What `grantor client create` and `change` set, by the names of RFC 7591 §2.
#![expect(clippy::doc_markdown, reason = "these comments are help texts, where backticks would be printed")]

use std::time::Duration;

use clap::Args;
use grantor::{
    ApplicationType, AuthMethod, Client, GrantTypeName, Lifetime, LifetimeOverrides, RedirectUri,
    ResponseType, Scopes,
};

use crate::config::value::{Raw, Value as _};
use crate::config::{auth_method, grant_type, response_type};
use crate::failure::Failure;

/// The settings of a client.
#[derive(Debug, Args)]
pub(in crate::cli) struct Fields {
    /// Its name for people.
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
    /// Where answers may go; give it once for each.
    #[arg(long = "redirect-uri", value_name = "URL", value_parser = redirect_uri)]
    redirect_uris: Vec<RedirectUri>,
    /// A grant type that it may use; give it once for each. [authorization_code, refresh_token]
    #[arg(long = "grant-type", value_name = "NAME", value_parser = grant_type)]
    grant_types: Vec<GrantTypeName>,
    /// A response type that it may ask for; give it once for each. [code]
    #[arg(long = "response-type", value_name = "NAME", value_parser = response_type)]
    response_types: Vec<ResponseType>,
    /// The most it may have, as scopes separated by spaces. [all]
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    scope: Option<Scopes>,
    /// What it gets when it asks for nothing.
    #[arg(long, value_name = "SCOPES", value_parser = scopes)]
    default_scope: Option<Scopes>,
    /// How it authenticates. [client_secret_basic]
    #[arg(long, value_name = "METHOD", value_parser = auth_method)]
    auth_method: Option<AuthMethod>,
    /// Whether it is an application on a device: the port of its loopback redirect URI is free.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    native: Option<bool>,
    /// Whether it needs PKCE. [policy.require_pkce]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    require_pkce: Option<bool>,
    /// Whether its refresh tokens rotate. [policy.rotate_refresh_tokens]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    rotate_refresh_tokens: Option<bool>,
    /// How long its previous refresh token gives the same successor. [policy.refresh_retry_window]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    refresh_retry_window: Option<Duration>,
    /// Whether it may introspect access tokens of other clients.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    may_introspect: Option<bool>,
    /// An origin whose scripts may read its answers; give it once for each.
    #[arg(long = "allowed-origin", value_name = "ORIGIN")]
    allowed_origins: Vec<String>,
    /// Whether the user is asked; false for one's own applications only.
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    require_consent: Option<bool>,
    /// A lifetime of its own, as access_token=1h; also code, refresh_token_idle, refresh_token.
    #[arg(long = "lifetime", value_name = "KEY=DURATION", value_parser = lifetime)]
    lifetimes: Vec<(String, Lifetime)>,
}

impl Fields {
    /// How the client authenticates, if that is said.
    pub(super) fn auth_method(&self) -> Option<AuthMethod> {
        self.auth_method.clone()
    }

    /// Sets what is said.
    ///
    /// # Errors
    /// A lifetime that does not exist.
    pub(super) fn apply(&self, client: &mut Client) -> Result<(), Failure> {
        if let Some(name) = &self.name {
            client.client_name = Some(name.clone()).filter(|name| !name.is_empty());
        }
        set(&mut client.redirect_uris, &self.redirect_uris);
        set(&mut client.grant_types, &self.grant_types);
        set(&mut client.response_types, &self.response_types);
        set(&mut client.allowed_origins, &self.allowed_origins);
        client.scope = self.scope.clone().or(client.scope.take());
        client.default_scope = self.default_scope.clone().or(client.default_scope.take());
        if let Some(method) = &self.auth_method {
            if *method == AuthMethod::NONE {
                client.secrets.clear();
            }
            client.token_endpoint_auth_method = method.clone();
        }
        if let Some(native) = self.native {
            client.application_type = if native { ApplicationType::Native } else { ApplicationType::Web };
        }
        client.require_pkce = self.require_pkce.or(client.require_pkce);
        client.rotate_refresh_tokens = self.rotate_refresh_tokens.or(client.rotate_refresh_tokens);
        let window = self.refresh_retry_window.map(|window| window.as_secs());
        client.refresh_retry_window = window.or(client.refresh_retry_window);
        client.may_introspect = self.may_introspect.unwrap_or(client.may_introspect);
        client.require_consent = self.require_consent.unwrap_or(client.require_consent);
        for (key, lifetime) in &self.lifetimes {
            let own = &mut client.lifetimes;
            let place = match key.as_str() {
                "code" => &mut own.code,
                "access_token" => &mut own.access_token,
                "refresh_token_idle" => &mut own.refresh_token_idle,
                "refresh_token" => &mut own.refresh_token,
                _ => {
                    return Err(Failure::usage(format!(
                        "--lifetime {key}=..: there is no such lifetime; write code, access_token, refresh_token_idle or refresh_token"
                    )));
                }
            };
            *place = Some(*lifetime);
        }
        Ok(())
    }
}

fn set<T: Clone>(place: &mut Vec<T>, said: &[T]) {
    if !said.is_empty() {
        *place = said.to_vec();
    }
}

/// Forgets settings, so that the defaults hold again.
///
/// # Errors
/// A setting that has no default to go back to.
pub(super) fn unset(client: &mut Client, keys: &[String]) -> Result<(), Failure> {
    for key in keys {
        match key.replace('-', "_").as_str() {
            "name" | "client_name" => client.client_name = None,
            "redirect_uris" => client.redirect_uris.clear(),
            "allowed_origins" => client.allowed_origins.clear(),
            "scope" => client.scope = None,
            "default_scope" => client.default_scope = None,
            "require_pkce" => client.require_pkce = None,
            "rotate_refresh_tokens" => client.rotate_refresh_tokens = None,
            "refresh_retry_window" => client.refresh_retry_window = None,
            "lifetimes" => client.lifetimes = LifetimeOverrides::default(),
            _ => {
                return Err(Failure::usage(format!(
                    "--unset {key}: write client_name, redirect_uris, allowed_origins, scope, default_scope, require_pkce, rotate_refresh_tokens, refresh_retry_window or lifetimes"
                )));
            }
        }
    }
    Ok(())
}

fn redirect_uri(text: &str) -> Result<RedirectUri, String> {
    RedirectUri::parse(text).map_err(|error| error.to_string())
}

fn scopes(text: &str) -> Result<Scopes, String> {
    Scopes::read(Raw::Text(text))
}

pub(in crate::cli) fn duration(text: &str) -> Result<Duration, String> {
    Duration::read(Raw::Text(text))
}

fn lifetime(text: &str) -> Result<(String, Lifetime), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=DURATION, for example access_token=1h")?;
    match Lifetime::read(Raw::Text(value))? {
        Lifetime::For(Duration::ZERO) => Err("it must be longer than 0".into()),
        lifetime => Ok((key.to_owned(), lifetime)),
    }
}
