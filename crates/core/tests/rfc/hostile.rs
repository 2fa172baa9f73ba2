//! Requests that no honest client sends: never a 5xx, never a panic, nothing stored half, and error texts in the
//! characters of RFC 6749 §5.2.

use bytes::Bytes;
use grantor_core::Peer;
use grantor_core::store::Kind;
use grantor_testkit::SeededRandom;
use http::{HeaderName, Method, header};
use std::time::{Duration, Instant};

use crate::support::{API, Answer, Auth, Flow, NOBODY, POST, REDIRECT, Req, VERIFIER, WEB, World, legal};

/// Failed attempts are not limited here: every request is looked at.
fn unlimited() -> World {
    World::with(|builder| {
        builder
            .limits(grantor_core::Limits { attempts: grantor_core::AttemptLimit::OFF, ..Default::default() })
    })
}

/// Odd texts, as they would be before any encoding.
fn odd() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "  ",
        "\t",
        "\n",
        "\r\n",
        "\u{0}",
        "\u{1}",
        "\u{7f}",
        "\u{80}",
        "\u{a0}",
        "\u{2028}",
        "\u{202e}",
        "\u{feff}",
        "\u{fffd}",
        "\u{10ffff}",
        "\u{e9}",
        "e\u{301}",
        "\u{1f980}",
        "\u{df}\u{131}\u{212a}",
        "'",
        "\"",
        "\\",
        "`",
        "<script>alert(1)</script>",
        "</form>",
        "{{7*7}}",
        "${7*7}",
        "%n%s",
        "' OR 1=1 --",
        "../../etc/passwd",
        "null",
        "undefined",
        "NaN",
        "true",
        "-1",
        "0",
        "1e400",
        "[]",
        "{}",
        "[object Object]",
        "a[]=1",
        "__proto__",
        "%",
        "%2",
        "%zz",
        "%00",
        "%250a",
        "+",
        "&",
        "=",
        ";",
        "#",
        "?",
        ":",
        "//",
        "*",
        "\u{1b}[31m",
        "a\r\nSet-Cookie: x=y",
        "grt_at_",
        "grt_rt_AAAA",
        "Basic",
        "Bearer x",
        "data:,",
        "javascript:alert(1)",
    ]
    .map(str::to_owned)
    .to_vec();
    texts.extend([
        "x".repeat(300),
        "x".repeat(8 * 1024),
        "x".repeat(8 * 1024 + 1),
        "\u{e9}".repeat(5000),
        "a ".repeat(200),
    ]);
    texts
}

/// Asserts what holds for every answer, and that grants and waiting requests are as they were, but for `more` new
/// waiting requests where a page was shown.
async fn checked(world: &World, what: &str, request: http::Request<Bytes>, before: (usize, usize)) -> Answer {
    let answer = world.send(request).await;
    assert!(answer.status.as_u16() < 500, "{what}: {answer:?}");
    if answer.header("content-type") == "application/json" && answer.status.is_client_error() {
        legal(&answer.error());
        legal(&answer.str("error_description"));
    }
    if let Some(location) = answer.headers.get(header::LOCATION) {
        let location = location.to_str().unwrap();
        assert!(location.starts_with("https://rp.example/cb?"), "{what}: {location}");
        let query = location.split_once('?').unwrap().1;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if name.starts_with("error") {
                legal(&value);
            }
        }
    }
    let (grants, waiting) = world.counts().await;
    let shown = usize::from(answer.text().contains("name=form_token"));
    let expected = if answer.status == 200 { (before.0, before.1 + shown) } else { before };
    assert_eq!((grants, waiting), expected, "{what}: {answer:?}");
    answer
}

