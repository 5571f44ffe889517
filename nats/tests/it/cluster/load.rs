//! Writers that never stop, and a reader that misses nothing: what every fault is tried under.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nexus_events::id::EventId;
use nexus_nats::testing::Trio;
use nexus_nats::{
    Append, AppendError, Bus, EventSubject, Expected, Filter, From, Log, Recorded, Role,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::sample::{claim, event, soon};

/// Connections, each of which may be to another server.
const CONNECTIONS: usize = 3;
/// Writers with an aggregate of their own, and as many that share one.
const WRITERS: usize = 6;
/// Between two appends of one writer, so that the disk is not what is measured.
const PAUSE: Duration = Duration::from_millis(3);

/// An append that was acknowledged.
#[derive(Debug, Clone)]
struct Acknowledged {
    subject: EventSubject,
    expected: u64,
    sequence: u64,
    id: EventId,
    at: Instant,
}

/// All that was acknowledged so far.
type Book = Arc<Mutex<Vec<Acknowledged>>>;

/// Writers and a reader, until [`Load::end`].
pub(super) struct Load {
    book: Book,
    stop: watch::Sender<bool>,
    writers: Vec<JoinHandle<()>>,
    reader: JoinHandle<Vec<Recorded>>,
    /// How far the reader has to come before it ends.
    until: watch::Sender<Option<u64>>,
}

impl Load {
    pub(super) async fn start(trio: &Trio) -> Self {
        let book = Book::default();
        let (stop, stopped) = watch::channel(false);
        let shared = claim();
        let mut writers = Vec::new();
        let mut connections = Vec::new();
        for _ in 0..CONNECTIONS {
            let options = trio.options("control-plane", Role::ControlPlane);
            connections.push(Bus::connect(options).await.unwrap());
        }
        for writer in 0..WRITERS {
            let log = Log::on(&connections[writer % CONNECTIONS]);
            writers.push(tokio::spawn(alone(
                log.clone(),
                book.clone(),
                stopped.clone(),
            )));
            let racing = race(log, shared.clone(), book.clone(), stopped.clone());
            writers.push(tokio::spawn(racing));
        }
        let (until, told) = watch::channel(None);
        let reader = tokio::spawn(follow(Log::on(&connections[0]), told));
        Self {
            book,
            stop,
            writers,
            reader,
            until,
        }
    }

    /// How many appends were acknowledged.
    pub(super) fn count(&self) -> usize {
        self.book.lock().unwrap().len()
    }

    /// Waits until so many more are acknowledged.
    pub(super) async fn goes_on(&self, more: usize) {
        let until = self.count() + more;
        soon("appends go on", async {
            while self.count() < until {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    /// The longest time since `begin` in which nothing was acknowledged.
    pub(super) fn longest_silence(&self, begin: Instant) -> Duration {
        let mut last = begin;
        let mut longest = Duration::ZERO;
        for at in self.book.lock().unwrap().iter().map(|one| one.at) {
            if at > begin {
                longest = longest.max(at.saturating_duration_since(last));
                last = last.max(at);
            }
        }
        longest
    }

    /// Ends the writers, has the reader read to the end, and compares what was acknowledged with
    /// what is there. Gives how many events there are.
    pub(super) async fn end(self) -> usize {
        self.stop.send_replace(true);
        for writer in self.writers {
            soon("a writer ends", writer).await.unwrap();
        }
        let acknowledged = std::mem::take(&mut *self.book.lock().unwrap());
        let last = acknowledged.iter().map(|one| one.sequence).max().unwrap();
        self.until.send_replace(Some(last));
        let stored = soon("the reader ends", self.reader).await.unwrap();
        compare(&stored, &acknowledged);
        stored.len()
    }
}

/// Every acknowledged append is stored once, at its sequence, after what it expected; and nothing
/// else is there, as every writer waits for its answer.
fn compare(stored: &[Recorded], acknowledged: &[Acknowledged]) {
    let mut before: HashMap<&EventSubject, u64> = HashMap::new();
    let mut found: BTreeMap<u64, (&EventSubject, u64, EventId)> = BTreeMap::new();
    for (event, expected) in stored.iter().zip(1..) {
        assert_eq!(event.sequence, expected, "no gap, no double");
        let last = before.insert(&event.subject, event.sequence).unwrap_or(0);
        found.insert(event.sequence, (&event.subject, last, event.id.unwrap()));
    }
    let mut answered: BTreeMap<u64, (&EventSubject, u64, EventId)> = BTreeMap::new();
    for one in acknowledged {
        let told = (&one.subject, one.expected, one.id);
        let twice = answered.insert(one.sequence, told);
        assert!(
            twice.is_none(),
            "two writers were told {}: {one:?} {twice:?}",
            one.sequence
        );
    }
    for (sequence, told) in &answered {
        assert_eq!(
            found.get(sequence),
            Some(told),
            "acknowledged as {sequence}"
        );
    }
    for (sequence, there) in &found {
        assert!(
            answered.contains_key(sequence),
            "{sequence} was never acknowledged: {there:?}"
        );
    }
}

/// Appends to an aggregate nobody else writes to.
async fn alone(log: Log, book: Book, stop: watch::Receiver<bool>) {
    let claim = claim();
    let mut last = 0;
    while !*stop.borrow() {
        let event = event(&claim);
        let sequence = loop {
            match log.append(Expected::of(last), &event).await {
                Ok(Append::Stored { sequence } | Append::Repeated { sequence }) => break sequence,
                Ok(Append::Conflict { actual }) => {
                    panic!("nobody else writes here: expected {last}, found {actual}")
                }
                Err(error) => again(error),
            }
        };
        note(&book, event.subject, last, sequence, event.id);
        last = sequence;
        tokio::time::sleep(PAUSE).await;
    }
}

/// Appends to an aggregate that others write to as well; whoever loses looks again.
async fn race(
    log: Log,
    claim: nexus_events::claim::ClaimId,
    book: Book,
    stop: watch::Receiver<bool>,
) {
    let mut last = 0;
    while !*stop.borrow() {
        let event = event(&claim);
        let sequence = loop {
            match log.append(Expected::of(last), &event).await {
                Ok(Append::Stored { sequence } | Append::Repeated { sequence }) => {
                    break Some(sequence);
                }
                Ok(Append::Conflict { actual }) => {
                    last = actual;
                    break None;
                }
                Err(error) => again(error),
            }
        };
        if let Some(sequence) = sequence {
            note(&book, event.subject, last, sequence, event.id);
            last = sequence;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// An append that is not done, or of which nobody knows, is made again as it is.
fn again(error: AppendError) {
    match error {
        AppendError::Unavailable { .. } | AppendError::Ambiguous { .. } => {}
        error => panic!("{error:?}"),
    }
}

fn note(book: &Book, subject: EventSubject, expected: u64, sequence: u64, id: EventId) {
    book.lock().unwrap().push(Acknowledged {
        subject,
        expected,
        sequence,
        id,
        at: Instant::now(),
    });
}

/// Follows the log up to what it is told of, and a little further. No fault makes this an error.
async fn follow(log: Log, mut until: watch::Receiver<Option<u64>>) -> Vec<Recorded> {
    let mut tail = log.tail(From::start(), Filter::All);
    let mut all = Vec::new();
    while until.borrow().is_none_or(|last| (all.len() as u64) < last) {
        tokio::select! {
            event = tail.next() => all.push(event.expect("following never fails")),
            _ = until.changed() => {}
        }
    }
    // Whatever nobody was told of would come now.
    let quiet = Duration::from_secs(1);
    while let Ok(event) = tokio::time::timeout(quiet, tail.next()).await {
        all.push(event.expect("following never fails"));
    }
    all
}
