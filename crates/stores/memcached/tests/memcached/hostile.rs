//! Servers that lie: every call ends in an error, none hangs or panics, and no record is shown that was not asked for.

use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

const SETTINGS: &[u8] =
    b"STAT time 1700000000\r\nEND\r\nSTAT item_size_max 1048576\r\nSTAT cas_enabled yes\r\nEND\r\n";

/// A server that greets with `greeting`, and gives `answer` to whatever it is asked then.
async fn server(greeting: &[u8], answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (greeting, answer) = (Arc::new(greeting.to_vec()), Arc::new(answer));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (greeting, answer) = (Arc::clone(&greeting), Arc::clone(&answer));
            tokio::spawn(async move {
                let mut arrived = vec![0; 1 << 16];
                let mut say = greeting.to_vec();
                while let Ok(1..) = stream.write_all(&say).await.and(stream.read(&mut arrived).await) {
                    // The first is the question for the settings, which was answered already.
                    let asked = String::from_utf8_lossy(&arrived).into_owned();
                    say = if asked.starts_with("stats") { Vec::new() } else { answer(&asked) };
                    arrived.fill(0);
                }
            });
        }
    });
    port
}

async fn all_calls_fail(store: &MemcachedStore, what: &str) {
    assert!(store.load(&key(1), NOW).await.is_err(), "load: {what}");
    assert!(store.create(&record(1, "body"), NOW).await.is_err(), "create: {what}");
    assert!(
        store.replace(&record(1, "body"), Revision::from_number(1), NOW).await.is_err(),
        "replace: {what}"
    );
    assert!(store.remove(&key(1), NOW).await.is_err(), "remove: {what}");
}

#[tokio::test]
async fn odd_answers_are_errors() {
    for odd in [
        &b"\r\n"[..],
        b"ERROR\r\n",
        b"CLIENT_ERROR the password is secret\r\n",
        b"SERVER_ERROR the password is secret\r\n",
        b"HD",
        b"HD O99\r\n",
        b"VA 5 c1\r\nshort\r\nHD\r\nHD\r\n",
        b"VA 99999999999 c1\r\n",
        b"VA 3 c1\r\nabc\r\n",
        b"VA 3\r\nabc\r\n",
        b"STAT pid 1\r\nEND\r\n",
        b"\x80\x01\0\0\0\0\0\0\n\r\n\0",
        &[0; 5000],
        b"",
    ] {
        let said = odd.to_vec();
        let port = server(SETTINGS, move |_| said.clone()).await;
        let store = impatient(port);
        all_calls_fail(&store, &String::from_utf8_lossy(odd)).await;
        let error = store.load(&key(1), NOW).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn odd_greetings_are_errors() {
    for odd in
        [&b"\xff\xfe\r\n"[..], b"220 mail.example ESMTP\r\n", b"END\r\nEND\r\n", b"STAT", &[b'x'; 9000], b""]
    {
        let store = impatient(server(odd, |_| b"HD\r\n".to_vec()).await);
        all_calls_fail(&store, &String::from_utf8_lossy(odd)).await;
    }
}

/// A server that mixes its answers up must not show one user the record of another.
#[tokio::test]
async fn a_record_of_another_key_is_not_shown() {
    let engine = grantor_testkit::engine::memcached().unwrap();
    let store = open(&engine).await;
    create(&store, &record(1, "alice's")).await;
    let raw = tell(engine.port(), "mg grantor:1.00000000000000000000000000000001 s", "HD");
    let size: usize = raw.trim().trim_start_matches("HD s").parse().unwrap();
    // The item of the one key, put under that of the other.
    let mut stream = TcpStream::connect(("127.0.0.1", engine.port())).unwrap();
    stream.write_all(b"mg grantor:1.00000000000000000000000000000001 v\r\n").unwrap();
    let mut item = vec![0; format!("VA {size}\r\n").len() + size + 2];
    stream.read_exact(&mut item).unwrap();
    let value = item[item.len() - size - 2..].to_vec();
    let line = format!("ms grantor:1.00000000000000000000000000000002 {size}\r\n");
    stream.write_all(&[line.into_bytes(), value].concat()).unwrap();
    stream.read_exact(&mut [0; 4]).unwrap();
    let error = store.load(&key(2), NOW).await.unwrap_err();
    assert!(error.to_string().contains("no record"), "{error}");
    assert!(store.create(&record(2, "bob's"), NOW).await.unwrap_err().nothing_written);
    assert!(store.remove(&key(2), NOW).await.unwrap_err().nothing_written);
    assert!(!is_absent(&store, 1).await);
}