#[tokio::test]
async fn odd_values_in_every_parameter_of_an_authorization_request() {
    let world = unlimited();
    let mut names = Flow::web().names();
    names.extend([
        "response_mode".to_owned(),
        "continue".to_owned(),
        "form_token".to_owned(),
        "prompt".to_owned(),
    ]);
    for text in odd() {
        for name in &names {
            let request = Flow::web().set(name, &text);
            let before = world.counts().await;
            let uri = request.url();
            if uri.len() < 60_000 {
                checked(&world, &format!("{name}={text:?}"), Req::get(&uri).build(), before).await;
            }
            let before = world.counts().await;
            let post = Req::raw("/authorize", request.query());
            checked(&world, &format!("POST {name}={text:?}"), post.build(), before).await;
        }
    }
    assert_eq!(world.counts().await.0, 0);
}

#[tokio::test]
async fn odd_values_in_every_parameter_of_the_back_channel() {
    let world = unlimited();
    let forms: [(&str, &[(&str, &str)]); 5] = [
        (
            "/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", "x"),
                ("redirect_uri", REDIRECT),
                ("code_verifier", VERIFIER),
                ("client_id", "web"),
            ],
        ),
        ("/token", &[("grant_type", "refresh_token"), ("refresh_token", "x"), ("scope", "read")]),
        (
            "/token",
            &[
                ("grant_type", "client_credentials"),
                ("scope", "nothing"),
                ("client_id", "web"),
                ("client_secret", "x"),
            ],
        ),
        ("/revoke", &[("token", "x"), ("token_type_hint", "access_token"), ("client_id", "web")]),
        ("/introspect", &[("token", "x"), ("token_type_hint", "access_token"), ("client_id", "web")]),
    ];
    for text in odd() {
        for (path, fields) in forms {
            for at in 0..fields.len() {
                let mut fields = fields.to_vec();
                fields[at].1 = &text;
                for auth in [WEB, NOBODY] {
                    // An empty or odd scope may be a good request: nothing else may succeed.
                    if fields[0].1 == "client_credentials" && fields[at].0 == "scope" && text.is_empty() {
                        continue;
                    }
                    let what = format!("{path} {}={text:?}", fields[at].0);
                    checked(&world, &what, Req::form(path, auth, &fields).build(), (0, 0)).await;
                }
                // The odd text as the name.
                let mut fields = fields.clone();
                fields[at] = (&text, "x");
                let what = format!("{path} name {text:?}");
                checked(&world, &what, Req::form(path, POST, &fields).build(), (0, 0)).await;
            }
        }
    }
}

#[tokio::test]
async fn odd_credentials() {
    let world = unlimited();
    let fields = [("grant_type", "client_credentials")];
    for text in odd() {
        for value in [
            crate::support::basic(&text, "x"),
            crate::support::basic("web", &format!("{text}x")),
            format!("Basic {}", text.replace(['\r', '\n', '\u{0}', '\u{1}', '\u{7f}', '\u{1b}'], "_")),
            text.replace(['\r', '\n', '\u{0}', '\u{1}', '\u{7f}', '\u{1b}'], "_"),
        ] {
            let request = Req::form("/token", NOBODY, &fields).header(header::AUTHORIZATION, &value);
            let answer = checked(&world, &value, request.build(), (0, 0)).await;
            assert!(answer.status.is_client_error(), "{value}");
        }
    }
}

