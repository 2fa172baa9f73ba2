//! The crate `oauth2` against the server: started by `tests/run.py`, which says where it is in `GRANTOR_TEST`.
//!
//! RFC 6749 sections 4.1 to 4.4 and 6, RFC 7636, RFC 7662. Revocation (RFC 7009) is left to the other clients:
//! this one refuses to send it over plain HTTP.
#![expect(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test program: a panic is a failed check"
)]

use std::collections::HashMap;
use std::process::{Command, ExitCode};

use oauth2::basic::{BasicClient, BasicErrorResponseType};
use oauth2::url::Url;
use oauth2::{
    AccessToken, AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, IntrospectionUrl, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError,
    ResourceOwnerPassword, ResourceOwnerUsername, Scope, TokenIntrospectionResponse, TokenResponse, TokenUrl,
};
use serde_json::Value;

type Client = BasicClient<EndpointSet, EndpointNotSet, EndpointSet, EndpointNotSet, EndpointSet>;
type Tokens = oauth2::basic::BasicTokenResponse;
type Failure = Box<dyn std::error::Error>;

struct Setting {
    value: Value,
    http: oauth2::reqwest::Client,
}

impl Setting {
    fn text(&self, pointer: &str) -> String {
        self.value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    fn client(&self, name: &str) -> Client {
        let at = |field: &str| self.text(&format!("/clients/{name}/{field}"));
        let issuer = self.text("/issuer");
        let mut client = BasicClient::new(ClientId::new(at("client_id")))
            .set_auth_uri(AuthUrl::new(format!("{issuer}/authorize")).unwrap())
            .set_token_uri(TokenUrl::new(format!("{issuer}/token")).unwrap())
            .set_introspection_url(IntrospectionUrl::new(format!("{issuer}/introspect")).unwrap());
        if !at("client_secret").is_empty() {
            client = client.set_client_secret(ClientSecret::new(at("client_secret")));
        }
        if !at("redirect_uri").is_empty() {
            client = client.set_redirect_uri(RedirectUrl::new(at("redirect_uri")).unwrap());
        }
        let post = at("token_endpoint_auth_method") == "client_secret_post";
        client.set_auth_type(if post { AuthType::RequestBody } else { AuthType::BasicAuth })
    }

    /// Sends the browser of a person to `url`: where it ends, as the parameters of the redirect.
    fn browse(&self, url: &Url, answer: &str) -> Result<HashMap<String, String>, Failure> {
        let output = Command::new(self.text("/python"))
            .args([self.text("/user_agent").as_str(), answer, url.as_str()])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into());
        }
        let redirect = Url::parse(String::from_utf8(output.stdout)?.trim())?;
        let parameters = redirect.query().or(redirect.fragment()).unwrap_or_default().to_owned();
        let parameters = Url::parse(&format!("http://localhost/?{parameters}"))?;
        Ok(parameters.query_pairs().into_owned().collect())
    }

    fn ask(&self, name: &str, answer: &str) -> Result<(HashMap<String, String>, PkceCodeVerifier), Failure> {
        let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
        let client = self.client(name);
        let request = client.authorize_url(CsrfToken::new_random).set_pkce_challenge(challenge);
        let (url, state) =
            request.add_scopes(["read", "write"].map(|scope| Scope::new(scope.to_owned()))).url();
        let redirect = self.browse(&url, answer)?;
        ensure(redirect.get("state") == Some(state.secret()), "the state came back")?;
        ensure(redirect.get("iss") == Some(&self.text("/issuer")), "the issuer is named (RFC 9207)")?;
        Ok((redirect, verifier))
    }

    async fn code_flow(&self, name: &str) -> Result<Tokens, Failure> {
        let (redirect, verifier) = self.ask(name, "allow")?;
        let code = AuthorizationCode::new(redirect["code"].clone());
        Ok(self
            .client(name)
            .exchange_code(code)
            .set_pkce_verifier(verifier)
            .request_async(&self.http)
            .await?)
    }

    async fn is_active(&self, token: &AccessToken) -> Result<bool, Failure> {
        Ok(self.client("api").introspect(token).request_async(&self.http).await?.active())
    }
}

fn ensure(holds: bool, what: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(format!("not so: {what}").into()) }
}

type Refusal<E> = RequestTokenError<E, oauth2::basic::BasicErrorResponse>;

fn refused_with<T, E: std::error::Error>(
    outcome: Result<T, Refusal<E>>,
    code: &BasicErrorResponseType,
) -> Result<(), Failure> {
    match outcome {
        Err(RequestTokenError::ServerResponse(answer)) if answer.error() == code => Ok(()),
        Err(other) => Err(format!("{other:?} instead of {code:?}").into()),
        Ok(_) => Err(format!("accepted instead of {code:?}").into()),
    }
}

async fn code_and_refresh(setting: &Setting, name: &str) -> Result<(), Failure> {
    let first = setting.code_flow(name).await?;
    ensure(setting.is_active(first.access_token()).await?, "the token is active")?;
    ensure(first.expires_in().is_some(), "expires_in is told")?;
    let old = first.refresh_token().ok_or("no refresh token")?;
    let second = setting.client(name).exchange_refresh_token(old).request_async(&setting.http).await?;
    ensure(
        second.refresh_token().is_some_and(|new| new.secret() != old.secret()),
        "the refresh token rotated",
    )?;
    ensure(setting.is_active(second.access_token()).await?, "the new token is active")
}

