//! What a server tells about itself when a connection begins: how large its items may be, and what time it has.

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::Instant;

use crate::connection::Failure;
use crate::wire;

/// Lines of one list of figures. A server has about a hundred.
const MOST_LINES: usize = 1000;
/// Larger items are not used, whatever a server takes.
const LARGEST_ITEM: u64 = 16 << 20;
/// The smallest item that a record of ours fits in.
const SMALLEST_ITEM: u64 = 1024;

/// It hung up, in one way or the other.
pub(crate) const CLOSED: &str = "it has closed the connection";
pub(crate) const CUT: &str = "the connection was cut";

/// What matters of a server's settings.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Settings {
    /// The largest item, key and the engine's own head included.
    pub(crate) item_size_max: usize,
    /// The server's clock, in seconds since 1970, when it was asked.
    time: i64,
    asked: Instant,
}

impl Settings {
    /// The server's clock now. Dates for it are counted by it, so that it does not matter whether it is right.
    pub(crate) fn time(&self) -> i64 {
        self.time.saturating_add(i64::try_from(self.asked.elapsed().as_secs()).unwrap_or(i64::MAX))
    }
}

/// Asks a server on a fresh connection.
pub(crate) async fn settings(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
) -> Result<Settings, Failure> {
    let cut = |error: std::io::Error| {
        Failure::before(grantor_store_tls::why(&error).unwrap_or_else(|| CUT.to_owned()))
    };
    stream.write_all(b"stats\r\nstats settings\r\n").await.map_err(cut)?;
    let (mut buffer, mut size, mut time, mut cas) = (BytesMut::with_capacity(4096), None, None, true);
    let (mut lists, mut lines) = (0, 0);
    while lists < 2 {
        let broken = |wire::Broken(why)| Failure::before(why);
        let Some(line) = wire::line(&mut buffer).map_err(broken)? else {
            if stream.read_buf(&mut buffer).await.map_err(cut)? == 0 {
                return Err(Failure::before(CLOSED));
            }
            continue;
        };
        lines += 1;
        if lines > 2 * MOST_LINES {
            return Err(Failure::before("it tells more of its settings than it has"));
        }
        match figure(&line) {
            Some((b"time", figure)) => time = wire::number(figure).and_then(|time| i64::try_from(time).ok()),
            Some((b"item_size_max", figure)) => size = wire::number(figure),
            Some((b"cas_enabled", figure)) => cas = figure != b"no",
            Some(_) => {}
            None if line == "END" => lists += 1,
            None if line.starts_with(b"CLIENT_ERROR unauth") => {
                return Err(Failure::before(
                    "it asks for a user and a password, which are not supported yet",
                ));
            }
            None => return Err(Failure::before("it does not tell its settings, so it may be no memcached")),
        }
    }
    if !buffer.is_empty() {
        return Err(Failure::before("it answers without a question"));
    }
    if !cas {
        return Err(Failure::before("it runs without CAS numbers; start it without the option -C"));
    }
    let size = size.ok_or(Failure::before("it does not tell its item_size_max"))?.min(LARGEST_ITEM);
    if size < SMALLEST_ITEM {
        return Err(Failure::before("its items are too small; start it with a larger -I"));
    }
    let time = time.ok_or(Failure::before("it does not tell its time"))?;
    let item_size_max = usize::try_from(size).unwrap_or(usize::MAX);
    let asked = Instant::now(); // the engine's clock goes on from here
    Ok(Settings { item_size_max, time, asked })
}

/// Name and value of a line `STAT name value`.
fn figure(line: &Bytes) -> Option<(&[u8], &[u8])> {
    let rest = line.strip_prefix(b"STAT ")?;
    let end = rest.iter().position(|byte| *byte == b' ')?;
    Some((rest.get(..end)?, rest.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(answer: &[u8]) -> Result<Settings, String> {
        let (mut ours, mut theirs) = tokio::io::duplex(1 << 20);
        theirs.write_all(answer).await.unwrap();
        let answer = settings(&mut ours);
        // It hangs up behind its answer; our question stays unread.
        let hang_up = async {
            let mut question = [0; 23];
            theirs.read_exact(&mut question).await.unwrap();
            drop(theirs);
        };
        let (answer, ()) = tokio::join!(answer, hang_up);
        answer.map_err(|failure| failure.why.to_string())
    }

    #[tokio::test]
    async fn a_server_tells_its_settings() {
        let settings = told(b"STAT pid 1\r\nSTAT time 1700000000\r\nEND\r\nSTAT memory_file (null)\r\nSTAT item_size_max 4096\r\nSTAT cas_enabled yes\r\nEND\r\n").await.unwrap();
        assert_eq!(settings.item_size_max, 4096);
        assert!(settings.time() >= 1_700_000_000);
    }

    #[tokio::test]
    async fn what_is_no_server_of_ours_is_refused_with_the_reason() {
        let long = [b"STAT a b\r\n".repeat(3000), b"END\r\nEND\r\n".to_vec()].concat();
        for (answer, why) in [
            (&b""[..], "closed"),
            (b"END\r\nEND\r\n", "item_size_max"),
            (b"END\r\nSTAT item_size_max 4096\r\nEND\r\n", "time"),
            (b"STAT time 1\r\nEND\r\nSTAT item_size_max 4096\r\nSTAT cas_enabled no\r\nEND\r\n", "-C"),
            (b"STAT time 1\r\nEND\r\nSTAT item_size_max 512\r\nEND\r\n", "-I"),
            (b"STAT time 1\r\nEND\r\nSTAT item_size_max 4096\r\nEND\r\nHD\r\n", "without a question"),
            (b"CLIENT_ERROR unauthenticated\r\n", "password"),
            (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no memcached"),
            (b"-ERR unknown command\r\n", "no memcached"),
            (&[b'x'; 5000], "too long"),
            (&long, "more of its settings"),
        ] {
            let said = told(answer).await.unwrap_err();
            assert!(said.contains(why), "{said:?} does not say {why:?}");
        }
    }
}
