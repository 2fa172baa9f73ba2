//! What python-oauth2 1.1.1 keeps, whatever it keeps it in: the fields of its `datatype.py`.

use std::fmt;

use grantor::Secret;
use serde_json::{Map, Value};

/// One thing of the old store.
#[derive(Debug)]
pub(super) enum Old {
    Client(OldClient),
    Token(Box<OldToken>),
    /// What is not taken over: what it is, why not, and how many of them.
    Left(What, &'static str, u64),
}

/// The kinds of things, for the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Client,
    Access,
    Refresh,
    Code,
    Other,
}

impl What {
    /// As the report names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Access => "access token",
            Self::Refresh => "refresh token",
            Self::Code => "authorization code",
            Self::Other => "other entry",
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A registered client.
#[derive(Debug)]
pub(super) struct OldClient {
    pub(super) id: String,
    /// In clear text, as the old store has it.
    pub(super) secret: Option<Secret>,
    pub(super) redirect_uris: Vec<String>,
    /// `None`: all.
    pub(super) grants: Option<Vec<String>>,
    /// `None`: all.
    pub(super) response_types: Option<Vec<String>>,
}

/// An access token and what came with it.
#[derive(Debug)]
pub(super) struct OldToken {
    pub(super) client: String,
    pub(super) grant_type: String,
    pub(super) token: Secret,
    pub(super) data: Map<String, Value>,
    /// In seconds; `None`: never.
    pub(super) expires_at: Option<i64>,
    pub(super) refresh: Option<Secret>,
    /// In seconds; 0: never. python-oauth2 refuses a refresh token that has none at all.
    pub(super) refresh_expires_at: Option<i64>,
    pub(super) scopes: Vec<String>,
    pub(super) user: Option<String>,
}

pub(super) const UNREADABLE: &str = "it is nothing that python-oauth2 writes";
pub(super) const CODES: &str = "codes live for minutes; the client begins again";
const COPY: &str = "copy of a token under another name, or what a rotation left over";

/// Reads a document of a store that keeps clients and tokens apart, and each of them once.
#[cfg(feature = "mongodb")]
pub(super) fn document(fields: &Map<String, Value>, of_clients: bool) -> Old {
    if of_clients {
        return client(fields).map_or(Old::Left(What::Client, UNREADABLE, 1), Old::Client);
    }
    if fields.contains_key("code") {
        return Old::Left(What::Code, CODES, 1);
    }
    token(fields).map_or(Old::Left(What::Access, UNREADABLE, 1), |token| Old::Token(Box::new(token)))
}

/// Reads an entry of a store that keeps JSON under a name.
#[cfg(any(test, feature = "redis"))]
pub(super) fn entry(name: &str, json: &[u8]) -> Old {
    let Ok(Value::Object(fields)) = serde_json::from_slice(json) else {
        return Old::Left(What::Other, UNREADABLE, 1);
    };
    of_name(name, &fields)
}

/// Reads the fields of such an entry.
pub(super) fn of_name(name: &str, fields: &Map<String, Value>) -> Old {
    if fields.contains_key("identifier") {
        return client(fields).map_or(Old::Left(What::Client, UNREADABLE, 1), Old::Client);
    }
    if fields.contains_key("code") {
        return Old::Left(What::Code, CODES, 1);
    }
    let Some(token) = text(fields, "token") else {
        return Old::Left(What::Other, UNREADABLE, 1);
    };
    if token != name {
        // python-oauth2 keeps each token under up to three names, and removes only this one when it rotates.
        return Old::Left(What::Other, COPY, 1);
    }
    self::token(fields).map_or(Old::Left(What::Access, UNREADABLE, 1), |token| Old::Token(Box::new(token)))
}

fn client(fields: &Map<String, Value>) -> Option<OldClient> {
    Some(OldClient {
        id: text(fields, "identifier")?,
        secret: text(fields, "secret").filter(|secret| !secret.is_empty()).map(Secret::new),
        redirect_uris: words(fields, "redirect_uris")?.unwrap_or_default(),
        grants: words(fields, "authorized_grants")?,
        response_types: words(fields, "authorized_response_types")?,
    })
}

fn token(fields: &Map<String, Value>) -> Option<OldToken> {
    Some(OldToken {
        client: text(fields, "client_id")?,
        grant_type: text(fields, "grant_type")?,
        token: Secret::new(text(fields, "token")?),
        data: match fields.get("data") {
            None | Some(Value::Null) => Map::new(),
            Some(Value::Object(data)) => data.clone(),
            Some(_) => return None,
        },
        expires_at: seconds(fields, "expires_at")?,
        refresh: text(fields, "refresh_token").map(Secret::new),
        refresh_expires_at: seconds(fields, "refresh_expires_at")?,
        scopes: words(fields, "scopes")?.unwrap_or_default(),
        user: match fields.get("user_id") {
            None | Some(Value::Null) => None,
            Some(Value::String(user)) => Some(user.clone()),
            Some(Value::Number(user)) => Some(user.to_string()),
            Some(_) => return None,
        },
    })
}

fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    fields.get(name)?.as_str().map(str::to_owned)
}

/// A list of strings, or none; `None` where it is something else.
#[expect(clippy::option_option, reason = "three answers: unreadable, none, a list")]
fn words(fields: &Map<String, Value>, name: &str) -> Option<Option<Vec<String>>> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Array(all)) => {
            all.iter().map(|word| word.as_str().map(str::to_owned)).collect::<Option<_>>().map(Some)
        }
        Some(_) => None,
    }
}

/// A moment in seconds, or none; `None` where it is something else.
#[expect(clippy::option_option, reason = "three answers: unreadable, none, a moment")]
fn seconds(fields: &Map<String, Value>, name: &str) -> Option<Option<i64>> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(None),
        Some(Value::Number(number)) => number.as_i64().map(Some).or_else(|| {
            let at = number.as_f64()?;
            #[expect(clippy::cast_possible_truncation, reason = "a float is cut to the limits of i64")]
            Some(Some(at as i64))
        }),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_a_token_only_under_its_own_name() {
        let json = br#"{"client_id":"abc","grant_type":"password","token":"t-1","data":{},"expires_at":5.5,
            "refresh_token":"r-1","refresh_expires_at":0,"scopes":["read"],"user_id":7}"#;
        let Old::Token(token) = entry("t-1", json) else { panic!("a token") };
        assert_eq!((token.expires_at, token.refresh_expires_at), (Some(5), Some(0)));
        assert_eq!(token.user.as_deref(), Some("7"));
        for copy in ["r-1", "abc_password_7"] {
            assert!(matches!(entry(copy, json), Old::Left(What::Other, ..)), "{copy}");
        }
    }

    #[test]
    fn what_python_oauth2_does_not_write_is_left() {
        for json in [&b"7"[..], b"{", b"{}", br#"{"identifier":7}"#, br#"{"token":"t","client_id":[]}"#] {
            assert!(matches!(entry("t", json), Old::Left(..)));
        }
        assert!(matches!(entry("c", br#"{"code":"c","client_id":"abc"}"#), Old::Left(What::Code, ..)));
    }
}
