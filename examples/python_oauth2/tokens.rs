//! Programs about scopes and about how tokens look.

use std::fmt::Write as _;

use grantor::legacy::{Implicit, Password};
use grantor::{
    BoxError, Client, ClientCredentials, Error, GrantTypeName, ProviderBuilder, RandomBytes, ScopePolicy,
    Scopes, Secret, TokenGenerator,
};

use crate::accounts::Users;
use crate::grants::{MONTH, code, profile, profile_with_default, refresh, secs};
use crate::{Args, Program};

/// Their names.
pub(crate) const PROGRAMS: [&str; 5] =
    ["scopes", "scope_class", "unique_tokens", "random_tokens", "own_tokens"];

/// The programs of this file.
pub(crate) fn program(args: &Args) -> Result<Program, BoxError> {
    let base = args.provider()?;
    Program::of(match args.program.as_str() {
        "scopes" => base
            .scopes(profile()?)
            .grant(code(3600).scopes(profile_with_default()?))
            .grant(Implicit::new().scopes(profile_with_default()?))
            .grant(ClientCredentials::new()),
        "scope_class" => base.grant(ClientCredentials::new().scopes(StatusAndRepos)),
        "unique_tokens" => base
            .unique_tokens()
            .key(Secret::from("the key of an example, not of a server that anybody uses"))
            .scopes(profile_with_default()?)
            .grant(code(3600))
            .grant(Password::new(Users).access_token_lifetime(secs(600)))
            .grant(refresh(MONTH)),
        "random_tokens" => all_grants(base.token_generator(RandomBytes { bytes: 36 })),
        _ => all_grants(base.token_generator(Seed)),
    })
}

fn all_grants(base: ProviderBuilder) -> ProviderBuilder {
    base.grant(code(3600))
        .grant(Implicit::new())
        .grant(Password::new(Users))
        .grant(ClientCredentials::new())
        .grant(refresh(MONTH))
}

/// `status`, and everything that starts with `repo:`.
#[derive(Debug)]
struct StatusAndRepos;

impl ScopePolicy for StatusAndRepos {
    fn scopes(
        &self,
        asked: Option<&Scopes>,
        _client: &Client,
        _kind: &GrantTypeName,
    ) -> Result<Scopes, Error> {
        let Some(asked) = asked else { return Ok(Scopes::empty()) };
        match asked.iter().find(|scope| *scope != "status" && !scope.starts_with("repo:")) {
            None => Ok(asked.clone()),
            Some(scope) => Err(Error::invalid_scope(format!("{scope} is neither status nor repo:NAME."))),
        }
    }
}

/// `seed-` and 32 hexadecimal digits.
#[derive(Debug)]
struct Seed;

impl TokenGenerator for Seed {
    fn generate(&self, seed: &[u8; 32]) -> String {
        let mut text = "seed-".to_owned();
        for byte in seed.iter().take(16) {
            // Writing into a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }
}
