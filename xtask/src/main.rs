//! Chores of the workspace; `./test tidy` calls `xtask tidy`.
//!
//! `tidy` holds the rules of the tree that no compiler and no lint knows; each is one file under `tidy/`
//! and one row in [`tidy::CHECKS`].

mod layers;
mod tidy;
mod tree;

use std::process::ExitCode;

const USAGE: &str = "usage: xtask tidy [CHECK...] | xtask features PACKAGE";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.split_first() {
        Some((command, names)) if command == "tidy" => report(tidy::run(names)),
        Some((command, names)) if command == "features" => report(print_features(names)),
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
