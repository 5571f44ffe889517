//! What ARCHITECTURE.md says of folders, arrows and sources, checked on the sources themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use serde_json::Value;

/// The crates, and which of ours each may use. Nothing else points at another.
const ARROWS: [(&str, &[&str]); 8] = [
    ("nexus-events", &[]),
    ("nexus-nats", &["nexus-events"]),
    // Its gateway speaks to the init of a workspace end to end, whatever carries the bytes.
    (
        "nexus-control-plane",
        &["nexus-events", "nexus-nats", "nexus-init-protocol"],
    ),
    (
        "nexus-workers",
        &["nexus-events", "nexus-nats", "nexus-init-protocol"],
    ),
    // Over the API only: what it needs of the bus, it asks the control plane for.
    ("nexus-cli", &["nexus-events"]),
    ("nexus-init-protocol", &[]),
    ("nexus-init", &["nexus-init-protocol"]),
    (
        "nexus-tests",
        &[
            "nexus-events",
            "nexus-nats",
            "nexus-control-plane",
            "nexus-workers",
            "nexus-cli",
            // What it reads of others, tried by itself.
            "nexus-init",
        ],
    ),
];

/// Who alone speaks to what is outside. The tests may look into a read model to compare it.
const GATES: [(&str, &[&str]); 5] = [
    ("async-nats", &["nexus-nats"]),
    ("axum", &["nexus-control-plane"]),
    ("rusqlite", &["nexus-control-plane", "nexus-tests"]),
    ("bollard", &["nexus-workers"]),
    ("russh", &["nexus-init", "nexus-control-plane"]),
];

/// What must not stand behind the contract crate, at any distance: runtimes, sockets, databases,
/// clocks.
const IMPURE: [&str; 10] = [
    "async-nats",
    "axum",
    "bollard",
    "chrono",
    "futures-executor",
    "hyper",
    "mio",
    "reqwest",
    "rusqlite",
    "tokio",
];

/// What a pure decision cannot hold: time, chance, files, sockets and processes of its own.
const OUTSIDE: [&str; 10] = [
    "Timestamp::now(",
    "Zoned::now(",
    "SystemTime",
    "Instant::",
    "now_v7(",
    "new_v4(",
    "std::fs",
    "TcpStream",
    "UnixStream",
    "std::process",
];

const FOLDERS: [&str; 6] = ["cli", "control-plane", "events", "nats", "tests", "workers"];

/// A file longer than this, without the tests below it, is two.
const MOST_LINES: usize = 500;

/// Files of product code that may be longer, each with its reason.
const LONG_FILES: [(&str, &str); 0] = [];

/// Everything a build can fetch, optional and for other systems included. A first `./dev up` pays
/// for each of them; raise it only knowing what for.
const MOST_PACKAGES: usize = 460;

#[test]
fn every_arrow_points_the_allowed_way() -> anyhow::Result<()> {
    let manifests = manifests()?;
    let allowed = BTreeMap::from(ARROWS);
    ensure!(
        manifests
            .keys()
            .map(String::as_str)
            .eq(allowed.keys().copied()),
        "the crates are {:?}",
        manifests.keys()
    );
    for (package, dependencies) in &manifests {
        for other in dependencies
            .iter()
            .filter(|other| manifests.contains_key(*other))
        {
            ensure!(
                other == package || allowed[package.as_str()].contains(&other.as_str()),
                "{package} must not use {other}"
            );
        }
    }
    Ok(())
}

#[test]
fn one_crate_speaks_to_each_outside_thing() -> anyhow::Result<()> {
    for (package, dependencies) in &manifests()? {
        for (outside, gates) in GATES {
            ensure!(
                !dependencies.contains(outside) || gates.contains(&package.as_str()),
                "{package} must not use {outside}: {gates:?} does"
            );
        }
    }
    Ok(())
}

#[test]
fn the_contract_is_pure_all_the_way_down() -> anyhow::Result<()> {
    let behind = behind("nexus-events", &lock()?);
    ensure!(
        behind.contains("serde_json"),
        "the lock file was not read: {behind:?}"
    );
    for outside in IMPURE {
        ensure!(
            !behind.contains(outside),
            "nexus-events reaches {outside} through its dependencies"
        );
    }
    Ok(())
}

#[test]
fn the_contract_reads_no_clock_and_draws_no_number() -> anyhow::Result<()> {
    each_source(|path, text| {
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|_| path.starts_with("events/src/")) {
            ensure!(
                !OUTSIDE.iter().any(|words| line.contains(words)),
                "{path} holds {line}"
            );
        }
        Ok(())
    })
}

