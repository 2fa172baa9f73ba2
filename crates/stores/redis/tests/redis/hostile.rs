//! Servers that lie, hang up or never answer, and values that are not ours: a call ends in an error, and makes nothing up.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use grantor_testkit::engine::redis;

use super::*;

/// Passes everything on to a server, until it is given an answer of its own to everything; with it the connection ends.
async fn between(to: u16) -> (u16, watch::Sender<Option<&'static [u8]>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (lies, lie) = watch::channel(None::<&'static [u8]>);
    tokio::spawn(async move {
        while let Ok((mut ours, _)) = listener.accept().await {
            let lie = lie.clone();
            tokio::spawn(async move {
                let mut theirs = TcpStream::connect(("127.0.0.1", to)).await?;
                let (mut asked, mut answered) = (vec![0; 65_536], vec![0; 65_536]);
                loop {
                    tokio::select! {
                        length = ours.read(&mut asked) => {
                            let asked = &asked[..length?];
                            let told = *lie.borrow();
                            match told {
                                _ if asked.is_empty() => return Ok(()),
                                Some(b"") => {}
                                Some(told) => return ours.write_all(told).await,
                                None => theirs.write_all(asked).await?,
                            }
                        }
                        length = theirs.read(&mut answered) => ours.write_all(&answered[..length?]).await?,
                    }
                }
                #[expect(unreachable_code, reason = "names the type of the error")]
                Ok::<(), std::io::Error>(())
            });
        }
    });
    (port, lies)
}

const LIES: &[&[u8]] = &[
    b"+OK\r\n",
    b":7\r\n",
    b":-1\r\n",
    b"$5\r\nhello\r\n",
    b"$999999999999\r\nhello",
    b"$-7\r\n",
    b"*1000000000\r\n",
    b"*2\r\n:1\r\n:1\r\n",
    b"*-1\r\n",
    b"-ERR hunter2\r\n",
    b"-MOVED 1 \r\n",
    b"-ASK 99999 nowhere:0\r\n",
    b"-NOSCRIPT\r\n",
    b"-READONLY\r\n",
    b"\x00\xff\xfe rubbish",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    b"$40\r\n0123456789",
    b"%1\r\n+a\r\n+b\r\n",
    b"\r\n\r\n",
    // No answer at all.
    b"",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lies_end_in_errors() {
    let engine = redis().unwrap();
    let honest = open(&patient(&single(engine.port()))).await;
    warm(&honest).await;
    let revision = create(&honest, &record(1, "kept")).await;
    let (port, lies) = between(engine.port()).await;
    let short = Duration::from_millis(250);
    let options = options(&single(port)).deadline(2 * short).timeouts(short, short).index(false);
    for lie in LIES {
        lies.send_replace(None);
        let store = loop {
            if let Ok(store) = RedisStore::open(&options).await {
                break store;
            }
        };
        lies.send_replace(Some(lie));
        let calls = async {
            let shown = lie.escape_ascii();
            let error = store.load(&key(1), NOW).await;
            // "Nothing there" is what a server may say; a value it may not make up.
            assert!(!matches!(error, Ok(Some(_))), "{shown}");
            let error = store.replace(&record(1, "other"), revision, NOW).await.unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
            assert!(store.create(&record(2, "new"), NOW).await.is_err(), "{shown}");
            assert!(store.remove(&key(1), NOW).await.is_err(), "{shown}");
            // An opening may believe it, but it promises nothing then.
            if let Ok(store) = RedisStore::open(&options).await {
                let promises = store.promises();
                assert!(!promises.durable && !promises.keeps && !promises.never_rewinds, "{shown}");
            }
        };
        tokio::time::timeout(PATIENCE, calls).await.expect("a call hangs");
    }
    assert_eq!(honest.load(&key(1), NOW).await.unwrap().unwrap(), (record(1, "kept"), revision));
    assert_eq!(body(&honest, 2).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_and_sentinels_that_lie_or_never_answer_end_in_errors() {
    let engine = redis().unwrap();
    let (port, lies) = between(engine.port()).await;
    for lie in LIES.iter().chain([&b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$1\r\nh\r\n:99999999\r\n".as_slice()])
    {
        lies.send_replace(Some(lie));
        for url in
            [format!("redis+cluster://127.0.0.1:{port}"), format!("redis+sentinel://127.0.0.1:{port}/main")]
        {
            let short = Duration::from_millis(150);
            let options = options(&url).deadline(2 * short).timeouts(short, short);
            let opened = tokio::time::timeout(PATIENCE, RedisStore::open(&options)).await.expect("it hangs");
            let error = opened.err().unwrap_or_else(|| panic!("opened by {}", lie.escape_ascii()));
            assert!(error.nothing_written && !error.to_string().contains("hunter2"), "{error}");
        }
    }
}

#[tokio::test]
async fn values_that_are_not_ours_are_told_and_left_alone() {
    let engine = redis().unwrap();
    let store = open(&patient(&single(engine.port()))).await;
    tell(engine.port(), &["SET", &name(1), "rubbish"]);
    tell(engine.port(), &["SET", &name(2), "0123456789012345678901234567890123456789"]);
    tell(engine.port(), &["LPUSH", &name(3), "a list"]);
    for number in 1..=3 {
        let error = store.load(&key(number), NOW).await.unwrap_err();
        assert!(!error.to_string().contains("0123"), "{error}");
    }
    let error = store.create(&record(3, "body"), NOW).await.unwrap_err();
    assert!(error.nothing_written && error.to_string().contains("holds something else"), "{error}");
    assert_eq!(store.create(&record(2, "body"), NOW).await.unwrap(), Created::Exists);
    assert_eq!(tell(engine.port(), &["TYPE", &name(3)]), "list");
}
