//! The programs of the host `python_oauth2`, each with what its row of the table promises.

mod apps;
mod grants;
mod stores;
mod tokens;

use grantor_testkit::Page;
use serde_json::Value;

use crate::support::{Answer, Example, authorize, path, redeem};

/// The form with the credentials of abc in the body.
fn as_abc<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [[("client_id", "abc"), ("client_secret", "xyz")].as_slice(), fields].concat()
}

impl Example {
    async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        self.post("/token", &as_abc(fields)).await
    }

    /// The page that comes back when the user allows it.
    async fn allowed(&self, target: &str) -> Page {
        self.press(target, "allow").await
    }

    /// The tokens of a code flow, with more parameters of the authorization request.
    async fn tokens(&self, extra: &str) -> Value {
        let back = self.allowed(&(authorize("abc", "code") + extra)).await;
        self.redeemed(&back).await.ok()
    }

    async fn redeemed(&self, back: &Page) -> Answer {
        let code = back.answer("code").unwrap_or_else(|| panic!("no code: {back:?}"));
        self.token(&redeem(&code)).await
    }

    async fn refresh(&self, token: &Value, scope: &str) -> Answer {
        let token = token.as_str().unwrap_or_else(|| panic!("no refresh token"));
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]).await
    }

    async fn machine(&self, scope: &str) -> Answer {
        self.token(&[("grant_type", "client_credentials"), ("scope", scope)]).await
    }

    async fn password(&self, user: (&str, &str), scope: &str) -> Answer {
        let (name, password) = user;
        let form = [("grant_type", "password"), ("username", name), ("password", password), ("scope", scope)];
        self.token(&form).await
    }

    /// What `/resource` says about the access token.
    async fn facts(&self, tokens: &Value) -> Value {
        self.get_as("/resource", &tokens["access_token"]).await.ok()
    }

    /// How long a token lives in all, by introspection.
    async fn lifetime(&self, token: &Value) -> i64 {
        let facts = self.post("/introspect", &as_abc(&[("token", token.as_str().unwrap())])).await.ok();
        facts["exp"].as_i64().unwrap() - facts["iat"].as_i64().unwrap()
    }
}

const ALICE: (&str, &str) = ("alice", "wonderland");
const BOB: (&str, &str) = ("bob", "builder");

fn refused(args: &[&str]) -> String {
    let output = std::process::Command::new(path("python_oauth2")).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn programs_of_other_stores_are_refused_by_name() {
    let later = ["memcache_client", "memcache_servers", "mongodb", "redis_store", "mixed_stores"];
    for program in later {
        let said = refused(&["--program", program, "--port", "1", "--store", "x"]);
        assert!(said.contains(program) && said.contains("does not have"), "{said}");
    }
    let said = refused(&["--program", "nonsense", "--port", "1"]);
    assert!(said.contains("nonsense") && said.contains("quickstart") && said.contains("own_store"), "{said}");
}

#[test]
fn who_names_no_program_is_told_their_names() {
    for args in [&["--help"][..], &[]] {
        let said = refused(args);
        assert!(said.contains("quickstart") && said.contains("own_store"), "{said}");
    }
}

#[test]
fn a_wrong_command_line_is_explained() {
    for args in [
        &[][..],
        &["--program"],
        &["--program", "quickstart"],
        &["--program", "quickstart", "--port", "many"],
        &["--verbose", "yes"],
        &["--program", "own_store", "--port", "1"],
    ] {
        assert!(refused(args).contains("usage: python_oauth2 --program NAME --port N"), "{args:?}");
    }
}
