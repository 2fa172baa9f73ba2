//! The four workloads, as requests and what is taken from their answers.

use std::collections::VecDeque;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::client::Connection;

pub(crate) const CLIENT: &str = "bench";
pub(crate) const SECRET: &str = "a-secret-of-the-benchmark-0123456789abcdef";
pub(crate) const REDIRECT: &str = "http://localhost/callback";
/// The verifier of every code flow; PKCE costs the same whatever it is.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Operations of each connection before anything is measured.
pub(crate) const WARM_UP: usize = 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    ClientCredentials,
    Introspect,
    CodeFlow,
    Refresh,
    /// The second half of a code flow.
    Redeem,
    /// One round trip to the engine, see [`crate::raw`].
    RawRead,
    RawInsert,
    RawUpdate,
}

impl Workload {
    pub(crate) const ALL: [Self; 4] =
        [Self::ClientCredentials, Self::Introspect, Self::CodeFlow, Self::Refresh];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ClientCredentials => "client_credentials",
            Self::Introspect => "introspect",
            Self::CodeFlow => "code_flow",
            Self::Refresh => "refresh",
            Self::Redeem => "redeem",
            Self::RawRead => "one read",
            Self::RawInsert => "one insert",
            Self::RawUpdate => "one update",
        }
    }

    /// The ratio to the bare handler that is aimed at, on memory.
    pub(crate) const fn aim(self) -> f64 {
        match self {
            Self::ClientCredentials | Self::Introspect => 1.25,
            _ => 1.4,
        }
    }

    /// Gives a connection what it needs for so many operations, besides what it has been given.
    pub(crate) async fn prepare(
        self,
        connection: &mut Connection,
        state: &mut VecDeque<String>,
        operations: usize,
    ) {
        match self {
            Self::ClientCredentials | Self::CodeFlow | Self::RawInsert => {}
            Self::Redeem => {
                for _ in 0..operations + WARM_UP {
                    state.push_back(code(connection).await);
                }
            }
            Self::RawRead | Self::RawUpdate => {
                while state.len() < 64 {
                    state.push_back(field(&raw(connection, Self::RawInsert, None).await, "key"));
                }
            }
            Self::Introspect => {
                while state.len() < 64 {
                    state.push_back(field(&client_credentials(connection).await, "access_token"));
                }
            }
            Self::Refresh => {
                for _ in 0..operations.div_ceil(4) + WARM_UP {
                    state.push_back(code_flow(connection).await);
                }
            }
        }
    }

    /// One operation.
    pub(crate) async fn once(self, connection: &mut Connection, state: &mut VecDeque<String>) {
        match self {
            Self::ClientCredentials => {
                client_credentials(connection).await;
            }
            Self::Introspect => {
                let token = state.pop_front().expect("a token");
                let form = format!("token={token}&client_id={CLIENT}&client_secret={SECRET}");
                let body = connection.post("/introspect", &form).await;
                assert!(body.contains("\"active\":true"), "{body}");
                state.push_back(token);
            }
            Self::CodeFlow => {
                code_flow(connection).await;
            }
            Self::Redeem => {
                let code = state.pop_front().expect("a code");
                redeem(connection, &code).await;
            }
            Self::RawInsert => {
                raw(connection, self, None).await;
            }
            Self::RawRead | Self::RawUpdate => {
                let key = state.pop_front().expect("a key");
                raw(connection, self, Some(&key)).await;
                state.push_back(key);
            }
            Self::Refresh => {
                let token = state.pop_front().expect("a token");
                let form = format!(
                    "grant_type=refresh_token&refresh_token={token}&client_id={CLIENT}&client_secret={SECRET}"
                );
                state.push_back(field(&connection.post("/token", &form).await, "refresh_token"));
            }
        }
    }
}

pub(crate) fn client_credentials_form() -> String {
    format!("grant_type=client_credentials&client_id={CLIENT}&client_secret={SECRET}&scope=read")
}

async fn client_credentials(connection: &mut Connection) -> String {
    connection.post("/token", &client_credentials_form()).await
}

/// One round trip of the bare handler over an engine; the form is as long as that of a token request.
async fn raw(connection: &mut Connection, step: Workload, key: Option<&str>) -> String {
    let path = match step {
        Workload::RawRead => "/raw/read",
        Workload::RawInsert => "/raw/insert",
        _ => "/raw/update",
    };
    let key = key.map(|key| format!("&key={key}")).unwrap_or_default();
    connection.post(path, &format!("{}{key}", client_credentials_form())).await
}

/// GET authorize, approved at once, and the redemption of the code; gives the refresh token.
async fn code_flow(connection: &mut Connection) -> String {
    let code = code(connection).await;
    redeem(connection, &code).await
}

async fn code(connection: &mut Connection) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER.as_bytes()));
    let location = connection
        .get_location(&format!(
            "/authorize?response_type=code&client_id={CLIENT}&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback&scope=read\
             &state=xyz&code_challenge={challenge}&code_challenge_method=S256"
        ))
        .await;
    let code = location.split(['?', '&']).find_map(|part| part.strip_prefix("code="));
    code.expect("a code").to_owned()
}

async fn redeem(connection: &mut Connection, code: &str) -> String {
    let form = format!(
        "grant_type=authorization_code&code={code}&redirect_uri=http%3A%2F%2Flocalhost%2Fcallback\
         &code_verifier={VERIFIER}&client_id={CLIENT}&client_secret={SECRET}"
    );
    field(&connection.post("/token", &form).await, "refresh_token")
}

pub(crate) fn field(body: &str, name: &str) -> String {
    let marked = format!("\"{name}\":\"");
    let (_, rest) = body.split_once(&marked).unwrap_or_else(|| panic!("no {name} in {body}"));
    rest.split('"').next().unwrap_or_default().to_owned()
}
