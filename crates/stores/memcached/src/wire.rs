//! The meta protocol of memcached (`protocol.txt`, "Meta Commands"): requests as bytes, and one reply out of what arrived.
//!
//! The parser has hard limits. Whatever a server sends, it ends in a reply, in "more is needed" or in [`Broken`], after
//! which the connection is closed: nothing that came after an odd byte is believed.

use std::fmt::{self, Write as _};

use bytes::{Buf as _, Bytes, BytesMut};

/// The longest line: a status, a handful of flags, a message.
const MAX_LINE: usize = 2048;

/// What a server sent is no answer to what it was asked. The text names the rule, never the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Broken(pub(crate) &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The outcome of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    /// `VA`: the value follows.
    Value,
    /// `HD`: done.
    Done,
    /// `EN`, `NF`: there is no item of this key.
    Missing,
    /// `NS`: there is one, and it was not to be.
    NotStored,
    /// `EX`: the item is another one than that of the CAS number.
    Changed,
    /// `SERVER_ERROR`: the server could not.
    Failed,
}

/// One reply.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: Status,
    /// The number that the request had.
    pub(crate) opaque: Option<u32>,
    pub(crate) cas: Option<u64>,
    pub(crate) value: Bytes,
}

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Only where there is none.
    Add,
    /// Only over the item with this CAS number.
    Swap(u64),
}

/// Asks for a value and its CAS number.
pub(crate) fn get(key: &str, opaque: u32) -> Vec<u8> {
    format!("mg {key} v c O{opaque}\r\n").into_bytes()
}

/// Writes a value that the server lets go after `ttl`.
pub(crate) fn set(key: &str, value: &[u8], mode: Mode, ttl: i64, opaque: u32) -> Vec<u8> {
    let mut line = format!("ms {key} {} c T{ttl} O{opaque}", value.len());
    // Writing to a string does not fail.
    let _ = match mode {
        Mode::Add => write!(line, " ME\r\n"),
        Mode::Swap(cas) => write!(line, " C{cas}\r\n"),
    };
    let mut request = line.into_bytes();
    request.reserve_exact(value.len() + 2);
    request.extend_from_slice(value);
    request.extend_from_slice(b"\r\n");
    request
}

/// Deletes an item: that with this CAS number, or any.
pub(crate) fn delete(key: &str, cas: Option<u64>, opaque: u32) -> Vec<u8> {
    match cas {
        Some(cas) => format!("md {key} C{cas} O{opaque}\r\n").into_bytes(),
        None => format!("md {key} O{opaque}\r\n").into_bytes(),
    }
}

/// Takes one line, without its end. `None`: more is needed.
pub(crate) fn line(buffer: &mut BytesMut) -> Result<Option<Bytes>, Broken> {
    let Some(length) = length_of_line(buffer)? else { return Ok(None) };
    let line = buffer.split_to(length).freeze();
    buffer.advance(2);
    Ok(Some(line))
}

fn length_of_line(buffer: &[u8]) -> Result<Option<usize>, Broken> {
    match buffer.iter().take(MAX_LINE).position(|byte| *byte == b'\n') {
        Some(end) => match buffer.get(..end).and_then(|line| line.strip_suffix(b"\r")) {
            Some(line) => Ok(Some(line.len())),
            None => Err(Broken("a line of its answer does not end in CR LF")),
        },
        None if buffer.len() >= MAX_LINE => Err(Broken("a line of its answer is too long")),
        None => Ok(None),
    }
}

