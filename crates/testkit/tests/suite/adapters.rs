//! The adapter suite passes a good adapter, and rejects each that is broken in one way.

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::response::Response;
use axum::routing::get;
use bytes::{Bytes, BytesMut};
use grantor_core::{Peer, Provider};
use grantor_testkit::{AdapterSuite, Lack};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};

/// What is wrong with an adapter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrong {
    Nothing,
    AnswersItself,
    KnowsSomeMethods,
    KeepsText,
    SendsText,
    KeepsOneHeader,
    SendsOneHeader,
    DecodesTheTarget,
    ForgetsThePeer,
    BelievesHeaders,
    CutsBodies,
    NeedsALength,
    EmptiesLargeBodies,
    ReadsAll,
    TakesHalf,
    ServesOnce,
    ForgetsThePrefix,
    TakesAll,
}

async fn serve(wrong: Wrong, provider: Provider, prefix: &'static str) -> SocketAddr {
    let mut app = Router::new().route("/own", get("own"));
    for path in provider.paths() {
        if wrong != Wrong::ForgetsThePrefix || !path.starts_with(prefix) || prefix.is_empty() {
            app = app.route(&path, axum::routing::any(adapter));
        }
    }
    if wrong == Wrong::TakesAll {
        app = Router::new().fallback(adapter);
    }
    if wrong == Wrong::AnswersItself {
        app = Router::new()
            .route("/own", get("own"))
            .route("/token", axum::routing::post(adapter))
            .route("/authorize", get(adapter).post(adapter))
            .fallback(adapter);
    }
    let app = app.with_state((wrong, provider));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

type Shared = (Wrong, Provider);

async fn adapter(
    State((wrong, provider)): State<Shared>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    static SERVED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);
    let (mut head, body) = request.into_parts();
    if wrong != Wrong::ForgetsThePeer {
        let mut ip = peer.ip();
        if wrong == Wrong::BelievesHeaders
            && let Some(claimed) = head.headers.get("x-forwarded-for")
        {
            ip = claimed.to_str().unwrap().parse().unwrap();
        }
        head.extensions.insert(Peer(ip));
    }
    if wrong == Wrong::KnowsSomeMethods && head.method.as_str() == "BREW" {
        return status(StatusCode::NOT_IMPLEMENTED);
    }
    if wrong == Wrong::KeepsText {
        head.headers = text(head.headers);
    }
    if wrong == Wrong::KeepsOneHeader {
        head.headers = one_each(&head.headers);
    }
    if wrong == Wrong::DecodesTheTarget {
        let query = head.uri.query().unwrap_or_default().replace("%2F", "/").replace("%2f", "/");
        head.uri = format!("{}?{query}", head.uri.path()).parse::<Uri>().unwrap();
    }
    let limit = provider.max_body();
    let length = body.size_hint().exact();
    let body = match wrong {
        Wrong::NeedsALength if length.is_none() => Ok(Bytes::new()),
        Wrong::TakesHalf => Ok(half(body, limit + 1).await),
        Wrong::ReadsAll => to_bytes(body, usize::MAX).await.map_err(|_| ()),
        _ => to_bytes(body, limit).await.map_err(|_| ()),
    };
    let mut bytes = match body {
        Ok(bytes) => bytes,
        Err(()) if wrong == Wrong::EmptiesLargeBodies => Bytes::new(),
        Err(()) => return status(StatusCode::PAYLOAD_TOO_LARGE),
    };
    if wrong == Wrong::CutsBodies {
        bytes.truncate(1000);
    }
    if wrong == Wrong::ServesOnce && SERVED.swap(true, std::sync::atomic::Ordering::SeqCst) {
        return status(StatusCode::SERVICE_UNAVAILABLE);
    }
    let response = provider.handle(http::Request::from_parts(head, bytes)).await;
    SERVED.store(false, std::sync::atomic::Ordering::SeqCst);
    let (mut head, body) = response.into_parts();
    if wrong == Wrong::SendsText {
        head.headers = text(head.headers);
    }
    if wrong == Wrong::SendsOneHeader {
        head.headers = one_each(&head.headers);
    }
    Response::from_parts(head, Body::from(body))
}

fn status(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn text(headers: HeaderMap) -> HeaderMap<HeaderValue> {
    let mut last = None;
    let named = headers.into_iter().filter_map(|(name, value)| {
        last = name.or_else(|| last.clone());
        Some((last.clone()?, value))
    });
    named.filter(|(_, value)| std::str::from_utf8(value.as_bytes()).is_ok()).collect()
}

fn one_each(headers: &HeaderMap) -> HeaderMap<HeaderValue> {
    headers.keys().map(|name| (name.clone(), headers[name].clone())).collect()
}

/// What came until the body broke off.
async fn half(mut body: Body, limit: usize) -> Bytes {
    let mut read = BytesMut::new();
    while let Some(Ok(frame)) =
        std::future::poll_fn(|context| std::pin::Pin::new(&mut body).poll_frame(context)).await
    {
        if let Ok(data) = frame.into_data() {
            read.extend_from_slice(&data);
        }
        if read.len() >= limit {
            break;
        }
    }
    read.freeze()
}

fn suite(wrong: Wrong) -> AdapterSuite {
    AdapterSuite::new("broken", move |provider, prefix| serve(wrong, provider, prefix))
}

mod good {
    use super::{Wrong, serve};

    grantor_testkit::adapter_suite! {
        adapter: "good",
        serve: |provider, prefix| serve(Wrong::Nothing, provider, prefix),
    }
}

/// What a framework keeps to itself is not checked, and the suite says so.
#[test]
fn a_lack_is_reported_as_not_checked() {
    let suite = suite(Wrong::KeepsText).lacks(Lack::OpaqueHeaders);
    suite.check("headers_that_are_no_text_arrive");
    let report = suite.run().to_string();
    assert!(report.contains("broken has headers of text only"), "{report}");
}

#[test]
fn broken_adapters_are_rejected() {
    for (wrong, check) in [
        (Wrong::AnswersItself, "every_method_reaches_the_provider"),
        (Wrong::KnowsSomeMethods, "an_unknown_method_reaches_the_provider"),
        (Wrong::KeepsText, "headers_that_are_no_text_arrive"),
        (Wrong::SendsText, "headers_that_are_no_text_go_out"),
        (Wrong::KeepsOneHeader, "repeated_headers_and_cookies_arrive"),
        (Wrong::SendsOneHeader, "repeated_headers_go_out"),
        (Wrong::DecodesTheTarget, "path_and_query_arrive_as_they_were_sent"),
        (Wrong::ForgetsThePeer, "the_address_of_the_peer_arrives"),
        (Wrong::BelievesHeaders, "the_address_of_the_peer_arrives"),
        (Wrong::CutsBodies, "bodies_arrive_unchanged"),
        (Wrong::NeedsALength, "a_chunked_body_arrives"),
        (Wrong::EmptiesLargeBodies, "a_body_over_the_limit_is_refused"),
        (Wrong::ReadsAll, "an_endless_body_is_refused_before_it_is_read"),
        (Wrong::TakesHalf, "a_broken_body_is_no_request"),
        (Wrong::ServesOnce, "a_cancelled_request_leaves_the_server_usable"),
        (Wrong::ForgetsThePrefix, "mounted_under_a_prefix"),
        (Wrong::TakesAll, "other_paths_belong_to_the_app"),
    ] {
        let outcome = std::panic::catch_unwind(|| suite(wrong).check(check));
        assert!(outcome.is_err(), "{wrong:?} passes {check}");
    }
}
