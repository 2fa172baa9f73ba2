//! Reads the file and the environment by the tables of settings, and collects what is wrong.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use grantor::{ClientId, Scopes, Secret};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Origin, Problem, Source};
use super::setting::{Setting, having, nearest};
use super::value::Raw;
use super::{Config, DEFAULT_FILE, check, client, settings, user};

/// Variables, by name.
pub(super) type Variables = BTreeMap<String, String>;

/// A table of the file.
type Table<'a> = DeTable<'a>;

/// What is being read.
pub(super) struct Reading<'a> {
    pub(super) source: Source<'a>,
    pub(super) variables: &'a Variables,
    pub(super) problems: Vec<Problem>,
    pub(super) config: Config,
    /// Clients that name their grant types, and where they stand.
    pub(super) named_grants: Vec<(Origin, ClientId)>,
    /// Those that take the default ones.
    pub(super) plain_clients: Vec<(Origin, ClientId)>,
    /// Whether the file itself has a secret in clear.
    pub(super) has_clear_secrets: bool,
}

/// Reads everything.
///
/// # Errors
/// All that is wrong.
pub(super) fn load(
    file: Option<&Path>,
    look_for_one: bool,
    variables: &Variables,
) -> Result<Config, Vec<Problem>> {
    let path = file.map_or_else(|| PathBuf::from(DEFAULT_FILE), Path::to_owned);
    let (text, there) = match fs::read_to_string(&path) {
        _ if file.is_none() && !look_for_one => (String::new(), false),
        Ok(text) => (text, true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && file.is_none() => {
            (String::new(), false)
        }
        Err(error) => {
            let why = match error.kind() {
                std::io::ErrorKind::NotFound => {
                    "there is no such file; `grantor config --explain` shows what can stand in it".into()
                }
                std::io::ErrorKind::InvalidData => "it is not UTF-8; save it as UTF-8".into(),
                _ => format!("it cannot be read: {error}"),
            };
            return Err(vec![Problem { origin: Origin::File { path, line: 0 }, key: String::new(), why }]);
        }
    };
    let mut reading = Reading {
        source: Source { path: &path, text: &text },
        variables,
        problems: Vec::new(),
        config: Config { file: there.then(|| path.clone()), ..Config::default() },
        named_grants: Vec::new(),
        plain_clients: Vec::new(),
        has_clear_secrets: false,
    };
    let (document, errors) = DeTable::parse_recoverable(&text);
    for error in errors {
        let origin = reading.source.origin(error.span().map_or(0, |span| span.start));
        let why = format!("this is not TOML: {}", error.message().replace('\n', ", "));
        reading.problems.push(Problem { origin, key: String::new(), why });
    }
    reading.document(document.get_ref());
    reading.environment();
    check::all(&mut reading);
    if reading.problems.is_empty() {
        return Ok(reading.config);
    }
    reading.problems.sort_by_key(|problem| match problem.origin {
        Origin::File { line, .. } => line,
        Origin::Variable(_) | Origin::Default => usize::MAX,
    });
    Err(reading.problems)
}

impl Reading<'_> {
    pub(super) fn problem(&mut self, origin: Origin, key: impl Into<String>, why: impl Into<String>) {
        self.problems.push(Problem { origin, key: key.into(), why: why.into() });
    }

    fn document(&mut self, document: &Table<'_>) {
        let known: Vec<&Setting<Config>> = settings().collect();
        let mut plain = Table::new();
        for (key, value) in document {
            match &**key.get_ref() {
                "scopes" => self.scopes(value),
                "clients" => self.entries("clients", value, Self::client),
                "users" => self.entries("users", value, Self::user),
                _ => {
                    plain.insert(key.clone(), value.clone());
                }
            }
        }
        let mut config = std::mem::take(&mut self.config);
        self.table("", "", &plain, &known, &mut config);
        self.config = config;
    }

    /// Sets all keys of a table by its settings; what is unknown is a problem with a suggestion. `shown` is how the table
    /// is called in messages, `section` how its settings are.
    fn table<T: Noted>(
        &mut self,
        shown: &str,
        section: &str,
        table: &Table<'_>,
        known: &[&Setting<T>],
        target: &mut T,
    ) {
        for (key, value) in table {
            let (word, origin) = (&**key.get_ref(), self.source.origin(key.span().start));
            let name = if shown.is_empty() { word.to_owned() } else { format!("{shown}.{word}") };
            let is_section = section.is_empty() && known.iter().any(|setting| setting.section == word);
            match (is_section, value.get_ref()) {
                (true, DeValue::Table(below)) => self.table(&name, word, below, known, target),
                (true, _) => self.problem(
                    origin,
                    name,
                    format!("this is a section; write [{word}] and its keys below"),
                ),
                (false, value) => {
                    let setting = known.iter().find(|own| own.section == section && own.key == word);
                    match setting {
                        None => self.unknown(origin, name, word, section, known),
                        Some(setting) => match (setting.set)(target, Raw::Toml(value)) {
                            Ok(()) => target.note(setting.name(), origin),
                            Err(why) => self.problem(origin, name, why),
                        },
                    }
                }
            }
        }
    }

    fn unknown<T>(&mut self, origin: Origin, name: String, word: &str, section: &str, known: &[&Setting<T>]) {
        let here = known.iter().filter(|own| own.section == section).map(|own| own.key);
        let parts = having(word, here.clone());
        let tops: &[&str] = if name == word { &["scopes", "clients", "users"] } else { &[] };
        let sections =
            known.iter().map(|own| own.section).filter(|own| section.is_empty() && !own.is_empty());
        let instead = if let Some(meant) = nearest(word, here.chain(sections).chain(tops.iter().copied())) {
            format!("; did you mean `{meant}`?")
        } else if let Some(other) = known.iter().find(|own| own.key == word) {
            let place = if other.section.is_empty() {
                "at the top of the file".into()
            } else {
                format!("in [{}]", other.section)
            };
            format!(" here; it belongs {place}")
        } else if !parts.is_empty() {
            format!("; did you mean `{}`?", parts.join("` or `"))
        } else {
            "; `grantor config --explain` shows all keys".to_owned()
        };
        self.problem(origin, name, format!("there is no such key{instead}"));
    }

    /// Every variable that is named as a setting.
    fn environment(&mut self) {
        let mut config = std::mem::take(&mut self.config);
        for (variable, value) in self.variables {
            let origin = Origin::Variable(variable.clone());
            if let Some(setting) = settings().find(|setting| setting.variable() == *variable) {
                match (setting.set)(&mut config, Raw::Text(value)) {
                    Ok(()) => config.note(setting.name(), origin),
                    Err(why) => self.problem(origin, setting.name(), why),
                }
                continue;
            }
            if is_of_others(variable) || self.source.text.contains(variable) {
                continue;
            }
            let names: Vec<String> = settings().map(Setting::variable).collect();
            match nearest(variable, names.iter().map(String::as_str)) {
                Some(meant) if close(variable, meant) => {
                    self.problem(origin, "", format!("there is no such setting; did you mean {meant}?"));
                }
                _ => config.warnings.push(format!("{variable} is set but no setting has this name")),
            }
        }
        self.config = config;
    }

    /// `[scopes]`: free names, and words for people.
    fn scopes(&mut self, value: &Spanned<DeValue<'_>>) {
        let DeValue::Table(table) = value.get_ref() else {
            let origin = self.source.origin(value.span().start);
            return self.problem(
                origin,
                "scopes",
                "write [scopes] and below it lines like read = \"Read your notes\"",
            );
        };
        for (key, value) in table {
            let (word, origin) = (&**key.get_ref(), self.source.origin(key.span().start));
            let name = format!("scopes.{word}");
            let one = Scopes::parse(word).is_ok_and(|scopes| scopes.iter().count() == 1);
            match value.get_ref().as_str() {
                _ if !one => self.problem(
                    origin,
                    name,
                    "a scope is printable ASCII without space, quote and backslash (RFC 6749 section 3.3)",
                ),
                Some(words) if !words.trim().is_empty() => {
                    self.config.scopes.insert(word.to_owned(), words.to_owned());
                }
                _ => self.problem(
                    origin,
                    name,
                    "write in words for people what it allows, in quotes; for names with : or . quote the name too",
                ),
            }
        }
        if self.config.scopes.len() > 100 {
            let origin = self.source.origin(value.span().start);
            self.problem(
                origin,
                "scopes",
                "there are more than 100 scopes; a request could not name them all",
            );
        }
    }

    /// `[[clients]]` and `[[users]]`.
    fn entries(
        &mut self,
        key: &str,
        value: &Spanned<DeValue<'_>>,
        read: fn(&mut Self, usize, &Table<'_>, usize),
    ) {
        let at = value.span().start;
        let DeValue::Array(array) = value.get_ref() else {
            let origin = self.source.origin(at);
            return self.problem(
                origin,
                key,
                format!("write [[{key}]] for each, with two pairs of brackets"),
            );
        };
        for (number, entry) in array.iter().enumerate() {
            match entry.get_ref() {
                DeValue::Table(table) => read(self, number, table, entry.span().start),
                _ => {
                    let origin = self.source.origin(entry.span().start);
                    self.problem(
                        origin,
                        format!("{key}[{}]", number + 1),
                        format!("write [[{key}]] and its keys below"),
                    );
                }
            }
        }
    }

    fn client(&mut self, number: usize, table: &Table<'_>, at: usize) {
        let Ok(mut draft) = client::Draft::new() else { return };
        let id = table.get("client_id").and_then(|id| id.get_ref().as_str());
        let shown = format!(
            "clients[{}]",
            id.map_or_else(|| (number + 1).to_string(), |id| id.escape_debug().collect())
        );
        let before = self.problems.len();
        self.table(&shown, "", table, &client::SETTINGS.iter().collect::<Vec<_>>(), &mut draft);
        let origin = self.source.origin(at);
        if !draft.has_id && !table.contains_key("client_id") {
            self.problem(origin.clone(), shown.clone(), "client_id is missing");
        }
        let names = ["client_secret", "client_secret_file", "client_secret_env"];
        let Ok(secret) = self.secret(&origin, &shown, names, &draft.secrets) else { return };
        if self.problems.len() > before {
            return;
        }
        if let Some(secret) = secret {
            draft.client.secrets.push(grantor::ClientSecret::digest_of(secret.expose()));
        }
        check::client(self, origin, &shown, draft);
    }

    fn user(&mut self, number: usize, table: &Table<'_>, at: usize) {
        let mut draft = user::Draft::default();
        let name = table.get("name").and_then(|name| name.get_ref().as_str());
        let shown = format!(
            "users[{}]",
            name.map_or_else(|| (number + 1).to_string(), |name| name.escape_debug().collect())
        );
        let before = self.problems.len();
        self.table(&shown, "", table, &user::SETTINGS.iter().collect::<Vec<_>>(), &mut draft);
        let origin = self.source.origin(at);
        let names = ["password", "password_file", "password_env"];
        let Ok(clear) = self.secret(&origin, &shown, names, &draft.passwords) else { return };
        if self.problems.len() > before {
            return;
        }
        check::user(self, origin, &shown, draft, clear);
    }

    /// The secret from where it stands. `Err`: there is a problem, and it is noted.
    fn secret(
        &mut self,
        origin: &Origin,
        shown: &str,
        names: [&str; 3],
        sources: &client::Sources,
    ) -> Result<Option<Secret>, ()> {
        if sources.count() > 1 {
            self.problem(origin.clone(), shown, format!("write only one of {}", names.join(", ")));
            return Err(());
        }
        let [_, file_key, variable_key] = names.map(|name| format!("{shown}.{name}"));
        let (key, found) = if let Some(file) = &sources.file {
            let folder = self.source.path.parent().unwrap_or_else(|| Path::new("."));
            let path = folder.join(file);
            let found = fs::read_to_string(&path)
                .map_err(|error| format!("{} cannot be read: {error}", path.display()));
            (file_key, found.map(|text| without_line_end(&text).to_owned()))
        } else if let Some(variable) = &sources.variable {
            let found = match self.variables.get(variable) {
                Some(value) => Ok(value.clone()),
                None => std::env::var(variable)
                    .map_err(|_| format!("the environment variable {} is not set", variable.escape_debug())),
            };
            (variable_key, found)
        } else {
            self.has_clear_secrets |= sources.clear.is_some();
            return Ok(sources.clear.clone());
        };
        let found = found
            .and_then(|text| if text.is_empty() { Err("there is nothing in it".into()) } else { Ok(text) });
        match found {
            Ok(secret) => Ok(Some(Secret::new(secret))),
            Err(why) => {
                self.problem(origin.clone(), key, why);
                Err(())
            }
        }
    }
}

/// A text without its last line end.
pub(crate) fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix('\n').unwrap_or(text);
    line.strip_suffix('\r').unwrap_or(line)
}

/// Variables that are not settings: those of this program's own, and those that Kubernetes makes for a service of this name.
fn is_of_others(variable: &str) -> bool {
    let own = ["GRANTOR_CONFIG", "GRANTOR_TEST"];
    own.iter().any(|name| variable.starts_with(name))
        || variable.starts_with("GRANTOR_SERVICE_")
        || variable.starts_with("GRANTOR_PORT")
}

/// Whether it is surely a typing error: the same section, or all but the same name.
fn close(variable: &str, meant: &str) -> bool {
    let longer = variable.len().max(meant.len());
    let same = variable.chars().zip(meant.chars()).take_while(|(a, b)| a == b).count();
    longer.abs_diff(same) <= 3 || same > "GRANTOR_".len() + 4
}

/// What remembers where its settings came from.
pub(super) trait Noted {
    fn note(&mut self, name: String, origin: Origin);
}

impl Noted for Config {
    fn note(&mut self, name: String, origin: Origin) {
        self.origins.insert(name, origin);
    }
}

impl Noted for client::Draft {
    fn note(&mut self, _name: String, _origin: Origin) {}
}

impl Noted for user::Draft {
    fn note(&mut self, _name: String, _origin: Origin) {}
}
