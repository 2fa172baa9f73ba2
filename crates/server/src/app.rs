//! Everything a command or a server works with, put together from a configuration.

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use grantor::legacy::{Implicit, Password, PasswordVerifier};
use grantor::store::Store;
use grantor::{
    Approval, AuthorizationCode, BoxError, ClientCredentials, Clock, Ctx, GrantTypeName, Provider,
    RefreshToken, ScopeSet, Secret, SiteAdapter, Standings, SystemClock, SystemRandom,
};

use crate::clients::Clients;
use crate::config::Config;
use crate::failure::Failure;
use crate::passwords::Passwords;
use crate::registry::{self, Opened};
use crate::secrets::Secrets;
use crate::users::Users;

/// A store and a clock, as they are or wrapped.
pub(crate) type Ports = (Arc<dyn Store>, Arc<dyn Clock>);

/// The open store and all that works on it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// What the operator set.
    pub(crate) config: Arc<Config>,
    /// Where everything is kept.
    pub(crate) store: Arc<dyn Store>,
    /// Clients of file and store.
    pub(crate) clients: Clients,
    /// Users of file and store.
    pub(crate) users: Arc<Users>,
    /// Slow hashes.
    pub(crate) passwords: Arc<Passwords>,
    /// What must stay secret.
    pub(crate) secrets: Arc<Secrets>,
    /// Disabled and not-before, always fresh.
    pub(crate) standings: Arc<Standings>,
    /// The time.
    pub(crate) clock: Arc<dyn Clock>,
    /// The store itself, without what stands before it.
    pub(crate) opened: Opened,
}

impl App {
    /// Opens the store and the file of secrets; both are made where they are missing.
    ///
    /// # Errors
    /// What cannot be opened, and what to do about it.
    pub(crate) async fn open(config: Config) -> Result<Self, Failure> {
        Self::open_with(config, |ports| ports).await
    }

    /// The same with another store or clock before the real ones.
    ///
    /// # Errors
    /// As [`App::open`].
    pub(crate) async fn open_with(
        config: Config,
        wrap: impl FnOnce(Ports) -> Ports,
    ) -> Result<Self, Failure> {
        let (url, folder) = (config.store.clone(), config.data_folder());
        let opened = registry::open(&url, &folder).await?;
        let secrets = tokio::task::spawn_blocking(move || {
            if registry::is_shared(&url) {
                Secrets::open(&folder, &SystemRandom)
            } else {
                // What is kept ends with the process, so its key does too.
                Ok(Secrets::passing(&SystemRandom)?)
            }
        });
        let secrets =
            secrets.await.map_err(|error| Failure::new(format!("the file of secrets: {error}")))??;
        let (store, clock) = wrap((Arc::clone(&opened.store), Arc::new(SystemClock)));
        let passwords = Arc::new(Passwords::new(&config.passwords, Arc::clone(&clock))?);
        let standings = Arc::new(Standings::new(Arc::clone(&store), std::time::Duration::ZERO));
        let users = Users::new(
            Arc::clone(&store),
            Arc::clone(&standings),
            Arc::clone(&passwords),
            config.users.clone(),
        );
        Ok(Self {
            clients: Clients::new(
                config.clients.clone(),
                Arc::clone(&store),
                config.policy.client_copies_for,
            ),
            users: Arc::new(users),
            config: Arc::new(config),
            store,
            passwords,
            secrets: Arc::new(secrets),
            standings,
            clock,
            opened,
        })
    }

    /// The provider with everything that the configuration says. Users of the file get their standing first.
    ///
    /// # Errors
    /// What contradicts itself, or a store that does not answer.
    pub(crate) async fn provider(&self, site: impl SiteAdapter) -> Result<Provider, Failure> {
        self.users.apply_file(self.clock.now()).await?;
        let config = &self.config;
        let policy = &config.policy;
        let mut scopes = ScopeSet::new(config.scope_names());
        if !policy.default_scope.is_empty() {
            scopes = scopes.with_default(policy.default_scope.clone());
        }
        let mut builder = Provider::builder(config.issuer())
            .shared_store(Arc::clone(&self.store))
            .clients(self.clients.clone())
            .site(site)
            .scopes(scopes)
            .lifetimes(config.lifetimes.tokens)
            .limits(config.limits.requests)
            .paths(config.paths.clone())
            .policy(policy.rules)
            .standing_copies_for(policy.standing_copies_for)
            .slow_hash(Arc::clone(&self.passwords))
            .clock(Arc::clone(&self.clock))
            .key(self.secrets.derive("unique tokens"));
        if config.insecure_issuer {
            builder = builder.insecure_issuer();
        }
        if policy.unique_tokens {
            builder = builder.unique_tokens();
        }
        if policy.imported_tokens {
            builder = builder.adopted_tokens();
        }
        for name in &policy.grant_types {
            builder = match name.as_str() {
                "authorization_code" => builder.grant(AuthorizationCode::new()),
                "refresh_token" => builder.grant(
                    RefreshToken::new()
                        .rotate(policy.rotate_refresh_tokens)
                        .retry_window(policy.refresh_retry_window),
                ),
                "client_credentials" => builder.grant(ClientCredentials::new()),
                "implicit" => builder.grant(Implicit::new()),
                "password" => builder.grant(Password::new(OwnUsers(Arc::clone(&self.users)))),
                // The configuration takes no other names.
                other => return Err(Failure::usage(format!("there is no grant type {other}"))),
            };
        }
        Ok(builder.build()?)
    }

