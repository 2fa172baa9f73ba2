//! The suite that a web adapter must pass: what comes in reaches the provider unchanged, what it answers goes out unchanged.
//!
//! [`adapter_suite!`](crate::adapter_suite) shows how it is called.

mod bodies;
mod messages;
mod probe;
mod serving;
mod wire;

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use grantor_core::Provider;

use self::probe::Probe;
use self::wire::Wire;
use crate::suite::{self, Report, Stop, checks};

type Serving = Pin<Box<dyn Future<Output = SocketAddr> + Send>>;

/// The checks that [`adapter_suite!`](crate::adapter_suite) makes tests of, for a hook that serves a provider.
#[derive(Clone)]
pub struct AdapterSuite {
    adapter: &'static str,
    serve: Arc<dyn Fn(Provider, &'static str) -> Serving + Send + Sync>,
    lacks: Vec<Lack>,
}

/// What a framework does not let through, so that no adapter can. The checks of it end as not checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It answers a method that it does not know itself.
    UnknownMethods,
    /// Its headers are text: others neither arrive nor go out.
    OpaqueHeaders,
}

impl fmt::Debug for AdapterSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdapterSuite").field("adapter", &self.adapter).finish_non_exhaustive()
    }
}

checks! {
    AdapterSuite;
    messages::every_method_reaches_the_provider: "every method reaches the provider, which alone refuses";
    messages::an_unknown_method_reaches_the_provider: "a method that nobody knows reaches the provider";
    messages::head_answers_like_get_without_a_body: "HEAD has the status and headers of GET, and no body";
    messages::repeated_headers_and_cookies_arrive: "repeated headers and cookies arrive, in order and unchanged";
    messages::headers_that_are_no_text_arrive: "headers that are no text arrive unchanged";
    messages::repeated_headers_go_out: "repeated headers and an unknown status go out unchanged";
    messages::headers_that_are_no_text_go_out: "headers that are no text go out unchanged";
    messages::path_and_query_arrive_as_they_were_sent: "path and query arrive as they were sent";
    messages::the_address_of_the_peer_arrives: "the address of the peer arrives, whatever headers claim";
    bodies::bodies_arrive_unchanged: "bodies up to the limit arrive unchanged, whole or in pieces";
    bodies::a_chunked_body_arrives: "a chunked body arrives (RFC 9112 §7.1)";
    bodies::a_body_over_the_limit_is_refused: "a body over the limit gets 413";
    bodies::an_endless_body_is_refused_before_it_is_read: "a body over the limit is refused before it is read";
    bodies::a_broken_body_is_no_request: "a body that breaks off or has a broken chunk is never handled";
    serving::a_cancelled_request_leaves_the_server_usable: "a client that goes away leaves the server usable";
    serving::a_connection_serves_many_requests: "a connection serves many requests, refused ones among them";
    serving::many_requests_at_once_are_not_mixed_up: "many requests at once are not mixed up";
    serving::mounted_under_a_prefix: "below the path of its issuer it works as at the root";
    serving::other_paths_belong_to_the_app: "other paths belong to the app";
}

