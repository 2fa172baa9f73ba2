//! The files of the repository as the checks see them: paths relative to the root, and their text.

use std::path::{Path, PathBuf};
use std::process::Command;

/// One file. What is not UTF-8 has an empty text: the checks read text only.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// All files that are, or would be, committed.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// What a check has to say about one place.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    place: String,
    message: String,
}

impl Finding {
    pub(crate) fn at(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { place: format!("{path}:{line}"), message: message.into() }
    }

    pub(crate) fn of(path: &str, message: impl Into<String>) -> Self {
        Self { place: path.to_owned(), message: message.into() }
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl File {
    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Lines with their number, from 1.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Rust that ships: not a test, benchmark or example.
    pub(crate) fn is_production(&self) -> bool {
        let part = |name: &str| self.path.split('/').any(|part| part == name);
        self.has_extension("rs") && !self.is_test() && !part("benches") && !part("fuzz") && !part("examples")
    }

    pub(crate) fn is_test(&self) -> bool {
        let parts: Vec<&str> = self.path.split('/').collect();
        parts.contains(&"tests")
            || matches!(self.name(), "tests.rs" | "test.rs")
            || self.name().ends_with("_tests.rs")
    }

    /// The lines above the first `#[cfg(test)]` that stands at the margin: the tests of a file come last.
    pub(crate) fn production_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
    }

    /// The folder of the file, without the final slash; empty for the root.
    pub(crate) fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

impl Tree {
    /// Reads the repository: what git tracks and what it would, else (a tarball) all but `target`.
    pub(crate) fn read(root: &Path) -> Result<Self, String> {
        let mut paths = match git_files(root) {
            Some(paths) => paths,
            None => walk(root)?,
        };
        paths.sort();
        paths.dedup();
        let read = |path: String| {
            let text = std::fs::read(root.join(&path)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            File { path, text: text.unwrap_or_default() }
        };
        // Git also names what has just been deleted.
        let files = paths.into_iter().filter(|path| root.join(path).is_file()).map(read).collect();
        Ok(Self { files })
    }

    pub(crate) fn with_extension(&self, extension: &'static str) -> impl Iterator<Item = &File> {
        self.files.iter().filter(move |file| file.has_extension(extension))
    }

    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Whether a file or folder of that path exists.
    pub(crate) fn has(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside = format!("{path}/");
        self.files.iter().any(|file| file.path == path || file.path.starts_with(&inside))
    }

    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Self {
        let file = |(path, text): &(&str, &str)| File { path: (*path).to_owned(), text: (*text).to_owned() };
        Self { files: files.iter().map(file).collect() }
    }
}

fn git_files(root: &Path) -> Option<Vec<String>> {
    let output = Command::new("git")
        .current_dir(root)
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let names = String::from_utf8(output.stdout).ok()?;
    Some(names.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect())
}

fn walk(root: &Path) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    let mut folders: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries.flatten() {
            let path = entry.path();
            let name = entry.file_name();
            if path.is_dir() {
                if name != "target" && name != "node_modules" && name != ".git" {
                    folders.push(path);
                }
            } else if let Some(relative) = path.strip_prefix(root).ok().and_then(Path::to_str) {
                found.push(relative.to_owned());
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{File, Tree};

    fn file(path: &str) -> File {
        File { path: path.to_owned(), text: String::new() }
    }

    #[test]
    fn production_is_what_ships() {
        assert!(file("crates/core/src/lib.rs").is_production());
        assert!(file("xtask/src/main.rs").is_production());
        for path in ["crates/core/tests/it/main.rs", "crates/a/src/x/tests.rs", "benches/src/main.rs", "a.md"]
        {
            assert!(!file(path).is_production(), "{path}");
        }
    }

    #[test]
    fn tests_at_the_end_of_a_file_are_not_counted() {
        let file = File { path: "a.rs".to_owned(), text: "a\nb\n#[cfg(test)]\nmod tests {}\n".to_owned() };
        assert_eq!(file.production_lines().count(), 2);
    }

    #[test]
    fn a_folder_exists_by_its_files() {
        let tree = Tree::of(&[("docs/a.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/") && tree.has("docs/a.md"));
        assert!(!tree.has("doc") && !tree.has("docs/b.md"));
    }
}
