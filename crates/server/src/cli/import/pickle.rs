//! Reads what Python's `pickle` writes for plain data, in each of its protocols (0 to 5): nothing is ever run, and whatever would
//! make an object of a class is refused.

use std::rc::Rc;

use serde_json::{Map, Number, Value};

/// The most steps of a pickle, and the most values and bytes of text that may come of it: shared parts are written out.
const STEPS: usize = 100_000;
const VALUES: usize = 100_000;
const BYTES: usize = 4 << 20;
/// How deep lists and dictionaries may be in each other.
const DEPTH: usize = 32;

/// A value; those in a list or a dictionary are known by their place in the arena, for they may still grow.
#[derive(Debug, Clone)]
enum Node {
    Plain(Value),
    Text(Rc<str>),
    List(Vec<usize>),
    Dict(Vec<(usize, usize)>),
}

/// The value of a pickle; `None` for what is none, is more than plain data, or is beyond the limits above.
pub(super) fn read(bytes: &[u8]) -> Option<Value> {
    let mut reader = Reader { rest: bytes, ..Reader::default() };
    let top = reader.run()?;
    let mut budget = (VALUES, BYTES);
    reader.value(top, DEPTH, &mut budget)
}

#[derive(Debug, Default)]
struct Reader<'a> {
    rest: &'a [u8],
    arena: Vec<Node>,
    stack: Vec<usize>,
    marks: Vec<usize>,
    memo: std::collections::HashMap<u64, usize>,
}

