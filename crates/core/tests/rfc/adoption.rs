//! Tokens of another server: `Provider::adopt`.

use std::time::Duration;

use grantor_core::store::{Key, Kind, Removed};
use grantor_core::{Adopted, Adoption, Client, ForeignToken, GrantTypeName, Grants, Secret, Whose};

use sha2::Digest as _;

use crate::support::{OTHER, WEB, World, clients, scopes};

const ACCESS: &str = "4b1f7a52-1c8e-4a51-9d5e-0a3a7d1b6f10";
const REFRESH: &str = "c2f9a3de-58a7-47f3-8f3f-6f1d0f6f7a11";

fn token(world: &World, text: &str, seconds: u64) -> ForeignToken {
    let expires_at = world.provider.clock().now().after(Duration::from_secs(seconds));
    ForeignToken { text: Secret::new(text), expires_at }
}

fn adoption(world: &World) -> Adoption {
    Adoption {
        grant_type: GrantTypeName::AUTHORIZATION_CODE,
        subject: Some("7".into()),
        scopes: scopes("read write"),
        data: serde_json::Map::new(),
        access: Some(token(world, ACCESS, 100)),
        refresh: Some(token(world, REFRESH, 100_000)),
    }
}

fn web() -> Client {
    clients().into_iter().find(|client| client.client_id.as_str() == "web").unwrap()
}

fn world() -> World {
    World::with(grantor_core::ProviderBuilder::adopted_tokens)
}

#[tokio::test]
async fn rfc6749_6_an_adopted_refresh_token_rotates_and_its_reuse_ends_the_grant() {
    let world = world();
    let (web, adoption) = (web(), adoption(&world));
    assert_eq!(world.provider.would_adopt(&web, &adoption).await.unwrap(), Adopted::New);
    assert!(!world.is_active(ACCESS).await);
    assert_eq!(world.provider.adopt(&web, &adoption).await.unwrap(), Adopted::New);
    assert!(world.is_active(ACCESS).await);
    world.refresh(OTHER, REFRESH).await.refused(400, "invalid_grant");
    let next = world.refresh(WEB, REFRESH).await;
    assert!(world.is_active(&next.access_token()).await);
    let last = world.refresh(WEB, &next.refresh_token()).await;
    assert!(world.is_active(&last.access_token()).await);
    world.refresh(WEB, REFRESH).await.refused(400, "invalid_grant");
    assert!(!world.is_active(&last.access_token()).await);
    // It does not live again.
    assert_eq!(world.provider.adopt(&web, &adoption).await.unwrap(), Adopted::Already);
    assert!(!world.is_active(ACCESS).await);
}

#[tokio::test]
async fn adopted_tokens_end_when_they_were_to_end() {
    let world = world();
    let (web, adoption) = (web(), adoption(&world));
    world.provider.adopt(&web, &adoption).await.unwrap();
    world.pass(100);
    assert!(!world.is_active(ACCESS).await);
    assert_eq!(world.provider.adopt(&web, &adoption).await.unwrap(), Adopted::Already);
    world.pass(100_000);
    world.refresh(WEB, REFRESH).await.refused(400, "invalid_grant");
    assert_eq!(world.provider.adopt(&web, &adoption).await.unwrap(), Adopted::Expired);
}

#[tokio::test]
async fn what_a_broken_off_adoption_left_is_completed() {
    let world = world();
    let (web, whole) = (web(), adoption(&world));
    world.provider.adopt(&web, &whole).await.unwrap();
    // It ended between the grant and a pointer: what the store has then.
    let id = *sha2::Sha256::digest(REFRESH.as_bytes()).first_chunk().unwrap();
    let now = world.provider.clock().now();
    let gone = world.provider.store().remove(&Key::new(Kind::POINTER, id), now).await.unwrap();
    assert_eq!(gone, Removed::Removed);
    world.refresh(WEB, REFRESH).await.refused(400, "invalid_grant");
    assert_eq!(world.provider.adopt(&web, &whole).await.unwrap(), Adopted::New);
    assert_eq!(world.provider.adopt(&web, &whole).await.unwrap(), Adopted::Already);
    let grants = Grants::new(std::sync::Arc::clone(world.provider.store()));
    assert_eq!(grants.list(None, None, None, 10, now).await.unwrap().len(), 1);
    assert!(world.is_active(&world.refresh(WEB, REFRESH).await.access_token()).await);
}

#[tokio::test]
async fn only_tokens_are_adopted_and_only_for_those_who_may_have_some() {
    let world = world();
    let web = web();
    let own = world.tokens().await.access_token();
    for bad in ["short", "with a space in the text", &own, &"x".repeat(513)] {
        let adoption = Adoption { access: Some(token(&world, bad, 100)), ..adoption(&world) };
        assert_eq!(world.provider.adopt(&web, &adoption).await.unwrap(), Adopted::NotAToken, "{bad}");
    }
    let now = world.provider.clock().now();
    world.provider.standings().set_disabled(Whose::Client("web"), true, now).await.unwrap();
    assert_eq!(world.provider.adopt(&web, &adoption(&world)).await.unwrap(), Adopted::Disabled);
}

#[tokio::test]
async fn without_the_switch_a_foreign_string_is_refused_before_a_look_up() {
    let world = World::new();
    let web = web();
    world.provider.adopt(&web, &adoption(&world)).await.unwrap();
    assert!(!world.is_active(ACCESS).await);
}