#[tokio::test]
async fn raw_bodies_and_queries() {
    let world = unlimited();
    let bodies: [&[u8]; 24] = [
        b"",
        b"&",
        b"&&&&",
        b"=",
        b"==&==",
        b"=x",
        b"%",
        b"%=%",
        b"a=%0",
        b"a=%0g",
        b"grant_type=%ff",
        b"grant_type=%c0%af",
        b"grant_type=%ed%a0%80",
        b"grant_type=%f4%90%80%80",
        b"\x00\x01\x02",
        b"\xff\xfe\xfd",
        b"grant_type\x00=client_credentials",
        b"grant_type=client_credentials\r\n",
        b"grant_type=client_credentials;scope=admin",
        b"grant%5Ftype=x&grant_type=client_credentials",
        b"scope[a]=b&scope[]=c&grant_type=x",
        b"{\"grant_type\":\"client_credentials\"}",
        b"--x\r\nContent-Disposition: form-data; name=\"grant_type\"\r\n\r\nclient_credentials\r\n--x--",
        b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b SYSTEM \"file:///etc/passwd\">]><a>&b;</a>",
    ];
    for body in bodies {
        for path in
            ["/token", "/revoke", "/introspect", "/authorize", "/authorize?continue=AAAAAAAAAAAAAAAAAAAAAA"]
        {
            for auth in [None, Some(crate::support::basic("web", "web-secret"))] {
                let mut request = Req::raw(path, Bytes::copy_from_slice(body));
                if let Some(auth) = auth {
                    request = request.header(header::AUTHORIZATION, &auth);
                }
                let what = format!("{path} {}", String::from_utf8_lossy(body));
                let answer = checked(&world, &what, request.build(), (0, 0)).await;
                assert!(answer.status.is_client_error(), "{what}: {answer:?}");
            }
        }
        // The same behind a question mark, where the URI type takes it.
        if let Ok(uri) = http::Uri::try_from([b"/authorize?client_id=web&", body].concat()) {
            let mut request = Req::get("/authorize").build();
            *request.uri_mut() = uri;
            checked(&world, "query", request, (0, 0)).await;
        }
    }
}

#[tokio::test]
async fn one_bad_encoding_spoils_a_good_request() {
    let world = unlimited();
    let with = async |note: &[u8]| {
        let body = [b"grant_type=client_credentials&note=", note].concat();
        let request = Req::raw("/token", body)
            .header(header::AUTHORIZATION, &crate::support::basic("web", "web-secret"));
        world.send(request.build()).await
    };
    for bad in
        [&b"%"[..], b"%1", b"%zz", b"%g0", b"a%", b"%c0%80", b"%ff", b"\xff", b"%00", b"\x00", b"%1b", b"%7f"]
    {
        with(bad).await.refused(400, "invalid_request");
    }
    for good in [&b""[..], b"%20", b"+", b"%c3%a9", "\u{e9}".as_bytes(), b"%0a", b"%25zz"] {
        assert_eq!(with(good).await.status, 200, "{}", String::from_utf8_lossy(good));
    }
}

#[tokio::test]
async fn random_bytes() {
    let world = unlimited();
    let random = SeededRandom::new(99);
    let alphabet = b"abc=&%+0fF;[]\x00\xff \"\\grant_type=client_idcodetoken";
    for _ in 0..3_000 {
        let length = usize::try_from(random.next_number() % 120).unwrap();
        let body: Vec<u8> = (0..length)
            .map(|_| alphabet[usize::try_from(random.next_number()).unwrap_or(0) % alphabet.len()])
            .collect();
        let path = ["/token", "/revoke", "/introspect", "/authorize"]
            [usize::try_from(random.next_number() % 4).unwrap()];
        let request =
            Req::raw(path, body).header(header::AUTHORIZATION, &crate::support::basic("web", "web-secret"));
        let answer = world.send(request.build()).await;
        assert!(answer.status.is_client_error() || path == "/revoke", "{answer:?}");
    }
    assert_eq!(world.counts().await, (0, 0));
}

