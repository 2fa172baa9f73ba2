//! RFC 9207, Authorization Server Issuer Identification.

use crate::support::{Flow, ISSUER, World, sent_back};

#[tokio::test]
async fn rfc9207_2_iss_in_every_answer_once() {
    let world = World::new();
    for mode in ["query", "fragment", "form_post"] {
        let request = Flow::web().set("response_mode", mode);
        let mut browser = world.browser();
        let page = browser.get(&request.url()).await;
        let denied = browser.press(&page, "deny", &[]).await.unwrap();
        let early = world.browser().get(&request.clone().set("scope", "x").url()).await;
        for page in [world.approve(&request).await, denied, early] {
            let issuers: Vec<_> = page.answers().into_iter().filter(|(name, _)| name == "iss").collect();
            assert_eq!(issuers, [("iss".to_owned(), ISSUER.to_owned())], "{mode} {}", page.text());
        }
    }
}

#[tokio::test]
async fn rfc9207_2_iss_is_the_issuer_byte_for_byte() {
    for issuer in
        ["https://as.example", "https://as.example/", "https://as.example/tenant", "http://localhost:8080"]
    {
        let world = World::bare(issuer, |builder| builder.grant(grantor_core::AuthorizationCode::new()));
        let path =
            issuer.trim_end_matches('/').strip_prefix("https://as.example").unwrap_or_default().to_owned();
        let page = world
            .browser_at(issuer)
            .get(&Flow::web().set("scope", "x").at(&format!("{path}/authorize")).url())
            .await;
        assert_eq!(page.answer("iss").as_deref(), Some(issuer), "{:?} {}", page.left_for, page.text());
    }
}

#[tokio::test]
async fn rfc9207_3_announced() {
    let world = World::new();
    let document = world.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    sent_back(&world.browser().get(&Flow::web().set("scope", "x").url()).await, "invalid_scope");
}
