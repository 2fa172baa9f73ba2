//! Checks of the message: method, target, headers, peer, and the answer's own headers (RFC 9110).

use std::net::Ipv4Addr;

use super::probe::{COOKIES, PAGE, STATUS, Seen};
use super::wire::Wire;
use super::{AdapterSuite, Lack, form, request};
use crate::suite::{Checked, Stop, ensure, fail};

/// The one request that was seen.
pub(super) fn only(mut seen: Vec<Seen>) -> Result<Seen, Stop> {
    match (seen.pop(), seen.is_empty()) {
        (Some(one), true) => Ok(one),
        (None, _) => fail!("the request did not reach the provider"),
        (Some(_), false) => fail!("the request reached the provider {} times", seen.len() + 1),
    }
}

pub(super) async fn every_method_reaches_the_provider(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "TRACE"] {
        refused_by_the_provider(&mut wire, method).await?;
    }
    let answer = wire.ask("OPTIONS", "/token").await?;
    ensure!(answer.status == 204, "OPTIONS got {}, not the provider's 204", answer.status);
    ensure!(answer.all("vary") == [b"Origin"], "OPTIONS got {:?}, not the provider's Vary", answer.headers);
    wire.send(request("/token", "", &form("x"))).await?;
    let answer = wire.answer().await?;
    ensure!(answer.status == 400, "POST got {}, not the provider's 400", answer.status);
    let seen = only(probe.take())?;
    ensure!(seen.method == "POST", "POST arrived as {}", seen.method);
    Ok(())
}

pub(super) async fn an_unknown_method_reaches_the_provider(suite: AdapterSuite) -> Checked {
    suite.unless(Lack::UnknownMethods)?;
    let (_, mut wire) = suite.connect().await?;
    refused_by_the_provider(&mut wire, "BREW").await
}

async fn refused_by_the_provider(wire: &mut Wire, method: &str) -> Checked {
    let answer = wire.ask(method, "/token").await?;
    ensure!(answer.status == 405, "{method} got {}, not the provider's 405", answer.status);
    ensure!(
        answer.all("allow") == [b"POST, OPTIONS"],
        "{method} got {:?}, not the provider's Allow",
        answer.headers
    );
    Ok(())
}

pub(super) async fn head_answers_like_get_without_a_body(suite: AdapterSuite) -> Checked {
    let (_, mut wire) = suite.connect().await?;
    let metadata = "/.well-known/oauth-authorization-server";
    let get = wire.ask("GET", metadata).await?;
    ensure!(get.status == 200 && get.body.starts_with(b"{"), "GET {metadata} got {get:?}");
    let head = wire.ask("HEAD", metadata).await?;
    ensure!(head.status == 200, "HEAD got {}, GET 200", head.status);
    ensure!(
        head.all("content-type") == get.all("content-type"),
        "HEAD got {:?}, GET {:?}",
        head.headers,
        get.headers
    );
    // Had the answer a body, the next one would begin in the middle of it.
    let again = wire.ask("GET", metadata).await?;
    ensure!(again.body == get.body, "after HEAD the connection is out of step: {again:?}");
    Ok(())
}

pub(super) async fn repeated_headers_and_cookies_arrive(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    let headers = "cookie: a=1\r\nX-Probe: one\r\ncookie: b=2; c=3\r\nx-probe: two, three\r\n";
    wire.send(request("/token", headers, &form("x"))).await?;
    wire.answer().await?;
    let seen = only(probe.take())?;
    arrived(&seen, "cookie", &[b"a=1", b"b=2; c=3"])?;
    arrived(&seen, "x-probe", &[b"one", b"two, three"])
}

pub(super) async fn headers_that_are_no_text_arrive(suite: AdapterSuite) -> Checked {
    suite.unless(Lack::OpaqueHeaders)?;
    let (probe, mut wire) = suite.connect().await?;
    let mut bytes = request("/token", "", &form("x")).into_bytes();
    let after_first_line = bytes.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.splice(after_first_line..after_first_line, b"x-bytes: caf\xe9\r\n".iter().copied());
    wire.send(bytes).await?;
    wire.answer().await?;
    arrived(&only(probe.take())?, "x-bytes", &[b"caf\xe9"])
}

fn arrived(seen: &Seen, name: &str, expected: &[&[u8]]) -> Checked {
    let got: Vec<&[u8]> = seen.headers.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
    ensure!(got == expected, "the headers {name} arrived as {:?}", seen.headers.get_all(name));
    Ok(())
}

pub(super) async fn repeated_headers_go_out(suite: AdapterSuite) -> Checked {
    let (_, mut wire) = suite.connect().await?;
    let answer = wire.ask("GET", "/authorize").await?;
    ensure!(answer.status == STATUS, "the status {STATUS} went out as {}", answer.status);
    let cookies: Vec<&[u8]> = COOKIES.iter().map(|cookie| cookie.as_bytes()).collect();
    ensure!(answer.all("set-cookie") == cookies, "two cookies went out as {:?}", answer.headers);
    ensure!(answer.body == PAGE, "the body went out as {:?}", answer.body);
    Ok(())
}

pub(super) async fn headers_that_are_no_text_go_out(suite: AdapterSuite) -> Checked {
    suite.unless(Lack::OpaqueHeaders)?;
    let (_, mut wire) = suite.connect().await?;
    let answer = wire.ask("GET", "/authorize").await?;
    ensure!(
        answer.all("x-bytes") == [b"caf\xe9"],
        "a header with odd bytes went out as {:?}",
        answer.headers
    );
    Ok(())
}

pub(super) async fn path_and_query_arrive_as_they_were_sent(suite: AdapterSuite) -> Checked {
    let (probe, server) = suite.probe().await?;
    let mut wire = Wire::connect(server).await?;
    for query in ["a=%2F%2f%20+%C3%A9%e2%82%ac&a=&b&&=c&d=%252F", "x=~!$'()*,;:@/?", "%00=%0d%0a"] {
        wire.send(request(&format!("/token?{query}"), "", &form("x"))).await?;
        let answer = wire.answer().await?;
        if query.contains("%00") {
            ensure!(answer.status == 400, "control characters in the query got {}", answer.status);
            continue;
        }
        let uri = only(probe.take())?.uri;
        ensure!(uri.query() == Some(query), "the query {query} arrived as {:?}", uri.query());
    }
    for path in
        ["/%74oken", "/token%2F", "/token/", "//token", "/./token", "/x/../token", "/TOKEN", "/token%3Fx"]
    {
        // A framework may close the connection where nobody has read the body.
        let mut wire = Wire::connect(server).await?;
        wire.send(request(path, "", &form("x"))).await?;
        let answer = wire.answer().await?;
        ensure!(
            probe.take().is_empty() && answer.status != 400,
            "the path {path} was taken for that of the token endpoint"
        );
    }
    Ok(())
}

pub(super) async fn the_address_of_the_peer_arrives(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    let claims = "x-forwarded-for: 203.0.113.9\r\nforwarded: for=203.0.113.9\r\nx-real-ip: 203.0.113.9\r\n";
    for headers in ["", claims] {
        wire.send(request("/token", headers, &form("x"))).await?;
        wire.answer().await?;
        let peer = only(probe.take())?.peer;
        ensure!(peer == Some(Ipv4Addr::LOCALHOST.into()), "the peer 127.0.0.1 arrived as {peer:?}");
    }
    Ok(())
}
