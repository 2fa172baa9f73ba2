//! The client: a few servers, and for each a few connections that are made when they are needed and made again when they
//! ended.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grantor_core::store::{Key, StoreError};
use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout, timeout_at};

use crate::connection::{Connection, Failure};
use crate::handshake;
use crate::options::{Address, Hash, Options};
use crate::ring::Ring;
use crate::secure::Secure;

/// What a server takes that was not asked yet: the engine's own default.
const ITEM_SIZE_MAX: usize = 1 << 20;

/// Connections to memcached servers. Clones share them, so several stores can use one client.
///
/// It connects when it is first asked, under the runtime of the caller, and again after a connection has ended.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    servers: Vec<Server>,
    deadline: Duration,
    /// Where the keys are shared out as by ketama.
    ring: Option<Ring>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.0.servers.iter().map(|server| &server.name).collect();
        f.debug_struct("Client").field("servers", &servers).field("deadline", &self.0.deadline).finish()
    }
}

impl Client {
    /// A client of these servers; their connections are made later.
    pub fn new(options: &Options) -> Self {
        let hosts = options.servers.iter().map(|address| address.host.as_str());
        grantor_store_tls::warn("memcached", hosts, options.tls.as_ref());
        let secure = options.tls.clone().map(|tls| Arc::new(Secure::new(tls)));
        let servers =
            options.servers.iter().map(|address| Server::new(address, options, secure.clone())).collect();
        let ring = (options.hash == Hash::Ketama).then(|| Ring::new(&options.servers));
        Self(Arc::new(Inner { servers, deadline: options.deadline, ring }))
    }

    /// Connects to all servers.
    ///
    /// # Errors
    /// One does not answer, or is none that a store can use; the message names it.
    pub async fn connect(&self) -> Result<(), StoreError> {
        let deadline = self.deadline();
        for server in &self.0.servers {
            let connected = server.connection(deadline).await;
            connected.map_err(|failure| server.error(&failure))?;
        }
        Ok(())
    }

    /// When a call that begins now must have ended.
    pub(crate) fn deadline(&self) -> Instant {
        Instant::now() + self.0.deadline // the deadline of a call
    }

    /// The smallest of the servers' largest items.
    pub(crate) fn item_size_max(&self) -> usize {
        let sizes = self.0.servers.iter().map(|server| server.item_size_max.load(Ordering::Relaxed));
        sizes.min().unwrap_or(ITEM_SIZE_MAX)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.servers.len()
    }

    /// The server of a key, whose name in the engine is this one: that of the ring where there is one, else by rendezvous
    /// hashing. There each server draws a number for the key, and the highest has it: who leaves or joins moves only its own
    /// share of keys.
    pub(crate) fn server(&self, key: &Key, name: &str) -> Option<&Server> {
        match &self.0.ring {
            Some(ring) => self.0.servers.get(ring.server(name.as_bytes())?),
            None => self.0.servers.iter().max_by_key(|server| draw(server.seed, key)),
        }
    }
}

/// A server's number for a key. Released: another function would lose all records.
fn draw(seed: u64, key: &Key) -> u64 {
    let id = key.id_number();
    // The halves of the id, and the kind.
    #[expect(clippy::cast_possible_truncation, reason = "a number is cut into its halves")]
    let parts = [(id >> 64) as u64, id as u64, u64::from(key.kind.number())];
    parts.into_iter().fold(seed, |sum, part| mix(sum ^ part))
}

/// Spreads every bit over the whole number.
pub(crate) fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// One server.
pub(crate) struct Server {
    address: Address,
    name: Arc<str>,
    seed: u64,
    slots: Vec<Arc<Mutex<Slot>>>,
    turn: AtomicUsize,
    item_size_max: Arc<AtomicUsize>,
    queue: usize,
    patience: Duration,
    secure: Option<Arc<Secure>>,
}

type Connected = Result<Arc<Connection>, Failure>;

/// The place of a connection.
enum Slot {
    Down,
    Connecting(watch::Receiver<Option<Connected>>),
    Up(Arc<Connection>),
}

impl Server {
    fn new(address: &Address, options: &Options, secure: Option<Arc<Secure>>) -> Self {
        let name = address.to_string();
        Self {
            seed: name.bytes().fold(0, |sum, byte| mix(sum ^ u64::from(byte))),
            name: name.into(),
            address: address.clone(),
            slots: (0..options.connections).map(|_| Arc::new(Mutex::new(Slot::Down))).collect(),
            turn: AtomicUsize::new(0),
            item_size_max: Arc::new(AtomicUsize::new(ITEM_SIZE_MAX)),
            queue: options.queue,
            patience: options.deadline,
            secure,
        }
    }

    /// The error of a failure, for the operator's log.
    pub(crate) fn error(&self, failure: &Failure) -> StoreError {
        let message = format!("memcached server {}: {}", self.name, failure.why);
        if failure.sent { StoreError::unknown(message) } else { StoreError::nothing_written(message) }
    }

