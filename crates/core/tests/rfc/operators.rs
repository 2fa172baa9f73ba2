//! What operators do beside the endpoints: list, show and end grants, inspect and revoke any token.

use std::sync::Arc;
use std::time::Duration;

use grantor_core::store::Store;
use grantor_core::{ClientId, Grants, StoredClients, Timestamp, Whose};
use grantor_store_memory::MemoryStore;

use crate::support::{Flow, WEB, World, clients, scopes};

fn grants(world: &World) -> (Grants, Timestamp) {
    (Grants::new(Arc::clone(world.provider.store())), world.provider.clock().now())
}

#[tokio::test]
async fn a_grant_is_listed_shown_and_ended() {
    let world = World::new();
    let tokens = world.tokens().await;
    let (grants, now) = grants(&world);
    let all = grants.list(None, None, None, 10, now).await.unwrap();
    assert_eq!(all.len(), 1);
    let grant = &all[0];
    assert_eq!((grant.client_id.as_str(), grant.access_until.len()), ("web", 1));
    assert!(grant.refresh_until.is_some() && grant.code_until.is_none() && grant.subject.is_some());
    assert_eq!(grants.find(&grant.id, now).await.unwrap().unwrap().id, grant.id);
    let subject = grant.subject.as_deref();
    assert_eq!(grants.list(Some("web"), subject, None, 10, now).await.unwrap().len(), 1);
    assert!(grants.list(Some("other"), subject, None, 10, now).await.unwrap().is_empty());
    assert!(grants.list(None, None, Some(&grant.id), 10, now).await.unwrap().is_empty());
    assert!(grants.revoke(&grant.id, now).await.unwrap());
    assert!(!grants.revoke(&grant.id, now).await.unwrap());
    assert!(!world.is_active(&tokens.access_token()).await);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
}

#[tokio::test]
async fn a_listing_goes_on_behind_grants_with_nothing_left() {
    let world = World::new();
    for _ in 0..3 {
        world.client_credentials(WEB).await;
        // The record outlives its token by the skew of clocks.
        world.pass(601);
    }
    world.client_credentials(WEB).await;
    let (grants, now) = grants(&world);
    assert_eq!(grants.list(None, None, None, 1, now).await.unwrap().len(), 1);
}

#[tokio::test]
async fn any_token_is_inspected_and_revoked() {
    let world = World::new();
    let tokens = world.tokens().await;
    let (access, refresh) = (tokens.access_token(), tokens.refresh_token());
    assert_eq!(world.provider.inspect_token(&access).await.unwrap().unwrap().client_id.as_str(), "web");
    assert!(world.provider.inspect_token(&refresh).await.unwrap().is_some());
    assert!(world.provider.revoke_token(&access).await.unwrap());
    assert!(!world.provider.revoke_token(&access).await.unwrap());
    assert!(!world.is_active(&access).await);
    assert!(world.provider.revoke_token(&refresh).await.unwrap());
    assert!(world.provider.inspect_token(&refresh).await.unwrap().is_none());
    assert!(!world.provider.revoke_token("grt_at_nonsense").await.unwrap());
    assert_eq!(world.counts().await.0, 0);
}

#[tokio::test]
async fn a_deleted_user_is_a_tombstone_for_ever() {
    let world = World::new();
    let tokens = world.tokens().await;
    let subject =
        world.provider.inspect_token(&tokens.access_token()).await.unwrap().unwrap().subject.unwrap();
    let now = world.provider.clock().now();
    world.provider.standings().delete_subject(&subject, now).await.unwrap();
    world.pass(2);
    assert!(!world.is_active(&tokens.access_token()).await);
    world.refresh(WEB, &tokens.refresh_token()).await.refused(400, "invalid_grant");
    // Even if somebody lets the subject in again: nothing of any date counts.
    let standings = world.provider.standings();
    standings.set_disabled(Whose::Subject(&subject), false, now).await.unwrap();
    let standing = standings.fresh("web", Some(&subject), now).await.unwrap();
    assert!(!standing.allows(Timestamp::from_secs(200_000_000_000)) && standing.not_before().is_never());
}

#[tokio::test]
async fn switching_on_again_revives_nothing_that_was_made_while_it_was_switched_off() {
    let world = World::new();
    let standings = world.provider.standings();
    let (alice, at) = (Whose::Subject("alice"), Timestamp::from_secs);
    standings.set_disabled(alice, true, at(10)).await.unwrap();
    // Made at 11 by who had read the standing before it was written: it never counted, and never will.
    standings.set_disabled(alice, false, at(12)).await.unwrap();
    let standing = standings.get(alice, at(12)).await.unwrap();
    assert!(!standing.allows(at(11)) && standing.allows(at(12)));
    // Switching on what is on ends nothing.
    standings.set_disabled(alice, false, at(20)).await.unwrap();
    assert!(standings.get(alice, at(20)).await.unwrap().allows(at(12)));
}

/// A scope that an operator takes from a client is gone from the next access token on.
#[tokio::test]
async fn a_refresh_gives_no_scope_that_the_client_has_lost() {
    let registered: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let registry = || StoredClients::new(Arc::clone(&registered), Duration::ZERO);
    let world = World::with(|builder| builder.clients(registry()));
    let now = world.provider.clock().now();
    let web = clients().into_iter().find(|client| client.client_id.as_str() == "web").unwrap();
    assert!(registry().create(&web, now).await.unwrap());
    let id = ClientId::parse("web").unwrap();

    let code = world.code_of(&Flow::web().set("scope", "read write")).await;
    let tokens = world.redeem(&code).await;
    assert_eq!(tokens.str("scope"), "read write");
    registry().change(&id, now, |client| client.scope = Some(scopes("read admin"))).await.unwrap();
    let again = world.refresh(WEB, &tokens.refresh_token()).await;
    assert_eq!((again.status.as_u16(), again.str("scope").as_str()), (200, "read"));
    let fields = |scope: &'static str, token| {
        [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)]
    };
    let token = again.refresh_token();
    world.token(WEB, &fields("write", &token)).await.refused(400, "invalid_scope");
    world.token(WEB, &fields("admin", &token)).await.refused(400, "invalid_scope");
    registry().change(&id, now, |client| client.scope = Some(scopes("admin"))).await.unwrap();
    world.refresh(WEB, &token).await.refused(400, "invalid_scope");
    // Nothing was lost by it: what comes back is there again.
    registry().change(&id, now, |client| client.scope = None).await.unwrap();
    assert_eq!(world.refresh(WEB, &token).await.str("scope"), "read write");
}
