//! The numbered reports, kept in one file until the worker has them.
//!
//! One line of JSON per report. Numbers never go back, not even when the file is lost: a worker that
//! has seen more than the file holds says so, and numbering goes on after that. When the file grows
//! too long it is rewritten without the oldest output; results are dropped only when the worker has
//! stored them and there are very many.

use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use nexus_init_protocol::{Report, ReportEvent};
use tokio::sync::watch;

use crate::clock::now_ms;
use crate::sync::Lock;

/// File size in bytes that starts a rewrite.
const REWRITE_AT: u64 = 4 << 20;
/// Bytes of output a rewrite keeps.
const OUTPUT_KEPT: usize = 1 << 20;
/// Results a rewrite keeps although the worker has them.
const RESULTS_KEPT: usize = 4096;

/// The journal of one workspace.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    length: u64,
    /// Changes with each rewrite: readers have to open the file again.
    generation: u64,
    next: u64,
    stored_by_worker: u64,
    operation: String,
    epoch: u64,
}

impl Journal {
    /// Opens the journal of an earlier life, or begins one.
    pub(crate) fn open(path: PathBuf) -> io::Result<Self> {
        let (whole_lines, last) = measure(&path)?;
        let mut options = OpenOptions::new();
        options.create(true).append(true).read(true).mode(0o600);
        let file = options.open(&path)?;
        file.set_len(whole_lines)?;
        let (newest, _) = watch::channel(last);
        Ok(Self {
            path,
            inner: Mutex::new(Inner {
                file,
                length: whole_lines,
                generation: 0,
                next: last + 1,
                stored_by_worker: 0,
                operation: String::new(),
                epoch: 0,
            }),
            newest,
        })
    }

    /// Reports from here on belong to this plan.
    pub(crate) fn begin_operation(&self, operation: &str, epoch: u64) {
        let mut inner = self.inner.hold();
        inner.operation = operation.to_owned();
        inner.epoch = epoch;
    }

    /// Appends one report. A full disk must not stop the workspace: the report is then lost to the
    /// journal and said on init's own log.
    pub(crate) fn append(&self, event: ReportEvent) {
        let mut inner = self.inner.hold();
        let number = inner.next;
        inner.next += 1;
        let report = Report {
            number,
            at_ms: now_ms(),
            operation: inner.operation.clone(),
            epoch: inner.epoch,
            event,
        };
        if let Err(error) = self.write(&mut inner, &report) {
            tracing::error!(number, %error, "a report could not be stored");
        }
        self.newest.send_replace(number);
    }

    fn write(&self, inner: &mut Inner, report: &Report) -> io::Result<()> {
        let mut line = serde_json::to_vec(report)?;
        line.push(b'\n');
        inner.file.write_all(&line)?;
        inner.length += line.len() as u64;
        match inner.length > REWRITE_AT {
            true => self.rewrite(inner),
            false => Ok(()),
        }
    }

    fn rewrite(&self, inner: &mut Inner) -> io::Result<()> {
        let kept = select_kept(read_all(&self.path)?, inner.stored_by_worker);
        let scratch = self.path.with_extension("new");
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true).mode(0o600);
        let mut file = options.open(&scratch)?;
        let mut text = Vec::new();
        for report in &kept {
            serde_json::to_writer(&mut text, report)?;
            text.push(b'\n');
        }
        file.write_all(&text)?;
        fs::rename(&scratch, &self.path)?;
        inner.file = OpenOptions::new()
            .append(true)
            .read(true)
            .open(&self.path)?;
        inner.length = text.len() as u64;
        inner.generation += 1;
        Ok(())
    }

    /// Number of the newest report.
    pub(crate) fn last(&self) -> u64 {
        *self.newest.borrow()
    }

    /// Tells when there is a newer report.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Reads every report after number `after`, which the worker has stored.
    pub(crate) fn reader(&self, after: u64) -> io::Result<JournalReader<'_>> {
        let mut inner = self.inner.hold();
        inner.stored_by_worker = inner.stored_by_worker.max(after);
        if after >= inner.next {
            inner.next = after + 1;
        }
        Ok(JournalReader {
            journal: self,
            lines: BufReader::new(File::open(&self.path)?),
            generation: inner.generation,
            after,
        })
    }
}

/// Reads the journal in order.
#[derive(Debug)]
pub(crate) struct JournalReader<'a> {
    journal: &'a Journal,
    lines: BufReader<File>,
    generation: u64,
    after: u64,
}

