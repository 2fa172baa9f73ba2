//! `scope` (RFC 6749 §3.3): a set of case-sensitive tokens.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A set of scope tokens, in the order in which they were first named.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Scopes(Arc<str>);

/// Not a scope by RFC 6749 §3.3, or too many tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a scope is at most 100 tokens of printable ASCII without quote and backslash, with single spaces between (RFC 6749 section 3.3)"
)]
pub struct InvalidScope;

/// The most tokens a set may have.
const MAX_TOKENS: usize = 100;

impl Scopes {
    /// Reads a `scope` value. Repeated tokens count once.
    ///
    /// > scope = scope-token *( SP scope-token )
    /// > scope-token = 1*( %x21 / %x23-5B / %x5D-7E )
    ///
    /// # Errors
    /// [`InvalidScope`] where this grammar is not met or there are more than 100 tokens. The empty text is the empty set.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        if text.is_empty() {
            return Ok(Self::empty());
        }
        let mut tokens: Vec<&str> = Vec::new();
        for (count, token) in text.split(' ').enumerate() {
            let legal = |b: u8| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            if count >= MAX_TOKENS || token.is_empty() || !token.bytes().all(legal) {
                return Err(InvalidScope);
            }
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        Ok(Self(Arc::from(tokens.join(" "))))
    }

    /// No scope at all.
    pub fn empty() -> Self {
        Self(Arc::default())
    }

    /// Whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tokens.
    pub fn iter(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.split(' ').filter(|token| !token.is_empty())
    }

    /// Whether the token is in the set.
    pub fn contains(&self, token: &str) -> bool {
        self.iter().any(|own| own == token)
    }

    /// Whether every token of this set is in the other.
    pub fn is_subset_of(&self, other: &Self) -> bool {
        self.0 == other.0 || self.iter().all(|token| other.contains(token))
    }

    /// The tokens of this set for which the test says yes.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> Self {
        let kept: Vec<&str> = self.iter().filter(|token| keep(token)).collect();
        Self(Arc::from(kept.join(" ")))
    }

    /// The value as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The tokens in alphabetical order, as one text: equal for equal sets.
    pub fn sorted(&self) -> String {
        let mut tokens: Vec<&str> = self.iter().collect();
        tokens.sort_unstable();
        tokens.join(" ")
    }
}

impl Default for Scopes {
    fn default() -> Self {
        Self::empty()
    }
}

impl PartialEq for Scopes {
    /// Equal as sets, whatever the order.
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || (self.is_subset_of(other) && other.is_subset_of(self))
    }
}

impl Eq for Scopes {}

impl TryFrom<String> for Scopes {
    type Error = InvalidScope;
    fn try_from(text: String) -> Result<Self, InvalidScope> {
        Self::parse(&text)
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.0.as_ref().to_owned()
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc6749_3_3_grammar() {
        for bad in [" ", "a  b", " a", "a ", "a\"b", "a\\b", "a\tb", "é", "a\u{0}"] {
            assert_eq!(Scopes::parse(bad), Err(InvalidScope), "{bad:?}");
        }
        assert_eq!(Scopes::parse("b a b").unwrap().as_str(), "b a");
        assert!(Scopes::parse("").unwrap().is_empty());
    }

    #[test]
    fn at_most_100_tokens() {
        let tokens: Vec<String> = (0..101).map(|n| n.to_string()).collect();
        assert!(Scopes::parse(&tokens[..100].join(" ")).is_ok());
        assert!(Scopes::parse(&tokens.join(" ")).is_err());
    }

    #[test]
    fn sets_do_not_mind_order() {
        let (a, b) = (Scopes::parse("x y").unwrap(), Scopes::parse("y x").unwrap());
        assert_eq!(a, b);
        assert_eq!(a.sorted(), b.sorted());
        assert!(!Scopes::parse("consent1").unwrap().is_subset_of(&Scopes::parse("consent10").unwrap()));
    }

    proptest! {
        #[test]
        fn rfc6749_3_3_what_is_read_is_printed_so_and_is_of_the_grammar(text in "[ a-c\"\\\\!\\[~\u{7f}é]{0,12}") {
            let legal = |token: &str| {
                !token.is_empty() && token.chars().all(|c| matches!(c, '!' | '#'..='[' | ']'..='~'))
            };
            let is_scope = text.is_empty() || text.split(' ').all(legal);
            let read = Scopes::parse(&text);
            prop_assert_eq!(read.is_ok(), is_scope, "{:?}", text);
            if let Ok(scopes) = read {
                let again = Scopes::parse(scopes.as_str()).unwrap();
                prop_assert_eq!(again.as_str(), scopes.as_str());
                prop_assert!(text.split(' ').filter(|token| !token.is_empty()).all(|token| scopes.contains(token)));
                prop_assert!(scopes.iter().all(|token| text.split(' ').any(|own| own == token)));
            }
        }

        #[test]
        fn sets_behave_like_sets(one in "[a-d]{1,2}( [a-d]{1,2}){0,5}", two in "[a-d]{1,2}( [a-d]{1,2}){0,5}") {
            use std::collections::BTreeSet;
            let (a, b) = (Scopes::parse(&one).unwrap(), Scopes::parse(&two).unwrap());
            let (x, y): (BTreeSet<&str>, BTreeSet<&str>) = (one.split(' ').collect(), two.split(' ').collect());
            prop_assert_eq!(a.iter().count(), x.len());
            prop_assert_eq!(a.is_subset_of(&b), x.is_subset(&y));
            prop_assert_eq!(a == b, x == y);
            prop_assert_eq!(a.sorted() == b.sorted(), x == y);
            let both = a.only(|token| b.contains(token));
            prop_assert_eq!(both.iter().collect::<BTreeSet<_>>(), x.intersection(&y).copied().collect());
        }

        #[test]
        fn never_panics(text in ".{0,300}") {
            let _ = Scopes::parse(&text);
        }
    }
}
