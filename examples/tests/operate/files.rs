//! What the files of `examples/operate` say to grantor is what grantor takes.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::scene::{SECRET, program};

fn check(configuration: &Path, store: &str) {
    let mut check = Command::new(program("grantor"));
    check.args(["config", "--check", "--config"]).arg(configuration);
    check.env("GRANTOR_STORE", store).env("NOTES_SECRET", SECRET).env("NOTES_API_SECRET", SECRET);
    let output = check.output().unwrap();
    assert!(output.status.success(), "{store}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn configurations_and_store_urls_are_taken() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("operate");
    let mut stores = 0;
    for file in fs::read_dir(folder.join("compose")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for (_, store) in text.lines().filter_map(|line| line.split_once("GRANTOR_STORE: ")) {
            check(&folder.join("compose/grantor.toml"), &store.replace("${STORE_PASSWORD}", "secret"));
            stores += 1;
        }
    }
    assert!(stores >= 5, "{stores} compose files name a store");
    check(&folder.join("nginx/grantor.toml"), "redis://:secret@10.0.0.20:6379");
}
