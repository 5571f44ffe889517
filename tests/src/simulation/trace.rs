//! What happened, a line each; two runs of a seed have the same, so a digest compares them.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::virtually;

#[derive(Debug)]
pub(super) struct Trace {
    hash: Sha256,
    lines: u64,
    kept: Option<Vec<String>>,
}

impl Trace {
    /// `keep`: the lines themselves, too.
    pub(super) fn new(keep: bool) -> Self {
        Self {
            hash: Sha256::new(),
            lines: 0,
            kept: keep.then(Vec::new),
        }
    }

    pub(super) fn note(&mut self, who: &str, what: fmt::Arguments<'_>) {
        let line = format!("{:>10.6} {who:<3} {what}", virtually::now().as_secs_f64());
        self.hash.update(line.as_bytes());
        self.hash.update(b"\n");
        self.lines += 1;
        if let Some(kept) = &mut self.kept {
            kept.push(line);
        }
    }

    pub(super) const fn lines(&self) -> u64 {
        self.lines
    }

    /// The digest, in hexadecimal, and the lines that were kept.
    pub(super) fn finish(self) -> (String, Vec<String>) {
        let digest = self.hash.finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (digest, self.kept.unwrap_or_default())
    }
}
