//! The two commands that it takes to bring a server up, in the wire protocol (`OP_MSG` with one BSON document).

use std::io::{Read as _, Result, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// The number of `OP_MSG`.
const OP_MSG: i32 = 2013;

/// Whether the server answers, and takes writes.
pub(super) fn is_primary(port: u16) -> bool {
    let command = document(&[number("isMaster", 1), text("$db", "admin")]);
    let yes = b"\x08ismaster\0\x01";
    ask(port, &command).is_ok_and(|answer| answer.windows(yes.len()).any(|part| part == yes))
}

/// Makes the server a replica set of one.
pub(super) fn initiate(port: u16) {
    let member = document(&[number("_id", 0), text("host", &format!("127.0.0.1:{port}"))]);
    let members = document(&[element(3, "0", &member)]);
    let set = document(&[text("_id", "grantor"), element(4, "members", &members)]);
    let command = document(&[element(3, "replSetInitiate", &set), text("$db", "admin")]);
    // Whether it did is seen by asking for the primary.
    let _ = ask(port, &command);
}

fn ask(port: u16, command: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let length = i32::try_from(16 + 4 + 1 + command.len()).map_err(std::io::Error::other)?;
    let mut message = Vec::new();
    for number in [length, 1, 0, OP_MSG, 0] {
        message.extend(number.to_le_bytes());
    }
    // The kind of the section that follows: one document.
    message.push(0);
    message.extend(command);
    stream.write_all(&message)?;
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let length = u32::from_le_bytes(head).clamp(4, 1 << 20);
    let mut answer = Vec::new();
    stream.take(u64::from(length) - 4).read_to_end(&mut answer)?;
    Ok(answer)
}

fn document(elements: &[Vec<u8>]) -> Vec<u8> {
    let body = elements.concat();
    let length = u32::try_from(body.len() + 5).unwrap_or_default();
    [&length.to_le_bytes()[..], &body, &[0]].concat()
}

fn element(kind: u8, name: &str, value: &[u8]) -> Vec<u8> {
    [&[kind], name.as_bytes(), &[0], value].concat()
}

fn number(name: &str, value: i32) -> Vec<u8> {
    element(16, name, &value.to_le_bytes())
}

fn text(name: &str, value: &str) -> Vec<u8> {
    let length = u32::try_from(value.len() + 1).unwrap_or_default();
    element(2, name, &[&length.to_le_bytes()[..], value.as_bytes(), &[0]].concat())
}
