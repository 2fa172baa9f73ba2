//! Clients and users of all programs.

use grantor::legacy::PasswordVerifier;
use grantor::{
    Approval, AuthMethod, BoxError, Client, ClientBuilder, Ctx, GrantTypeName, InvalidClient, ResponseType,
    Secret, async_trait,
};

use crate::grants::TICKET;
use crate::site::gold;

/// The clients; they authenticate in the body.
pub(crate) fn clients() -> Result<Vec<Client>, InvalidClient> {
    clients_with(&AuthMethod::CLIENT_SECRET_POST)
}

/// The clients with another way to authenticate.
pub(crate) fn clients_with(method: &AuthMethod) -> Result<Vec<Client>, InvalidClient> {
    let callback = "http://localhost/callback";
    let code_only = base("codeonly", "codeonly-secret", method)
        .redirect_uri(callback)
        .grant_types([GrantTypeName::AUTHORIZATION_CODE])
        .response_types([ResponseType::CODE]);
    Ok(vec![
        all("abc", "xyz", method).redirect_uri(callback).build()?,
        all("other", "other-secret-5b1d", method).redirect_uri(callback).build()?,
        all("two", "two-secret", method)
            .redirect_uri("http://localhost/first")
            .redirect_uri("http://localhost/second")
            .build()?,
        all("query", "query-secret", method).redirect_uri("http://localhost/callback?tenant=a").build()?,
        code_only.build()?,
    ])
}

fn base(id: &str, secret: &str, method: &AuthMethod) -> ClientBuilder {
    Client::builder(id).secret(secret).auth_method(method.clone())
}

fn all(id: &str, secret: &str, method: &AuthMethod) -> ClientBuilder {
    base(id, secret, method)
        .grant_types([
            GrantTypeName::AUTHORIZATION_CODE,
            GrantTypeName::IMPLICIT,
            GrantTypeName::PASSWORD,
            GrantTypeName::REFRESH_TOKEN,
            GrantTypeName::CLIENT_CREDENTIALS,
            TICKET,
        ])
        .response_types([ResponseType::CODE, ResponseType::TOKEN])
}

/// alice and bob.
#[derive(Debug)]
pub(crate) struct Users;

/// Whether this is a user's password.
pub(crate) fn knows(name: &str, password: &Secret) -> bool {
    // Both are compared whatever the name is: the time tells nothing.
    let (alice, bob) = (password.matches("wonderland"), password.matches("builder"));
    (name == "alice" && alice) || (name == "bob" && bob)
}

#[async_trait]
impl PasswordVerifier for Users {
    async fn verify(
        &self,
        _ctx: &Ctx<'_>,
        name: &str,
        password: &Secret,
    ) -> Result<Option<Approval>, BoxError> {
        Ok(knows(name, password).then(|| Approval::of(name).data(gold())))
    }
}
