//! Connections: what is slow is cut, what is many is borne, and the end is graceful.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, setrlimit};

use crate::support::{SECRET, Server, World};

const FORM: &str = "grant_type=client_credentials&scope=read";

fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    // Longer than anything takes here: what hangs shall fail.
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

fn rest(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

/// The head of a token request that announces its body.
fn head(server: &Server) -> String {
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("service:{SECRET}"));
    format!(
        "POST /token HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Basic {basic}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n",
        server.port,
        FORM.len()
    )
}

/// Reads one answer without waiting for the end of the connection: its head and as much body as it says.
fn answer(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let mut byte = [0];
    while !read.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
        read.extend(byte);
    }
    let text = String::from_utf8(read).unwrap();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).unwrap();
    text + &String::from_utf8(body).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_headers_are_cut() {
    let world = World::new("[limits]\nheader_timeout = \"200ms\"\n");
    let server = world.serve();
    let mut stream = connect(&server);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ").unwrap();
    assert_eq!(rest(stream), "", "nothing is answered");
    // The same for the second request of a connection, which idled longer than that between the two.
    let mut stream = connect(&server);
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    assert!(answer(&mut stream).starts_with("HTTP/1.1 200"));
    stream.write_all(b"GET /hea").unwrap();
    assert_eq!(rest(stream), "");
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_may_wait_longer_than_slow_headers_and_ends_too() {
    let world = World::new("[limits]\nheader_timeout = \"50ms\"\nidle_timeout = \"700ms\"\n");
    let server = world.serve();
    let (idle, mut slow) = (connect(&server), connect(&server));
    slow.write_all(b"GET ").unwrap();
    assert_eq!(rest(slow), "", "the slow one is cut");
    assert_eq!(rest(idle), "", "the idle one ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_408() {
    let world = World::new("[limits]\nbody_timeout = \"200ms\"\n");
    let server = world.serve();
    let mut stream = connect(&server);
    stream.write_all(head(&server).as_bytes()).unwrap();
    stream.write_all(b"grant_type=").unwrap();
    let answer = rest(stream);
    assert!(
        answer.starts_with("HTTP/1.1 408") && answer.contains("\"error\":\"invalid_request\""),
        "{answer}"
    );
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_is_413_and_431_with_json_or_nothing() {
    let world = World::new("");
    let server = world.serve();
    let (status, answer) = server.form("/token", "service", &[("x", &"a".repeat(70_000))]).await;
    assert_eq!((status, answer["error"].as_str()), (413, Some("invalid_request")));
    let mut stream = connect(&server);
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(40_000)).as_bytes());
    assert!(rest(stream).starts_with("HTTP/1.1 431"));
    assert_eq!(server.get("/healthz").await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_uri_that_is_too_long_is_414_on_pages_too() {
    let world = World::new("");
    let server = world.serve();
    let long = "a".repeat(20_000);
    for path in ["/account", "/authorize", "/nothing"] {
        let (status, answer) = server.get(&format!("{path}?{long}")).await;
        assert!(status == 414 && answer.contains("invalid_request"), "{path}: {status} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9112_3_2_a_request_without_one_host_is_400_and_ends_the_connection() {
    let world = World::new("");
    let server = world.serve();
    for (head, right) in [
        ("GET /healthz HTTP/1.1\r\n\r\n", false),
        ("GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", false),
        ("POST /token HTTP/1.1\r\nHost: a\r\nHost: a\r\nContent-Length: 9\r\n\r\n", false),
        ("GET /healthz HTTP/1.0\r\n\r\n", true),
        ("GET http://other.example/healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true),
    ] {
        let mut stream = connect(&server);
        stream.write_all(head.as_bytes()).unwrap();
        let answer = rest(stream);
        let status = answer.split(' ').nth(1).unwrap_or_default();
        assert_eq!(status, if right { "200" } else { "400" }, "{head}: {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_has_so_many_connections_and_not_more() {
    let world = World::new("[limits]\nconnections_per_address = 2\n");
    let server = world.serve();
    let ask = |stream: &mut TcpStream| {
        let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    };
    let (mut one, mut two) = (connect(&server), connect(&server));
    for stream in [&mut one, &mut two] {
        ask(stream);
        assert!(answer(stream).starts_with("HTTP/1.1 200"));
    }
    let mut three = connect(&server);
    ask(&mut three);
    assert_eq!(rest(three), "");
    drop(one);
    // A place is free as soon as the server has seen the end of the first.
    loop {
        let mut again = connect(&server);
        ask(&mut again);
        if rest_of_one(&mut again).starts_with("HTTP/1.1 200") {
            break;
        }
    }
}

fn rest_of_one(stream: &mut TcpStream) -> String {
    let mut first = [0; 12];
    let mut read = 0;
    while read < first.len() {
        match stream.read(&mut first[read..]) {
            Ok(more) if more > 0 => read += more,
            _ => break,
        }
    }
    String::from_utf8_lossy(&first[..read]).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_flight_is_answered_after_sigterm_and_readiness_is_off() {
    for signal in [Signal::TERM, Signal::INT] {
        let world = World::new("");
        let server = world.serve();
        // Both are in the server's hands: it asks for their bodies (RFC 9110 section 10.1.1).
        let mut token = connect(&server);
        token.write_all(head(&server).replace("Host", "Expect: 100-continue\r\nHost").as_bytes()).unwrap();
        assert!(answer(&mut token).starts_with("HTTP/1.1 100"));
        let mut ready = connect(&server);
        let head = "GET /readyz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
        ready.write_all(head.as_bytes()).unwrap();
        assert!(answer(&mut ready).starts_with("HTTP/1.1 100"));
        let mut idle = connect(&server);
        idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert!(answer(&mut idle).starts_with("HTTP/1.1 200"));
        server.send(signal);
        assert_eq!(rest(idle), "", "who waits for nothing is let go");
        while TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
            tokio::task::yield_now().await;
        }
        ready.write_all(b"x").unwrap();
        let answer = rest(ready);
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("stopping"), "{answer}");
        token.write_all(FORM.as_bytes()).unwrap();
        let answer = rest(token);
        assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("access_token"), "{answer}");
        let (status, log) = server.ended();
        assert_eq!(status, Some(0), "{log}");
        assert!(log.contains("\"reason\":\"stopped\""), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rfc9112_9_6_a_request_that_crosses_the_stop_is_answered_and_its_connection_ends() {
    // A quarter of it is the time for such requests, and this test may be slow.
    let world = World::new("[limits]\nshutdown_timeout = \"4m\"\n");
    let server = world.serve();
    let request = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let (mut kept, mut fresh, mut second) = (connect(&server), connect(&server), connect(&server));
    kept.write_all(request.as_bytes()).unwrap();
    assert!(answer(&mut kept).starts_with("HTTP/1.1 200"));
    server.send(Signal::TERM);
    while TcpStream::connect(("127.0.0.1", server.port)).is_ok() {
        tokio::task::yield_now().await;
    }
    kept.write_all(request.as_bytes()).unwrap();
    fresh.write_all(request.as_bytes()).unwrap();
    second.write_all(request.repeat(2).as_bytes()).unwrap();
    for line in [kept, fresh, second] {
        let answer = rest(line).to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 200") && answer.contains("connection: close\r\n"), "{answer}");
        assert_eq!(answer.matches("http/1.1").count(), 1, "{answer}");
    }
    let (status, log) = server.ended();
    assert_eq!(status, Some(0), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_finishes_does_not_hold_up_the_end() {
    let world = World::new("[limits]\nshutdown_timeout = \"300ms\"\n");
    let server = world.serve();
    let mut stuck = connect(&server);
    stuck.write_all(head(&server).as_bytes()).unwrap();
    assert_eq!(server.get("/readyz").await.0, 200);
    server.send(Signal::TERM);
    let (status, log) = server.ended();
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("stop_cut_short"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_idle_connections_do_not_stop_it() {
    const WANTED: usize = 10_000;
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.maximum.is_none_or(|files| files > WANTED as u64 + 500);
    if !enough {
        println!("not checked: {WANTED} connections: only {:?} files may be open", limit.maximum);
        return;
    }
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum }).unwrap();
    let world = World::new("");
    let server = world.serve();
    let mut lines: Vec<TcpStream> = (0..WANTED).map(|_| connect(&server)).collect();
    for line in lines.iter_mut().step_by(50) {
        line.write_all(b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Le").unwrap();
    }
    assert_eq!(server.get("/readyz").await.0, 200);
    let fields = [("grant_type", "client_credentials"), ("scope", "read")];
    assert_eq!(server.form("/token", "service", &fields).await.0, 200);
    drop(lines);
    assert_eq!(server.get("/readyz").await.0, 200);
    server.stop();
}
