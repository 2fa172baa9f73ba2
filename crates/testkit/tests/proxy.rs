//! The fault proxy keeps what it is commanded, before a server that sends back what it gets.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::ErrorKind;
use std::time::Duration;

use grantor_testkit::proxy::{Cut, Proxy, Way};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// A server on a port; what it has got comes out of the channel, `None` for the end of a connection.
async fn echo() -> (u16, mpsc::UnboundedReceiver<Option<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (tell, got) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut buffer = vec![0; 64 * 1024];
                while let Ok(length @ 1..) = stream.read(&mut buffer).await {
                    tell.send(Some(buffer[..length].to_vec())).unwrap();
                    if stream.write_all(&buffer[..length]).await.is_err() {
                        break;
                    }
                }
                // The receiver has gone where the test is over.
                let _ = tell.send(None);
            });
        }
    });
    (port, got)
}

struct Client(TcpStream);

impl Client {
    async fn to(proxy: &Proxy) -> Self {
        Self(TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap())
    }

    async fn say(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    async fn hear(&mut self, length: usize) -> Vec<u8> {
        let mut heard = vec![0; length];
        self.0.read_exact(&mut heard).await.unwrap();
        heard
    }

    /// What comes until the end, and how it ends.
    async fn rest(&mut self) -> (Vec<u8>, Option<ErrorKind>) {
        let mut heard = Vec::new();
        let end = self.0.read_to_end(&mut heard).await.err().map(|error| error.kind());
        (heard, end)
    }
}

#[tokio::test]
async fn without_faults_everything_passes_unchanged() {
    let (port, _got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    let mut client = Client::to(&proxy).await;
    let long: Vec<u8> = (0..1_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut reads, mut writes) = client.0.split();
    let mut heard = vec![0; long.len()];
    let (sent, read) = tokio::join!(writes.write_all(&long), reads.read_exact(&mut heard));
    sent.unwrap();
    read.unwrap();
    assert!(heard == long);
    let seen = proxy.seen();
    assert_eq!((seen.accepted, seen.open, seen.cuts), (1, 1, 0));
    drop(client);
    let seen = proxy.until(|seen| seen.open == 0).await.unwrap();
    assert_eq!((seen.requests.passed, seen.answers.passed), (1_000_000, 1_000_000));
}

#[tokio::test]
async fn the_end_of_what_a_client_says_is_passed_on_and_answers_still_come() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    let mut client = Client::to(&proxy).await;
    client.say(b"last words").await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.rest().await, (b"last words".to_vec(), None));
    assert_eq!(got.recv().await.unwrap().unwrap(), b"last words");
    assert_eq!(got.recv().await.unwrap(), None);
}

#[tokio::test]
async fn delayed_bytes_come_no_earlier_and_keep_their_order() {
    let (port, _got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    for way in [Way::Requests, Way::Answers] {
        proxy.delay(way, Duration::from_millis(60));
    }
    let mut client = Client::to(&proxy).await;
    let begin = Instant::now();
    for number in 0..50_u8 {
        client.say(&[number]).await;
    }
    let heard = client.hear(50).await;
    assert!(begin.elapsed() >= Duration::from_millis(120), "both ways have it");
    assert_eq!(heard, (0..50).collect::<Vec<u8>>());
    proxy.heal().unwrap();
    client.say(b"x").await;
    assert_eq!(client.hear(1).await, b"x");
}

#[tokio::test]
async fn a_throttled_way_takes_its_time() {
    let (port, _got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    proxy.throttle(Way::Answers, 10_000);
    let mut client = Client::to(&proxy).await;
    let begin = Instant::now();
    client.say(&[7; 3_000]).await;
    assert_eq!(client.hear(3_000).await, [7; 3_000]);
    assert!(begin.elapsed() >= Duration::from_millis(200), "two of three pauses lie before the last byte");
}

#[tokio::test]
async fn in_a_black_hole_connections_come_about_and_nothing_more() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    proxy.hold(Way::Requests);
    let mut client = Client::to(&proxy).await;
    client.say(b"hello").await;
    let seen = proxy.until(|seen| seen.requests.arrived == 5).await.unwrap();
    assert_eq!(seen.requests.passed, 0);
    assert!(got.try_recv().is_err());
    proxy.heal().unwrap();
    assert_eq!(client.hear(5).await, b"hello");
}

#[tokio::test]
async fn what_is_held_arrives_late_though_its_sender_has_gone() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    proxy.hold(Way::Requests);
    let mut client = Client::to(&proxy).await;
    client.say(b"written late").await;
    proxy.until(|seen| seen.requests.arrived == 12).await.unwrap();
    client.0.set_zero_linger().unwrap();
    drop(client);
    proxy.until(|seen| (seen.open, seen.left) == (1, 1)).await.unwrap();
    proxy.heal().unwrap();
    assert_eq!(got.recv().await.unwrap().unwrap(), b"written late");
    proxy.until(|seen| (seen.open, seen.left) == (0, 0)).await.unwrap();
}

#[tokio::test]
async fn in_half_a_black_hole_requests_pass_and_answers_do_not() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    proxy.hold(Way::Answers);
    let mut client = Client::to(&proxy).await;
    client.say(b"done").await;
    assert_eq!(got.recv().await.unwrap().unwrap(), b"done");
    let seen = proxy.until(|seen| seen.answers.arrived == 4).await.unwrap();
    assert_eq!(seen.answers.passed, 0);
    proxy.heal().unwrap();
    assert_eq!(client.hear(4).await, b"done");
}

