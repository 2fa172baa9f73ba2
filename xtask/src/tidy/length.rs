//! A production file has at most 400 lines above its tests, an example of one file at most 100
//! (119 where it is a whole store).

use crate::tree::{File, Finding, Tree};

fn limit(file: &File) -> Option<usize> {
    if file.folder() == "examples" && file.has_extension("rs") {
        return Some(if file.text.contains("impl Store for") { 119 } else { 100 });
    }
    let larger_example = file.path.starts_with("examples/") && file.has_extension("rs") && !file.is_test();
    (file.is_production() || larger_example).then_some(400)
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let too_long = |file: &File| {
        let (limit, lines) = (limit(file)?, file.production_lines().count());
        (lines > limit)
            .then(|| Finding::of(&file.path, format!("{lines} lines, at most {limit}: split it by idea")))
    };
    tree.files.iter().filter_map(too_long).collect()
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn the_limit_is_for_what_ships() {
        let long = "//! x\n".repeat(401);
        let fine = "//! x\n".repeat(400) + "#[cfg(test)]\nmod tests {\n}\n";
        assert_eq!(check(&Tree::of(&[("crates/a/src/lib.rs", &long)])).len(), 1);
        assert!(
            check(&Tree::of(&[("crates/a/src/lib.rs", &fine), ("crates/a/tests/it.rs", &long)])).is_empty()
        );
    }

    #[test]
    fn an_example_is_short() {
        let text = "//! x\n".repeat(101);
        assert_eq!(check(&Tree::of(&[("examples/code.rs", &text)])).len(), 1);
        assert!(
            check(&Tree::of(&[("examples/tests/run.rs", &text), ("examples/host/main.rs", &text)]))
                .is_empty()
        );
    }
}
