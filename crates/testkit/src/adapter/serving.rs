//! Checks of the server around the requests: clients that go away, connections, mounting.

use super::messages::only;
use super::probe::Probe;
use super::wire::Wire;
use super::{AdapterSuite, form, head, request};
use crate::suite::{Checked, Stop, ensure, fail};

pub(super) async fn a_cancelled_request_leaves_the_server_usable(suite: AdapterSuite) -> Checked {
    let (probe, server) = suite.probe().await?;
    for round in 0..100 {
        let mut wire = Wire::connect(server).await?;
        let held = request("/token", "", &(form("x") + "&hold=1"));
        match round % 4 {
            // While the provider works on it.
            0 | 1 => {
                wire.send(&held).await?;
                tokio::select! {
                    () = probe.gate.reached() => {}
                    answer = wire.answer() => {
                        fail!("after {round} clients went away, the next one got {answer:?}");
                    }
                }
            }
            // In the middle of the body, and of the head.
            2 => wire.send(head("/token", "content-length: 500\r\n") + "half=").await?,
            _ => wire.send("POST /token HTTP/1.1\r\nhost: loc").await?,
        }
    }
    let mut wire = Wire::connect(server).await?;
    wire.send(request("/token", "", &form("still-here"))).await?;
    let answer = wire.answer().await?;
    ensure!(
        answer.status == 400 && String::from_utf8_lossy(&answer.body).contains("still-here"),
        "after a hundred clients went away the next one got {answer:?}"
    );
    probe.gate.open();
    let answer = wire.ask("GET", "/own").await?;
    ensure!(answer.status == 200, "after a hundred clients went away the app's own route got {answer:?}");
    Ok(())
}

pub(super) async fn a_connection_serves_many_requests(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    for number in 0..50 {
        let echo = format!("number-{number}");
        wire.send(request("/token", "", &form(&echo))).await?;
        let answer = wire.answer().await?;
        ensure!(
            String::from_utf8_lossy(&answer.body).contains(&format!("\"{echo}\"")),
            "request {number} of a connection got {answer:?}"
        );
        only(probe.take())?;
        let refused = wire.ask("GET", "/token").await?;
        ensure!(refused.status == 405, "between two requests a refused one got {refused:?}");
    }
    // Two requests at once on one connection are answered in their order (RFC 9112 §9.3.2).
    wire.send(request("/token", "", &form("first")) + &request("/token", "", &form("second"))).await?;
    for echo in ["first", "second"] {
        let answer = wire.answer().await?;
        ensure!(
            String::from_utf8_lossy(&answer.body).contains(echo),
            "of two requests at once the {echo} got {answer:?}"
        );
    }
    Ok(())
}

pub(super) async fn many_requests_at_once_are_not_mixed_up(suite: AdapterSuite) -> Checked {
    let (_, server) = suite.probe().await?;
    let client = move |number: usize| async move {
        let mut wire = Wire::connect(server).await?;
        for round in 0..20 {
            let echo = format!("client-{number}-round-{round}-{}", "x".repeat(number * 7));
            wire.send(request("/token", "", &form(&echo))).await?;
            let answer = wire.answer().await?;
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            ensure!(body.contains(&format!("\"{echo}\"")), "client {number} got the answer {body}");
        }
        Ok::<(), Stop>(())
    };
    let clients: Vec<_> = (0..64).map(|number| tokio::spawn(client(number))).collect();
    for client in clients {
        client.await.map_err(|panic| Stop::Failed(panic.to_string()))??;
    }
    Ok(())
}

pub(super) async fn mounted_under_a_prefix(suite: AdapterSuite) -> Checked {
    let prefix = "/some/where";
    let probe = Probe::default();
    let server = (suite.serve)(probe.provider(prefix)?, prefix).await;
    let mut wire = Wire::connect(server).await?;
    wire.send(request(&format!("{prefix}/token?x=%2F"), "", &form("prefixed"))).await?;
    let answer = wire.answer().await?;
    ensure!(String::from_utf8_lossy(&answer.body).contains("prefixed"), "{prefix}/token got {answer:?}");
    ensure!(only(probe.take())?.uri.query() == Some("x=%2F"), "the query was lost");
    for (target, status) in [("/revoke", 405), ("/introspect", 405), ("/authorize", super::probe::STATUS)] {
        let answer = wire.ask("GET", &format!("{prefix}{target}")).await?;
        ensure!(answer.status == status, "GET {prefix}{target} got {}", answer.status);
    }
    // RFC 8414 §3.1: the well-known string stands before the issuer's path.
    let metadata = format!("/.well-known/oauth-authorization-server{prefix}");
    let answer = wire.ask("GET", &metadata).await?;
    let issuer = format!("\"http://localhost{prefix}\"");
    ensure!(
        answer.status == 200 && String::from_utf8_lossy(&answer.body).contains(&issuer),
        "GET {metadata} got {answer:?}"
    );
    let answer = wire.ask("GET", "/own").await?;
    ensure!(answer.status == 200 && answer.body == b"own", "beside the prefix GET /own got {answer:?}");
    Ok(())
}

pub(super) async fn other_paths_belong_to_the_app(suite: AdapterSuite) -> Checked {
    let (probe, mut wire) = suite.connect().await?;
    let answer = wire.ask("GET", "/own").await?;
    ensure!(answer.status == 200 && answer.body == b"own", "GET /own got {answer:?}, not the app's answer");
    let answer = wire.ask("GET", "/nobody").await?;
    ensure!(answer.status == 404, "GET /nobody got {}", answer.status);
    wire.send(request("/nobody", "", &form("x"))).await?;
    let answer = wire.answer().await?;
    ensure!(answer.status == 404 && probe.take().is_empty(), "POST /nobody got {}", answer.status);
    Ok(())
}
