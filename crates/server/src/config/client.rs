//! `[[clients]]`: clients that the file names, by the names of RFC 7591 §2. Those that commands make are in the store.

use std::path::PathBuf;

use grantor::{
    ApplicationType, AuthMethod, Client, ClientId, GrantTypeName, InvalidClient, Lifetime, RedirectUri,
    ResponseType, Scopes, Secret,
};

use super::setting::Setting;
use super::value::{Raw, Value, Wrong};

/// Where a secret can stand: in the file, in another file, in a variable.
#[derive(Debug, Default)]
pub(super) struct Sources {
    pub(super) clear: Option<Secret>,
    pub(super) file: Option<PathBuf>,
    pub(super) variable: Option<String>,
}

impl Sources {
    /// How many of them are used.
    pub(super) fn count(&self) -> usize {
        [self.clear.is_some(), self.file.is_some(), self.variable.is_some()]
            .into_iter()
            .filter(|is| *is)
            .count()
    }
}

/// An entry while it is read.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) client: Client,
    pub(super) has_id: bool,
    /// Whether the entry names its grant types.
    pub(super) names_grant_types: bool,
    pub(super) secrets: Sources,
}

impl Draft {
    /// Nothing is known yet.
    pub(super) fn new() -> Result<Self, InvalidClient> {
        Ok(Self {
            client: Client::new("?")?,
            has_id: false,
            names_grant_types: false,
            secrets: Sources::default(),
        })
    }
}

const fn setting(
    key: &'static str,
    kind: &'static str,
    meaning: &'static str,
    set: fn(&mut Draft, Raw<'_>) -> Result<(), Wrong>,
) -> Setting<Draft> {
    Setting { section: "", key, kind, meaning, set, show: |_| String::new() }
}

const fn lifetime(
    key: &'static str,
    meaning: &'static str,
    set: fn(&mut Draft, Raw<'_>) -> Result<(), Wrong>,
) -> Setting<Draft> {
    Setting { section: "lifetimes", ..setting(key, Lifetime::KIND, meaning, set) }
}

fn some_lifetime(raw: Raw<'_>) -> Result<Option<Lifetime>, Wrong> {
    match Lifetime::read(raw)? {
        Lifetime::For(duration) if duration.is_zero() => Err("it must be longer than 0".into()),
        lifetime => Ok(Some(lifetime)),
    }
}

/// The ways to authenticate that the server knows.
const METHODS: [AuthMethod; 3] =
    [AuthMethod::CLIENT_SECRET_BASIC, AuthMethod::CLIENT_SECRET_POST, AuthMethod::NONE];

/// Reads a way to authenticate.
pub(crate) fn auth_method(text: &str) -> Result<AuthMethod, Wrong> {
    METHODS.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
        "it is no way to authenticate; write \"client_secret_basic\", \"client_secret_post\" or \"none\""
            .into()
    })
}

/// Reads a response type.
pub(crate) fn response_type(text: &str) -> Result<ResponseType, Wrong> {
    [ResponseType::CODE, ResponseType::TOKEN]
        .into_iter()
        .find(|own| own.as_str() == text)
        .ok_or_else(|| "it is no response type; write \"code\", or \"token\" for the implicit grant".into())
}

/// Reads a grant type.
pub(crate) fn grant_type(text: &str) -> Result<GrantTypeName, Wrong> {
    let known = super::policy::GRANT_TYPES;
    let names: Vec<&str> = known.iter().map(GrantTypeName::as_str).collect();
    known
        .iter()
        .find(|own| own.as_str() == text)
        .cloned()
        .ok_or_else(|| format!("it is no grant type of this server; write some of {}", names.join(", ")))
}

fn each<T>(raw: Raw<'_>, read: fn(&str) -> Result<T, Wrong>) -> Result<Vec<T>, Wrong> {
    raw.words()?
        .iter()
        .map(|word| read(word).map_err(|why| format!("{}: {why}", Raw::Text(word).shown())))
        .collect()
}

