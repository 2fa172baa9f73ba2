//! `grantor config`: the values in effect, whether they are right, and what can be set.

use clap::Args as ClapArgs;

use super::output;
use crate::config::{Config, explain};
use crate::failure::Failure;

/// Its options.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Print every setting with its kind, default, environment variable and meaning.
    #[arg(long, conflicts_with = "check")]
    explain: bool,
    /// With --explain: as the page docs/configuration.md.
    #[arg(long, requires = "explain")]
    markdown: bool,
    /// Only say whether the configuration is right.
    #[arg(long)]
    check: bool,
}

/// Shows the configuration.
pub(crate) fn run(args: &Args, load: impl Fn() -> Result<Config, Failure>) -> Result<(), Failure> {
    if args.explain {
        return output::text(&if args.markdown { explain::markdown() } else { explain::text() });
    }
    let config = load()?;
    for warning in &config.warnings {
        output::note(&format!("warning: {warning}"));
    }
    if args.check {
        let file =
            config.file.as_ref().map_or("no file, defaults only".into(), |file| file.display().to_string());
        return output::text(&format!("the configuration is right ({file})\n"));
    }
    output::text(&explain::effective(&config))
}
