//! What came of a case: how it ended, and which bytes came out.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, ensure};
use nexus_tests::ssh::Host;
use nexus_tests::tool;
use sha2::{Digest as _, Sha256};

use super::{cases, channels};

/// How one case ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) code: Option<i32>,
    pub(super) bytes: usize,
    pub(super) digest: String,
    /// The beginning of what was printed, for whoever reads a failure.
    pub(super) begins: String,
}

/// How every case ended.
#[derive(Debug, Default)]
pub(super) struct Outcomes(BTreeMap<String, Outcome>);

impl Outcome {
    pub(super) fn new(code: Option<i32>, bytes: &[u8]) -> Self {
        let shown = &bytes[..bytes.len().min(120)];
        Self {
            code,
            bytes: bytes.len(),
            digest: digest(bytes),
            begins: String::from_utf8_lossy(shown).into_owned(),
        }
    }
}

impl Outcomes {
    /// Runs every case against `host`, with files in `folder`.
    pub(super) async fn of(host: &Host, folder: &Path) -> anyhow::Result<Self> {
        let mut outcomes = Self::default();
        let here = tempfile::tempdir_in(folder)?;
        let there = host.run("mktemp -d /tmp/matrix-XXXXXX").await?;
        let there = there
            .success()
            .with_context(|| format!("no login by {}", host.name))?;
        let there = there.stdout.trim().to_owned();
        cases::programs(host, &mut outcomes).await?;
        cases::terminals(host, &mut outcomes).await?;
        cases::files(host, here.path(), &there, &mut outcomes).await?;
        channels::all(host, &mut outcomes).await?;
        tool::finish(host.ssh(&[], &["rm", "-r", "--", &there]))
            .await?
            .success()?;
        Ok(outcomes)
    }

    /// Takes down how a case ended.
    pub(super) fn note(&mut self, case: &str, code: Option<i32>, bytes: &[u8]) {
        self.0.insert(case.to_owned(), Outcome::new(code, bytes));
    }

    /// Every case ended as it did there.
    pub(super) fn must_be(&self, wanted: &Self, way: &str) -> anyhow::Result<()> {
        ensure!(wanted.0.len() > 20, "only {} cases", wanted.0.len());
        let differ: Vec<_> = wanted
            .0
            .iter()
            .filter(|(case, outcome)| self.0.get(*case) != Some(outcome))
            .map(|(case, outcome)| (case, outcome, self.0.get(case)))
            .collect();
        ensure!(
            differ.is_empty(),
            "by {way} (case, bare server, workspace): {differ:#?}"
        );
        Ok(())
    }
}

pub(super) fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
