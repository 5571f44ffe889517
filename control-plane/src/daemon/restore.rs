//! `nexusd restore`: a log made again from a backup, message by message, each at its old place.
//!
//! Only into a home whose log is empty: what is there is never written over. The file is checked
//! first, from its first line to its last; afterwards the log is read back and its last hash has
//! to be the file's. The key that opens what is kept of users is in no backup: `master.key` of the
//! old home has to be brought along.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use nexus_events::audit::Record;
use nexus_events::audit::chain::Chain;
use nexus_events::audit::checks::{Checks, Report};
use nexus_events::audit::line::{FORMAT, Kept, Line};
use nexus_events::envelope::Envelope;
use nexus_events::id::EventId;
use nexus_nats::embedded::Durability;
use nexus_nats::topology::{self, Replicas};
use nexus_nats::{
    Append, Bus, Embedded, EmbeddedOptions, EventSubject, Expected, Filter, From, Log, NewEvent,
    Role, UserKeys, UserValues,
};

use super::RestoreArguments;
use super::arguments::home;
use super::lock::HomeLock;
use crate::private_file;
use crate::settings::Settings;

/// Makes the log of a home from a backup.
///
/// # Errors
/// When the file is not whole, or the home's log is not empty; nothing is changed then.
pub async fn restore(arguments: RestoreArguments) -> anyhow::Result<()> {
    let settings = Settings::in_home(home(arguments.home.as_ref())?);
    let report = checked(&arguments.file)?;
    private_file::make_folder(&settings.home)
        .with_context(|| format!("making {}", settings.home.display()))?;
    let _lock = HomeLock::take(&settings.in_this_home("daemon.pid"))?;
    ensure!(
        !settings.read_model().exists(),
        "{} was made from another log: remove it first",
        settings.read_model().display()
    );
    let folder = settings.in_this_home("nats");
    // Nothing of it counts before all of it is there and read back; then it is put on disk.
    let options = EmbeddedOptions::new(&folder).durability(Durability::Relaxed);
    let embedded = Embedded::start(options)
        .await
        .context("starting the nats-server")?;
    let restored = fill(&embedded, &arguments.file, &report).await;
    embedded.stop().await;
    restored?;
    put_on_disk(&folder).context("putting the log on disk")?;
    tracing::info!(
        events = report.events,
        head = report.head,
        home = %settings.home.display(),
        "restored and read back: the log is the one in the file"
    );
    if !settings.master_key().exists() {
        tracing::warn!(
            "copy master.key of the old home to {} before the first start: without it nobody can \
             read what users are called",
            settings.master_key().display()
        );
    }
    Ok(())
}

/// The file from its first line to its last, as `nexus audit verify` looks at it.
fn checked(path: &Path) -> anyhow::Result<Report> {
    let mut lines = Lines::open(path)?;
    let Some(Line::Log(head)) = lines.next()? else {
        bail!(
            "{} is no backup: its first line does not say so",
            path.display()
        );
    };
    ensure!(
        head.format == FORMAT && !head.partial && !head.redacted && head.after == 0,
        "{} is not the whole of a log: make one with `nexus backup`",
        path.display()
    );
    let mut checks = Checks::new(head, true);
    let mut end = None;
    while let Some(line) = lines.next()? {
        match line {
            Line::Event(record) => checks.take(&record),
            Line::Refused(refused) => checks.take_refused(&refused),
            Line::End(last) => end = Some(last),
            Line::Kept(_) => checks.take_kept(),
            Line::Log(_) => {}
        }
    }
    let report = checks.finish(end.as_ref());
    // What nobody could read when it was stored is stored again as it is.
    let broken = report
        .faults
        .iter()
        .find(|fault| !fault.fault.starts_with("it cannot be read"));
    if let Some(fault) = broken {
        bail!(
            "{} is not whole: at event {}, {}; see all: nexus audit verify {0}",
            path.display(),
            fault.sequence,
            fault.fault
        );
    }
    Ok(report)
}

