//! `[[users]]`: users that the file names. Those that commands make are in the store.

use grantor::Secret;

use super::setting::Setting;
use super::value::{Raw, Value, Wrong};

/// A user of the file.
#[derive(Debug, Clone)]
pub(crate) struct FileUser {
    /// The login name.
    pub(crate) name: String,
    /// The identifier that tokens carry; it must stay the same for ever.
    pub(crate) subject: String,
    /// The name for people.
    pub(crate) display_name: Option<String>,
    /// What the password is checked against.
    pub(crate) password: FilePassword,
    /// Whether the user may not log in; `None`: as commands left it.
    pub(crate) disabled: Option<bool>,
}

/// What the file says about a password.
#[derive(Debug, Clone)]
pub(crate) enum FilePassword {
    /// The password itself, whole.
    Clear(Secret),
    /// An Argon2id hash in PHC form.
    Hash(String),
}

/// An entry while it is read.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) name: String,
    pub(super) subject: Option<String>,
    pub(super) display_name: Option<String>,
    pub(super) passwords: super::client::Sources,
    pub(super) hash: Option<String>,
    pub(super) disabled: Option<bool>,
}

fn name(raw: Raw<'_>) -> Result<String, Wrong> {
    let name = String::read(raw)?;
    crate::users::check_name(&name).map_err(|why| format!("{} {why}", raw.shown()))?;
    Ok(name)
}

const fn setting(
    key: &'static str,
    kind: &'static str,
    meaning: &'static str,
    set: fn(&mut Draft, Raw<'_>) -> Result<(), Wrong>,
) -> Setting<Draft> {
    Setting { section: "", key, kind, meaning, set, show: |_| String::new() }
}

/// The keys of an entry.
pub(super) const SETTINGS: &[Setting<Draft>] = &[
    setting("name", "text", "The login name. Required", |draft, raw| {
        draft.name = name(raw)?;
        Ok(())
    }),
    setting(
        "password",
        "text",
        "The password, of any length up to 4096 bytes; all of it counts",
        |draft, raw| {
            let password = raw.secret()?;
            crate::passwords::check(password).map_err(str::to_owned)?;
            draft.passwords.clear = Some(Secret::from(password));
            Ok(())
        },
    ),
    setting(
        "password_file",
        "path",
        "A file with the password instead; its last line end does not count",
        |draft, raw| {
            draft.passwords.file = Some(raw.text()?.into());
            Ok(())
        },
    ),
    setting("password_env", "text", "An environment variable with the password instead", |draft, raw| {
        draft.passwords.variable = Some(raw.text()?.into());
        Ok(())
    }),
    setting(
        "password_hash",
        "text",
        "An Argon2id hash of the password in PHC form instead (`$argon2id$..`)",
        |draft, raw| {
            let hash = raw.secret()?;
            // A wrong value could be a password: it is not repeated.
            if !crate::passwords::is_hash(hash) {
                return Err("this is no Argon2id hash in PHC form; write \"$argon2id$v=19$m=..,t=..,p=..$..$..\", or use `password`".into());
            }
            draft.hash = Some(hash.into());
            Ok(())
        },
    ),
    setting(
        "subject",
        "text",
        "The identifier that tokens carry. It must never change and never become another person's. Without it: derived from the name",
        |draft, raw| {
            draft.subject = Some(name(raw)?);
            Ok(())
        },
    ),
    setting("display_name", "text", "The name for people", |draft, raw| {
        draft.display_name = Some(String::read(raw)?);
        Ok(())
    }),
    setting(
        "disabled",
        bool::KIND,
        "Whether the user may not log in, and nothing that was issued works; set when the server starts. Without it: as `grantor user disable|enable` left it",
        |draft, raw| {
            draft.disabled = Some(bool::read(raw)?);
            Ok(())
        },
    ),
];
