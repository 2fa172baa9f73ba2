//! A server that is none: somebody on the way, who says what it was told to say and keeps what it hears.

use std::io::{Read as _, Result, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use parking_lot::Mutex;

/// Listens on a port of the loopback, greets whoever comes, and answers the first bytes of each.
#[derive(Debug)]
pub struct Impostor {
    port: u16,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl Impostor {
    /// Starts one that says `greeting` at once and `answer` when it has heard something; then it listens until its client goes.
    ///
    /// # Errors
    /// There is no port.
    pub fn start(greeting: &[u8], answer: &[u8]) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (greeting, answer, notes) = (greeting.to_vec(), answer.to_vec(), Arc::clone(&heard));
        std::thread::Builder::new().name("impostor".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let (greeting, answer, notes) = (greeting.clone(), answer.clone(), Arc::clone(&notes));
                std::thread::spawn(move || {
                    // Where the client has hung up, there is no more to hear.
                    let _ = listen(stream, &greeting, &answer, &notes);
                });
            }
        })?;
        Ok(Self { port, heard })
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether these bytes stood in anything that it heard up to now.
    pub fn has_heard(&self, words: &[u8]) -> bool {
        self.heard.lock().windows(words.len().max(1)).any(|heard| heard == words)
    }

    /// How many bytes it heard up to now.
    pub fn heard(&self) -> usize {
        self.heard.lock().len()
    }
}

fn listen(mut stream: TcpStream, greeting: &[u8], answer: &[u8], notes: &Mutex<Vec<u8>>) -> Result<()> {
    stream.write_all(greeting)?;
    let (mut heard, mut answered) = ([0; 4096], false);
    loop {
        let length = stream.read(&mut heard)?;
        if length == 0 {
            return Ok(());
        }
        notes.lock().extend_from_slice(heard.get(..length).unwrap_or_default());
        if !std::mem::replace(&mut answered, true) {
            stream.write_all(answer)?;
        }
    }
}
