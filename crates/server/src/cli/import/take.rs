//! Takes over one thing after the other.

use std::collections::HashMap;
use std::sync::Arc;

use grantor::{
    Adopted, Adoption, Client, ClientId, ClientSecret, ClientStore as _, ForeignToken, GrantTypeName,
    Provider, RedirectUri, ResponseType, Scopes, Secret, Timestamp, Whose,
};

use super::Args;
use super::old::{OldClient, OldToken, What};
use super::report::Report;
use crate::cli::context::Own;
use crate::config::{grant_type, response_type};
use crate::failure::Failure;

/// Where things go.
pub(super) struct Taker<'a> {
    own: &'a Own,
    provider: &'a Provider,
    args: &'a Args,
    /// The clients that a dry run would make.
    made: HashMap<String, Arc<Client>>,
}

const NO_CLIENT: &str = "its client is neither in the configuration nor in the store, nor was it taken over";
const ODD: &str = "its scopes or grant type are none of OAuth 2.0 (RFC 6749 appendix A)";
const DEAD: &str = "it has expired";

impl<'a> Taker<'a> {
    pub(super) fn new(own: &'a Own, provider: &'a Provider, args: &'a Args) -> Self {
        Self { own, provider, args, made: HashMap::new() }
    }

    /// A client, unless one of this identifier is there.
    pub(super) async fn client(&mut self, old: OldClient, report: &mut Report) -> Result<(), Failure> {
        let Ok(id) = ClientId::parse(&old.id) else {
            report.skipped(What::Client, "its identifier is none (RFC 6749 appendix A.1)", 1);
            return Ok(());
        };
        let own = self.own;
        if own.app.clients.find(&id, own.now).await?.is_some() {
            report.already(What::Client);
            return Ok(());
        }
        let mut client = match self.carried(&old) {
            Ok(client) => client,
            Err(why) => {
                report.skipped(What::Client, why, 1);
                return Ok(());
            }
        };
        if self.args.write {
            if let Some(secret) = &old.secret {
                // Old secrets may be of any strength, so they are kept as passwords are.
                let hash = own.app.passwords.hash(secret.expose()).await?;
                let kept = ClientSecret::from_phc(&hash).map_err(|error| Failure::new(error.to_string()))?;
                client.secrets = vec![kept];
            }
            // An earlier client may have had this identifier: what that one was given must not live again.
            own.app.standings.end_earlier(Whose::Client(id.as_str()), own.now).await?;
            if !own.app.clients.stored().create(&client, own.now).await? {
                report.already(What::Client);
                return Ok(());
            }
        } else {
            self.made.insert(old.id, Arc::new(client));
        }
        report.taken(What::Client);
        Ok(())
    }

