//! A provider whose site adapter tells what it sees around the request: the peer, and an extension of the app.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::SocketAddr;

use grantor_core::{
    Ask, AuthorizationCode, BoxError, Client, Ctx, Decision, Provider, SiteAdapter, StaticClients,
};
use grantor_store_memory::MemoryStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// What the app puts beside the request.
#[derive(Debug, Clone)]
pub(crate) struct Tenant(pub(crate) &'static str);

#[derive(Debug)]
struct Mirror;

#[async_trait::async_trait]
impl SiteAdapter for Mirror {
    async fn decide(&self, ctx: &Ctx<'_>, ask: &Ask<'_>) -> Result<Decision, BoxError> {
        let peer = ctx.peer().map_or_else(|| "nobody".to_owned(), |peer| peer.to_string());
        let tenant = ask.extensions().get::<Tenant>().map_or("none", |tenant| tenant.0);
        Ok(Decision::page(format!("{tenant} from {peer}, back to {}", ask.resume_url())))
    }
}

/// The provider, below this path.
pub(crate) fn provider(path: &str) -> Provider {
    let client = Client::builder("abc").public().redirect_uri("https://rp.example/cb").build().unwrap();
    Provider::builder(format!("http://localhost{path}"))
        .store(MemoryStore::new())
        .clients(StaticClients::new([client]))
        .site(Mirror)
        .grant(AuthorizationCode::new())
        .build()
        .unwrap()
}

/// What the site adapter saw, or the status line.
pub(crate) async fn seen(address: SocketAddr, path: &str) -> String {
    let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    let query =
        format!("response_type=code&client_id=abc&code_challenge={challenge}&code_challenge_method=S256");
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let text = if head.starts_with("HTTP/1.1 200 ") { body } else { head };
    text.split("continue=").next().unwrap_or_default().to_owned()
}
