//! `query`: added to the query that the redirect URI may already have (RFC 6749 §3.1.2, §4.1.2).

use bytes::Bytes;
use http::Response;

use super::{ResponseMode, encoded};
use crate::reply;
use crate::types::ResponseModeName;

pub(super) struct Query;

impl ResponseMode for Query {
    fn name(&self) -> ResponseModeName {
        ResponseModeName::QUERY
    }

    fn may_carry_tokens(&self) -> bool {
        false
    }

    /// > The endpoint URI MAY include an ... query component, which MUST be retained when adding additional query
    /// > parameters (RFC 6749 §3.1.2)
    fn respond(&self, redirect_uri: &str, params: &[(&'static str, String)]) -> Response<Bytes> {
        let joint = match redirect_uri.split_once('?') {
            None => "?",
            Some((_, query)) if query.is_empty() || query.ends_with('&') => "",
            Some(_) => "&",
        };
        reply::redirect(&format!("{redirect_uri}{joint}{}", encoded(params)))
    }
}
