//! `fragment`: behind a `#`, which browsers do not send to servers (RFC 6749 §4.2.2).

use bytes::Bytes;
use http::Response;

use super::{ResponseMode, encoded};
use crate::reply;
use crate::types::ResponseModeName;

pub(super) struct Fragment;

impl ResponseMode for Fragment {
    fn name(&self) -> ResponseModeName {
        ResponseModeName::FRAGMENT
    }

    fn may_carry_tokens(&self) -> bool {
        true
    }

    fn respond(&self, redirect_uri: &str, params: &[(&'static str, String)]) -> Response<Bytes> {
        reply::redirect(&format!("{redirect_uri}#{}", encoded(params)))
    }
}
