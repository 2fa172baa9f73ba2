//! `client_secret_basic` (RFC 6749 §2.3.1 over RFC 7617): form-encoded id and secret in HTTP Basic, strictly decoded.

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::AUTHORIZATION;
use zeroize::Zeroizing;

use super::{BackChannel, ClientAuthentication, check_secret, refused};
use crate::client::Client;
use crate::config::Limits;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;
use crate::types::{AuthMethod, ClientId, Secret};

/// Client id and secret in the `Authorization` header.
#[derive(Debug, Clone, Copy, Default)]
pub struct ClientSecretBasic;

#[async_trait]
impl ClientAuthentication for ClientSecretBasic {
    fn method(&self) -> AuthMethod {
        AuthMethod::CLIENT_SECRET_BASIC
    }

    fn claimed(&self, request: &BackChannel<'_>) -> Result<Option<ClientId>, Error> {
        Ok(credentials(request)?.map(|(id, _)| id))
    }

    async fn verify(&self, ctx: &Ctx<'_>, request: &BackChannel<'_>, client: &Client) -> Result<(), Error> {
        match credentials(request)? {
            Some((_, secret)) => check_secret(ctx, client, secret.expose()).await,
            None => Err(refused("basic_missing")),
        }
    }
}

/// > The client identifier is encoded using the "application/x-www-form-urlencoded" encoding algorithm ..., and the
/// > encoded value is used as the username; the client password is encoded using the same algorithm and used as the
/// > password. (RFC 6749 §2.3.1)
fn credentials(request: &BackChannel<'_>) -> Result<Option<(ClientId, Secret)>, Error> {
    let mut values = request.http.headers().get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Error::invalid_request("There is more than one Authorization header.")
            .because("authorization_repeated"));
    }
    let Ok(value) = value.to_str() else { return Err(refused("authorization_not_ascii")) };
    let (scheme, encoded) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("basic") {
        return Ok(None);
    }
    let decoded = STANDARD.decode(encoded.trim_matches(' ')).map_err(|_| refused("basic_not_base64"))?;
    let decoded = Zeroizing::new(String::from_utf8(decoded).map_err(|_| refused("basic_not_utf8"))?);
    let (id, secret) = decoded.split_once(':').ok_or_else(|| refused("basic_without_colon"))?;
    let id = form_decoded(id).ok_or_else(|| refused("basic_badly_encoded"))?;
    let secret = form_decoded(secret).ok_or_else(|| refused("basic_badly_encoded"))?;
    let id = ClientId::parse(&id).map_err(|_| refused("client_id_malformed"))?;
    Ok(Some((id, Secret::new(secret))))
}

fn form_decoded(text: &str) -> Option<String> {
    // One value without separators decodes like the name of a parameter without value.
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let params = Params::parse(format!("v={escaped}").as_bytes(), &Limits::default()).ok()?;
    params.all("v").next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    /// Identifier and secret of a header; `None` where there is no Basic one.
    fn read(value: &str) -> Result<Option<(String, String)>, Error> {
        let http = Request::post("/token").header(AUTHORIZATION, value).body(Bytes::new()).unwrap();
        let params = Params::default();
        let read = credentials(&BackChannel { http: &http, params: &params })?;
        Ok(read.map(|(id, secret)| (id.to_string(), secret.expose().to_owned())))
    }

    fn encoded(text: &str) -> String {
        form_urlencoded::byte_serialize(text.as_bytes()).collect()
    }

    proptest! {
        #[test]
        fn rfc6749_2_3_1_what_a_client_encodes_is_read(id in "[ -~]{1,30}", secret in "[ -~é€🦀]{0,40}") {
            let header = STANDARD.encode(format!("{}:{}", encoded(&id), encoded(&secret)));
            prop_assert_eq!(read(&format!("Basic {header}")).unwrap(), Some((id, secret)));
        }

        #[test]
        fn what_is_read_has_one_base64_spelling(
            scheme in "(Basic|basic|BASIC|Bearer|Basi)[ ]{0,2}",
            text in "[A-Za-z0-9+/=_:-]{0,24}|YTpi[A-Za-z0-9+/=]{0,8}",
        ) {
            let value = format!("{scheme}{text}");
            if let Ok(Some(_)) = read(&value) {
                let decoded = STANDARD.decode(&text).unwrap();
                prop_assert_eq!(STANDARD.encode(decoded), text);
                prop_assert!(scheme.trim().eq_ignore_ascii_case("basic"));
            }
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&format!("Basic {}", STANDARD.encode(bytes)));
        }
    }
}
