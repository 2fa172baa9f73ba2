//! Who may import whom, read from `cargo metadata`.
//!
//! `core <- {stores/*, web/*, testkit} <- grantor <- server`. The core, with all that it pulls in, knows no
//! async runtime, web framework, database or HTTP client. Dependencies of tests are free.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand};

use crate::tree::Finding;

/// What the core may not reach, not even through another crate.
const OUTSIDE: &[&str] = &[
    "actix-rt",
    "actix-web",
    "async-io",
    "async-std",
    "axum",
    "axum-core",
    "diesel",
    "hyper",
    "hyper-util",
    "libsqlite3-sys",
    "mongodb",
    "mysql_async",
    "poem",
    "redis",
    "reqwest",
    "rocket",
    "rusqlite",
    "salvo",
    "smol",
    "sqlx",
    "tokio",
    "tokio-postgres",
    "tower",
    "tower-service",
    "ureq",
    "warp",
];

/// What the stores behind servers share, and no store.
const TLS: &str = "crates/stores/tls";

/// A member of the workspace: its folder and the packages it imports outside of tests.
#[derive(Debug, Clone)]
struct Member {
    name: String,
    folder: String,
    imports: BTreeSet<String>,
}

pub(crate) fn check(root: &Path) -> Result<Vec<Finding>, String> {
    let metadata = metadata(root)?;
    let members = members(&metadata, root);
    let mut findings = neighbours(&members);
    findings.extend(outside(&imports_of_all(&metadata)));
    Ok(findings)
}

/// The features of a package but `default`.
pub(crate) fn features_of(package: &str) -> Result<Vec<String>, String> {
    let metadata = metadata(Path::new("."))?;
    let found = metadata.packages.iter().find(|candidate| candidate.name.as_str() == package);
    let found = found.ok_or_else(|| format!("there is no package {package}"))?;
    Ok(found.features.keys().filter(|name| *name != "default").cloned().collect())
}

fn metadata(root: &Path) -> Result<Metadata, String> {
    MetadataCommand::new()
        .current_dir(root)
        .features(CargoOpt::AllFeatures)
        .other_options(vec!["--locked".to_owned()])
        .exec()
        .map_err(|error| error.to_string())
}

fn members(metadata: &Metadata, root: &Path) -> Vec<Member> {
    let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let packages = metadata.workspace_packages();
    let own: BTreeSet<String> = packages.iter().map(|package| package.name.to_string()).collect();
    let member = |package: &&cargo_metadata::Package| {
        let folder =
            package.manifest_path.parent().map(|path| path.as_std_path().to_owned()).unwrap_or_default();
        let folder = folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().into_owned();
        let imports = package.dependencies.iter().filter(|import| import.kind != DependencyKind::Development);
        let imports = imports.map(|import| import.name.clone()).filter(|name| own.contains(name)).collect();
        Member { name: package.name.to_string(), folder, imports }
    };
    packages.iter().map(member).collect()
}

/// The rule between the crates of this workspace.
fn neighbours(members: &[Member]) -> Vec<Finding> {
    let folders: BTreeMap<&str, &str> =
        members.iter().map(|member| (member.name.as_str(), member.folder.as_str())).collect();
    let mut findings = Vec::new();
    for member in members {
        for import in &member.imports {
            let to = folders.get(import.as_str()).copied().unwrap_or_default();
            if !may_import(&member.folder, to) {
                let manifest = format!("{}/Cargo.toml", member.folder);
                findings.push(Finding::of(
                    &manifest,
                    format!("{} may not import {import} ({to})", member.folder),
                ));
            }
        }
    }
    findings
}

