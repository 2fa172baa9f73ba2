//! `grantor serve`.

use clap::Args as ClapArgs;

use crate::config::Config;
use crate::failure::Failure;

/// Its options.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {}

/// Runs the server until it is told to stop.
pub(crate) fn run(_args: Args, _config: Config) -> Result<(), Failure> {
    Err(Failure::new("this build cannot serve yet"))
}
