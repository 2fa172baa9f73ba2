//! Programs about grant types and lifetimes.

use std::time::Duration;

use grantor::legacy::{Implicit, Password};
use grantor::{
    Authenticated, AuthorizationCode, BoxError, ClientCredentials, Ctx, Error, GrantType, GrantTypeName,
    Issuance, NewGrant, ProviderBuilder, RefreshToken, ScopePolicy, ScopeSet, Scopes, StaticClients,
    TokenRequest, Uuid4, async_trait,
};
use serde_json::{Map, json};

use crate::accounts::{self, Users};
use crate::site::Page;
use crate::{Args, Program};

/// Their names.
pub(crate) const PROGRAMS: [&str; 9] = [
    "quickstart",
    "authorization_code",
    "implicit",
    "resource_owner",
    "client_credentials",
    "refresh_token",
    "rotation",
    "short_lifetimes",
    "custom_grant",
];

/// The name of the ticket grant.
pub(crate) const TICKET: GrantTypeName = GrantTypeName::from_static("urn:example:grant:ticket");
/// 30 days, in seconds.
pub(crate) const MONTH: u64 = 2_592_000;

/// That many seconds.
pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// Refresh tokens that live so many seconds after each use. The original knew no other end, so the one of the whole grant
/// is far away here.
pub(crate) fn refresh(life: u64) -> RefreshToken {
    RefreshToken::new().idle_lifetime(secs(life)).absolute_lifetime(secs(life.max(MONTH) * 120))
}

/// The code grant with access tokens of so many seconds.
pub(crate) fn code(life: u64) -> AuthorizationCode {
    AuthorizationCode::new().access_token_lifetime(secs(life))
}

/// The scopes of several programs.
pub(crate) fn profile() -> Result<ScopeSet, BoxError> {
    Ok(ScopeSet::new(Scopes::parse("profile_read profile_write")?))
}

/// The same with the default of several programs.
pub(crate) fn profile_with_default() -> Result<ScopeSet, BoxError> {
    Ok(profile()?.with_default(Scopes::parse("profile_read")?))
}

/// The programs of this file.
pub(crate) fn program(args: &Args) -> Result<Program, BoxError> {
    let base = args.provider()?;
    let builder: ProviderBuilder = match args.program.as_str() {
        "quickstart" => base
            .clients(StaticClients::new(accounts::clients()?.into_iter().take(1)))
            .site(Page { confirm_only: true, data: Map::new(), ..Page::default() })
            .token_generator(Uuid4)
            .grant(code(MONTH))
            .grant(Implicit::new())
            .grant(refresh(MONTH)),
        "authorization_code" => base.grant(code(3600).code_lifetime(secs(600))),
        "implicit" => base.grant(Implicit::new().access_token_lifetime(secs(24 * 3600))),
        "resource_owner" => {
            base.grant(Password::new(Users).access_token_lifetime(secs(600))).grant(refresh(1200))
        }
        "client_credentials" => base.grant(ClientCredentials::new().access_token_lifetime(secs(3600))),
        "refresh_token" => base.scopes(profile()?).grant(code(3600)).grant(refresh(MONTH).rotate(false)),
        "rotation" => base.grant(code(3600)).grant(refresh(MONTH).retry_window(secs(1))),
        "short_lifetimes" => base.grant(code(2).code_lifetime(secs(1))).grant(refresh(4)),
        _ => {
            let ride = Scopes::parse("ride")?;
            let scopes = ScopeSet::new(ride.clone()).with_default(ride);
            base.grant(ClientCredentials::new()).grant(Ticket { scopes })
        }
    };
    Program::of(builder)
}

/// A golden ticket gives alice a ride.
#[derive(Debug)]
struct Ticket {
    scopes: ScopeSet,
}

#[async_trait]
impl GrantType for Ticket {
    fn grant_type(&self) -> GrantTypeName {
        TICKET
    }

    fn scopes(&self) -> Option<&dyn ScopePolicy> {
        Some(&self.scopes)
    }

    async fn decide(
        &self,
        ctx: &Ctx<'_>,
        client: &Authenticated,
        request: &TokenRequest<'_>,
    ) -> Result<Issuance, Error> {
        if request.required("ticket")? != "golden-ticket" {
            return Err(Error::invalid_grant("This ticket is not valid")
                .with_uri("https://docs.example.test/errors#ticket"));
        }
        let scopes = ctx.scopes(request.get("scope"), client.client(), &TICKET)?;
        let data = Map::from_iter([("ticket".to_owned(), json!("golden"))]);
        Ok(Issuance::new_grant(NewGrant::for_subject("alice").scopes(scopes).data(data)))
    }
}
