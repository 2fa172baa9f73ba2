//! `grantor grant`: what users allowed clients.

use clap::{Args, Subcommand};
use grantor::GrantInfo;
use serde_json::{Value, json};

use super::context::{Own, client_id};
use super::output;
use crate::failure::Failure;

/// What to do with grants.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// List grants.
    List {
        #[command(flatten)]
        of: Of,
        /// The most to list.
        #[arg(long, default_value_t = 1000, value_name = "NUMBER")]
        limit: usize,
    },
    /// Show a grant.
    Show {
        /// Its id.
        id: String,
    },
    /// End a grant, or all of a user, of a client, or of a user to a client.
    Revoke {
        /// Its id.
        #[arg(conflicts_with_all = ["user", "client"], required_unless_present_any = ["user", "client"])]
        id: Option<String>,
        #[command(flatten)]
        of: Of,
    },
}

/// Whose grants.
#[derive(Debug, Args)]
pub(super) struct Of {
    /// Only those of this user: login name or subject.
    #[arg(long)]
    user: Option<String>,
    /// Only those of this client.
    #[arg(long, value_name = "CLIENT_ID")]
    client: Option<String>,
}

/// How many grants are read at a time.
const PAGE: usize = 500;

pub(super) async fn run(own: &Own, command: Command) -> Result<(), Failure> {
    match command {
        Command::List { of, limit } => {
            let grants = list(own, &of, limit).await?;
            let facts: Vec<Value> = grants.iter().map(|(grant, in_force)| facts(grant, *in_force)).collect();
            if own.json {
                return output::json(&facts);
            }
            let columns = ["id", "client_id", "subject", "grant_type", "scope", "created_at", "in_force"];
            output::table(&columns, &facts, "there are no grants")
        }
        Command::Show { id } => {
            let Some(grant) = own.grants().find(&id, own.now).await? else { return Err(no_grant(&id)) };
            let facts = facts(&grant, in_force(own, &grant).await?);
            if own.json { output::json(&facts) } else { output::facts(&facts) }
        }
        Command::Revoke { id: Some(id), .. } => {
            if !own.grants().revoke(&id, own.now).await? {
                return Err(no_grant(&id));
            }
            output::done(own.json, "the grant is revoked; no token of it works any more")
        }
        Command::Revoke { id: None, of } => {
            let mut revoked = 0_usize;
            for (grant, _) in list(own, &of, usize::MAX).await? {
                revoked += usize::from(own.grants().revoke(&grant.id, own.now).await?);
            }
            let count = if revoked == 1 { "1 grant is".into() } else { format!("{revoked} grants are") };
            output::done(own.json, &format!("{count} revoked"))
        }
    }
}

async fn list(own: &Own, of: &Of, limit: usize) -> Result<Vec<(GrantInfo, bool)>, Failure> {
    let subject = match &of.user {
        Some(user) => Some(own.subject(user).await?),
        None => None,
    };
    if let Some(client) = &of.client {
        client_id(client)?;
    }
    let mut all: Vec<(GrantInfo, bool)> = Vec::new();
    while all.len() < limit {
        let after = all.last().map(|(grant, _)| grant.id.clone());
        let page = PAGE.min(limit - all.len());
        let found = own
            .grants()
            .list(of.client.as_deref(), subject.as_deref(), after.as_deref(), page, own.now)
            .await?;
        if found.is_empty() {
            break;
        }
        for grant in found {
            let in_force = in_force(own, &grant).await?;
            all.push((grant, in_force));
        }
    }
    Ok(all)
}

/// Whether nothing ended the grant from outside: disabled or not-before of client, user, consent or all.
async fn in_force(own: &Own, grant: &GrantInfo) -> Result<bool, Failure> {
    let standing =
        own.app.standings.fresh(grant.client_id.as_str(), grant.subject.as_deref(), own.now).await?;
    let client = own.client(grant.client_id.as_str()).await;
    Ok(standing.allows(grant.created_at) && client.is_ok_and(|(client, _)| !client.disabled))
}

fn no_grant(id: &str) -> Failure {
    let id: String = id.chars().take(60).flat_map(char::escape_debug).collect();
    Failure::new(format!("there is no grant {id}; `grantor grant list` shows them"))
}

fn facts(grant: &GrantInfo, in_force: bool) -> Value {
    json!({
        "id": grant.id,
        "client_id": grant.client_id,
        "subject": grant.subject,
        "grant_type": grant.grant_type,
        "scope": grant.scopes.as_str(),
        "created_at": output::time(grant.created_at),
        "auth_time": grant.auth_time.map(output::time),
        "code_until": grant.code_until.map(output::time),
        "refresh_token_until": grant.refresh_until.map(output::time),
        "access_tokens_until": grant.access_until.iter().copied().map(output::time).collect::<Vec<_>>(),
        "in_force": in_force,
    })
}
