//! The programs of the host `python_oauth2`, each with what its row of the table promises.

mod apps;
mod grants;
mod stores;
mod tokens;

use crate::support::path;

fn refused(args: &[&str]) -> String {
    let output = std::process::Command::new(path("python_oauth2")).args(args).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{args:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn an_unknown_program_is_told_the_names_of_all() {
    let said = refused(&["--program", "nonsense", "--port", "1"]);
    assert!(said.contains("nonsense") && said.contains("quickstart") && said.contains("own_store"), "{said}");
}

#[test]
fn who_names_no_program_is_told_their_names() {
    for args in [&["--help"][..], &[]] {
        let said = refused(args);
        assert!(said.contains("quickstart") && said.contains("own_store"), "{said}");
    }
}

#[test]
fn a_wrong_command_line_is_explained() {
    for args in [
        &[][..],
        &["--program"],
        &["--program", "quickstart"],
        &["--program", "quickstart", "--port", "many"],
        &["--verbose", "yes"],
        &["--program", "own_store", "--port", "1"],
        &["--program", "redis_store", "--port", "1"],
        &["--program", "memcache_servers", "--port", "1", "--store", "redis://127.0.0.1:1"],
        &["--program", "mixed_stores", "--port", "1", "--store", "mongodb://127.0.0.1:1/db"],
    ] {
        assert!(refused(args).contains("usage: python_oauth2 --program NAME --port N"), "{args:?}");
    }
}