async fn fill(embedded: &Embedded, path: &Path, report: &Report) -> anyhow::Result<()> {
    let bus = Bus::connect(embedded.options(Role::ControlPlane))
        .await
        .context("connecting to the nats-server started here")?;
    topology::ensure(&bus, Replicas(1))
        .await
        .context("making the streams of the log")?;
    let log = Log::on(&bus);
    let there = log.info().await?.last_sequence;
    ensure!(
        there == 0,
        "this home has a log of {there} events already; a restore never writes over one"
    );
    let (keys, values) = (UserKeys::on(&bus), UserValues::on(&bus));
    let mut last = HashMap::new();
    let mut lines = Lines::open(path)?;
    while let Some(line) = lines.next()? {
        match line {
            Line::Event(record) => append(&log, &record, &mut last).await?,
            Line::Kept(Kept {
                user,
                digest: None,
                value,
            }) => keys.put(user, value.0.into()).await?,
            Line::Kept(Kept {
                user,
                digest: Some(digest),
                value,
            }) => values.put(user, &digest, value.0.into()).await?,
            Line::Log(_) | Line::Refused(_) | Line::End(_) => {}
        }
    }
    let head = read_back(&log, report.last).await?;
    bus.drain().await;
    ensure!(
        head == report.head,
        "the log read back is not the one in the file: its last hash is {head}"
    );
    Ok(())
}

/// The message at its old place, or not at all.
async fn append(log: &Log, record: &Record, last: &mut HashMap<String, u64>) -> anyhow::Result<()> {
    let sequence = record.sequence;
    let before = last.get(&record.subject).copied().unwrap_or(0);
    let event = message(record)?;
    match log.append(Expected::of(before), &event).await? {
        Append::Stored { sequence: given } if given == sequence => {
            last.insert(record.subject.clone(), sequence);
            Ok(())
        }
        other => bail!("event {sequence} was not stored at its place: {other:?}"),
    }
}

/// The wire form it had: what stands in its headers stands in it, too.
fn message(record: &Record) -> anyhow::Result<NewEvent> {
    let sequence = record.sequence;
    let subject = record.subject.parse::<EventSubject>();
    let subject = subject.with_context(|| format!("event {sequence} stands under no subject"))?;
    let payload = record.payload().to_vec().into();
    let envelope = serde_json::from_slice::<Envelope<serde_json::Value>>(record.payload());
    Ok(match envelope {
        Ok(envelope) => NewEvent {
            subject,
            id: envelope.id,
            event_type: envelope.event_type,
            traceparent: envelope.traceparent,
            payload,
        },
        // What is no event has no id of its own.
        Err(_) => NewEvent {
            subject,
            id: EventId::derived(format!("{}:{sequence}", record.subject)),
            event_type: "unknown".into(),
            traceparent: None,
            payload,
        },
    })
}

/// The last hash of what is stored.
async fn read_back(log: &Log, last: u64) -> anyhow::Result<String> {
    let mut tail = log.tail(From::start(), Filter::All);
    let mut chain = Chain::default();
    let mut position = 0;
    while position < last {
        let batch = tail.batch(1_000, Duration::from_millis(20)).await?;
        for event in batch.events {
            position = event.sequence;
            let subject = event.subject.to_string();
            chain.seal(&mut Record::new(position, subject, None, &event.payload));
        }
    }
    Ok(chain.head())
}

/// A server that promised nothing about the disk has ended; the disk is made to have its files.
fn put_on_disk(folder: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        match entry.file_type()? {
            kind if kind.is_dir() => put_on_disk(&path)?,
            kind if kind.is_file() => File::open(&path)?.sync_all()?,
            _ => {}
        }
    }
    File::open(folder)?.sync_all()
}

/// The lines of a file.
struct Lines {
    reader: BufReader<File>,
    line: Vec<u8>,
    number: u64,
}

impl Lines {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Self {
            reader: BufReader::with_capacity(1 << 18, file),
            line: Vec::new(),
            number: 0,
        })
    }

    fn next(&mut self) -> anyhow::Result<Option<Line>> {
        self.line.clear();
        if self.reader.read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        self.number += 1;
        let line = serde_json::from_slice(&self.line);
        line.map(Some)
            .with_context(|| format!("reading line {} of the file", self.number))
    }
}