fn may_import(from: &str, to: &str) -> bool {
    let under =
        |folder: &str, parent: &str| folder.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
    let core = to == "crates/core" || to == "crates/jose";
    match from {
        "crates/jose" => false,
        "crates/core" => to == "crates/jose",
        "crates/testkit" => core || to == "crates/stores/memory",
        "crates/grantor" => core || under(to, "crates/stores") || under(to, "crates/web"),
        "crates/server" => to != "crates/testkit" && under(to, "crates"),
        TLS => core,
        _ if under(from, "crates/stores") => core || to == TLS,
        _ if under(from, "crates/web") => core || to == "crates/web/guard",
        // Examples, benchmarks, tests and chores may use everything but each other.
        _ => under(to, "crates"),
    }
}

/// For each package by name, what it imports outside of tests.
fn imports_of_all(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let names: BTreeMap<_, _> =
        metadata.packages.iter().map(|package| (&package.id, package.name.to_string())).collect();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        let Some(name) = names.get(&node.id) else { continue };
        for import in &node.deps {
            let ships = import.dep_kinds.iter().any(|kind| kind.kind != DependencyKind::Development);
            if let (true, Some(to)) = (ships, names.get(&import.pkg)) {
                all.entry(name.clone()).or_default().insert(to.clone());
            }
        }
    }
    all
}

/// Everything that the core reaches, held against [`OUTSIDE`].
fn outside(imports: &BTreeMap<String, BTreeSet<String>>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen = BTreeSet::new();
    let mut paths = vec![vec!["grantor-core".to_owned()]];
    while let Some(path) = paths.pop() {
        let Some(name) = path.last().cloned() else { continue };
        if !seen.insert(name.clone()) {
            continue;
        }
        if OUTSIDE.contains(&name.as_str()) {
            let message = format!("the core must not reach {name}: {}", path.join(" -> "));
            findings.push(Finding::of("crates/core/Cargo.toml", message));
            continue;
        }
        for next in imports.get(&name).into_iter().flatten() {
            let mut longer = path.clone();
            longer.push(next.clone());
            paths.push(longer);
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::{BTreeMap, BTreeSet, Member, may_import, neighbours, outside};

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_layers_hold() {
        for (from, to) in [
            ("crates/stores/sqlite", "crates/core"),
            ("crates/stores/redis", "crates/stores/tls"),
            ("crates/web/actix", "crates/web/guard"),
            ("crates/grantor", "crates/stores/memory"),
            ("crates/server", "crates/grantor"),
            ("examples", "crates/grantor"),
        ] {
            assert!(may_import(from, to), "{from} -> {to}");
        }
        for (from, to) in [
            ("crates/core", "crates/stores/memory"),
            ("crates/core", "crates/testkit"),
            ("crates/stores/sqlite", "crates/stores/memory"),
            ("crates/stores/tls", "crates/stores/redis"),
            ("crates/web/actix", "crates/stores/memory"),
            ("crates/web/guard", "crates/grantor"),
            ("crates/grantor", "crates/server"),
            ("crates/server", "crates/testkit"),
            ("crates/server", "examples"),
        ] {
            assert!(!may_import(from, to), "{from} -> {to}");
        }
    }

    #[test]
    fn a_wrong_neighbour_is_found() {
        let member = |name: &str, folder: &str, imports| Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            imports: set(imports),
        };
        let core = member("grantor-core", "crates/core", &[]);
        let memory = member("grantor-store-memory", "crates/stores/memory", &["grantor-core"]);
        assert!(neighbours(&[core.clone(), memory.clone()]).is_empty());
        let core = Member { imports: set(&["grantor-store-memory"]), ..core };
        assert_eq!(neighbours(&[core, memory]).len(), 1);
    }

    #[test]
    fn a_runtime_is_found_through_another_crate() {
        let mut imports =
            BTreeMap::from([("grantor-core".to_owned(), set(&["cache"])), ("cache".to_owned(), set(&[]))]);
        assert!(outside(&imports).is_empty());
        imports.insert("cache".to_owned(), set(&["tokio"]));
        let findings = outside(&imports);
        assert_eq!(findings.len(), 1);
        assert!(findings.iter().all(|finding| finding.to_string().contains("cache -> tokio")));
    }
}
