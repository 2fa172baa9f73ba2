//! `grantor session`: logins in browsers.

use clap::Subcommand;
use grantor::store::{Key, Kind, Record, Removed};
use serde_json::{Value, json};

use super::context::Own;
use super::output;
use crate::failure::Failure;

/// What to do with sessions.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List logins.
    List {
        /// Only those of this user: login name or subject.
        #[arg(long)]
        user: Option<String>,
    },
    /// End a login, or all of a user. Grants live on.
    End {
        /// Its id.
        #[arg(conflicts_with = "user", required_unless_present = "user")]
        id: Option<String>,
        /// All of this user: login name or subject.
        #[arg(long)]
        user: Option<String>,
    },
}

pub(super) async fn run(own: &Own, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { user } => {
            let subject = match user {
                Some(user) => Some(own.subject(&user).await?),
                None => None,
            };
            let records = own.records(Kind::SESSION, None, subject.as_deref()).await?;
            let facts: Vec<Value> = records.iter().map(facts).collect();
            if own.json {
                return output::json(&facts);
            }
            output::table(&["id", "subject", "until"], &facts, "nobody is logged in")
        }
        Command::End { id: Some(id), .. } => {
            let number = (id.len() == 32).then(|| u128::from_str_radix(&id, 16).ok()).flatten();
            let missing = || Failure::new("there is no such login; `grantor session list` shows them");
            let key = Key::new(Kind::SESSION, number.ok_or_else(missing)?.to_be_bytes());
            match own.app.store.remove(&key, own.now).await? {
                Removed::Removed => output::done(own.json, "the login has ended"),
                Removed::Absent => Err(missing()),
            }
        }
        Command::End { id: None, user } => {
            let subject = own.subject(user.as_deref().unwrap_or_default()).await?;
            let count = own.remove_records(Kind::SESSION, None, Some(&subject)).await?;
            let ended = if count == 1 { "1 login has".into() } else { format!("{count} logins have") };
            output::done(own.json, &format!("{ended} ended"))
        }
    }
}

fn facts(record: &Record) -> Value {
    json!({
        "id": format!("{:032x}", record.key.id_number()),
        "subject": record.subject,
        "until": output::time(record.expires_at),
    })
}
