//! The clients of the records, each text once.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;

/// So many different clients get a number. The records of all further ones carry the text, which costs memory and
/// nothing else; so there is nothing here that would have to be cleaned up.
const MOST: u16 = 4096;

/// Numbers for the texts that most records share.
#[derive(Default)]
pub(crate) struct Names(RwLock<Known>);

#[derive(Default)]
struct Known {
    numbers: HashMap<Arc<str>, u16>,
    texts: Vec<Arc<str>>,
}

impl Names {
    /// The number of a text, a new one where there is none yet; `None` where all are given.
    pub(crate) fn number(&self, text: &Arc<str>) -> Option<u16> {
        {
            let known = self.0.read();
            if let Some(number) = known.numbers.get(text) {
                return Some(*number);
            }
            if known.texts.len() >= usize::from(MOST) {
                return None;
            }
        }
        let mut known = self.0.write();
        if let Some(number) = known.numbers.get(text) {
            return Some(*number);
        }
        let number = u16::try_from(known.texts.len()).ok().filter(|number| *number < MOST)?;
        known.texts.push(Arc::clone(text));
        known.numbers.insert(Arc::clone(text), number);
        Some(number)
    }

    pub(crate) fn text(&self, number: u16) -> Option<Arc<str>> {
        self.0.read().texts.get(usize::from(number)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_given_once_and_then_no_more() {
        let names = Names::default();
        for round in 0..2 {
            for number in 0..MOST {
                assert_eq!(names.number(&number.to_string().into()), Some(number), "round {round}");
            }
        }
        assert_eq!(names.number(&"one more".into()), None);
        assert_eq!(names.text(17).as_deref(), Some("17"));
        assert_eq!(names.text(MOST), None);
    }
}