#[test]
fn the_tree_of_dependencies_stays_lean() -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join("Cargo.lock"))?;
    let packages = text.lines().filter(|line| *line == "[[package]]").count();
    println!("{packages} packages in Cargo.lock, at most {MOST_PACKAGES}");
    ensure!(packages > ARROWS.len(), "the lock file was not read");
    ensure!(packages <= MOST_PACKAGES, "{packages} packages");
    Ok(())
}

#[test]
fn the_root_has_six_folders() -> anyhow::Result<()> {
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(root())? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if entry.file_type()?.is_dir() && !name.starts_with('.') && name != "target" {
            folders.insert(name);
        }
    }
    ensure!(
        folders.iter().map(String::as_str).eq(FOLDERS),
        "{folders:?}"
    );
    Ok(())
}

#[test]
fn every_source_says_why_it_exists() -> anyhow::Result<()> {
    each_source(|path, text| {
        ensure!(
            text.trim_start().starts_with("//!"),
            "{path} does not begin with //!"
        );
        Ok(())
    })
}

#[test]
fn nothing_is_left_to_do_or_ignored_without_a_reason() -> anyhow::Result<()> {
    // Put together here, so that this file does not hold them.
    let forbidden = [
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[", "ignore]"),
    ];
    each_source(|path, text| {
        for words in forbidden {
            ensure!(!text.contains(words), "{path} holds {words}");
        }
        Ok(())
    })
}

#[test]
fn product_files_are_short() -> anyhow::Result<()> {
    let mut exceptions = BTreeMap::from(LONG_FILES);
    each_source(|path, text| {
        let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
        let lines = text[..tests].lines().count();
        if is_product(path) && lines > MOST_LINES {
            ensure!(
                exceptions.remove(path).is_some(),
                "{path} has {lines} lines, at most {MOST_LINES}"
            );
        }
        Ok(())
    })?;
    ensure!(exceptions.is_empty(), "no longer so long: {exceptions:?}");
    Ok(())
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Our crates, and what each manifest names: for building, for tests, optional or not.
fn manifests() -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .context("running cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().context("no packages")?;
    packages.iter().map(manifest).collect()
}

fn manifest(package: &Value) -> anyhow::Result<(String, BTreeSet<String>)> {
    let name = |value: &Value| {
        let name = value["name"].as_str().context("a package has a name")?;
        anyhow::Ok(name.to_owned())
    };
    let dependencies = package["dependencies"]
        .as_array()
        .context("no dependencies")?;
    let dependencies = dependencies
        .iter()
        .map(name)
        .collect::<anyhow::Result<_>>()?;
    Ok((name(package)?, dependencies))
}

/// Every package of Cargo.lock and what it uses. Versions of one name count as one.
fn lock() -> anyhow::Result<BTreeMap<String, BTreeSet<String>>> {
    let text = fs::read_to_string(root().join("Cargo.lock"))?;
    let mut packages = BTreeMap::new();
    for package in text.split("[[package]]\n").skip(1) {
        let name = package
            .lines()
            .find_map(|line| line.strip_prefix("name = "))
            .context("a package has a name")?;
        let uses: &mut BTreeSet<String> = packages
            .entry(name.trim_matches('"').to_owned())
            .or_default();
        // ` "name",` or ` "name version",`
        uses.extend(package.lines().filter_map(|line| {
            let (used, _) = line.strip_prefix(" \"")?.split_once(['"', ' '])?;
            Some(used.to_owned())
        }));
    }
    Ok(packages)
}

/// Everything `package` reaches.
fn behind(package: &str, lock: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![package.to_owned()];
    while let Some(name) = open.pop() {
        if reached.insert(name.clone()) {
            open.extend(lock.get(&name).into_iter().flatten().cloned());
        }
    }
    reached
}

/// Calls `check` with each `.rs` file of the six folders, its path as the root sees it.
fn each_source(mut check: impl FnMut(&str, &str) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut seen = 0;
    let mut open: Vec<_> = FOLDERS.iter().map(PathBuf::from).collect();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(root().join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                // What a package manager put there is not ours.
                if path.file_name().is_none_or(|name| name != "node_modules") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                seen += 1;
                let text = fs::read_to_string(entry.path())?;
                check(&path.to_string_lossy(), &text)?;
            }
        }
    }
    ensure!(seen > 100, "only {seen} sources were found");
    Ok(())
}

/// What is shipped: neither tests, benches nor what only tests use.
fn is_product(path: &str) -> bool {
    path.contains("/src/") && !path.starts_with("tests/")
}