/// Takes one reply, whose value may have `largest` bytes. `None`: more is needed.
pub(crate) fn reply(buffer: &mut BytesMut, largest: usize) -> Result<Option<Reply>, Broken> {
    let Some(length) = length_of_line(buffer)? else { return Ok(None) };
    let line = buffer.get(..length).unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let status = match words.next() {
        Some(b"VA") => Status::Value,
        Some(b"HD") => Status::Done,
        Some(b"EN" | b"NF") => Status::Missing,
        Some(b"NS") => Status::NotStored,
        Some(b"EX") => Status::Changed,
        Some(b"SERVER_ERROR") => Status::Failed,
        Some(b"CLIENT_ERROR" | b"ERROR") => return Err(Broken("it does not understand the meta protocol")),
        _ => return Err(Broken("its answer is none of the meta protocol")),
    };
    if status == Status::Failed {
        // What follows is a message, which is not repeated.
        buffer.advance(length + 2);
        return Ok(Some(Reply { status, opaque: None, cas: None, value: Bytes::new() }));
    }
    let size = match status {
        Status::Value => {
            let size = words.next().and_then(number).ok_or(Broken("its answer has no length"))?;
            usize::try_from(size).ok().filter(|size| *size <= largest).map(Some)
        }
        _ => Some(None),
    };
    let size = size.ok_or(Broken("its answer is longer than anything that was stored"))?;
    let (mut opaque, mut cas) = (None, None);
    for word in words {
        let (flag, digits) = match word.split_first() {
            Some((b'O', digits)) => (&mut opaque, digits),
            Some((b'c', digits)) => (&mut cas, digits),
            _ => return Err(Broken("its answer has a flag that was not asked for")),
        };
        let value = number(digits).ok_or(Broken("its answer has a flag that is no number"))?;
        if flag.replace(value).is_some() {
            return Err(Broken("its answer has a flag twice"));
        }
    }
    let opaque = match opaque.map(u32::try_from) {
        Some(Err(_)) => return Err(Broken("its answer has a number that no request has")),
        Some(Ok(opaque)) => Some(opaque),
        None => None,
    };
    let head = length + 2;
    let value = match size {
        None => {
            buffer.advance(head);
            Bytes::new()
        }
        Some(size) => {
            let whole = head + size + 2;
            if buffer.len() < whole {
                buffer.reserve(whole - buffer.len());
                return Ok(None);
            }
            if buffer.get(head + size..whole) != Some(b"\r\n") {
                return Err(Broken("a value of its answer does not end where it should"));
            }
            buffer.advance(head);
            let value = buffer.split_to(size).freeze();
            buffer.advance(2);
            value
        }
    };
    Ok(Some(Reply { status, opaque, cas, value }))
}