#[tokio::test]
async fn too_much_is_refused_before_it_is_read() {
    let world = unlimited();
    let too_long = "x".repeat(10 << 20);
    let many = (0..100_000).map(|n| format!("p{n}=x")).collect::<Vec<_>>().join("&");
    let same = "scope=read&".repeat(100_000);
    let basic = crate::support::basic("web", "web-secret");
    for path in ["/token", "/revoke", "/introspect", "/authorize"] {
        for body in [&too_long, &many, &same] {
            let started = Instant::now();
            let request = Req::raw(path, body.clone()).header(header::AUTHORIZATION, &basic);
            let answer = checked(&world, path, request.build(), (0, 0)).await;
            assert_eq!(answer.status, 413, "{path}");
            // Not a measurement: only that it does not hang.
            assert!(started.elapsed() < Duration::from_secs(20));
        }
        // Within the body's limit, above the one of parameters.
        let many = (0..5_000).map(|n| format!("p{n}=")).collect::<Vec<_>>().join("&");
        let request = Req::raw(path, many).header(header::AUTHORIZATION, &basic);
        assert_eq!(checked(&world, path, request.build(), (0, 0)).await.status, 400);
    }
    for uri in
        [format!("/authorize?state={}", "x".repeat(20_000)), format!("/authorize?{}", "a=b&".repeat(5_000))]
    {
        let answer = checked(&world, "long URI", Req::get(&uri).build(), (0, 0)).await;
        assert_eq!(answer.status, 414);
    }
    let request = Req::raw(&format!("/token?{}", "x".repeat(20_000)), "grant_type=client_credentials");
    assert_eq!(world.send(request.header(header::AUTHORIZATION, &basic).build()).await.status, 414);
}

#[tokio::test]
async fn the_limits_themselves_pass() {
    let world = unlimited();
    let fields: Vec<(String, String)> = (0..63).map(|n| (format!("p{n}"), "x".repeat(900))).collect();
    let mut fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    fields.push(("grant_type", "client_credentials"));
    assert_eq!(world.token(WEB, &fields).await.status, 200);
    fields.push(("p63", "x"));
    world.token(WEB, &fields).await.refused(400, "invalid_request");
    let too_long = "x".repeat(8 * 1024 + 1);
    let fields = [("grant_type", "client_credentials"), ("note", too_long.as_str())];
    world.token(WEB, &fields).await.refused(400, "invalid_request");
    let long = "x".repeat(8 * 1024);
    let fields = [("grant_type", "client_credentials"), ("note", long.as_str())];
    assert_eq!(world.token(WEB, &fields).await.status, 200);
    let tokens: Vec<String> = (0..100).map(|n| format!("s{n}")).collect();
    let fields = [("grant_type", "client_credentials"), ("scope", &tokens.join(" "))];
    world.token(WEB, &fields).await.refused(400, "invalid_scope");
}

#[tokio::test]
async fn header_games() {
    let world = unlimited();
    let good = crate::support::basic("web", "web-secret");
    let other = crate::support::basic("other", "other-secret");
    let fields = [("grant_type", "client_credentials")];
    // Two Authorization headers, whichever they are.
    for second in [good.as_str(), &other, "Bearer x", "", "Basic"] {
        let request = Req::form("/token", WEB, &fields).header(header::AUTHORIZATION, second);
        let answer = checked(&world, second, request.build(), (0, 0)).await;
        answer.refused(400, "invalid_request");
    }
    let joined =
        Req::form("/token", NOBODY, &fields).header(header::AUTHORIZATION, &format!("{good}, {other}"));
    checked(&world, "joined", joined.build(), (0, 0)).await.refused(401, "invalid_client");
    // Two content types: the first counts, and it must be a form.
    let request = Req::new(Method::POST, "/token", "grant_type=client_credentials")
        .header(header::CONTENT_TYPE, "text/plain")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(header::AUTHORIZATION, &good);
    checked(&world, "two content types", request.build(), (0, 0)).await.refused(400, "invalid_request");
    // Where we are said to be does not matter, nor what method or path a header would like better.
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-original-url", "/introspect"),
        ("x-rewrite-url", "/introspect"),
        ("x-http-method-override", "GET"),
        ("x-client-cert", "MIIB"),
        ("x-forwarded-user", "admin"),
        ("content-encoding", "gzip"),
        ("expect", "100-continue"),
        ("transfer-encoding", "chunked"),
        ("range", "bytes=0-1"),
        ("cookie", "__Host-grantor-browser=x; client_id=other"),
        ("accept", "text/html"),
        ("accept", "*/*;q=0"),
    ] {
        let name: HeaderName = name.parse().unwrap();
        let answer = world.send(Req::form("/token", WEB, &fields).header(name, value).build()).await;
        assert_eq!(
            (answer.status.as_u16(), answer.header("content-type")),
            (200, "application/json"),
            "{value}"
        );
        assert_eq!(world.introspect(API, &answer.access_token()).await["iss"], "https://as.example");
    }
    let page = world.send(Req::get(&Flow::web().url()).header(header::HOST, "evil.example").build()).await;
    assert!(!page.text().contains("evil.example") && page.text().contains("action='/authorize?continue="));
}

