//! `form_post`: a form that the browser posts (OAuth 2.0 Form Post Response Mode §2).

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Response, StatusCode};
use sha2::{Digest as _, Sha256};

use super::ResponseMode;
use crate::reply;
use crate::types::ResponseModeName;

pub(super) struct FormPost;

/// Without script the user presses the button.
const SCRIPT: &str = "document.forms[0].submit()";

impl ResponseMode for FormPost {
    fn name(&self) -> ResponseModeName {
        ResponseModeName::FORM_POST
    }

    fn may_carry_tokens(&self) -> bool {
        true
    }

    fn respond(&self, redirect_uri: &str, params: &[(&'static str, String)]) -> Response<Bytes> {
        let mut fields = String::new();
        for (name, value) in params {
            // Writing into a String cannot fail.
            let _ = writeln!(
                fields,
                "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
                reply::escaped(value)
            );
        }
        let html = format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Continue</title>\
             <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">\
             </head><body><main><h1>Back to the application</h1><form method=\"post\" action=\"{}\">\n{fields}\
             <button type=\"submit\">Continue</button></form></main><script>{SCRIPT}</script></body></html>\n",
            reply::escaped(redirect_uri)
        );
        let hash = STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
        // No `form-action`: browsers apply it to where the client redirects to after it took the form, too.
        let policy = format!(
            "default-src 'none'; script-src 'sha256-{hash}'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'"
        );
        reply::page(StatusCode::OK, html, &policy)
    }
}
