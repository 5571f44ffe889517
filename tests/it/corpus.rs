//! Everything that reads bytes of others takes any bytes: what fuzzing found, and what is drawn here.
//!
//! `tests/fuzz` runs the same functions under a fuzzer (`./dev fuzz NAME`); what it keeps is in
//! `tests/fuzz/corpus/NAME`, one folder for each, and is tried here at every run.

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestError, TestRunner};

/// How long one input may take. The slowest here take a few milliseconds; a second is a hang.
const AT_MOST: Duration = Duration::from_secs(1);
/// Inputs drawn for each.
const DRAWN: u32 = 2_000;

type Parser = fn(&[u8]);

fn parsers() -> Vec<(&'static str, Parser)> {
    let mut all = nexus_events::testing::outside::PARSERS.to_vec();
    all.extend(nexus_nats::testing::outside::PARSERS);
    all.extend(nexus_control_plane::testing::PARSERS);
    all.extend(nexus_init::testing::PARSERS);
    all
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus")
}

/// What is kept for one of them.
fn kept(name: &str) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let folder = folder().join(name);
    let mut files = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("{} is missing", folder.display()))?
    {
        let path = entry?.path();
        let bytes = fs::read(&path)?;
        files.push((path, bytes));
    }
    files.sort();
    Ok(files)
}

fn within_time(parser: Parser, bytes: &[u8]) -> Duration {
    let began = Instant::now();
    parser(bytes);
    began.elapsed()
}

#[test]
fn what_fuzzing_kept_is_read_without_a_panic_and_in_time() -> anyhow::Result<()> {
    let mut tried = 0;
    for (name, parser) in parsers() {
        for (path, bytes) in kept(name)? {
            let spent = catch_unwind(|| within_time(parser, &bytes))
                .map_err(|_| anyhow::anyhow!("{name} panics at {}", path.display()))?;
            ensure!(
                spent < AT_MOST,
                "{name} takes {spent:?} for {}",
                path.display()
            );
            tried += 1;
        }
    }
    println!("{tried} kept inputs for {} parsers", parsers().len());
    ensure!(tried > parsers().len(), "the corpora were not found");
    Ok(())
}

#[test]
fn every_parser_has_a_fuzz_target_and_a_corpus() -> anyhow::Result<()> {
    let names: BTreeSet<String> = parsers()
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    ensure!(names.len() == parsers().len(), "two have one name");
    let mut corpora = BTreeSet::new();
    for entry in fs::read_dir(folder())? {
        corpora.insert(entry?.file_name().to_string_lossy().into_owned());
    }
    ensure!(corpora == names, "corpora {corpora:?}, parsers {names:?}");
    let mut targets = BTreeSet::new();
    for entry in fs::read_dir(folder().with_file_name("targets"))? {
        let path = entry?.path();
        let stem = path.file_stem().context("a name")?;
        targets.insert(stem.to_string_lossy().into_owned());
    }
    ensure!(targets == names, "targets {targets:?}, parsers {names:?}");
    Ok(())
}

/// One change to an input.
#[derive(Debug, Clone)]
enum Change {
    Flip(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Cut(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let at = |index: &prop::sample::Index, bytes: &Vec<u8>| index.index(bytes.len() + 1);
        match self {
            Self::Flip(index, mask) => {
                let at = at(index, bytes);
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Self::Insert(index, more) => {
                let at = at(index, bytes);
                bytes.splice(at..at, more.iter().copied());
            }
            Self::Cut(index, length) => {
                let at = at(index, bytes);
                let end = (at + length).min(bytes.len());
                bytes.drain(at..end);
            }
            Self::Repeat(index, times) => {
                let at = at(index, bytes);
                let piece = bytes[at..(at + 16).min(bytes.len())].repeat(*times);
                bytes.splice(at..at, piece);
            }
        }
    }
}

fn change() -> impl Strategy<Value = Change> {
    let index = any::<prop::sample::Index>;
    let special: Vec<&'static str> = vec![
        "\0",
        "\n",
        "\r\n",
        "..",
        "/",
        "-",
        "*",
        ">",
        "\u{1b}[",
        "%00",
        "&*a",
        "&a",
        "{",
        "[",
        "\"",
        "'",
        "`",
        "$(",
        "\u{feff}",
        "\u{202e}",
        "99999999999999999999",
        "-1",
        "null",
        "file://",
        "ext::",
    ];
    prop_oneof![
        (index(), 1..=255_u8).prop_map(|(index, mask)| Change::Flip(index, mask)),
        (index(), prop::collection::vec(any::<u8>(), 1..8))
            .prop_map(|(index, bytes)| Change::Insert(index, bytes)),
        (index(), prop::sample::select(special))
            .prop_map(|(index, text)| Change::Insert(index, text.as_bytes().to_vec())),
        (index(), 1..32_usize).prop_map(|(index, length)| Change::Cut(index, length)),
        (index(), 1..64_usize).prop_map(|(index, times)| Change::Repeat(index, times)),
    ]
}

#[test]
fn changed_and_random_bytes_are_read_without_a_panic_and_in_time() -> anyhow::Result<()> {
    for (name, parser) in parsers() {
        let seeds: Vec<Vec<u8>> = kept(name)?.into_iter().map(|(_, bytes)| bytes).collect();
        let changed = (
            prop::sample::select(seeds),
            prop::collection::vec(change(), 0..6),
        );
        let changed = changed.prop_map(|(mut bytes, changes)| {
            for change in &changes {
                change.apply(&mut bytes);
            }
            bytes
        });
        let random = prop::collection::vec(any::<u8>(), 0..512);
        let drawn = prop_oneof![8 => changed, 1 => random];
        let config = Config {
            cases: DRAWN,
            failure_persistence: None,
            ..Config::default()
        };
        let ended = TestRunner::new(config).run(&drawn, |bytes| {
            let spent = within_time(parser, &bytes);
            prop_assert!(spent < AT_MOST, "{spent:?}");
            Ok(())
        });
        if let Err(TestError::Fail(reason, bytes)) = ended {
            anyhow::bail!("{name}: {reason}\n{}", bytes.escape_ascii());
        }
    }
    Ok(())
}
