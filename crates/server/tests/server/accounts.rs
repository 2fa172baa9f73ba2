//! The account page and logout.

use crate::support::{LOGIN, World, authorize};

#[tokio::test(flavor = "multi_thread")]
async fn logout_asks_before_it_acts() {
    let world = World::new("");
    let server = world.serve();
    let mut browser = server.browser();
    browser.post("/login", LOGIN).await;
    let page = browser.get("/logout").await;
    assert!(page.text().contains("Log out?"), "{}", page.text());
    assert!(browser.get("/account").await.text().contains("Your account"), "asking is not acting");
    // Without the token of this session nothing happens.
    assert_eq!(browser.post("/logout", &[]).await.status, 403);
    assert!(browser.get("/account").await.text().contains("Your account"));
    let done = browser.press(&page, "decision=logout", &[]).await.unwrap();
    assert!(done.text().contains("You are logged out"), "{}", done.text());
    assert!(browser.cookies().iter().all(|cookie| cookie.name != "grantor-session"), "the cookie is gone");
    assert!(browser.get("/account").await.text().contains("Log in"));
    assert!(browser.get(&authorize("trusted", "read")).await.text().contains("Log in"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_consent_ends_its_tokens_and_asks_again() {
    let world = World::new("");
    let server = world.serve();
    let tokens = server.tokens("web").await;
    let (access, refresh) =
        (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
    assert!(server.is_active(access).await);
    let mut browser = server.browser();
    browser.post("/login", LOGIN).await;
    let account = browser.get("/account").await;
    assert!(account.text().contains("The &lt;b&gt;web") && account.text().contains("Read your notes"));
    // The token of the logout form is not that of the account.
    let logout = browser.get("/logout").await;
    let other = logout.forms()[0].field("form_token").unwrap().to_owned();
    let answer = browser.press(&account, "withdraw", &[("form_token", &other)]).await.unwrap();
    assert_eq!(answer.status, 403);
    let page = browser.press(&account, "withdraw", &[]).await.unwrap();
    assert!(page.text().contains("No application has access"), "{}", page.text());
    assert!(!server.is_active(access).await);
    assert_eq!(server.refresh("web", refresh).await.0, 400);
    let page = browser.get(&authorize("web", "read")).await;
    assert!(page.text().contains("Allow"), "asked again: {}", page.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_also_from_another_browser() {
    let world = World::new("");
    let server = world.serve();
    let (mut one, mut two) = (server.browser(), server.browser());
    one.post("/login", LOGIN).await;
    two.post("/login", LOGIN).await;
    let page = one.get("/account").await;
    let ends: Vec<_> =
        page.forms().into_iter().filter(|form| form.action.ends_with("/account/end")).collect();
    assert_eq!(ends.len(), 2, "{}", page.text());
    assert_eq!(page.text().matches("this browser").count(), 1);
    // The sessions are listed with the latest first: end the one that is not this browser's.
    let position = page.text().find("this browser").unwrap();
    let first_end = page
        .text()
        .find("/account/end")
        .unwrap_or_default()
        .max(page.text().find("account&#x2f;end").unwrap_or_default());
    let other = if position < first_end { &ends[1] } else { &ends[0] };
    let fields =
        [("form_token", other.field("form_token").unwrap()), ("session", other.field("session").unwrap())];
    let page = one.post("/account/end", &fields).await;
    assert!(page.text().contains("That session has ended"), "{}", page.text());
    assert!(two.get("/account").await.text().contains("Log in"));
    assert!(one.get("/account").await.text().contains("Your account"));
    // The session of somebody else cannot be ended.
    world.done(&["user", "create", "bob"], "another long password");
    let mut bob = server.browser();
    bob.post("/login", &[("username", "bob"), ("password", "another long password")]).await;
    let theirs = one
        .get("/account")
        .await
        .forms()
        .into_iter()
        .find_map(|form| form.field("session").map(str::to_owned));
    let account = bob.get("/account").await;
    let token = account.forms()[0].field("form_token").unwrap().to_owned();
    bob.post("/account/end", &[("form_token", &token), ("session", &theirs.unwrap())]).await;
    assert!(one.get("/account").await.text().contains("Your account"));
}