    /// A connection that has not ended, as far as is known.
    pub(crate) async fn connection(&self, deadline: Instant) -> Connected {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let Some(slot) = self.slots.get(turn % self.slots.len().max(1)) else {
            return Err(Failure::before("there is no connection"));
        };
        // The one that connects may end with the runtime that it began in; then the next one connects.
        for _ in 0..3 {
            let mut connecting = match self.look(slot) {
                Ok(connection) => return Ok(connection),
                Err(connecting) => connecting,
            };
            match timeout_at(deadline, connecting.wait_for(Option::is_some)).await {
                Ok(Ok(connected)) => {
                    if let Some(connected) = connected.as_ref() {
                        return connected.clone();
                    }
                }
                Ok(Err(_)) => {
                    let mut slot = slot.lock();
                    if matches!(&*slot, Slot::Connecting(other) if other.has_changed().is_err()) {
                        *slot = Slot::Down;
                    }
                }
                Err(_) => return Err(late(self.secure.is_some())),
            }
        }
        Err(Failure::before("connecting was given up"))
    }

    /// The connection of a place, or the news of the one that is being made. One is made at a time.
    fn look(&self, place: &Arc<Mutex<Slot>>) -> Result<Arc<Connection>, watch::Receiver<Option<Connected>>> {
        let mut slot = place.lock();
        match &*slot {
            Slot::Up(connection) if !connection.has_ended() => return Ok(Arc::clone(connection)),
            Slot::Connecting(news) => return Err(news.clone()),
            Slot::Up(_) | Slot::Down => {}
        }
        let (tell, news) = watch::channel(None);
        *slot = Slot::Connecting(news.clone());
        let connect = connect(
            self.address.clone(),
            self.secure.clone(),
            Arc::clone(&self.item_size_max),
            self.queue,
            self.patience,
        );
        let place = Arc::clone(place);
        tokio::spawn(async move {
            let connected = connect.await.map(Arc::new);
            *place.lock() = connected.as_ref().map_or(Slot::Down, |up| Slot::Up(Arc::clone(up)));
            tell.send_replace(Some(connected));
        });
        Err(news)
    }
}

async fn connect(
    address: Address,
    secure: Option<Arc<Secure>>,
    item_size_max: Arc<AtomicUsize>,
    queue: usize,
    patience: Duration,
) -> Result<Connection, Failure> {
    let is_secure = secure.is_some();
    let connecting = async {
        let connected = TcpStream::connect((address.host.as_str(), address.port)).await;
        let mut stream = connected.map_err(|error| Failure::before(error.kind().to_string()))?;
        // Without it a request would wait for the acknowledgement of the one before it.
        stream.set_nodelay(true).map_err(|error| Failure::before(error.kind().to_string()))?;
        let Some(secure) = secure else {
            let settings = handshake::settings(&mut stream).await.map_err(expects_tls)?;
            let (inward, outward) = stream.into_split();
            return Ok(Connection::start(inward, outward, settings, queue, patience));
        };
        let mut stream = secure.connect(&address.host, stream).await?;
        let settings = handshake::settings(&mut stream).await?;
        let (inward, outward) = tokio::io::split(stream);
        Ok(Connection::start(inward, outward, settings, queue, patience))
    };
    let connection = timeout(patience, connecting).await.map_err(|_| late(is_secure))??;
    let settings = &connection.settings;
    let before = item_size_max.swap(settings.item_size_max, Ordering::Relaxed);
    if before > settings.item_size_max {
        tracing::warn!(
            server = %address,
            item_size_max = settings.item_size_max,
            "this memcached takes smaller items than expected; its option -I sets it"
        );
    }
    Ok(connection)
}

fn late(secure: bool) -> Failure {
    Failure::before(if secure {
        "it did not answer in time: does it speak TLS on this port?"
    } else {
        "it did not answer in time"
    })
}

/// A server that speaks TLS hangs up on plain text.
fn expects_tls(failure: Failure) -> Failure {
    if [handshake::CLOSED, handshake::CUT].contains(&&*failure.why) {
        return Failure::before(format!("{}: does it expect TLS (tls=yes)?", failure.why));
    }
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor_core::store::Kind;

    fn client(servers: &[&str]) -> Client {
        Client::new(&Options::servers(servers).unwrap())
    }

    fn name(client: &Client, id: u128) -> String {
        client.server(&Key::new(Kind::GRANT, id.to_be_bytes()), "").unwrap().name.to_string()
    }

    #[test]
    fn a_key_stays_on_its_server_whatever_the_order_and_the_release() {
        let one = client(&["a:1", "b:1", "c:1"]);
        let other = client(&["c:1", "a:1", "B:1"]);
        let names: Vec<String> = (0..16).map(|id| name(&one, id)).collect();
        assert_eq!(names, (0..16).map(|id| name(&other, id)).collect::<Vec<_>>());
        let places: String = names.iter().filter_map(|name| name.chars().next()).collect();
        assert_eq!(places, "abbbbcbabbbacacc");
    }

    #[test]
    fn servers_share_the_keys_and_a_new_one_takes_only_its_own() {
        let (two, three) = (client(&["a:1", "b:1"]), client(&["a:1", "b:1", "c:1"]));
        let mut counts = std::collections::HashMap::new();
        for id in 0..30_000 {
            let now = name(&three, id);
            assert!(now == "c:1" || now == name(&two, id));
            *counts.entry(now).or_insert(0_u32) += 1;
        }
        assert!(counts.values().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
    }
}
