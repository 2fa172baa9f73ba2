//! RFC 8252, OAuth 2.0 for Native Apps.

use grantor_core::{Client, Policy};

use crate::support::{Auth, Flow, World, shown_here};

const NATIVE: Auth = Auth::Public("native");

#[tokio::test]
async fn rfc8252_7_3_any_port_on_a_loopback_address() {
    let world = World::new();
    for uri in
        ["http://127.0.0.1:51004/cb", "http://127.0.0.1/cb", "http://[::1]:61023/cb", "http://127.0.0.1:1/cb"]
    {
        let page = world.approve(&Flow::of("native", uri)).await;
        assert!(page.left_for.clone().unwrap().starts_with(&format!("{uri}?code=")), "{:?}", page.left_for);
        // The port of the request is what must be repeated.
        let code = page.answer("code").unwrap();
        world.redeem_as(NATIVE, &code, Some("http://127.0.0.1:9/cb")).await.refused(400, "invalid_grant");
        assert_eq!(world.redeem_as(NATIVE, &code, Some(uri)).await.status, 200);
    }
}

#[tokio::test]
async fn rfc8252_7_3_nothing_but_the_port_varies() {
    let world = World::new();
    for bad in [
        "http://127.0.0.1:51004/cb/",
        "http://127.0.0.1:51004/",
        "http://127.0.0.1:51004/CB",
        "http://127.0.0.1:51004/cb?x=1",
        "http://127.0.0.1:51004/cb#f",
        "http://127.0.0.1:51004/cb/../cb",
        "https://127.0.0.1:51004/cb",
        "HTTP://127.0.0.1:51004/cb",
        "http://127.0.0.2:51004/cb",
        "http://127.1:51004/cb",
        "http://0x7f000001:51004/cb",
        "http://2130706433:51004/cb",
        "http://[::ffff:127.0.0.1]:51004/cb",
        "http://[0:0:0:0:0:0:0:1]:51004/cb",
        "http://u@127.0.0.1:51004/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1:51004\\@evil.example/cb",
        "http://127.0.0.1.evil.example:51004/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:065535/cb",
        "http://127.0.0.1:65536/cb",
        "http://127.0.0.1:-1/cb",
        "http://127.0.0.1: 80/cb",
        "http://localhost:51004/cb",
        "http://localhost.evil.example/cb",
    ] {
        shown_here(&world.browser().get(&Flow::of("native", bad).url()).await, bad);
    }
}

#[tokio::test]
async fn rfc8252_7_3_web_clients_have_no_free_port() {
    let client = Client::builder("dev").secret("s").redirect_uri("http://127.0.0.1:8000/cb").build().unwrap();
    let world = World::with_clients(vec![client]);
    shown_here(&world.browser().get(&Flow::of("dev", "http://127.0.0.1:8001/cb").url()).await, "other port");
    assert!(world.approve(&Flow::of("dev", "http://127.0.0.1:8000/cb")).await.answer("code").is_some());
}

#[tokio::test]
async fn rfc8252_8_3_localhost_by_policy_only() {
    let request = Flow::of("native", "http://localhost:5000/cb");
    shown_here(&World::new().browser().get(&request.url()).await, "localhost");
    let world =
        World::with(|builder| builder.policy(Policy { free_localhost_port: true, ..Policy::default() }));
    assert!(world.approve(&request).await.answer("code").is_some());
    shown_here(
        &world.browser().get(&Flow::of("native", "http://localhost.evil.example/cb").url()).await,
        "evil",
    );
}

#[tokio::test]
async fn rfc8252_7_1_private_use_schemes() {
    let world = World::new();
    let page = world.approve(&Flow::of("native", "com.example.app:/cb")).await;
    assert!(page.left_for.clone().unwrap().starts_with("com.example.app:/cb?code="));
    for bad in
        ["com.example.app:/cb/x", "com.example.app://cb", "COM.example.app:/cb", "com.example.evil:/cb"]
    {
        shown_here(&world.browser().get(&Flow::of("native", bad).url()).await, bad);
    }
    for bad in ["myapp:/cb", "javascript:alert(1)//", "data:text/html,x", "com.example.app:"] {
        assert!(Client::builder("n").public().redirect_uri(bad).build().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn rfc8252_8_1_public_clients_use_pkce() {
    let world = World::new();
    let page = world.browser().get(&Flow::of("native", "http://127.0.0.1:5/cb").without_pkce().url()).await;
    assert_eq!(page.answer("error").as_deref(), Some("invalid_request"));
}

#[tokio::test]
async fn rfc8252_8_6_the_site_is_asked_each_time() {
    // No memory of a consent in core: the same request shows the page again.
    let world = World::new();
    let request = Flow::of("native", "com.example.app:/cb");
    for _ in 0..2 {
        let mut browser = world.browser();
        let page = browser.get(&request.url()).await;
        assert_eq!(page.forms().len(), 1);
        assert!(browser.press(&page, "allow", &[]).await.unwrap().answer("code").is_some());
    }
}