impl AdapterSuite {
    /// The suite for the adapter of this name.
    ///
    /// `serve` starts a server on a port of the loopback interface and answers its address. It mounts the provider at its
    /// [`paths`](Provider::paths), all below `prefix` (`""` or a path such as `/auth`, which the issuer has too) but the
    /// metadata document, and an app's own route: `GET /own` answers 200 with the body `own`. The server may run until the
    /// process ends, and on threads of its own; a tokio runtime is there, but only while the check runs.
    pub fn new<F>(
        adapter: &'static str,
        serve: impl Fn(Provider, &'static str) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = SocketAddr> + Send + 'static,
    {
        Self {
            adapter,
            serve: Arc::new(move |provider, prefix| Box::pin(serve(provider, prefix))),
            lacks: Vec::new(),
        }
    }

    /// The suite for a framework that has this lack.
    #[must_use]
    pub fn lacks(mut self, lack: Lack) -> Self {
        self.lacks.push(lack);
        self
    }

    /// Runs all checks, one after the other.
    pub fn run(&self) -> Report {
        suite::report(self, CHECKS)
    }

    /// Runs one check as a test.
    ///
    /// # Panics
    /// Where the check fails, or there is none of this name.
    pub fn check(&self, name: &str) {
        suite::check(self, CHECKS, name);
    }

    /// Compares the tests that the macro makes with the checks.
    ///
    /// # Panics
    /// Where they differ.
    #[doc(hidden)]
    pub fn compare(&self, tests: &[&str]) {
        suite::compare(CHECKS, tests);
    }

    fn unless(&self, lack: Lack) -> Result<(), Stop> {
        let what = match lack {
            Lack::UnknownMethods => "answers a method that it does not know itself",
            Lack::OpaqueHeaders => "has headers of text only",
        };
        if self.lacks.contains(&lack) {
            return Err(Stop::NotChecked(format!("{} {what}", self.adapter)));
        }
        Ok(())
    }

    /// A server with a probe at the root.
    async fn probe(&self) -> Result<(Probe, SocketAddr), Stop> {
        let probe = Probe::default();
        let address = (self.serve)(probe.provider("")?, "").await;
        Ok((probe, address))
    }

    /// The same with a connection.
    async fn connect(&self) -> Result<(Probe, Wire), Stop> {
        let (probe, address) = self.probe().await?;
        Ok((probe, Wire::connect(address).await?))
    }
}

/// The head of a token request.
fn head(target: &str, headers: &str) -> String {
    format!(
        "POST {target} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/x-www-form-urlencoded\r\n{headers}\r\n"
    )
}

/// A form that the probe answers with `echo` in the description.
fn form(echo: &str) -> String {
    format!("grant_type={}&echo={echo}", probe::GRANT_TYPE)
}

/// A token request with this body.
fn request(target: &str, headers: &str, body: &str) -> String {
    head(target, &format!("{headers}content-length: {}\r\n", body.len())) + body
}

/// Makes tests of the adapter suite: one for each check, named after what it demands.
///
/// `serve` is an async function from a `Provider` and a prefix to the address of a server, see [`AdapterSuite::new`]. What the
/// framework keeps from every adapter may stand after it, `lacks: [Lack::OpaqueHeaders]`: then the suite says what it did
/// not check.
///
/// ```
/// # use std::net::SocketAddr;
/// # use grantor_core::Provider;
/// async fn serve(provider: Provider, prefix: &'static str) -> SocketAddr {
///     // Mount the provider below `prefix`, and GET /own; listen on 127.0.0.1:0.
/// #   let _ = (provider, prefix);
/// #   ([127, 0, 0, 1], 0).into()
/// }
///
/// grantor_testkit::adapter_suite! { adapter: "my adapter", serve: serve }
/// ```
#[macro_export]
macro_rules! adapter_suite {
    (adapter: $adapter:expr, serve: $serve:expr $(, lacks: [$($lack:expr),* $(,)?])? $(,)?) => {
        $crate::__tests_of_suite! {
            $crate::AdapterSuite::new($adapter, $serve)$($(.lacks($lack))*)?;
            every_method_reaches_the_provider
            an_unknown_method_reaches_the_provider
            head_answers_like_get_without_a_body
            repeated_headers_and_cookies_arrive
            headers_that_are_no_text_arrive
            repeated_headers_go_out
            headers_that_are_no_text_go_out
            path_and_query_arrive_as_they_were_sent
            the_address_of_the_peer_arrives
            bodies_arrive_unchanged
            a_chunked_body_arrives
            a_body_over_the_limit_is_refused
            an_endless_body_is_refused_before_it_is_read
            a_broken_body_is_no_request
            a_cancelled_request_leaves_the_server_usable
            a_connection_serves_many_requests
            many_requests_at_once_are_not_mixed_up
            mounted_under_a_prefix
            other_paths_belong_to_the_app
        }
    };
}
