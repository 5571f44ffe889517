//! One program under test: started, killed, stopped for a while, and started again with a clock
//! that is off.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// A program with everything it is told.
#[derive(Debug)]
pub struct Program {
    binary: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: Option<PathBuf>,
    log: PathBuf,
    child: Option<Child>,
    /// By how many seconds its clock is off.
    skew: i64,
}

impl Program {
    /// `binary`, not started yet, saying what it does in `log`.
    pub fn new(binary: PathBuf, log: PathBuf) -> Self {
        Self {
            binary,
            arguments: Vec::new(),
            environment: Vec::new(),
            folder: None,
            log,
            child: None,
            skew: 0,
        }
    }

    /// With these arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// Started in this folder, not in the test's own.
    #[must_use]
    pub fn folder(mut self, folder: PathBuf) -> Self {
        self.folder = Some(folder);
        self
    }

    /// With this variable set.
    #[must_use]
    pub fn variable(mut self, key: &str, value: impl AsRef<Path>) -> Self {
        let value = value.as_ref().to_string_lossy().into_owned();
        self.environment.push((key.to_owned(), value));
        self
    }

    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.runs() {
            return Ok(());
        }
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        command
            .args(&self.arguments)
            .envs(self.environment.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        if self.skew != 0 {
            let library = skewing_library().context("no libfaketime on this machine")?;
            command
                .env("LD_PRELOAD", library)
                .env("FAKETIME", format!("{:+}", self.skew))
                // Only the time of day is off; what counts seconds still counts them.
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        }
        let child = command
            .spawn()
            .with_context(|| format!("starting {}", self.binary.display()))?;
        self.child = Some(child);
        Ok(())
    }

    /// Whether it was started and has not ended.
    pub fn runs(&mut self) -> bool {
        let ended = self.child.as_mut().map(Child::try_wait);
        matches!(ended, Some(Ok(None)))
    }

    /// Has its clock off by `seconds` from its next start on.
    pub fn skew(&mut self, seconds: i64) {
        self.skew = seconds;
    }

    /// `kill -9`, and waits until it is gone; `false` when it did not run.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub async fn kill(&mut self) -> anyhow::Result<bool> {
        let ran = self.runs();
        if let Some(mut child) = self.child.take()
            && ran
        {
            child.kill().await?;
        }
        Ok(ran)
    }

    /// Sends it a signal, if it runs.
    ///
    /// # Errors
    /// When the signal cannot be sent.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        if !self.runs() {
            return Ok(());
        }
        let id = self.child.as_ref().and_then(Child::id);
        if let Some(pid) = id.and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
            kill_process(pid, signal)?;
        }
        Ok(())
    }

    /// What it said with `word` in it.
    pub fn lines_with(&self, word: &str) -> Vec<String> {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().filter(|line| line.contains(word));
        lines.map(str::to_owned).collect()
    }

    /// The end of what it said.
    pub fn last_words(&self, lines: usize) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last: Vec<&str> = text.lines().rev().take(lines).collect();
        last.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

/// What skews the clock of a program it is loaded into, where it is installed.
pub fn skewing_library() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?;
    folders
        .filter_map(|folder| Some(folder.ok()?.path()))
        .map(|folder| folder.join("faketime/libfaketimeMT.so.1"))
        .find(|library| library.exists())
}
