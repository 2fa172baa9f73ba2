//! Cross-origin requests: exact origins of the authenticated client, never with cookies, never at pages
//! (RFC 9700 §2.6).

use http::{Method, header};

use crate::support::{APP, Answer, Auth, Flow, Req, WEB, World};

const ORIGIN: &str = "https://rp.example";

fn allowed(answer: &Answer) -> &str {
    assert!(answer.headers.get("access-control-allow-credentials").is_none());
    answer.header("access-control-allow-origin")
}

async fn preflight(world: &World, path: &str, origin: &str) -> Answer {
    let request = Req::new(Method::OPTIONS, path, "")
        .header(header::ORIGIN, origin)
        .header(header::ACCESS_CONTROL_REQUEST_METHOD, "POST");
    world.send(request.build()).await
}

async fn token_from(world: &World, auth: Auth, origin: &str) -> Answer {
    let request = Req::form("/token", auth, &[("grant_type", "refresh_token"), ("refresh_token", "x")]);
    world.send(request.header(header::ORIGIN, origin).build()).await
}

const LOOK_ALIKES: [&str; 10] = [
    "null",
    "https://rp.example.evil.example",
    "https://evil-rp.example",
    "http://rp.example",
    "https://rp.example:8443",
    "https://RP.example",
    "https://rp.example/",
    "https://rp.example, https://evil.example",
    "https://sub.rp.example",
    "*",
];

#[tokio::test]
async fn preflights_of_registered_origins_only() {
    let world = World::new();
    for path in ["/token", "/revoke"] {
        let answer = preflight(&world, path, ORIGIN).await;
        assert_eq!((answer.status.as_u16(), allowed(&answer)), (204, ORIGIN));
        assert_eq!(answer.header("access-control-allow-methods"), "POST");
        assert_eq!(answer.header("vary"), "Origin");
        for other in LOOK_ALIKES {
            let answer = preflight(&world, path, other).await;
            assert_eq!(allowed(&answer), "", "{other}");
            assert_eq!(answer.header("access-control-allow-methods"), "", "{other}");
        }
    }
}

#[tokio::test]
async fn only_the_clients_own_origins_may_read() {
    let world = World::new();
    let answer = token_from(&world, WEB, ORIGIN).await;
    assert_eq!((allowed(&answer), answer.header("vary")), (ORIGIN, "Origin"));
    assert_eq!(allowed(&token_from(&world, APP, "https://app.example").await), "https://app.example");
    // Another client's origin passes the preflight, but reads nothing.
    assert_eq!(allowed(&token_from(&world, APP, ORIGIN).await), "");
    for other in LOOK_ALIKES {
        assert_eq!(allowed(&token_from(&world, WEB, other).await), "", "{other}");
    }
    // Who did not authenticate has no origins.
    assert_eq!(allowed(&token_from(&world, Auth::Basic("web", "wrong"), ORIGIN).await), "");
}

#[tokio::test]
async fn rfc9700_2_6_none_at_the_authorization_endpoint() {
    let world = World::new();
    let url = Flow::web().url();
    assert_eq!(preflight(&world, &url, ORIGIN).await.status, 405);
    assert_eq!(allowed(&preflight(&world, &url, ORIGIN).await), "");
    assert_eq!(allowed(&world.send(Req::get(&url).header(header::ORIGIN, ORIGIN).build()).await), "");
}

#[tokio::test]
async fn none_at_introspection() {
    let world = World::new();
    assert_eq!(preflight(&world, "/introspect", ORIGIN).await.status, 405);
    let request = Req::form("/introspect", WEB, &[("token", "x")]).header(header::ORIGIN, ORIGIN);
    let answer = world.send(request.build()).await;
    assert_eq!((answer.status.as_u16(), allowed(&answer)), (200, ""));
}

#[tokio::test]
async fn the_metadata_is_for_all() {
    let world = World::new();
    let path = "/.well-known/oauth-authorization-server";
    let answer = world.send(Req::get(path).header(header::ORIGIN, "https://anybody.example").build()).await;
    assert_eq!(allowed(&answer), "*");
    // Clients in browsers send headers of their own, such as `MCP-Protocol-Version`.
    let answer = preflight(&world, path, "https://anybody.example").await;
    assert_eq!((allowed(&answer), answer.header("access-control-allow-headers")), ("*", "*"));
}
