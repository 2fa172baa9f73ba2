//! `grantor not-before`: ends everything that was issued up to now.

use clap::Args as ClapArgs;
use grantor::Whose;

use super::context::{Own, client_id};
use super::output;
use crate::failure::Failure;

/// Whose.
#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false)]
pub(super) struct Args {
    /// Of everybody: all tokens and all logins.
    #[arg(long)]
    all: bool,
    /// Of this user: login name or subject.
    #[arg(long)]
    user: Option<String>,
    /// Of this client.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
}

pub(super) async fn run(own: &Own, args: Args) -> Result<(), Failure> {
    let subject = match &args.user {
        Some(user) => Some(own.subject(user).await?),
        None => None,
    };
    let client = args.client.as_deref().map(client_id).transpose()?;
    let (whose, named) = match (&subject, &client) {
        (Some(subject), _) => {
            (Whose::Subject(subject), format!("to {}", args.user.as_deref().unwrap_or(subject)))
        }
        (None, Some(client)) => (Whose::Client(client.as_str()), format!("to the client {client}")),
        (None, None) => (Whose::All, "to anybody".to_owned()),
    };
    own.app.standings.end_earlier(whose, own.now).await?;
    output::done(own.json, &format!("what was issued {named} up to now has ended"))
}
