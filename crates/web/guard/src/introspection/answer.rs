//! What an introspection endpoint answers (RFC 7662 §2.2), read with suspicion.

use grantor_core::{ClientId, GrantTypeName, Scopes, Timestamp, TokenInfo};
use serde_json::{Map, Value};

/// What a token must say beside being active.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    pub(super) audience: Option<String>,
    pub(super) issuer: Option<String>,
}

/// The members with a meaning of their own; all others are data.
const KNOWN: [&str; 15] = [
    "active",
    "aud",
    "auth_time",
    "azp",
    "client_id",
    "data",
    "exp",
    "grant_type",
    "iat",
    "iss",
    "jti",
    "nbf",
    "scope",
    "sub",
    "token_type",
];

impl Wanted {
    /// The facts about a token; `None` for one that is not active, or not for here.
    ///
    /// # Errors
    /// What is wrong with the answer; nothing of it is repeated.
    pub(super) fn read(&self, body: &[u8], now: Timestamp) -> Result<Option<TokenInfo>, &'static str> {
        let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
            return Err("the answer is no JSON object");
        };
        match answer.get("active") {
            Some(Value::Bool(true)) => {}
            Some(Value::Bool(false)) => return Ok(None),
            _ => return Err("the answer does not say whether the token is active"),
        }
        let starts = moment(&answer, "nbf")?.unwrap_or(Timestamp::EPOCH);
        let ends = moment(&answer, "exp")?.unwrap_or(Timestamp::NEVER);
        if now < starts || now >= ends || !self.suits(&answer)? {
            return Ok(None);
        }
        let client = text(&answer, "client_id")?.or(text(&answer, "azp")?);
        let client = client.ok_or("the answer has no client_id")?;
        let client = ClientId::parse(client).map_err(|_| "the client_id of the answer is none")?;
        let grant_type = match text(&answer, "grant_type")? {
            Some(name) => GrantTypeName::new(name.to_owned()),
            None => GrantTypeName::AUTHORIZATION_CODE,
        };
        let issued = moment(&answer, "iat")?.unwrap_or(now);
        let mut info = TokenInfo::new(client, grant_type, issued, ends);
        info.subject = text(&answer, "sub")?.map(Into::into);
        let scopes = Scopes::parse(text(&answer, "scope")?.unwrap_or_default());
        info.scopes = scopes.map_err(|_| "the scope of the answer is malformed")?;
        info.auth_time = moment(&answer, "auth_time")?;
        info.data = data(answer);
        Ok(Some(info))
    }

    fn suits(&self, answer: &Map<String, Value>) -> Result<bool, &'static str> {
        // Whoever presents a token that is bound to a key has to prove the key (RFC 9449, RFC 8705); this guard cannot tell.
        let bound = answer.contains_key("cnf");
        let bearer = text(answer, "token_type")?.is_none_or(|kind| kind.eq_ignore_ascii_case("bearer"));
        let issued_by = text(answer, "iss")?;
        let issuer =
            self.issuer.as_deref().is_none_or(|wanted| issued_by.is_none_or(|issuer| issuer == wanted));
        let audience = self.audience.as_deref().is_none_or(|wanted| match answer.get("aud") {
            Some(Value::String(audience)) => audience == wanted,
            Some(Value::Array(all)) => all.iter().any(|audience| audience.as_str() == Some(wanted)),
            _ => false,
        });
        Ok(!bound && bearer && issuer && audience)
    }
}

/// Grantor has what the site adapter gave in a member of its own; other servers have it beside the rest.
fn data(mut answer: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(data)) = answer.remove("data") {
        return data;
    }
    answer.retain(|name, _| !KNOWN.contains(&name.as_str()));
    answer
}

/// A member of the wrong type is not the same as none.
fn text<'a>(answer: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, &'static str> {
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err("a member of the answer that is a text has another type"),
    }
}

