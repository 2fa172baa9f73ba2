//! Users and their clients: whole flows through nginx, and the account of what was acknowledged and what was lost.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use grantor_testkit::{Page, UserAgent};
use http::{Request, Response, StatusCode, header};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::Mutex as AsyncMutex;

use crate::scene::{ISSUER, PASSWORD, SECRET};
use crate::wire::Client;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
/// A status that no server sends: the connection broke.
const BROKEN: u16 = 599;

/// What all flows count together.
#[derive(Default)]
pub(crate) struct Account {
    /// Flows that were begun.
    begun: AtomicUsize,
    /// Flows that came to their end.
    pub(crate) done: AtomicUsize,
    /// Requests that were sent, and those of them to the token endpoint.
    pub(crate) requests: AtomicUsize,
    pub(crate) token_requests: AtomicUsize,
    /// Processes that were about to be killed, and of which nothing is left.
    pub(crate) killing: AtomicUsize,
    pub(crate) killed: AtomicUsize,
    /// Flows whose request was in the hands of a process that was killed.
    pub(crate) lost: Mutex<Vec<String>>,
    /// Flows that a process itself asked to come again later (503): its store was too slow, on a machine that has more to do.
    pub(crate) busy: AtomicUsize,
    /// Tokens that must be good, and tokens that must not.
    pub(crate) alive: Mutex<Vec<String>>,
    pub(crate) ended: Mutex<Vec<String>>,
}

/// The flow cannot go on: its request was in the hands of a killed process, or the process was too busy.
struct Lost;

/// A status, whether grantor itself chose it, and what came with it.
struct Answered<T> {
    status: u16,
    of_grantor: bool,
    body: Bytes,
    rest: T,
}

impl Account {
    /// A request's answer. A request may be lost only if it was sent before a kill was complete.
    async fn answered<T>(
        &self,
        what: &str,
        asking: impl Future<Output = Answered<T>>,
    ) -> Result<Answered<T>, Lost> {
        let before = self.killed.load(Ordering::SeqCst);
        let answer = asking.await;
        self.requests.fetch_add(1, Ordering::Relaxed);
        if what == "/token" {
            self.token_requests.fetch_add(1, Ordering::Relaxed);
        }
        let Answered { status, of_grantor, body, .. } = &answer;
        if *status < 500 {
            return Ok(answer);
        }
        if *status == 503 && *of_grantor {
            self.busy.fetch_add(1, Ordering::SeqCst);
            return Err(Lost);
        }
        let killed_meanwhile = self.killing.load(Ordering::SeqCst) > before;
        assert!(killed_meanwhile, "{what}: {status} although no process was killed: {body:?}");
        self.lost.lock().push(format!("{what}: {status}"));
        Err(Lost)
    }
}

type Answering = Pin<Box<dyn Future<Output = Response<Bytes>> + Send>>;
type Wire = Arc<AsyncMutex<Client>>;

async fn sent(wire: &Wire, request: &Request<Bytes>) -> Response<Bytes> {
    wire.lock().await.send(request).await.unwrap_or_else(|error| {
        let mut broken = Response::new(Bytes::from(error.to_string()));
        *broken.status_mut() = StatusCode::from_u16(BROKEN).unwrap();
        broken
    })
}

/// One user with a browser, and the programs that work for the user, one request at a time.
pub(crate) struct Driver<S> {
    account: Arc<Account>,
    user: String,
    browser: UserAgent<S>,
    wire: Wire,
}

/// A driver for this user, through this client.
pub(crate) fn driver(
    account: &Arc<Account>,
    user: String,
    client: Client,
) -> Driver<impl Send + Sync + Fn(Request<Bytes>) -> Answering + use<>> {
    let wire = Arc::new(AsyncMutex::new(client));
    let of_browser = Arc::clone(&wire);
    let send = move |request: Request<Bytes>| -> Answering {
        let wire = Arc::clone(&of_browser);
        Box::pin(async move { sent(&wire, &request).await })
    };
    let browser = UserAgent::new(ISSUER, send).with_header(header::ORIGIN, ISSUER.parse().unwrap());
    // It is nobody's business to say where it comes from.
    let browser = browser.with_header("x-forwarded-for".parse().unwrap(), "192.0.2.66".parse().unwrap());
    Driver { account: Arc::clone(account), user, browser, wire }
}