async fn client_credentials(setting: &Setting) -> Result<(), Failure> {
    let service = setting.client("service");
    let request = service.exchange_client_credentials().add_scope(Scope::new("read".to_owned()));
    let tokens = request.request_async(&setting.http).await?;
    ensure(tokens.refresh_token().is_none(), "no refresh token (RFC 6749 section 4.4.3)")?;
    ensure(setting.is_active(tokens.access_token()).await?, "the token is active")?;
    let wrong = service.set_client_secret(ClientSecret::new("wrong".to_owned()));
    let outcome = wrong.exchange_client_credentials().request_async(&setting.http).await;
    refused_with(outcome, &BasicErrorResponseType::InvalidClient)
}

async fn introspection(setting: &Setting) -> Result<(), Failure> {
    let tokens = setting.code_flow("web").await?;
    let api = setting.client("api");
    let answer = api.introspect(tokens.access_token()).request_async(&setting.http).await?;
    let web = setting.text("/clients/web/client_id");
    ensure(answer.client_id().is_some_and(|id| id.as_str() == web), "the client is named")?;
    ensure(answer.scopes().is_some_and(|scopes| scopes.len() == 2), "both scopes are named")?;
    ensure(!setting.is_active(&AccessToken::new("nonsense".to_owned())).await?, "nonsense is inactive")
}

async fn wrong_verifier(setting: &Setting) -> Result<(), Failure> {
    let (redirect, _) = setting.ask("web", "allow")?;
    let (_, wrong) = PkceCodeChallenge::new_random_sha256();
    let code = AuthorizationCode::new(redirect["code"].clone());
    let web = setting.client("web");
    let outcome = web.exchange_code(code).set_pkce_verifier(wrong).request_async(&setting.http).await;
    refused_with(outcome, &BasicErrorResponseType::InvalidGrant)
}

fn denied(setting: &Setting) -> Result<(), Failure> {
    let (redirect, _) = setting.ask("denied", "deny")?;
    ensure(redirect.get("error").is_some_and(|error| error == "access_denied"), "the error is access_denied")
}

async fn password(setting: &Setting) -> Result<(), Failure> {
    let name = ResourceOwnerUsername::new(setting.text("/user/name"));
    let password = ResourceOwnerPassword::new(setting.text("/user/password"));
    let legacy = setting.client("legacy");
    let request = legacy.exchange_password(&name, &password).add_scope(Scope::new("read".to_owned()));
    ensure(
        setting.is_active(request.request_async(&setting.http).await?.access_token()).await?,
        "the token is active",
    )
}

async fn implicit(setting: &Setting) -> Result<(), Failure> {
    let client = setting.client("implicit");
    let request = client.authorize_url(CsrfToken::new_random).use_implicit_flow();
    let (url, state) = request.add_scope(Scope::new("read".to_owned())).url();
    let redirect = setting.browse(&url, "allow")?;
    ensure(redirect.get("state") == Some(state.secret()), "the state came back")?;
    ensure(!redirect.contains_key("refresh_token"), "no refresh token (RFC 6749 section 4.2.2)")?;
    ensure(
        setting.is_active(&AccessToken::new(redirect["access_token"].clone())).await?,
        "the token is active",
    )
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Ok(text) = std::env::var("GRANTOR_TEST") else {
        println!("GRANTOR_TEST is not set: tests/run.py starts this program");
        return ExitCode::from(2);
    };
    // The advice of the crate: a client that follows redirects could be sent elsewhere with its secret.
    let http =
        oauth2::reqwest::ClientBuilder::new().redirect(oauth2::reqwest::redirect::Policy::none()).no_proxy();
    let setting = Setting { value: serde_json::from_str(&text).unwrap(), http: http.build().unwrap() };

    let mut outcomes = vec![
        ("code with PKCE and refresh, client_secret_basic", code_and_refresh(&setting, "web").await),
        ("code with PKCE and refresh, client_secret_post", code_and_refresh(&setting, "post").await),
        ("code with PKCE and refresh, public client", code_and_refresh(&setting, "public").await),
        ("client credentials", client_credentials(&setting).await),
        ("introspection", introspection(&setting).await),
        ("a wrong verifier is invalid_grant", wrong_verifier(&setting).await),
        ("a denied consent is access_denied", denied(&setting)),
    ];
    if setting.value["legacy"] == true {
        outcomes.push(("password grant", password(&setting).await));
        outcomes.push(("implicit grant", implicit(&setting).await));
    } else {
        println!("not checked: password and implicit grant: the server was built without the feature legacy");
    }

    let failed = outcomes.iter().filter(|(_, outcome)| outcome.is_err()).count();
    for (title, outcome) in &outcomes {
        match outcome {
            Ok(()) => println!("ok     {title}"),
            Err(reason) => println!("FAILED {title}: {reason:?}"),
        }
    }
    println!("oauth2: {} passed, {failed} failed", outcomes.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
