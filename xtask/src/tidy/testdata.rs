//! Every file below a folder `testdata` is used: a test names it, or reads all of its folder.

use crate::tree::{File, Finding, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let data = tree.files.iter().filter(|file| file.folder().split('/').any(|part| part == "testdata"));
    let unused = data.filter(|file| file.name() != "README.md" && !is_used(tree, file));
    unused.map(|file| Finding::of(&file.path, "no test uses it")).collect()
}

fn is_used(tree: &Tree, data: &File) -> bool {
    let parent = data.folder().rsplit('/').next().unwrap_or_default();
    tree.with_extension("rs").any(|file| {
        let reads_all =
            file.text.contains("read_dir") && file.text.contains("testdata") && file.text.contains(parent);
        file.text.contains(data.name()) || reads_all
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tree::Tree;

    #[test]
    fn data_without_a_test_is_found() {
        let data = ("crates/core/testdata/grant-1.cbor", "");
        assert_eq!(check(&Tree::of(&[data, ("a.rs", "//! x\n")])).len(), 1);
        assert!(
            check(&Tree::of(&[data, ("a.rs", "include_bytes!(\"../testdata/grant-1.cbor\")")])).is_empty()
        );
        assert!(check(&Tree::of(&[data, ("a.rs", "read_dir(\"testdata\")")])).is_empty());
    }
}
