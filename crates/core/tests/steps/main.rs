//! How steps are carried out: races, writes whose outcome nobody knows, and what must come again byte for byte.

mod split;
