//! The settings for people: `grantor config`, `--explain`, and the page of the documentation, all from the tables.

use std::fmt::Write as _;

use super::{Config, Setting, client, settings, user};

const TOP: &str = "The top of the file";

fn title(section: &str) -> String {
    if section.is_empty() { TOP.to_owned() } else { format!("[{section}]") }
}

/// Every setting with type, default, variable and meaning, as text.
pub(crate) fn text() -> String {
    let defaults = Config::default();
    let mut out = String::new();
    let mut section = None;
    for setting in settings() {
        if section != Some(setting.section) {
            let _ = writeln!(out, "{}{}", if section.is_some() { "\n" } else { "" }, title(setting.section));
            section = Some(setting.section);
        }
        let _ = writeln!(out, "  {} = {}", setting.key, (setting.show)(&defaults));
        let _ = writeln!(out, "      {}. {}", setting.meaning.trim_end_matches('.'), setting.kind);
        let _ = writeln!(out, "      {}", setting.variable());
    }
    let _ = writeln!(out, "\n[scopes]\n  NAME = \"what it allows, in words for people\"");
    entries(&mut out, "clients", client::SETTINGS);
    entries(&mut out, "users", user::SETTINGS);
    out
}

fn entries<T>(out: &mut String, name: &str, settings: &[Setting<T>]) {
    let _ = writeln!(out, "\n[[{name}]]");
    for setting in settings {
        let _ = writeln!(out, "  {} ({})\n      {}", setting.name(), setting.kind, setting.meaning);
    }
}

/// The effective values, each with where it came from. Secrets are not shown.
pub(crate) fn effective(config: &Config) -> String {
    let mut out = String::new();
    let mut section = "";
    for setting in settings() {
        if section != setting.section {
            section = setting.section;
            let _ = writeln!(out, "\n[{section}]");
        }
        let value = match setting.key {
            "store" => super::value::quoted(&crate::registry::shown(&config.store)),
            _ => (setting.show)(config),
        };
        let line = format!("{} = {value}", setting.key);
        let _ = writeln!(out, "{line:<50} # {}", config.origin(&setting.name()));
    }
    if !config.scopes.is_empty() {
        let _ = writeln!(out, "\n[scopes]");
    }
    for (name, words) in &config.scopes {
        let _ = writeln!(out, "{} = {}", super::value::quoted(name), super::value::quoted(words));
    }
    for client in &config.clients {
        let _ =
            writeln!(out, "\n[[clients]]\nclient_id = {}", super::value::quoted(client.client_id.as_str()));
        if !client.secrets.is_empty() {
            let _ = writeln!(out, "client_secret = \"***\"");
        }
    }
    for user in &config.users {
        let _ = writeln!(out, "\n[[users]]\nname = {}\npassword = \"***\"", super::value::quoted(&user.name));
    }
    out
}

/// The page of the documentation.
pub(crate) fn markdown() -> String {
    let defaults = Config::default();
    let mut out = INTRODUCTION.to_owned();
    let mut section = None;
    for setting in settings() {
        if section != Some(setting.section) {
            section = Some(setting.section);
            let title =
                if setting.section.is_empty() { TOP.to_owned() } else { format!("`[{}]`", setting.section) };
            let _ = writeln!(
                out,
                "\n## {title}\n\n| key | kind | default | variable | meaning |\n| --- | --- | --- | --- | --- |"
            );
        }
        let default = (setting.show)(&defaults);
        let _ = writeln!(
            out,
            "| `{}` | {} | `{default}` | `{}` | {} |",
            setting.key,
            setting.kind,
            setting.variable(),
            setting.meaning
        );
    }
    out.push_str(SCOPES);
    table(&mut out, "clients", CLIENTS, client::SETTINGS);
    table(&mut out, "users", USERS, user::SETTINGS);
    out
}

fn table<T>(out: &mut String, name: &str, introduction: &str, settings: &[Setting<T>]) {
    let _ =
        writeln!(out, "\n## `[[{name}]]`\n\n{introduction}\n\n| key | kind | meaning |\n| --- | --- | --- |");
    for setting in settings {
        let _ = writeln!(out, "| `{}` | {} | {} |", setting.name(), setting.kind, setting.meaning);
    }
}

const INTRODUCTION: &str = "\
# Configuration

This page is what `grantor config --explain --markdown` prints; a test compares the two.

`grantor serve --config grantor.toml` reads one TOML file. Without `--config` (or the variable `GRANTOR_CONFIG`) it is
`grantor.toml` in the present folder, and where there is none everything has its default. Each setting can be overridden by
an environment variable; lists in a variable are separated by commas or spaces. Scopes, clients and users stand in the file
only (their secrets may stand elsewhere). Relative paths begin at the folder of the file.

- A duration is `\"90s\"`, `\"15m\"`, `\"1h30m\"`, `\"14d\"`, `\"500ms\"`, or a number of seconds.
- An unknown key is refused. All that is wrong is reported in one run, each with file, line and key, or the name of the
  variable, and with what to write instead; the exit code is 2.
- `grantor config` shows the values in effect and where each came from, `grantor config --check` only whether they are
  right.

```toml
issuer = \"https://login.example.com\"
listen = \"127.0.0.1:8080\"
store = \"sqlite:grantor.db\"

[scopes]
read = \"Read your notes\"
write = \"Change your notes\"

[lifetimes]
access_token = \"15m\"

[[clients]]
client_id = \"notes\"
client_name = \"Notes\"
client_secret_env = \"NOTES_SECRET\"
redirect_uris = [\"https://notes.example.com/callback\"]
scope = \"read write\"
```
";

const SCOPES: &str = "
## `[scopes]`

Free names (RFC 6749 section 3.3) with what they allow, in words that the consent page shows. Nothing that does not stand here
is ever granted. A name with a colon or a dot stands in quotes: `\"notes:read\" = \"Read your notes\"`.
";

const CLIENTS: &str = "\
Clients of the file; `grantor client create` makes others in the store, at run time. The names are those of RFC 7591 where it
has one.";

const USERS: &str = "\
Users of the file; `grantor user create` makes others in the store, at run time. Give the password by file, variable or hash
rather than in clear.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_accepted_documented_and_has_one_variable() {
        let defaults = Config::default();
        let (page, text) = (markdown(), text());
        let mut variables: Vec<String> = Vec::new();
        for setting in settings() {
            let shown = (setting.show)(&defaults);
            let section =
                if setting.section.is_empty() { String::new() } else { format!("[{}]\n", setting.section) };
            let file = format!("{section}{} = {shown}\n", setting.key);
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("grantor.toml");
            std::fs::write(&path, &file).unwrap();
            let none = std::collections::BTreeMap::new();
            let read = super::super::read::load(Some(&path), true, &none);
            let read = read.unwrap_or_else(|problems| panic!("{file}: {problems:?}"));
            assert_eq!((setting.show)(&read), shown, "{file}");
            assert!(page.contains(&format!("| `{}` |", setting.key)) && page.contains(&setting.variable()));
            assert!(text.contains(&setting.variable()));
            assert!(setting.meaning.len() > 10 && !setting.meaning.contains('|'));
            variables.push(setting.variable());
        }
        let count = variables.len();
        variables.sort();
        variables.dedup();
        assert_eq!(variables.len(), count);
    }
}