#[tokio::test]
async fn odd_accept_headers_on_error_pages() {
    let world = unlimited();
    for accept in [
        "",
        "application/json",
        "text/html",
        "*/*",
        "application/json, text/html",
        "\u{e9}",
        "x".repeat(9000).as_str(),
    ] {
        let request = Req::get("/authorize?client_id=unknown").header(header::ACCEPT, accept);
        assert_eq!(checked(&world, accept, request.build(), (0, 0)).await.status, 400);
    }
}

#[tokio::test]
async fn odd_ids_of_waiting_requests() {
    let world = unlimited();
    for id in [
        "x",
        "AAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB",
        "AAAAAAAAAAAAAAAAAAAAAA==",
        "%00",
        "..%2f..",
        "\u{e9}",
        "-1",
        &"A".repeat(5000),
    ] {
        let encoded: String = form_urlencoded::byte_serialize(id.as_bytes()).collect();
        for uri in [
            format!("/authorize?continue={encoded}"),
            format!("/authorize?continue={encoded}&continue={encoded}"),
        ] {
            let answer = checked(&world, id, Req::get(&uri).build(), (0, 0)).await;
            assert_eq!(answer.status, 400, "{id}");
            let answer = checked(&world, id, Req::raw(&uri, "allow=1&form_token=x").build(), (0, 0)).await;
            assert_eq!(answer.status, 400, "{id}");
        }
    }
}

#[tokio::test]
async fn odd_methods_and_paths() {
    let world = unlimited();
    for method in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "get",
        "X",
    ] {
        for path in [
            "/",
            "/token",
            "/authorize",
            "/revoke",
            "/introspect",
            "/.well-known/oauth-authorization-server",
            "/x",
            "*",
        ] {
            let mut request = Req::new(method.parse().unwrap(), "/", "").build();
            *request.uri_mut() = path.parse().unwrap();
            checked(&world, &format!("{method} {path}"), request, (0, 0)).await;
        }
    }
}

#[tokio::test]
async fn a_good_request_among_bad_ones_is_served() {
    // Whatever came before: nothing is remembered that should not be.
    let world = unlimited();
    for text in odd().into_iter().take(40) {
        let peer = Peer("192.0.2.9".parse().unwrap());
        let request = Req::form("/token", Auth::None, &[("client_id", &text), ("client_secret", &text)]);
        world.send(request.extension(peer).build()).await;
    }
    let tokens = world.tokens().await;
    assert!(world.is_active(&tokens.access_token()).await);
    assert_eq!(world.records(Kind::GRANT).await.len(), 1);
    assert_eq!(world.records(Kind::STANDING).await.len(), 0);
}

#[tokio::test]
async fn the_future_of_a_request_may_move_between_threads() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let world = unlimited();
    assert_eq!(is_send(world.provider.handle(Req::get("/nowhere").build())).await.status(), 404);
}

#[tokio::test]
async fn same_seed_and_clock_give_the_same_bytes() {
    let one = World::new();
    let two = World::new();
    let (a, b) = (one.tokens().await, two.tokens().await);
    assert_eq!((a.status, a.headers, a.body), (b.status, b.headers, b.body));
    assert_eq!(one.dump().await, two.dump().await);
}
