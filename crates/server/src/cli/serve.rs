//! `grantor serve`.

use std::collections::BTreeMap;
use std::path::Path;

use clap::Args as ClapArgs;

use crate::config::{Config, Origin, Problem};
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
        for (variable, _, value) in self.given() {
            variables.insert(variable.to_owned(), value.to_owned());
        }
    }

    /// What is wrong, where a flag was meant with the flag's name.
    pub(super) fn failure(&self, mut problems: Vec<Problem>) -> Failure {
        for problem in &mut problems {
            let Origin::Variable(name) = &mut problem.origin else { continue };
            if let Some((_, flag, _)) = self.given().find(|(variable, ..)| variable == name) {
                flag.clone_into(name);
            }
        }
        Failure::config(&problems)
    }

    /// The flags that are there: variable, flag, value.
    fn given(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let flags = [
            ("GRANTOR_ISSUER", "--issuer", &self.issuer),
            ("GRANTOR_LISTEN", "--listen", &self.listen),
            ("GRANTOR_STORE", "--store", &self.store),
        ];
        flags
            .into_iter()
            .filter_map(|(variable, flag, value)| value.as_deref().map(|value| (variable, flag, value)))
    }
}

/// Runs the server until it is told to stop.
pub(crate) fn run(args: &Args, file: Option<&Path>) -> Result<(), Failure> {
    let config = Config::load_changed(file, true, |variables| args.set(variables))
        .map_err(|problems| args.failure(problems))?;
    server::run(config, async |_| Ok(None), |_| {})
}