    /// Whether the server offers this grant type.
    pub(crate) fn offers(&self, name: &GrantTypeName) -> bool {
        self.config.policy.grant_types.contains(name)
    }

    /// The address that a request comes from: that of the connection, or, where that is a trusted proxy, the last address
    /// of `X-Forwarded-For` that is none.
    pub(crate) fn peer<'a>(
        &self,
        connection: IpAddr,
        forwarded_for: impl Iterator<Item = &'a str>,
    ) -> IpAddr {
        let trusted = |address: IpAddr| self.config.trusted_proxies.iter().any(|net| net.contains(address));
        let named: Vec<&str> = forwarded_for.flat_map(|line| line.split(',')).map(str::trim).collect();
        let mut peer = connection;
        for name in named.into_iter().rev() {
            if !trusted(peer) {
                break;
            }
            match name.parse() {
                Ok(address) => peer = address,
                Err(_) => break,
            }
        }
        peer
    }

    /// Answers what waits and closes the store.
    ///
    /// # Errors
    /// The engine did not close well; nothing acknowledged is lost.
    pub(crate) async fn close(&self) -> Result<(), Failure> {
        Ok(self.opened.close().await?)
    }
}

/// The users, for the password grant.
#[derive(Debug)]
struct OwnUsers(Arc<Users>);

#[async_trait]
impl PasswordVerifier for OwnUsers {
    async fn verify(
        &self,
        ctx: &Ctx<'_>,
        username: &str,
        password: &Secret,
    ) -> Result<Option<Approval>, BoxError> {
        let user = self.0.check(username, password.expose(), ctx.now()).await?;
        Ok(user.map(|user| Approval::of(user.subject).auth_time(ctx.now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn app(proxies: &[&str]) -> App {
        let mut config = Config::default();
        config.store = "memory:".into();
        config.trusted_proxies =
            proxies.iter().map(|text| crate::config::Network::parse(text).unwrap()).collect();
        App::open(config).await.unwrap()
    }

    #[tokio::test]
    async fn only_trusted_proxies_say_where_a_request_comes_from() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let open = app(&[]).await;
        assert_eq!(open.peer(ip("203.0.113.1"), ["198.51.100.7"].into_iter()), ip("203.0.113.1"));
        let behind = app(&["10.0.0.0/8", "127.0.0.1"]).await;
        for (connection, header, peer) in [
            ("203.0.113.1", vec!["198.51.100.7"], "203.0.113.1"),
            ("10.0.0.1", vec!["198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", vec!["1.2.3.4, 198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", vec!["1.2.3.4", "198.51.100.7, 10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", vec!["1.2.3.4, unknown"], "10.0.0.1"),
            ("10.0.0.1", vec![], "10.0.0.1"),
            ("::ffff:10.0.0.1", vec!["2001:db8::1"], "2001:db8::1"),
        ] {
            assert_eq!(
                behind.peer(ip(connection), header.iter().copied()),
                ip(peer),
                "{connection} {header:?}"
            );
        }
    }

    #[tokio::test]
    async fn the_provider_offers_what_the_configuration_says() {
        #[derive(Debug)]
        struct Nobody;
        #[async_trait]
        impl SiteAdapter for Nobody {
            async fn decide(&self, _: &Ctx<'_>, _: &grantor::Ask<'_>) -> Result<grantor::Decision, BoxError> {
                Ok(grantor::Decision::Deny)
            }
        }
        let app = app(&[]).await;
        let provider = app.provider(Nobody).await.unwrap();
        assert_eq!(provider.issuer(), "http://localhost:8080");
        assert!(app.offers(&GrantTypeName::REFRESH_TOKEN) && !app.offers(&GrantTypeName::PASSWORD));
        app.close().await.unwrap();
    }
}