impl JournalReader<'_> {
    /// The next report, or none when there is no newer one yet.
    pub(crate) fn next(&mut self) -> io::Result<Option<Report>> {
        self.reopen_after_rewrite()?;
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = self.lines.read_until(b'\n', &mut line)?;
            if !line.ends_with(b"\n") {
                let back = i64::try_from(read).unwrap_or(0);
                self.lines.seek(SeekFrom::Current(-back))?;
                return Ok(None);
            }
            let report: Report = serde_json::from_slice(&line)?;
            if report.number > self.after {
                self.after = report.number;
                return Ok(Some(report));
            }
        }
    }

    fn reopen_after_rewrite(&mut self) -> io::Result<()> {
        let inner = self.journal.inner.hold();
        if inner.generation != self.generation {
            self.generation = inner.generation;
            self.lines = BufReader::new(File::open(&self.journal.path)?);
        }
        Ok(())
    }
}

/// Length of the file up to its last whole line, and the number of the last report in it.
fn measure(path: &Path) -> io::Result<(u64, u64)> {
    let mut length = 0;
    let mut last = 0;
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error),
    };
    let mut lines = BufReader::new(file);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let Ok(report) = serde_json::from_slice::<Report>(&line) else {
            break;
        };
        length += line.len() as u64;
        last = report.number;
        line.clear();
    }
    Ok((length, last))
}

fn read_all(path: &Path) -> io::Result<Vec<Report>> {
    let lines = BufReader::new(File::open(path)?).lines();
    lines
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

fn select_kept(reports: Vec<Report>, stored: u64) -> VecDeque<Report> {
    let mut kept = VecDeque::new();
    let mut output = 0;
    let mut stored_results = 0;
    for report in reports.into_iter().rev() {
        let keep = match &report.event {
            ReportEvent::Output { text, .. } => {
                output += text.len() + 128;
                output <= OUTPUT_KEPT && report.number > stored
            }
            _ if report.number <= stored => {
                stored_results += 1;
                stored_results <= RESULTS_KEPT
            }
            _ => true,
        };
        // The newest report stays in any case: it carries the number.
        if keep || kept.is_empty() {
            kept.push_front(report);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use nexus_init_protocol::{OutputStream, StepName};

    use super::*;

    fn started() -> ReportEvent {
        ReportEvent::StepStarted {
            step: StepName::Clone,
        }
    }

    fn output(length: usize) -> ReportEvent {
        ReportEvent::Output {
            step: StepName::Clone,
            stream: OutputStream::Stdout,
            text: "x".repeat(length),
        }
    }

    fn numbers(journal: &Journal, after: u64) -> Vec<u64> {
        let mut reader = journal.reader(after).unwrap();
        std::iter::from_fn(|| reader.next().unwrap().map(|report| report.number)).collect()
    }

    #[test]
    fn a_returning_worker_gets_each_report_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports");
        let journal = Journal::open(path.clone()).unwrap();
        (0..5).for_each(|_| journal.append(started()));
        assert_eq!(numbers(&journal, 0), [1, 2, 3, 4, 5]);
        assert_eq!(numbers(&journal, 3), [4, 5]);
        drop(journal);
        let journal = Journal::open(path).unwrap();
        journal.append(started());
        assert_eq!(
            numbers(&journal, 4),
            [5, 6],
            "numbers go on after a restart"
        );
    }

    #[test]
    fn a_line_cut_by_a_crash_is_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("reports");
        let journal = Journal::open(path.clone()).unwrap();
        (0..3).for_each(|_| journal.append(started()));
        let length = fs::metadata(&path).unwrap().len();
        OpenOptions::new()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(length - 4)
            .unwrap();
        let journal = Journal::open(path).unwrap();
        journal.append(started());
        assert_eq!(numbers(&journal, 0), [1, 2, 3]);
    }

    #[test]
    fn a_lost_journal_does_not_use_numbers_again() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path().join("reports")).unwrap();
        assert_eq!(numbers(&journal, 40), Vec::<u64>::new());
        journal.append(started());
        assert_eq!(numbers(&journal, 40), [41]);
    }

    #[test]
    fn a_full_journal_drops_old_output_and_no_result() {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(directory.path().join("reports")).unwrap();
        let mut reader = journal.reader(0).unwrap();
        for _ in 0..300 {
            journal.append(started());
            journal.append(output(30_000));
        }
        let seen = numbers(&journal, 0);
        let results = seen.iter().filter(|number| *number % 2 == 1).count();
        assert_eq!(results, 300, "every result is there");
        assert!(seen.len() < 600, "old output is gone");
        assert_eq!(seen.last(), Some(&600));
        assert!(seen.is_sorted());
        let followed: Vec<u64> =
            std::iter::from_fn(|| reader.next().unwrap().map(|report| report.number)).collect();
        assert_eq!(
            followed, seen,
            "a reader from before the rewrite sees the same"
        );
    }
}