/// The keys of an entry.
pub(super) const SETTINGS: &[Setting<Draft>] = &[
    setting("client_id", "text", "Its identifier. Required", |draft, raw| {
        draft.client.client_id = ClientId::parse(raw.text()?).map_err(|error| error.to_string())?;
        draft.has_id = true;
        Ok(())
    }),
    setting("client_name", "text", "Its name for people; without it the identifier", |draft, raw| {
        draft.client.client_name = Some(String::read(raw)?);
        Ok(())
    }),
    setting(
        "client_secret",
        "text",
        "Its secret. In memory there is only its digest",
        |draft, raw| match raw.secret()? {
            "" => {
                Err("the secret is empty; for a public client set token_endpoint_auth_method = \"none\""
                    .into())
            }
            secret => {
                draft.secrets.clear = Some(Secret::from(secret));
                Ok(())
            }
        },
    ),
    setting(
        "client_secret_file",
        "path",
        "A file with the secret instead; its last line end does not count",
        |draft, raw| {
            draft.secrets.file = Some(raw.text()?.into());
            Ok(())
        },
    ),
    setting("client_secret_env", "text", "An environment variable with the secret instead", |draft, raw| {
        draft.secrets.variable = Some(raw.text()?.into());
        Ok(())
    }),
    setting(
        "redirect_uris",
        "list of URLs",
        "Where answers may go; compared as strings (RFC 9700 section 2.1)",
        |draft, raw| {
            let read = |word: &String| RedirectUri::parse(word).map_err(|error| error.to_string());
            draft.client.redirect_uris = raw.words()?.iter().map(read).collect::<Result<_, _>>()?;
            Ok(())
        },
    ),
    setting(
        "grant_types",
        "list of grant types",
        "What it may use; without it `authorization_code` and `refresh_token`",
        |draft, raw| {
            draft.client.grant_types = each(raw, grant_type)?;
            draft.names_grant_types = true;
            Ok(())
        },
    ),
    setting(
        "response_types",
        "list of texts",
        "What it may ask for at the authorization endpoint; without it `code`",
        |draft, raw| {
            draft.client.response_types = each(raw, response_type)?;
            Ok(())
        },
    ),
    setting(
        "scope",
        Scopes::KIND,
        "The most it may have; without it all that the server has",
        |draft, raw| {
            draft.client.scope = Some(Scopes::read(raw)?);
            Ok(())
        },
    ),
    setting("default_scope", Scopes::KIND, "What it gets when it asks for nothing", |draft, raw| {
        draft.client.default_scope = Some(Scopes::read(raw)?);
        Ok(())
    }),
    setting(
        "token_endpoint_auth_method",
        "text",
        "`client_secret_basic` (without it), `client_secret_post`, or `none` for a public client",
        |draft, raw| {
            draft.client.token_endpoint_auth_method =
                auth_method(raw.text()?).map_err(|why| format!("{}: {why}", raw.shown()))?;
            Ok(())
        },
    ),
    setting(
        "application_type",
        "text",
        "`web` (without it) or `native`: the port of a native client's loopback redirect URI is free (RFC 8252 section 7.3)",
        |draft, raw| {
            draft.client.application_type = match raw.text()? {
                "web" => ApplicationType::Web,
                "native" => ApplicationType::Native,
                _ => return Err(format!("{} will not do; write \"web\" or \"native\"", raw.shown())),
            };
            Ok(())
        },
    ),
    setting(
        "require_pkce",
        bool::KIND,
        "Whether it needs PKCE; without it `policy.require_pkce`",
        |draft, raw| {
            draft.client.require_pkce = Some(bool::read(raw)?);
            Ok(())
        },
    ),
    setting(
        "rotate_refresh_tokens",
        bool::KIND,
        "Whether its refresh tokens rotate; without it `policy.rotate_refresh_tokens`",
        |draft, raw| {
            draft.client.rotate_refresh_tokens = Some(bool::read(raw)?);
            Ok(())
        },
    ),
    setting(
        "refresh_retry_window",
        "duration",
        "Without it `policy.refresh_retry_window`; whole seconds",
        |draft, raw| {
            draft.client.refresh_retry_window = Some(std::time::Duration::read(raw)?.as_secs());
            Ok(())
        },
    ),
    setting(
        "may_introspect",
        bool::KIND,
        "Whether it may introspect access tokens of other clients, as a resource server does",
        |draft, raw| {
            draft.client.may_introspect = bool::read(raw)?;
            Ok(())
        },
    ),
    setting(
        "allowed_origins",
        "list of origins",
        "Origins whose scripts may read its answers (CORS)",
        |draft, raw| {
            draft.client.allowed_origins = raw.words()?;
            Ok(())
        },
    ),
    setting(
        "require_consent",
        bool::KIND,
        "Whether the user is asked; `false` for one's own applications only",
        |draft, raw| {
            draft.client.require_consent = bool::read(raw)?;
            Ok(())
        },
    ),
    setting("disabled", bool::KIND, "Whether it may do nothing at present", |draft, raw| {
        draft.client.disabled = bool::read(raw)?;
        Ok(())
    }),
    lifetime("code", "Of its codes", |draft, raw| {
        draft.client.lifetimes.code = some_lifetime(raw)?;
        Ok(())
    }),
    lifetime("access_token", "Of its access tokens", |draft, raw| {
        draft.client.lifetimes.access_token = some_lifetime(raw)?;
        Ok(())
    }),
    lifetime("refresh_token_idle", "How long its refresh tokens may lie unused", |draft, raw| {
        draft.client.lifetimes.refresh_token_idle = some_lifetime(raw)?;
        Ok(())
    }),
    lifetime("refresh_token", "How long its refreshing can go on in all", |draft, raw| {
        draft.client.lifetimes.refresh_token = some_lifetime(raw)?;
        Ok(())
    }),
];
