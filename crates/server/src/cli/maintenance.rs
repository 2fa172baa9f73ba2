//! `grantor migrate` and `grantor sweep`: the store itself.

use super::context::{Own, runtime};
use super::output;
use crate::config::Config;
use crate::failure::Failure;
use crate::registry;

/// Brings the store to the schema of this release.
pub(super) fn migrate(config: &Config) -> Result<(), Failure> {
    let done = runtime()?.block_on(registry::migrate(&config.store, &config.data_folder()))?;
    output::text(&(done + "\n"))
}

/// How many records go at a time, so that a running server is not held up.
const STEP: usize = 1000;

/// Deletes what has expired.
pub(super) async fn sweep(own: &Own) -> Result<(), Failure> {
    let (index, mut gone) = (own.index()?, 0_usize);
    loop {
        let swept = index.sweep(STEP, own.now).await?;
        gone += swept;
        if swept < STEP {
            break;
        }
    }
    let records =
        if gone == 1 { "1 expired record is".into() } else { format!("{gone} expired records are") };
    output::done(own.json, &format!("{records} deleted"))
}