impl Reader<'_> {
    fn run(&mut self) -> Option<usize> {
        for _ in 0..STEPS {
            let code = self.byte()?;
            if code == b'.' {
                return self.stack.pop();
            }
            self.step(code)?;
        }
        None
    }

    fn step(&mut self, code: u8) -> Option<()> {
        match code {
            // Protocol and frame: nothing of interest.
            0x80 => drop(self.byte()?),
            0x95 => drop(self.take(8)?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.stack.pop()?),
            b'1' => drop(self.marked()?),
            b'2' => self.stack.push(*self.stack.last()?),
            b'N' => self.plain(Value::Null),
            0x88 => self.plain(true.into()),
            0x89 => self.plain(false.into()),
            b'I' | b'L' | b'F' | b'J' | b'K' | b'M' | 0x8a | b'G' => self.number(code)?,
            b'S' | b'V' | b'U' | b'T' | b'X' | 0x8c | 0x8d => self.text(code)?,
            b']' | b')' => self.node(Node::List(Vec::new())),
            b'}' => self.node(Node::Dict(Vec::new())),
            b'l' | b't' => {
                let items = self.marked()?;
                self.node(Node::List(items));
            }
            b'd' => {
                let items = self.marked()?;
                self.node(Node::Dict(pairs(&items)?));
            }
            0x85..=0x87 => {
                let from = self.stack.len().checked_sub(usize::from(code - 0x84))?;
                let items = self.stack.split_off(from);
                self.node(Node::List(items));
            }
            b'a' => {
                let item = self.stack.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.marked()?;
                self.append(&items)?;
            }
            b's' => {
                let (value, key) = (self.stack.pop()?, self.stack.pop()?);
                self.set(&[key, value])?;
            }
            b'u' => {
                let items = self.marked()?;
                self.set(&items)?;
            }
            b'p' | b'q' | b'r' | 0x94 => {
                let place = if code == 0x94 { self.memo.len() as u64 } else { self.place(code)? };
                self.memo.insert(place, *self.stack.last()?);
            }
            b'g' | b'h' | b'j' => {
                let place = self.place(code)?;
                self.stack.push(*self.memo.get(&place)?);
            }
            // Among others GLOBAL, REDUCE, BUILD, INST, OBJ, NEWOBJ, EXT: what names or calls something of Python.
            _ => return None,
        }
        Some(())
    }

    fn number(&mut self, code: u8) -> Option<()> {
        let value: Value = match code {
            b'I' => match self.line()? {
                "00" => false.into(),
                "01" => true.into(),
                digits => digits.parse::<i64>().ok()?.into(),
            },
            b'L' => self.line()?.trim_end_matches('L').parse::<i64>().ok()?.into(),
            b'F' => Number::from_f64(self.line()?.parse().ok()?)?.into(),
            b'G' => Number::from_f64(f64::from_be_bytes(self.take(8)?.try_into().ok()?))?.into(),
            b'J' => i32::from_le_bytes(self.take(4)?.try_into().ok()?).into(),
            b'K' => self.byte()?.into(),
            b'M' => self.little(2)?.into(),
            _ => {
                let length = usize::from(self.byte()?);
                let bytes = self.take(length)?;
                // Two's complement, the last byte has the sign.
                let fill = if bytes.last().is_some_and(|last| last & 0x80 != 0) { 0xff } else { 0 };
                let mut whole = [fill; 8];
                whole.get_mut(..length)?.copy_from_slice(bytes);
                i64::from_le_bytes(whole).into()
            }
        };
        self.plain(value);
        Some(())
    }

    fn text(&mut self, code: u8) -> Option<()> {
        let text: String = match code {
            b'S' => {
                let line = self.line()?;
                let quote = line.chars().next().filter(|quote| "'\"".contains(*quote))?;
                unescaped(line.strip_prefix(quote)?.strip_suffix(quote)?)?
            }
            b'V' => unescaped(self.line()?)?,
            b'U' | 0x8c => self.sized(1)?,
            b'T' | b'X' => self.sized(4)?,
            _ => self.sized(8)?,
        };
        self.node(Node::Text(text.into()));
        Some(())
    }

    fn sized(&mut self, width: usize) -> Option<String> {
        let length = usize::try_from(self.little(width)?).ok()?;
        std::str::from_utf8(self.take(length)?).ok().map(str::to_owned)
    }

    fn place(&mut self, code: u8) -> Option<u64> {
        match code {
            b'p' | b'g' => self.line()?.parse().ok(),
            b'q' | b'h' => self.little(1),
            _ => self.little(4),
        }
    }

    fn append(&mut self, items: &[usize]) -> Option<()> {
        let place = *self.stack.last()?;
        match self.arena.get_mut(place)? {
            Node::List(list) => list.extend(items),
            _ => return None,
        }
        Some(())
    }

    fn set(&mut self, items: &[usize]) -> Option<()> {
        let place = *self.stack.last()?;
        match self.arena.get_mut(place)? {
            Node::Dict(dict) => dict.extend(pairs(items)?),
            _ => return None,
        }
        Some(())
    }

    /// All above the last mark.
    fn marked(&mut self) -> Option<Vec<usize>> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len())?;
        Some(self.stack.split_off(mark))
    }

    fn plain(&mut self, value: Value) {
        self.node(Node::Plain(value));
    }

    fn node(&mut self, node: Node) {
        self.stack.push(self.arena.len());
        self.arena.push(node);
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    fn take(&mut self, length: usize) -> Option<&[u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn little(&mut self, width: usize) -> Option<u64> {
        let mut whole = [0; 8];
        whole.get_mut(..width)?.copy_from_slice(self.take(width)?);
        Some(u64::from_le_bytes(whole))
    }

    fn line(&mut self) -> Option<&str> {
        let end = self.rest.iter().position(|byte| *byte == b'\n')?;
        let (line, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        std::str::from_utf8(line).ok()
    }

    /// Written out; what is in itself is too deep.
    fn value(&self, place: usize, depth: usize, budget: &mut (usize, usize)) -> Option<Value> {
        let inner = depth.checked_sub(1)?;
        budget.0 = budget.0.checked_sub(1)?;
        Some(match self.arena.get(place)? {
            Node::Plain(value) => value.clone(),
            Node::Text(text) => {
                budget.1 = budget.1.checked_sub(text.len())?;
                text.as_ref().into()
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.value(*item, inner, budget));
                Value::Array(items.collect::<Option<_>>()?)
            }
            Node::Dict(items) => {
                let mut fields = Map::new();
                for (name, item) in items {
                    let Value::String(name) = self.value(*name, inner, budget)? else { return None };
                    fields.insert(name, self.value(*item, inner, budget)?);
                }
                Value::Object(fields)
            }
        })
    }
}

fn pairs(items: &[usize]) -> Option<Vec<(usize, usize)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

/// Without the escapes of Python's `repr` and of `raw-unicode-escape`.
fn unescaped(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        let digits = match chars.next()? {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            'n' => {
                plain.push('\n');
                continue;
            }
            same @ ('\\' | '\'' | '"') => {
                plain.push(same);
                continue;
            }
            _ => return None,
        };
        let mut number = 0_u32;
        for _ in 0..digits {
            number = number.checked_mul(16)?.checked_add(chars.next()?.to_digit(16)?)?;
        }
        plain.push(char::from_u32(number)?);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::read;
    use serde_json::json;

    #[test]
    fn plain_data_of_each_protocol_is_read() {
        let expected = json!({ "a": [1, null, true], "b": { "c": "x" } });
        let zero = b"(dp0\nVa\np1\n(lp2\nI1\naNaI01\nasVb\np3\n(dp4\nVc\np5\nVx\np6\nss.";
        assert_eq!(read(zero), Some(expected.clone()));
        let two = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01]q\x02(K\x01N\x88eX\x01\x00\x00\x00bq\x03}q\x04X\x01\x00\x00\x00cq\x05X\x01\x00\x00\x00xq\x06su.";
        assert_eq!(read(two), Some(expected.clone()));
        let four = b"\x80\x04\x95\x1e\x00\x00\x00\x00\x00\x00\x00}\x94(\x8c\x01a\x94]\x94(K\x01N\x88e\x8c\x01b\x94}\x94\x8c\x01c\x94\x8c\x01x\x94su.";
        assert_eq!(read(four), Some(expected));
        assert_eq!(read(b"\x80\x02\x8a\x05\x00\x8c\x86\x7e\x00."), Some(json!(2_122_746_880)));
        assert_eq!(read(b"V\\u00e9\\u005c\n."), Some(json!("\u{e9}\\")));
    }

    #[test]
    fn what_would_run_something_is_refused() {
        for hostile in [
            &b"cos\nsystem\n(S'true'\ntR."[..],
            b"\x80\x04\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x04true\x94\x85\x94R\x94.",
            b"(ios\nsystem\n.",
            b"}q\x00h\x00b.",
        ] {
            assert_eq!(read(hostile), None);
        }
    }

    #[test]
    fn what_is_endless_or_cut_is_refused() {
        // A list in itself, and lists that double 60 times.
        assert_eq!(read(b"(lp0\ng0\na."), None);
        let mut doubled = b"]q\x00".to_vec();
        for place in 0..60_u8 {
            doubled.extend([b']', b'q', place + 1, b'h', place, b'a', b'h', place, b'a']);
        }
        doubled.push(b'.');
        assert_eq!(read(&doubled), None);
        let whole = b"\x80\x02}q\x00X\x01\x00\x00\x00aq\x01K\x01s.";
        assert_eq!(read(whole), Some(json!({ "a": 1 })));
        for cut in 0..whole.len() {
            assert_eq!(read(&whole[..cut]), None);
        }
        for odd in [
            &b"a."[..],
            b"s.",
            b"u.",
            b"(u.",
            b"t.",
            b"\x85.",
            b"X\xff\xff\xff\xff.",
            b"h\x07.",
            b"1.",
            b"((0e.",
        ] {
            assert_eq!(read(odd), None);
        }
    }
}
