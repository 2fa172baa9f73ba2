//! Checks of the body: whole, in pieces, chunked, too large, broken (RFC 9112 §6, §7).

use super::messages::only;
use super::probe::LIMIT;
use super::wire::Wire;
use super::{AdapterSuite, form, head, request};
use crate::suite::{Checked, Stop, ensure};

const CHUNKED: &str = "transfer-encoding: chunked\r\n";

/// As many bytes of an endless body are sent at most: more than all buffers on the way hold together.
const ENDLESS: usize = 48 << 20;

/// A form of that many bytes, not all of them ASCII.
fn form_of(length: usize) -> String {
    let mut form = form("x") + "&pad=";
    while form.len() + 1 < length {
        form.push('é');
    }
    if form.len() < length {
        form.push('x');
    }
    form
}

pub(super) async fn bodies_arrive_unchanged(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    for body in [form("caf%C3%A9+%2B%0a&&b="), form_of(LIMIT - 1), form_of(LIMIT)] {
        let whole = request("/token", "", &body);
        wire.send(&whole).await?;
        wire.answer().await?;
        let seen = only(probe.take())?;
        ensure!(seen.body == body, "{} bytes arrived as {}", body.len(), seen.body.len());
        // The same in pieces that end anywhere.
        for piece in whole.as_bytes().chunks(97) {
            wire.send(piece).await?;
            tokio::task::yield_now().await;
        }
        wire.answer().await?;
        let seen = only(probe.take())?;
        ensure!(seen.body == body, "{} bytes in pieces arrived as {}", body.len(), seen.body.len());
    }
    Ok(())
}

pub(super) async fn a_chunked_body_arrives(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    for size in [1, 7, 1000, LIMIT] {
        let body = form_of(LIMIT);
        wire.send(head("/token", CHUNKED)).await?;
        for chunk in body.as_bytes().chunks(size) {
            let mut bytes = format!("{:x}\r\n", chunk.len()).into_bytes();
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
            wire.send(bytes).await?;
        }
        wire.send("0\r\n\r\n").await?;
        let answer = wire.answer().await?;
        ensure!(answer.status == 400, "a body in chunks of {size} got {}", answer.status);
        let seen = only(probe.take())?;
        ensure!(seen.body == body, "{} bytes in chunks of {size} arrived as {}", body.len(), seen.body.len());
    }
    Ok(())
}

pub(super) async fn a_body_over_the_limit_is_refused(suite: AdapterSuite) -> Checked {
    let (probe, server) = suite.probe().await?;
    for length in [LIMIT + 1, 3 * LIMIT] {
        let body = form_of(length);
        let chunked = format!("{}{:x}\r\n{body}\r\n0\r\n\r\n", head("/token", CHUNKED), body.len());
        for bytes in [request("/token", "", &body), chunked] {
            let mut wire = Wire::connect(server).await?;
            wire.send(bytes).await?;
            let answer = wire.answer().await?;
            ensure!(answer.status == 413, "{length} bytes, where {LIMIT} are allowed, got {}", answer.status);
            ensure!(probe.take().is_empty(), "a body over the limit was handled");
        }
    }
    Ok(())
}

pub(super) async fn an_endless_body_is_refused_before_it_is_read(suite: AdapterSuite) -> Checked {
    let (probe, server) = suite.probe().await?;
    let zeros = [b'0'; 16 * 1024];
    // In chunks below the limit, so that none of them alone is too large.
    let chunk = [format!("{:x}\r\n", LIMIT / 8).as_bytes(), &[b'0'; LIMIT / 8], b"\r\n"].concat();
    let piece = chunk.repeat(zeros.len() / chunk.len());
    for (headers, piece) in [(CHUNKED, &piece[..]), ("content-length: 1099511627776\r\n", &zeros[..])] {
        let Wire { mut input, output } = Wire::connect(server).await?;
        let mut wire = output;
        let sending = tokio::spawn({
            let (head, piece) = (head("/token", headers), piece.to_vec());
            async move {
                use tokio::io::AsyncWriteExt as _;
                let mut sent = wire.write_all(head.as_bytes()).await;
                for _ in 0..ENDLESS / piece.len() {
                    if sent.is_err() {
                        break;
                    }
                    sent = wire.write_all(&piece).await;
                }
                wire
            }
        });
        let answer = input.answer(false).await;
        sending.abort();
        let answer = answer.map_err(|error| {
            Stop::Failed(format!("a body without end ({}) got no answer: {error}", headers.trim()))
        })?;
        ensure!(answer.status == 413, "a body without end ({}) got {}", headers.trim(), answer.status);
        ensure!(probe.take().is_empty(), "a body without end was handled");
    }
    Ok(())
}

pub(super) async fn a_broken_body_is_no_request(suite: AdapterSuite) -> Checked {
    let (probe, server) = suite.probe().await?;
    let body = form("broken");
    let chunk = format!("{:x}\r\n{body}\r\n", body.len());
    let broken = [
        ("a body shorter than its length", head("/token", "content-length: 500\r\n") + &body),
        ("a chunked body without an end", head("/token", CHUNKED) + &chunk),
        ("a chunk whose size is no number", head("/token", CHUNKED) + &chunk + "zz\r\nmore\r\n0\r\n\r\n"),
        ("a chunk longer than its size", head("/token", CHUNKED) + &chunk + "2\r\nmore\r\n0\r\n\r\n"),
        ("a chunk of no size", head("/token", CHUNKED) + &chunk + "\r\n\r\n"),
        (
            "a size that no computer holds",
            head("/token", CHUNKED) + &chunk + "ffffffffffffffffff\r\nmore\r\n0\r\n\r\n",
        ),
    ];
    for (what, bytes) in broken {
        let Wire { mut input, mut output } = Wire::connect(server).await?;
        {
            use tokio::io::AsyncWriteExt as _;
            output.write_all(bytes.as_bytes()).await?;
            output.shutdown().await?;
        }
        // No answer at all is as good as a refusal.
        if let Ok(answer) = input.answer(false).await {
            ensure!((400..500).contains(&answer.status), "{what} got {}", answer.status);
        }
        ensure!(probe.take().is_empty(), "{what} was handled");
    }
    Ok(())
}