fn moment(answer: &Map<String, Value>, name: &str) -> Result<Option<Timestamp>, &'static str> {
    match answer.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(number)) => {
            let seconds = number.as_i64().filter(|seconds| (0..=253_402_300_799).contains(seconds));
            seconds.map(|seconds| Some(Timestamp::from_secs(seconds))).ok_or("a time in the answer is none")
        }
        Some(_) => Err("a time in the answer is no number"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn read(answer: &Value) -> Result<Option<TokenInfo>, &'static str> {
        Wanted::default().read(answer.to_string().as_bytes(), NOW)
    }

    #[test]
    fn rfc7662_2_2_all_facts_are_read() {
        let info = read(&json!({
            "active": true, "client_id": "c", "sub": "alice", "scope": "a b", "exp": 2000, "iat": 900, "auth_time": 800,
            "token_type": "bearer", "grant_type": "client_credentials", "iss": "https://as", "tenant": "acme",
        }));
        let info = info.unwrap().unwrap();
        assert_eq!((info.client_id.as_str(), info.subject.as_deref()), ("c", Some("alice")));
        assert_eq!((info.scopes.as_str(), info.expires_at), ("a b", Timestamp::from_secs(2_000)));
        assert_eq!(info.grant_type, GrantTypeName::CLIENT_CREDENTIALS);
        assert_eq!(info.data, Map::from_iter([("tenant".to_owned(), json!("acme"))]));
        let own =
            read(&json!({"active": true, "client_id": "c", "data": {"plan": "gold"}, "tenant": "acme"}));
        assert_eq!(own.unwrap().unwrap().data, Map::from_iter([("plan".to_owned(), json!("gold"))]));
    }

    #[test]
    fn rfc7662_2_2_what_is_not_active_for_here_is_none() {
        for answer in [
            json!({"active": false}),
            json!({"active": true, "client_id": "c", "exp": 1000}),
            json!({"active": true, "client_id": "c", "nbf": 1001}),
            json!({"active": true, "client_id": "c", "token_type": "DPoP"}),
            json!({"active": true, "client_id": "c", "cnf": {"jkt": "x"}}),
        ] {
            assert!(read(&answer).unwrap().is_none(), "{answer}");
        }
    }

    #[test]
    fn rfc7662_2_2_audience_and_issuer_are_compared() {
        let wanted = Wanted { audience: Some("https://api".into()), issuer: Some("https://as".into()) };
        for (more, passes) in [
            (json!({"aud": "https://api"}), true),
            (json!({"aud": ["x", "https://api"], "iss": "https://as"}), true),
            (json!({"aud": "https://api/"}), false),
            (json!({}), false),
            (json!({"aud": "https://api", "iss": "https://other"}), false),
        ] {
            let mut answer = json!({"active": true, "client_id": "c"});
            answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert_eq!(
                wanted.read(answer.to_string().as_bytes(), NOW).unwrap().is_some(),
                passes,
                "{answer}"
            );
        }
    }

    /// Known hole elsewhere: an `exp` of the wrong type counted as none, so that the token never ended.
    #[test]
    fn a_member_of_the_wrong_type_is_no_answer() {
        for more in [
            json!({"exp": "2000"}),
            json!({"exp": 2000.5}),
            json!({"exp": [2000]}),
            json!({"exp": -1}),
            json!({"exp": 1e300}),
            json!({"nbf": true}),
            json!({"scope": ["a"]}),
            json!({"sub": 7}),
            json!({"active": "true"}),
            json!({"active": 1}),
            json!({"active": null}),
            json!({"client_id": null}),
            json!({"client_id": "\u{7f}"}),
        ] {
            let mut answer = json!({"active": true, "client_id": "c", "exp": 2000});
            answer.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            assert!(read(&answer).is_err(), "{answer}");
        }
        for body in [&b""[..], b"[]", b"null", b"{", b"\xff", b"{\"active\":true}"] {
            assert!(Wanted::default().read(body, NOW).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Wanted::default().read(&body, NOW);
        }
    }
}
