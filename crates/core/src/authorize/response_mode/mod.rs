//! `response_mode`: how the answer travels (OAuth 2.0 Multiple Response Type Encoding Practices §2.1).
//!
//! # To add a response mode
//! 1. One file with a type that implements [`ResponseMode`].
//! 2. One entry in [`BUILT_IN`]. Discovery derives from it.

mod form_post;
mod fragment;
mod query;

use bytes::Bytes;
use http::Response;

use super::AuthorizationRequest;
use crate::ctx::Ctx;
use crate::error::Error;
use crate::params::Params;
use crate::types::{ResponseModeName, ResponseType};

/// One way to send an answer to the redirect URI.
pub(crate) trait ResponseMode: Sync {
    fn name(&self) -> ResponseModeName;
    /// Whether a token may travel this way.
    fn may_carry_tokens(&self) -> bool;
    fn respond(&self, redirect_uri: &str, params: &[(&'static str, String)]) -> Response<Bytes>;
}

/// All of them.
pub(crate) const BUILT_IN: [&dyn ResponseMode; 3] =
    [&query::Query, &fragment::Fragment, &form_post::FormPost];

/// The mode that the request asks for, or the default of its response type. Unknown ones are not redirected: nobody knows
/// how.
pub(super) fn choose(params: &Params) -> Result<ResponseModeName, Error> {
    let named = params.all("response_mode").filter(|value| !value.is_empty()).count();
    match params.unambiguous("response_mode") {
        Some(asked) => {
            BUILT_IN.iter().map(|mode| mode.name()).find(|name| name.as_str() == asked).ok_or_else(|| {
                Error::invalid_request("This response_mode is not offered.").because("response_mode_unknown")
            })
        }
        None if named > 0 => {
            Err(Error::invalid_request("The parameter response_mode is there more than once.")
                .because("repeated_parameter"))
        }
        None => Ok(default_of(params.get("response_type"))),
    }
}

fn default_of(response_type: Option<&str>) -> ResponseModeName {
    let token =
        response_type.is_some_and(|text| text.split(' ').any(|part| part == ResponseType::TOKEN.as_str()));
    if token { ResponseModeName::FRAGMENT } else { ResponseModeName::QUERY }
}

/// > the "query" response mode ... MUST NOT be used with response types that carry tokens (§3.0, §5)
pub(super) fn check(_: &Ctx<'_>, _: &Params, request: &mut AuthorizationRequest) -> Result<(), Error> {
    let carries_token = request.response_type == ResponseType::TOKEN;
    let mode = of(&request.verified.response_mode);
    if carries_token && !mode.may_carry_tokens() {
        return Err(Error::invalid_request(
            "A token is never sent in a query; use response_mode fragment or form_post.",
        )
        .because("response_mode_leaks_token"));
    }
    Ok(())
}

/// The mode with this name; names are checked when the request is.
pub(super) fn of(name: &ResponseModeName) -> &'static dyn ResponseMode {
    BUILT_IN.into_iter().find(|mode| mode.name() == *name).unwrap_or(&query::Query)
}

/// The parameters as `application/x-www-form-urlencoded`.
fn encoded(params: &[(&'static str, String)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(params).finish()
}
