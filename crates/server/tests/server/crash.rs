//! SIGKILL in the middle of work: what was acknowledged is kept, what was revoked stays dead.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::support::{Server, World};

/// What the server has acknowledged.
#[derive(Default)]
struct Acknowledged {
    alive: Vec<String>,
    revoked: Vec<String>,
}

async fn work(server: &Server, acknowledged: &Mutex<Acknowledged>) {
    let fields = [("grant_type", "client_credentials"), ("scope", "read")];
    for round in 0.. {
        let Ok((200, answer)) = server.try_form("/token", "service", &fields).await else { return };
        let token = answer["access_token"].as_str().unwrap().to_owned();
        if round % 2 == 0 {
            acknowledged.lock().await.alive.push(token);
            continue;
        }
        // A revocation without an answer may have happened or not: then nothing is claimed about the token.
        let Ok((200, _)) = server.try_form("/revoke", "service", &[("token", &token)]).await else { return };
        acknowledged.lock().await.revoked.push(token);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_tokens_survive_sigkill_and_revoked_ones_stay_dead() {
    let world = World::new("");
    let all = Arc::new(Mutex::new(Acknowledged::default()));
    for round in 1..=3_usize {
        let server = Arc::new(world.serve());
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let (server, all) = (Arc::clone(&server), Arc::clone(&all));
                tokio::spawn(async move { work(&server, &all).await })
            })
            .collect();
        // In the middle of the load, whenever that is.
        while all.lock().await.alive.len() < round * 40 {
            tokio::task::yield_now().await;
        }
        server.send(rustix::process::Signal::KILL);
        for worker in workers {
            worker.await.unwrap();
        }
        Arc::into_inner(server).unwrap().kill();
    }
    let server = world.serve();
    let all = all.lock().await;
    assert!(!all.revoked.is_empty());
    for token in &all.alive {
        assert!(server.is_active(token).await, "an acknowledged token is gone");
    }
    for token in &all.revoked {
        assert!(!server.is_active(token).await, "a revoked token is alive again");
    }
    server.stop();
}