/// Digits, at most twenty, and nothing else.
pub(crate) fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 20 {
        return None;
    }
    digits.iter().try_fold(0_u64, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LARGEST: usize = 1000;

    fn all(mut bytes: BytesMut) -> (Vec<Reply>, Result<(), Broken>) {
        let mut replies = Vec::new();
        loop {
            match reply(&mut bytes, LARGEST) {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => return (replies, Ok(())),
                Err(broken) => return (replies, Err(broken)),
            }
        }
    }

    fn one(bytes: &[u8]) -> Result<Option<Reply>, Broken> {
        let mut buffer = BytesMut::from(bytes);
        let found = reply(&mut buffer, LARGEST);
        if let Ok(Some(_)) = found {
            assert!(buffer.is_empty(), "{buffer:?} is left");
        }
        found
    }

    #[test]
    fn replies() {
        let bare = |status| Reply { status, opaque: None, cas: None, value: Bytes::new() };
        assert_eq!(one(b"HD\r\n"), Ok(Some(bare(Status::Done))));
        assert_eq!(one(b"EN\r\n"), Ok(Some(bare(Status::Missing))));
        assert_eq!(one(b"NF O7\r\n"), Ok(Some(Reply { opaque: Some(7), ..bare(Status::Missing) })));
        assert_eq!(one(b"NS\r\n"), Ok(Some(bare(Status::NotStored))));
        assert_eq!(one(b"EX\r\n"), Ok(Some(bare(Status::Changed))));
        assert_eq!(one(b"SERVER_ERROR out of memory O9\r\n"), Ok(Some(bare(Status::Failed))));
        let value =
            Reply { cas: Some(u64::MAX), value: Bytes::from_static(b"\r\n\0"), ..bare(Status::Value) };
        assert_eq!(one(b"VA 3 c18446744073709551615\r\n\r\n\0\r\n"), Ok(Some(value)));
    }

    #[test]
    fn hostile_replies_are_refused() {
        for hostile in [
            &b"\r\n"[..],
            b"HD\n",
            b"hd\r\n",
            b"VA\r\n",
            b"VA x\r\n",
            b"VA -1\r\n",
            b"VA 1001\r\n",
            b"VA 99999999999999999999999\r\n",
            b"VA 3 c18446744073709551616\r\nabc\r\n",
            b"VA 3 c1 c1\r\nabc\r\n",
            b"VA 3 O4294967296\r\nabc\r\n",
            b"VA 3 W\r\nabc\r\n",
            b"VA 3\r\nabcd\r\n",
            b"HD kfoo\r\n",
            b"ERROR\r\n",
            b"CLIENT_ERROR bad data chunk\r\n",
            b"STAT pid 1\r\n",
            b"VALUE foo 0 3\r\nabc\r\nEND\r\n",
        ] {
            assert!(one(hostile).is_err(), "{}", String::from_utf8_lossy(hostile));
        }
        assert!(one(&[b'H'; MAX_LINE]).is_err());
        assert_eq!(one(&[b'H'; MAX_LINE - 1]), Ok(None));
    }

    #[test]
    fn requests() {
        assert_eq!(get("k", 1), b"mg k v c O1\r\n");
        assert_eq!(set("k", b"abc", Mode::Add, 12, 2), b"ms k 3 c T12 O2 ME\r\nabc\r\n");
        assert_eq!(set("k", b"", Mode::Swap(9), 12, 2), b"ms k 0 c T12 O2 C9\r\n\r\n");
        assert_eq!(delete("k", Some(9), 3), b"md k C9 O3\r\n");
        assert_eq!(delete("k", None, 3), b"md k O3\r\n");
    }

    fn anything_like_a_reply() -> impl Strategy<Value = Vec<u8>> {
        let word = prop_oneof![
            Just(&b"VA "[..]),
            Just(&b"HD"[..]),
            Just(&b" c1"[..]),
            Just(&b" O4"[..]),
            Just(&b"3"[..]),
            Just(&b"\r\n"[..]),
            Just(&b"abc\r\n"[..]),
            Just(&b"EN\r\n"[..]),
            Just(&b"SERVER_ERROR x"[..]),
            Just(&b"\0\xff"[..]),
        ];
        proptest::collection::vec(word, 0..40).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn whatever_arrives_is_a_reply_or_waits_or_is_broken(
            bytes in prop_oneof![proptest::collection::vec(any::<u8>(), 0..3000), anything_like_a_reply()],
        ) {
            let _ = all(BytesMut::from(&bytes[..]));
        }

        #[test]
        fn it_does_not_matter_how_the_bytes_are_cut(
            bytes in anything_like_a_reply(),
            cuts in proptest::collection::vec(1_usize..7, 1..10),
        ) {
            let whole = all(BytesMut::from(&bytes[..]));
            let (mut buffer, mut replies, mut end) = (BytesMut::new(), Vec::new(), Ok(()));
            let mut rest = &bytes[..];
            let mut cuts = cuts.iter().cycle();
            'bytes: while !rest.is_empty() {
                let (part, after) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                rest = after;
                buffer.extend_from_slice(part);
                loop {
                    match reply(&mut buffer, LARGEST) {
                        Ok(Some(reply)) => replies.push(reply),
                        Ok(None) => break,
                        Err(broken) => { end = Err(broken); break 'bytes; }
                    }
                }
            }
            prop_assert_eq!(whole, (replies, end));
        }

        #[test]
        fn a_value_comes_back_whatever_is_in_it(value in proptest::collection::vec(any::<u8>(), 0..LARGEST), cas: u64) {
            let mut bytes = format!("VA {} c{cas} O5\r\n", value.len()).into_bytes();
            bytes.extend_from_slice(&value);
            bytes.extend_from_slice(b"\r\nHD O6\r\n");
            let (replies, end) = all(BytesMut::from(&bytes[..]));
            prop_assert_eq!(end, Ok(()));
            prop_assert_eq!(&replies[0].value[..], &value[..]);
            prop_assert_eq!(replies[0].cas, Some(cas));
            prop_assert_eq!(replies[1].opaque, Some(6));
        }
    }
}