#[tokio::test]
async fn a_closed_port_refuses_stays_ours_and_opens_again() {
    let (port, _got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    let mut before = Client::to(&proxy).await;
    for _ in 0..3 {
        proxy.refuse().unwrap();
        let error = TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        let error = std::net::TcpListener::bind(("127.0.0.1", proxy.port())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        before.say(b"open ones stay").await;
        assert_eq!(before.hear(14).await, b"open ones stay");
        proxy.heal().unwrap();
        let mut after = Client::to(&proxy).await;
        after.say(b"back").await;
        assert_eq!(after.hear(4).await, b"back");
    }
}

#[tokio::test]
async fn a_cut_ends_all_connections_as_it_was_told() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    for (how, end) in [(Cut::Close, None), (Cut::Reset, Some(ErrorKind::ConnectionReset))] {
        let (mut one, mut two) = (Client::to(&proxy).await, Client::to(&proxy).await);
        for client in [&mut one, &mut two] {
            client.say(b"x").await;
            assert_eq!(client.hear(1).await, b"x");
            assert_eq!(got.recv().await.unwrap().unwrap(), b"x");
        }
        proxy.cut(how);
        for client in [&mut one, &mut two] {
            assert_eq!(client.rest().await, (Vec::new(), end), "{how:?}");
            assert_eq!(got.recv().await.unwrap(), None, "the engine hears of it");
        }
    }
}

#[tokio::test]
async fn after_so_many_bytes_of_an_answer_the_connection_ends() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    for (how, end) in [(Cut::Close, None), (Cut::Reset, Some(ErrorKind::ConnectionReset))] {
        for bytes in 0..=5_u8 {
            let mut client = Client::to(&proxy).await;
            let cuts = proxy.seen().cuts;
            proxy.cut_after(Way::Answers, bytes.into(), how);
            client.say(b"hello").await;
            let heard = b"hello"[..bytes.into()].to_vec();
            assert_eq!(client.rest().await, (heard, end), "{bytes} {how:?}");
            assert_eq!(got.recv().await.unwrap().unwrap(), b"hello", "the engine has got all of it");
            assert_eq!(proxy.seen().cuts, cuts + 1);
            assert_eq!(got.recv().await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn after_so_many_bytes_of_a_request_the_connection_ends() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    for bytes in 0..4_u8 {
        let mut client = Client::to(&proxy).await;
        proxy.cut_after(Way::Requests, bytes.into(), Cut::Close);
        client.say(b"hello").await;
        client.rest().await;
        let mut arrived = Vec::new();
        while let Some(piece) = got.recv().await.unwrap() {
            arrived.extend(piece);
        }
        assert_eq!(arrived, b"hello"[..bytes.into()], "{bytes}");
    }
}

#[tokio::test]
async fn an_answer_is_lost_after_its_request_was_done_and_never_a_second_one() {
    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    for skip in 0..3 {
        let mut client = Client::to(&proxy).await;
        proxy.lose_answer(skip, Cut::Reset);
        for _ in 0..skip {
            client.say(b"passes").await;
            assert_eq!(client.hear(6).await, b"passes");
            assert_eq!(got.recv().await.unwrap().unwrap(), b"passes");
        }
        client.say(b"lost").await;
        assert_eq!(client.rest().await, (Vec::new(), Some(ErrorKind::ConnectionReset)));
        assert_eq!(got.recv().await.unwrap().unwrap(), b"lost", "the engine has got it");
        assert_eq!(got.recv().await.unwrap(), None);
        let mut next = Client::to(&proxy).await;
        next.say(b"goes").await;
        assert_eq!(next.hear(4).await, b"goes");
        assert_eq!(got.recv().await.unwrap().unwrap(), b"goes");
        drop(next);
        assert_eq!(got.recv().await.unwrap(), None);
    }
    assert_eq!(proxy.seen().cuts, 3);
}

#[tokio::test]
async fn healing_forgets_what_was_planned() {
    let (port, _got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    let mut client = Client::to(&proxy).await;
    for plan in ["lose an answer", "cut a request"] {
        match plan {
            "lose an answer" => proxy.lose_answer(0, Cut::Reset),
            _ => proxy.cut_after(Way::Requests, 0, Cut::Close),
        }
        proxy.heal().unwrap();
        client.say(b"x").await;
        assert_eq!(client.hear(1).await, b"x");
    }
}

#[tokio::test]
async fn before_an_engine_that_is_down_connections_are_reset_and_the_end_of_the_proxy_ends_them_all() {
    let port = grantor_testkit::process::free_port();
    let proxy = Proxy::to(port).unwrap();
    let mut client = Client::to(&proxy).await;
    assert_eq!(client.rest().await.1, Some(ErrorKind::ConnectionReset));

    let (port, mut got) = echo().await;
    let proxy = Proxy::to(port).unwrap();
    let mut client = Client::to(&proxy).await;
    client.say(b"x").await;
    assert_eq!(client.hear(1).await, b"x");
    let port = proxy.port();
    drop(proxy);
    assert_eq!(client.rest().await.0, b"");
    assert_eq!(got.recv().await.unwrap().unwrap(), b"x");
    assert_eq!(got.recv().await.unwrap(), None);
    assert_eq!(
        TcpStream::connect(("127.0.0.1", port)).await.unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}
