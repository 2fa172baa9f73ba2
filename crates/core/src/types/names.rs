//! Names from the IANA OAuth registries. Each is open: one's own names are as good as the registered ones.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! name {
    ($(#[$doc:meta])* $type:ident { $($(#[$const_doc:meta])* $const:ident = $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(Cow<'static, str>);

        impl $type {
            $($(#[$const_doc])* pub const $const: Self = Self(Cow::Borrowed($text));)*

            /// The name with this text.
            pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
                Self(text.into())
            }

            /// The name with this text, known at compile time.
            pub const fn from_static(text: &'static str) -> Self {
                Self(Cow::Borrowed(text))
            }

            /// The name as it is sent.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&'static str> for $type {
            fn from(text: &'static str) -> Self {
                Self::from_static(text)
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

name! {
    /// A `grant_type` (RFC 6749 §1.3): a registered name or an absolute URI.
    GrantTypeName {
        /// RFC 6749 §4.1.
        AUTHORIZATION_CODE = "authorization_code";
        /// RFC 6749 §6.
        REFRESH_TOKEN = "refresh_token";
        /// RFC 6749 §4.4.
        CLIENT_CREDENTIALS = "client_credentials";
        /// RFC 6749 §4.2; `implicit` is its name in client metadata (RFC 7591 §2).
        IMPLICIT = "implicit";
        /// RFC 6749 §4.3.
        PASSWORD = "password";
    }
}

name! {
    /// A `response_type` (RFC 6749 §3.1.1).
    ResponseType {
        /// RFC 6749 §4.1.1.
        CODE = "code";
        /// RFC 6749 §4.2.1.
        TOKEN = "token";
    }
}

name! {
    /// How a client authenticates (IANA OAuth Token Endpoint Authentication Methods, RFC 7591 §2).
    AuthMethod {
        /// HTTP Basic, RFC 6749 §2.3.1.
        CLIENT_SECRET_BASIC = "client_secret_basic";
        /// `client_id` and `client_secret` in the body, RFC 6749 §2.3.1.
        CLIENT_SECRET_POST = "client_secret_post";
        /// A public client, RFC 7591 §2.
        NONE = "none";
    }
}

name! {
    /// A `response_mode` (OAuth 2.0 Multiple Response Type Encoding Practices §2.1).
    ResponseModeName {
        /// In the query of the redirect URI.
        QUERY = "query";
        /// In the fragment of the redirect URI.
        FRAGMENT = "fragment";
        /// In a form that the browser posts (OAuth 2.0 Form Post Response Mode §2).
        FORM_POST = "form_post";
    }
}
