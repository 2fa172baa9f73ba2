//! `grantor stores`: what each store promises and what it does not.

use super::output;
use crate::failure::Failure;
use crate::registry::promises;

/// Shows the table.
pub(super) fn run(json: bool) -> Result<(), Failure> {
    if json {
        return output::json(&promises::ROWS);
    }
    output::text(&promises::markdown())
}