    /// What the old client is here. Its secret is a placeholder that fits nothing.
    fn carried(&self, old: &OldClient) -> Result<Client, &'static str> {
        let mut client =
            Client::new(&old.id).map_err(|_| "its identifier is none (RFC 6749 appendix A.1)")?;
        client.redirect_uris =
            old.redirect_uris.iter().map(|uri| RedirectUri::parse(uri)).collect::<Result<_, _>>().map_err(
                |_| "a redirect URI is not allowed (RFC 9700 section 4.1.3); make the client by hand",
            )?;
        let redirects = !client.redirect_uris.is_empty();
        let needs_redirect = |name: &GrantTypeName| {
            [GrantTypeName::AUTHORIZATION_CODE, GrantTypeName::IMPLICIT].contains(name)
        };
        client.grant_types =
            match &old.grants {
                // "All grants": those of this server that can work for it.
                None => {
                    let all = self.own.app.config.policy.grant_types.iter();
                    all.filter(|name| redirects || !needs_redirect(name)).cloned().collect()
                }
                Some(names) => names.iter().map(|name| grant_type(name)).collect::<Result<_, _>>().map_err(
                    |_| "it has a grant type that this server does not know; make the client by hand",
                )?,
            };
        client.response_types = match &old.response_types {
            None => {
                let fits = [
                    (GrantTypeName::AUTHORIZATION_CODE, ResponseType::CODE),
                    (GrantTypeName::IMPLICIT, ResponseType::TOKEN),
                ];
                fits.into_iter().filter(|(name, _)| client.may_use(name)).map(|(_, of)| of).collect()
            }
            Some(names) => names.iter().map(|name| response_type(name)).collect::<Result<_, _>>().map_err(
                |_| "it has a response type that this server does not know; make the client by hand",
            )?,
        };
        if old.secret.is_some() {
            client.token_endpoint_auth_method = self.args.auth_method.clone();
            client.secrets = vec![ClientSecret::digest_of("")];
        } else {
            client.token_endpoint_auth_method = grantor::AuthMethod::NONE;
            client.grant_types.retain(|name| *name != GrantTypeName::CLIENT_CREDENTIALS);
        }
        client
            .check()
            .map_err(|_| "it could not work here (no redirect URI, or no secret); make it by hand")?;
        Ok(client)
    }

    /// An access token and its refresh token: one grant.
    pub(super) async fn token(&self, old: Box<OldToken>, report: &mut Report) -> Result<(), Failure> {
        let old = *old;
        let has_refresh = old.refresh.is_some();
        let own = self.own;
        let client = match (ClientId::parse(&old.client), self.made.get(&old.client)) {
            (_, Some(client)) => Some(Arc::clone(client)),
            (Ok(id), None) => own.app.clients.find(&id, own.now).await?,
            (Err(_), None) => None,
        };
        let Some(client) = client else {
            both(report, has_refresh, NO_CLIENT);
            return Ok(());
        };
        let scopes = if old.scopes.is_empty() {
            Some(Scopes::empty())
        } else {
            Scopes::parse(&old.scopes.join(" ")).ok()
        };
        let (Some(scopes), Ok(grant_type)) = (scopes, grant_type(&old.grant_type)) else {
            both(report, has_refresh, ODD);
            return Ok(());
        };
        let (access, access_endless) = self.token_of(old.token, old.expires_at);
        let refresh = match (old.refresh, old.refresh_expires_at) {
            (Some(_), None) => {
                report.skipped(What::Refresh, "it has no end at all, for which python-oauth2 refuses it", 1);
                None
            }
            (Some(text), ends) => Some(self.token_of(text, ends.filter(|ends| *ends != 0))),
            (None, _) => None,
        };
        let (refresh, refresh_endless) = refresh.unzip();
        let now = own.app.clock.now();
        let live = |token: &ForeignToken| token.expires_at > now;
        let parts = [
            (What::Access, live(&access), access_endless),
            (What::Refresh, refresh.as_ref().is_some_and(live), refresh_endless == Some(true)),
        ];
        let has_refresh = refresh.is_some();
        let adoption =
            Adoption { grant_type, subject: old.user, scopes, data: old.data, access: Some(access), refresh };
        let done = if self.args.write {
            self.provider.adopt(&client, &adoption).await
        } else {
            self.provider.would_adopt(&client, &adoption).await
        };
        let done = match done {
            Err(error) if error.reason() == "record_too_large" => {
                both(report, has_refresh, "its data is too large for this store");
                return Ok(());
            }
            done => done?,
        };
        for (what, is_live, endless) in parts.into_iter().take(1 + usize::from(has_refresh)) {
            match done {
                _ if !is_live => report.skipped(what, DEAD, 1),
                Adopted::New => {
                    report.taken(what);
                    if endless {
                        report.ended();
                    }
                }
                Adopted::Already => report.already(what),
                Adopted::Expired => report.skipped(what, DEAD, 1),
                Adopted::NotAToken => {
                    report.skipped(
                        what,
                        "one of its strings is no token: 16 to 512 visible ASCII characters",
                        1,
                    );
                }
                _ => report.skipped(what, "its client or its user is disabled", 1),
            }
        }
        Ok(())
    }

    /// With an end, and whether it had none.
    fn token_of(&self, text: Secret, ends: Option<i64>) -> (ForeignToken, bool) {
        let endless = self.own.now.after(self.args.end_of_endless);
        (ForeignToken { text, expires_at: ends.map_or(endless, Timestamp::from_secs) }, ends.is_none())
    }
}

fn both(report: &mut Report, has_refresh: bool, why: &'static str) {
    report.skipped(What::Access, why, 1);
    report.skipped(What::Refresh, why, u64::from(has_refresh));
}
