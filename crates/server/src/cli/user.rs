//! `grantor user`: the users of the store.

use clap::Subcommand;
use grantor::Whose;
use grantor::store::Kind;
use serde_json::{Value, json};

use super::context::{Own, no_user, of_file};
use super::{input, output};
use crate::failure::Failure;
use crate::passwords;
use crate::users::{NewUser, User, check_name};

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Make a user. The password is read from standard input, or typed twice on a terminal.
    Create {
        /// The login name.
        name: String,
        /// The name for people.
        #[arg(long, value_name = "TEXT")]
        display_name: Option<String>,
        /// The user may not log in until `grantor user enable`.
        #[arg(long)]
        disabled: bool,
        /// Make up a password and print it, once.
        #[arg(long)]
        generate: bool,
    },
    /// List all users.
    List,
    /// Show a user.
    Show {
        /// Login name or subject.
        name: String,
    },
    /// Change the name for people.
    Change {
        /// Login name or subject.
        name: String,
        /// The name for people; "" for none.
        #[arg(long, value_name = "TEXT")]
        display_name: String,
    },
    /// Set a password, which ends all logins and grants of the user.
    Password {
        /// Login name or subject.
        name: String,
        /// Make up a password and print it, once.
        #[arg(long)]
        generate: bool,
    },
    /// Switch a user off, which ends all logins and grants for good.
    Disable {
        /// Login name or subject.
        name: String,
    },
    /// Let a user log in again. What ended stays ended.
    Enable {
        /// Login name or subject.
        name: String,
    },
    /// Delete a user, which ends all logins and grants. The subject is never used again.
    Delete {
        /// Login name or subject.
        name: String,
    },
}

pub(super) async fn run(own: &Own, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create { name, display_name, disabled, generate } => {
            create(own, &name, display_name.as_deref(), disabled, generate).await
        }
        Command::List => list(own).await,
        Command::Show { name } => {
            let user = own.user(&name).await?;
            let standing = own.app.standings.get(Whose::Subject(&user.subject), own.now).await?;
            let mut facts = facts(&user, None);
            if let (true, Some(facts)) =
                (standing.not_before() > grantor::Timestamp::EPOCH, facts.as_object_mut())
            {
                facts.insert("not_before".into(), output::time(standing.not_before()).into());
            }
            if own.json { output::json(&facts) } else { output::facts(&facts) }
        }
        Command::Change { name, display_name } => {
            let user = changeable(own, &name).await?;
            let display_name = Some(display_name.as_str()).filter(|text| !text.is_empty());
            let changed = own.app.users.set_display_name(&user.name, display_name, own.now).await?;
            show(own, &changed.ok_or_else(|| no_user(&name))?, None)
        }
        Command::Password { name, generate } => password(own, &name, generate).await,
        Command::Disable { name } => set_disabled(own, &name, true).await,
        Command::Enable { name } => set_disabled(own, &name, false).await,
        Command::Delete { name } => delete(own, &name).await,
    }
}

async fn create(
    own: &Own,
    name: &str,
    display_name: Option<&str>,
    disabled: bool,
    generate: bool,
) -> Result<(), Failure> {
    check_name(name).map_err(|why| Failure::usage(format!("the name {why}")))?;
    let taken = || {
        Failure::new(format!(
            "there is a user {name} already; `grantor user password {name}` sets another password"
        ))
    };
    if own.app.users.by_name(name, own.now).await?.is_some() {
        return Err(taken());
    }
    let password =
        if generate { passwords::generate()? } else { input::new_password(&format!("Password for {name}"))? };
    let new = NewUser { name, display_name, password: password.expose(), disabled };
    let user = own.app.users.create(new, own.now).await?.ok_or_else(taken)?;
    show(own, &user, generate.then_some(password.expose()))
}

async fn password(own: &Own, name: &str, generate: bool) -> Result<(), Failure> {
    let user = changeable(own, name).await?;
    let password = if generate {
        passwords::generate()?
    } else {
        input::new_password(&format!("New password for {}", user.name))?
    };
    let changed = own.app.users.set_password(&user.name, password.expose(), &own.app.clock).await?;
    show(own, &changed.ok_or_else(|| no_user(name))?, generate.then_some(password.expose()))
}

async fn set_disabled(own: &Own, name: &str, disabled: bool) -> Result<(), Failure> {
    let user = own.user(name).await?;
    let changed = own.app.users.set_disabled(&user.name, disabled, own.now).await?;
    let changed = changed.ok_or_else(|| no_user(name))?;
    if !disabled && changed.disabled {
        return Err(of_file(own, "disabled = true for this user"));
    }
    show(own, &changed, None)
}

async fn delete(own: &Own, name: &str) -> Result<(), Failure> {
    let user = changeable(own, name).await?;
    if !own.app.users.delete(&user.name, own.now).await? {
        return Err(no_user(name));
    }
    // All of it is dead by the tombstone already; this only tidies up.
    for kind in [Kind::SESSION, Kind::CONSENT, Kind::GRANT] {
        own.remove_records(kind, None, Some(&user.subject)).await?;
    }
    output::done(
        own.json,
        &format!("the user {} is deleted, and {} is nobody's for ever", user.name, user.subject),
    )
}

/// The user, if commands may change it.
async fn changeable(own: &Own, name: &str) -> Result<User, Failure> {
    let user = own.user(name).await?;
    if user.is_of_file() { Err(of_file(own, &format!("the user {}", user.name))) } else { Ok(user) }
}

async fn list(own: &Own) -> Result<(), Failure> {
    let users: Vec<Value> = own.app.users.list(own.now).await?.iter().map(|user| facts(user, None)).collect();
    if own.json {
        return output::json(&users);
    }
    let columns = ["name", "display_name", "subject", "disabled", "source", "created_at"];
    output::table(&columns, &users, "there are no users; `grantor user create NAME` makes one")
}

fn show(own: &Own, user: &User, password: Option<&str>) -> Result<(), Failure> {
    let facts = facts(user, password);
    if own.json {
        return output::json(&facts);
    }
    output::facts(&facts)?;
    if password.is_some() {
        output::note("The password is shown this once; only its hash is kept.");
    }
    Ok(())
}

fn facts(user: &User, password: Option<&str>) -> Value {
    let mut facts = json!({
        "name": user.name,
        "subject": user.subject,
        "display_name": user.display_name,
        "disabled": user.disabled,
        "source": if user.is_of_file() { "file" } else { "store" },
        "created_at": user.created_at.map(output::time),
        "changed_at": user.changed_at.map(output::time),
    });
    if let (Some(password), Some(facts)) = (password, facts.as_object_mut()) {
        facts.insert("password".into(), password.into());
    }
    facts
}
