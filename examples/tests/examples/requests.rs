//! What the programs of the host `python_oauth2` are asked, by the client abc unless said otherwise.

use grantor_testkit::Page;
use serde_json::Value;

use crate::support::{Answer, Example, authorize, redeem};

/// The form with the credentials of abc in the body.
pub(crate) fn as_abc<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [[("client_id", "abc"), ("client_secret", "xyz")].as_slice(), fields].concat()
}

impl Example {
    pub(crate) async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.post("/token", &as_abc(fields)).await
    }

    /// The page that comes back when the user allows it.
    pub(crate) async fn allowed(&self, target: &str) -> Page {
        self.press(target, "allow").await
    }

    /// The tokens of a code flow, with more parameters of the authorization request.
    pub(crate) async fn tokens(&self, extra: &str) -> Value {
        let back = self.allowed(&(authorize("abc", "code") + extra)).await;
        self.redeemed(&back).await.ok()
    }

    pub(crate) async fn redeemed(&self, back: &Page) -> Answer {
        let code = back.answer("code").unwrap_or_else(|| panic!("no code: {back:?}"));
        self.token(&redeem(&code)).await
    }

    pub(crate) async fn refresh(&self, token: &Value, scope: &str) -> Answer {
        let token = token.as_str().unwrap_or_else(|| panic!("no refresh token"));
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    }

    pub(crate) async fn machine(&self, scope: &str) -> Answer {
        self.token(&[("grant_type", "client_credentials"), ("scope", scope)]).await
    }

    pub(crate) async fn password(&self, user: (&str, &str), scope: &str) -> Answer {
        let (name, password) = user;
        let form = [("grant_type", "password"), ("username", name), ("password", password), ("scope", scope)];
        self.token(&form).await
    }

    /// What `/resource` says about the access token.
    pub(crate) async fn facts(&self, tokens: &Value) -> Value {
        self.get_as("/resource", &tokens["access_token"]).await.ok()
    }

    /// Whether a token lives that long in all, by introspection: a grant begins with its code, so what the exchange took is
    /// counted too.
    pub(crate) async fn assert_lives(&self, token: &Value, seconds: i64) {
        let facts = self.post("/introspect", &as_abc(&[("token", token.as_str().unwrap())])).await.ok();
        let life = facts["exp"].as_i64().unwrap() - facts["iat"].as_i64().unwrap();
        assert!((seconds..seconds + 60).contains(&life), "{life} s, not {seconds} s");
    }
}

pub(crate) const ALICE: (&str, &str) = ("alice", "wonderland");
pub(crate) const BOB: (&str, &str) = ("bob", "builder");
