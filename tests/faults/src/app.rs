//! What an OAuth client does with a host, one grant at a time, each action with its answer in the grant's history.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::history::{Action, End, History, Said};
use crate::http::{Answer, Lost};
use crate::process::Host;

/// How the identifier of every client begins; this one is always there.
pub const CLIENT: &str = "app";
/// The client that introspects: a resource server.
pub const RESOURCE_SERVER: &str = "app-api";
/// The secret of all clients.
pub const SECRET: &str = "a-secret-of-the-harness-0123456789abcdef";
/// Their redirect URI.
pub const REDIRECT: &str = "http://localhost/callback";
/// Their scope.
pub const SCOPE: &str = "read";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A client's way through one grant. Clones are the same grant.
#[derive(Debug, Clone)]
pub struct Flow {
    client: Arc<str>,
    user: Arc<str>,
    history: Arc<History>,
}

impl Default for Flow {
    fn default() -> Self {
        Self::of(CLIENT)
    }
}

impl Flow {
    /// A grant that a user of its own will give to this client.
    pub fn of(client: &str) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let user = format!("user-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Self { client: client.into(), user: user.into(), history: Arc::default() }
    }

    /// What was done and answered.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Lets the user approve; the answer is [`Said::Code`] (RFC 6749 §4.1.1).
    pub async fn authorize(&self, host: &Host) -> Said {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
        let path = format!(
            "/authorize?response_type=code&client_id={}&redirect_uri={}&scope={SCOPE}&state=s&user={}\
             &code_challenge={challenge}&code_challenge_method=S256",
            self.client,
            encoded(REDIRECT),
            self.user
        );
        self.history.record(Action::Authorize, async { read_code(&host.pool().get(&path).await) }).await
    }

    /// Redeems a code with all that belongs to it (RFC 6749 §4.1.3).
    pub async fn redeem(&self, host: &Host, code: &str) -> Said {
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={VERIFIER}",
            encoded(REDIRECT)
        );
        self.token(host, Action::Redeem(code.to_owned()), &form).await
    }

    /// Refreshes (RFC 6749 §6).
    pub async fn refresh(&self, host: &Host, token: &str) -> Said {
        let form = format!("grant_type=refresh_token&refresh_token={token}");
        self.token(host, Action::Refresh(token.to_owned()), &form).await
    }

    /// Revokes a token (RFC 7009).
    pub async fn revoke(&self, host: &Host, token: &str) -> Said {
        let form = self.form(&format!("token={token}"));
        let action = Action::End(End::Revoke(token.to_owned()));
        self.history.record(action, async { read_done(&host.pool().post("/revoke", &form).await) }).await
    }

    /// Asks whether a token is alive (RFC 7662).
    pub async fn introspect(&self, host: &Host, token: &str) -> Said {
        let form = format!("token={token}&client_id={RESOURCE_SERVER}&client_secret={SECRET}");
        let action = Action::Introspect(token.to_owned());
        let ask = async { read_active(&host.pool().post("/introspect", &form).await) };
        self.history.record(action, ask).await
    }

    /// Asks after every access token that was answered, and tries every refresh token.
    pub async fn look_at_all(&self, host: &Host) {
        let tokens = self.history.tokens();
        for (access, _) in &tokens {
            self.introspect(host, access).await;
        }
        for (_, refresh) in &tokens {
            self.refresh(host, refresh).await;
        }
    }

    /// Code and redemption in one; the answer of the last one that was asked.
    pub async fn begin(&self, host: &Host) -> Said {
        match self.authorize(host).await {
            Said::Code(code) => self.redeem(host, &code).await,
            other => other,
        }
    }

    /// What an operator, or the user through a page, ends from outside: `what` is a word of the host's levers.
    pub async fn operate(&self, host: &Host, what: &'static str, token: &str) -> Said {
        let path = format!(
            "/control/operator?what={what}&client={}&user={}&id={}",
            self.client,
            self.user,
            grant_id(token)
        );
        let action = Action::End(End::Operator(what));
        self.history.record(action, async { read_done(&host.pool().post(&path, "").await) }).await
    }

    async fn token(&self, host: &Host, action: Action, form: &str) -> Said {
        let form = self.form(form);
        self.history.record(action, async { read_tokens(&host.pool().post("/token", &form).await) }).await
    }

    fn form(&self, rest: &str) -> String {
        format!("{rest}&client_id={}&client_secret={SECRET}", self.client)
    }
}

/// A token for the client itself (RFC 6749 §4.4).
pub async fn client_credentials(host: &Host, client: &str) -> Said {
    let form =
        format!("grant_type=client_credentials&scope={SCOPE}&client_id={client}&client_secret={SECRET}");
    read_tokens(&host.pool().post("/token", &form).await)
}

/// The grant's id out of a token, as operators write it: the first 16 bytes after the prefix.
fn grant_id(token: &str) -> String {
    let text = token.get(7..31).unwrap_or_default();
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let id = bytes.first_chunk().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(id))
}

fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

fn read_code(answer: &Result<Answer, Lost>) -> Said {
    read(answer, |answer| {
        let location = answer.header("location")?;
        let query = location.split_once('?')?.1;
        let value = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).map(|(_, v)| v.into_owned())
        };
        match (value("code"), value("error")) {
            (Some(code), None) => Some(Said::Code(code)),
            (None, Some(error)) if error == "temporarily_unavailable" => Some(Said::TryAgain),
            (None, Some(error)) => Some(Said::Refused(error)),
            _ => None,
        }
    })
}

fn read_tokens(answer: &Result<Answer, Lost>) -> Said {
    read(answer, |answer| {
        let json = answer.json();
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        match answer.status {
            200 => Some(Said::Tokens {
                access: text("access_token")?,
                refresh: text("refresh_token"),
                expires_in: json["expires_in"].as_u64()?,
            }),
            _ => None,
        }
    })
}

fn read_active(answer: &Result<Answer, Lost>) -> Said {
    read(answer, |answer| match answer.status {
        200 => answer.json()["active"].as_bool().map(Said::Active),
        _ => None,
    })
}

fn read_done(answer: &Result<Answer, Lost>) -> Said {
    read(answer, |answer| (answer.status == 200).then_some(Said::Done))
}

/// What every endpoint may say, where it is not what was hoped for.
fn read(answer: &Result<Answer, Lost>, hoped: impl Fn(&Answer) -> Option<Said>) -> Said {
    let Ok(answer) = answer else { return Said::Lost };
    if let Some(said) = hoped(answer) {
        return said;
    }
    match (answer.status, answer.json()["error"].as_str()) {
        (503, _) => Said::TryAgain,
        (400 | 401, Some(error)) => Said::Refused(error.to_owned()),
        _ => Said::Wrong(format!("{} {}", answer.head.lines().next().unwrap_or_default(), answer.body)),
    }
}
