//! `grantor consent`: withdraw what a user allowed a client.

use clap::Subcommand;
use grantor::store::Kind;

use super::context::{Own, client_id};
use super::output;
use crate::failure::Failure;
use crate::site;

/// What to do with consents.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Forget the consent and end everything that the client got by it. The user is asked again next time.
    Withdraw {
        /// Whose consent: login name or subject.
        #[arg(long)]
        user: String,
        /// To which client.
        #[arg(long, value_name = "CLIENT_ID")]
        client: String,
    },
}

pub(super) async fn run(own: &Own, command: Command) -> Result<(), Failure> {
    let Command::Withdraw { user, client } = command;
    let subject = own.subject(&user).await?;
    let client = client_id(&client)?;
    site::withdraw(&own.app.standings, client.as_str(), &subject, &own.app.clock).await?;
    for kind in [Kind::CONSENT, Kind::GRANT] {
        own.remove_records(kind, Some(client.as_str()), Some(&subject)).await?;
    }
    output::done(
        own.json,
        &format!("the consent of {user} to {client} is withdrawn; what was issued by it has ended"),
    )
}