impl<S: Send + Sync + Fn(Request<Bytes>) -> Answering> Driver<S> {
    /// Flows, until this many were begun by all.
    pub(crate) async fn drive(&mut self, most: usize) {
        loop {
            let number = self.account.begun.fetch_add(1, Ordering::SeqCst);
            if number >= most {
                return;
            }
            if self.flow(number).await.is_ok() {
                self.account.done.fetch_add(1, Ordering::SeqCst);
            }
        }
    }

    async fn flow(&mut self, number: usize) -> Result<(), Lost> {
        // Every fifth is an application on a device, where consent is asked each time.
        let (client, callback) = match number % 5 {
            0 => ("notes-app", "http://127.0.0.1/callback"),
            _ => ("notes", "https://notes.example.com/callback"),
        };
        let code = self.code(client, callback).await?;
        let redeem = [
            ("grant_type", "authorization_code"),
            ("code", code.as_str()),
            ("redirect_uri", callback),
            ("code_verifier", VERIFIER),
        ];
        let mut tokens = self.ok("/token", client, &redeem).await?;
        assert_eq!(
            self.ok("/introspect", "notes-api", &[("token", text(&tokens["access_token"]))]).await?["active"],
            true
        );
        if number.is_multiple_of(3) {
            let refresh =
                [("grant_type", "refresh_token"), ("refresh_token", text(&tokens["refresh_token"]))];
            tokens = self.ok("/token", client, &refresh).await?;
        }
        let (access, refresh) = (text(&tokens["access_token"]), text(&tokens["refresh_token"]));
        if number % 10 == 9 {
            self.ok("/revoke", client, &[("token", refresh)]).await?;
            self.account.ended.lock().push(access.to_owned());
        } else {
            self.account.alive.lock().push(access.to_owned());
        }
        Ok(())
    }

    /// Login and consent where they are asked for; the code.
    async fn code(&mut self, client: &str, callback: &str) -> Result<String, Lost> {
        let callback = callback.replace(':', "%3A");
        let request = format!(
            "/authorize?response_type=code&client_id={client}&redirect_uri={callback}&scope=read&state=s&code_challenge={CHALLENGE}&code_challenge_method=S256"
        );
        let account = Arc::clone(&self.account);
        let mut page = shown(&account, "GET /authorize", self.browser.get(&request)).await?;
        let login = [("username", self.user.as_str()), ("password", PASSWORD)];
        for (button, typed) in [("decision=login", login.as_slice()), ("decision=allow", &[])] {
            if page.left_for.is_none() && page.forms().iter().any(|form| form.pressed(button).is_some()) {
                let pressed = async { self.browser.press(&page, button, typed).await.unwrap() };
                page = shown(&account, &format!("POST {button}"), pressed).await?;
            }
        }
        Ok(page.answer("code").unwrap_or_else(|| panic!("no code: {} {}", page.status, page.text())))
    }

    /// A form of a client, which must be taken.
    async fn ok(&self, path: &str, client: &str, fields: &[(&str, &str)]) -> Result<Value, Lost> {
        let request = form(path, client, fields);
        let asking = async {
            let (head, body) = sent(&self.wire, &request).await.into_parts();
            let of_grantor = head.headers.contains_key("x-request-id");
            Answered { status: head.status.as_u16(), of_grantor, body, rest: () }
        };
        let answer = self.account.answered(path, asking).await?;
        assert_eq!(answer.status, 200, "{path}: {:?}", answer.body);
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

async fn shown(account: &Account, what: &str, page: impl Future<Output = Page>) -> Result<Page, Lost> {
    let asking = async {
        let page = page.await;
        let of_grantor = page.headers.contains_key("x-request-id");
        Answered { status: page.status.as_u16(), of_grantor, body: page.body.clone(), rest: page }
    };
    Ok(account.answered(what, asking).await?.rest)
}

fn text(token: &Value) -> &str {
    token.as_str().unwrap_or_else(|| panic!("no token"))
}

/// A form of a client that authenticates, or of the one that cannot.
pub(crate) fn form(path: &str, client: &str, fields: &[(&str, &str)]) -> Request<Bytes> {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    let mut request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if client == "notes-app" {
        body.append_pair("client_id", client);
    } else {
        let credentials = STANDARD.encode(format!("{client}:{SECRET}"));
        request = request.header(header::AUTHORIZATION, format!("Basic {credentials}"));
    }
    request.body(Bytes::from(body.finish())).unwrap()
}

/// Whether the API would take the token.
pub(crate) async fn is_active(client: &mut Client, token: &str) -> bool {
    let answer = client.send(&form("/introspect", "notes-api", &[("token", token)])).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK, "{answer:?}");
    let facts: Value = serde_json::from_slice(answer.body()).unwrap();
    facts["active"] == true
}
