//! `grantor serve`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args as ClapArgs;

use crate::config::Config;
use crate::failure::Failure;
use crate::server;

/// Its options.
#[derive(Debug, Default, ClapArgs)]
#[group(skip)]
pub(crate) struct Args {
    /// The URL of this server, instead of `issuer` (`GRANTOR_ISSUER`).
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Where to listen, instead of `listen` (`GRANTOR_LISTEN`).
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Where everything is kept, instead of `store` (`GRANTOR_STORE`).
    #[arg(long, value_name = "URL")]
    store: Option<String>,
}

impl Args {
    /// Puts the flags in the place of the variables.
    pub(super) fn set(&self, variables: &mut BTreeMap<String, String>) {
        let flags = [
            ("GRANTOR_ISSUER", &self.issuer),
            ("GRANTOR_LISTEN", &self.listen),
            ("GRANTOR_STORE", &self.store),
        ];
        for (name, flag) in flags {
            if let Some(value) = flag {
                variables.insert(name.to_owned(), value.clone());
            }
        }
    }
}

/// Runs the server until it is told to stop.
pub(crate) fn run(args: &Args, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load_changed(file, true, |variables| args.set(variables))
        .map_err(|problems| Failure::config(&problems))?;
    server::run(config, async |_| Ok(None), |_| {})
}
