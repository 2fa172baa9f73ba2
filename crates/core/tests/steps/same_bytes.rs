//! The same seed and clock give byte-identical answers and records (invariant 5 of ARCHITECTURE.md).

use std::time::Duration;

use grantor_core::store::Kind;
use grantor_core::{Secret, Uuid4};

use crate::bed::Bed;

/// A day in the life of a provider: every answer and every record, as text.
async fn day(bed: &Bed) -> Vec<String> {
    let mut seen = Vec::new();
    let code = bed.code().await.unwrap();
    seen.push(code.clone());
    let first = bed.redeem(&code).await;
    seen.push(first.whole.clone());
    bed.clock.advance(Duration::from_secs(5));
    let second = bed.refresh(&first.text("refresh_token")).await;
    seen.push(second.whole.clone());
    seen.push(bed.refresh(&first.text("refresh_token")).await.whole);
    seen.push(bed.post("/introspect", &[("token", &second.text("access_token"))]).await.whole);
    seen.push(bed.post("/token", &[("grant_type", "client_credentials"), ("scope", "read")]).await.whole);
    seen.push(bed.revoke(&first.text("access_token")).await.whole);
    bed.clock.advance(Duration::from_secs(60));
    for kind in [Kind::GRANT, Kind::POINTER, Kind::STANDING, Kind::REQUEST] {
        seen.push(format!("{:?}", bed.records(kind).await));
    }
    seen.push(bed.refresh(&first.text("refresh_token")).await.whole);
    seen.push(bed.redeem(&code).await.whole);
    seen
}

#[tokio::test]
async fn the_same_seed_and_clock_give_the_same_bytes() {
    assert_eq!(day(&Bed::new()).await, day(&Bed::new()).await);
    let uuid4 = || Bed::with(|builder| builder.token_generator(Uuid4));
    assert_eq!(day(&uuid4()).await, day(&uuid4()).await);
    let unique = || Bed::with(|builder| builder.unique_tokens().key(Secret::new("k".repeat(32))));
    assert_eq!(day(&unique()).await, day(&unique()).await);
    assert_ne!(day(&Bed::new()).await, day(&uuid4()).await);
}
