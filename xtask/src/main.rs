//! Chores of the workspace; `./test tidy` calls `xtask tidy`, mdBook calls `xtask book`.
//!
//! `tidy` holds the rules of the tree that no compiler and no lint knows; each is one file under `tidy/`
//! and one row in [`tidy::CHECKS`].

mod book;
mod layers;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "usage: xtask tidy [CHECK...] | xtask features PACKAGE | xtask book [supports RENDERER]";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, names)) if command == "tidy" => report(tidy::run(names)),
        Some((command, names)) if command == "features" => report(print_features(names)),
        Some((command, names)) if command == "book" => report(print_book(names)),
        _ => {
            eprintln_line(USAGE);
            ExitCode::from(2)
        }
    }
}

/// One line for each feature of a package but `default`: the shell script tries them one by one.
fn print_features(names: &[String]) -> Result<bool, String> {
    let [package] = names else { return Err(USAGE.to_owned()) };
    for feature in layers::features_of(package)? {
        print_line(&feature);
    }
    Ok(true)
}

/// What mdBook asks of a preprocessor: whether it can work for a renderer, then a book for a book.
fn print_book(names: &[String]) -> Result<bool, String> {
    if names.is_empty() {
        let input = std::io::read_to_string(std::io::stdin()).map_err(|error| error.to_string())?;
        print_line(&book::preprocess(&input)?);
    }
    Ok(true)
}

fn report(outcome: Result<bool, String>) -> ExitCode {
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln_line(&format!("xtask: {reason}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is a command-line tool")]
fn print_line(line: &str) {
    println!("{line}");
}

#[expect(clippy::print_stderr, reason = "this is a command-line tool")]
fn eprintln_line(line: &str) {
    eprintln!("{line}");
}
