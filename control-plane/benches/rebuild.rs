//! P10: the rate of rebuilding every read model, against reading, decoding and one upsert.
//!
//! The log holds lives of workspaces, 10,000 at a time and interleaved: requested, placed, steps,
//! services, ready, used, stopped, started again. `NEXUS_BENCH_EVENTS` sets how many events
//! (1,000,000 unless told).
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use nexus_control_plane::projections::{digest, rebuild};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CorrelationId, EventId, NodeId, OperationId, UserId, WorkspaceId};
use nexus_events::spec::{Provider, WorkspaceSpec};
use nexus_events::upcast::{AnyEvent, decode_any};
use nexus_events::workspace::{
    ActivitySource, Machine, NewOperation, ServiceStatus, Step, StopReason, WorkspaceEvent as Event,
};
use nexus_nats::testing::TestServer;
use nexus_nats::{Append, Expected, Filter, From, Log, NewEvent};
use tokio::task::JoinSet;
use uuid::Uuid;

const WORKSPACES: usize = 10_000;
/// Aggregates written to at the same time.
const WRITERS: usize = 128;
const ROUNDS: usize = 3;
const TARGET: f64 = 0.6;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if !std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .all(|word| word == "P10")
    {
        return;
    }
    let wanted = std::env::var("NEXUS_BENCH_EVENTS")
        .ok()
        .and_then(|text| text.parse().ok());
    let wanted: usize = wanted.unwrap_or(1_000_000);
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    write(&log, wanted).await;
    let events = log.info().await.expect("the log").last_sequence;
    let folder = tempfile::tempdir().expect("a folder");
    let (mut floors, mut figures, mut digests) = (Vec::new(), Vec::new(), Vec::new());
    let mut memory = 0;
    for round in 0..ROUNDS {
        floors.push(rate(
            events,
            floor(&log, events, &folder.path().join("floor")).await,
        ));
        forget_the_most_held();
        let (held, begins) = (kib("VmRSS:"), Instant::now());
        let file = folder.path().join(format!("round-{round}"));
        let rebuilt = rebuild::rebuild(&log, &file).await.expect("a rebuild");
        figures.push(rate(events, begins.elapsed()));
        memory = memory.max(kib("VmHWM:").saturating_sub(held));
        assert_eq!((rebuilt.sequence, rebuilt.unreadable.len()), (events, 0));
        digests.push(digest::of_file(&rebuilt.file).expect("a digest"));
        std::fs::remove_file(&rebuilt.file).expect("it is there");
    }
    assert!(
        digests.windows(2).all(|pair| pair[0] == pair[1]),
        "rebuilds differ"
    );
    report(events, &mut floors, &mut figures, memory / 1024);
}

/// So much of this process's memory as `/proc/self/status` tells, in KiB.
fn kib(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc(5)");
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
    number.expect("a number")
}

/// From here on `VmHWM` is what is held at the most (proc(5), `clear_refs`).
fn forget_the_most_held() {
    std::fs::write("/proc/self/clear_refs", "5").expect("proc(5)");
}

#[expect(clippy::cast_precision_loss, reason = "a rate is a float")]
fn rate(events: u64, took: Duration) -> f64 {
    events as f64 / took.as_secs_f64()
}

fn report(events: u64, floors: &mut [f64], figures: &mut [f64], memory: u64) {
    let median = |rates: &mut [f64]| {
        rates.sort_by(f64::total_cmp);
        rates[rates.len() / 2]
    };
    let (floor, figure) = (median(floors), median(figures));
    let ratio = figure / floor;
    let verdict = if ratio >= TARGET { "ok" } else { "missed" };
    println!(
        "P10   floor {floor:>9.0} /s  figure {figure:>9.0} /s  ratio {ratio:>5.2} \
         target >= {TARGET:<5} {verdict} ({events} events, {ROUNDS} rebuilds with one \
         digest, {memory} MiB more at the most)"
    );
}

/// Read, decode, and one upsert an event, a thousand in a transaction.
async fn floor(log: &Log, events: u64, file: &Path) -> Duration {
    let database = rusqlite::Connection::open(file).expect("a database");
    database
        .pragma_update(None, "journal_mode", "WAL")
        .expect("a setting");
    database
        .pragma_update(None, "synchronous", "NORMAL")
        .expect("a setting");
    database
        .execute_batch(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id TEXT PRIMARY KEY, s INTEGER, p BLOB)",
        )
        .expect("a table");
    let begins = Instant::now();
    let mut tail = log.tail(From::start(), Filter::All);
    while tail.position() < events {
        let batch = tail
            .batch(1_000, Duration::from_millis(20))
            .await
            .expect("events");
        let transaction = database.unchecked_transaction().expect("a transaction");
        for event in &batch.events {
            let decoded = decode_any(event.subject.kind(), &event.payload).expect("an event");
            let AnyEvent::Workspace(decoded) = decoded else {
                continue;
            };
            transaction
                .prepare_cached(
                    "INSERT INTO t VALUES (?1, ?2, ?3)
                     ON CONFLICT (id) DO UPDATE SET s = ?2, p = ?3",
                )
                .and_then(|mut upsert| {
                    upsert.execute((&decoded.subject, event.sequence, event.payload.as_ref()))
                })
                .expect("an upsert");
        }
        transaction.commit().expect("it is stored");
    }
    begins.elapsed()
}

/// Writes the lives of all workspaces, as many at a time as there are writers.
async fn write(log: &Log, wanted: usize) {
    let each = wanted.div_ceil(WORKSPACES).max(1);
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let log = log.clone();
        writers.spawn(async move {
            let mut sequences = vec![0; WORKSPACES.div_ceil(WRITERS)];
            for turn in 0..each {
                for (index, sequence) in sequences.iter_mut().enumerate() {
                    let number = index * WRITERS + writer;
                    if number < WORKSPACES {
                        *sequence = append(&log, number, turn, *sequence).await;
                    }
                }
            }
        });
    }
    while let Some(ended) = writers.join_next().await {
        ended.expect("a writer");
    }
}

async fn append(log: &Log, number: usize, turn: usize, sequence: u64) -> u64 {
    let id = WorkspaceId::derived(number.to_string());
    let at = Timestamp::UNIX_EPOCH
        + SignedDuration::from_secs(i64::try_from(turn).expect("it is small"));
    let context = Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at,
        actor: Actor::Node(NodeId::derived("bench")),
        correlation: CorrelationId::derived("bench"),
        causation: None,
        traceparent: None,
    };
    let envelope = Envelope::new(context, &id, event(number, turn, at));
    let event = NewEvent::of(&envelope).expect("an event");
    match log
        .append(Expected::of(sequence), &event)
        .await
        .expect("it is stored")
    {
        Append::Stored { sequence } | Append::Repeated { sequence } => sequence,
        Append::Conflict { actual } => panic!("nobody else writes here: {actual}"),
    }
}

/// A life of forty events, over and over: the first begins with a request, later ones with a start.
fn event(number: usize, turn: usize, at: Timestamp) -> Event {
    const LIFE: usize = 40;
    let (life, moment) = (turn / LIFE, turn % LIFE);
    let epoch = life as u64 * 2 + 1;
    let id = OperationId::derived(format!("{number}:{life}"));
    let stop = OperationId::derived(format!("{number}:{life}:stop"));
    let node = NodeId::derived("bench");
    let new = |id| NewOperation {
        id,
        at,
        deadline: at + SignedDuration::from_mins(30),
    };
    match moment {
        0 if life == 0 => Event::Requested {
            owner: UserId::derived((number % 100).to_string()),
            name: format!("w{number}").parse().expect("a name"),
            spec: Box::new(WorkspaceSpec::on(Provider::Docker)),
            ssh_port: Some(2222),
            operation: new(id),
        },
        0 => Event::StartRequested {
            operation: new(id),
            epoch,
            supersedes: None,
        },
        1 => Event::Placed {
            operation: id,
            epoch,
            node,
        },
        2..=17 if moment % 2 == 0 => Event::StepStarted {
            operation: id,
            epoch,
            step: step(moment),
        },
        2..=17 => Event::StepSucceeded {
            operation: id,
            epoch,
            step: step(moment - 1),
            duration_ms: 120,
            detail: Some("reused".into()),
        },
        18 => Event::MachineReady {
            operation: id,
            epoch,
            machine: machine(number),
        },
        19 => Event::RepositoryCloned {
            operation: id,
            epoch,
            commit: "0123456789abcdef0123456789abcdef01234567".into(),
            branch: "main".into(),
        },
        20..=23 => service(moment, epoch),
        24 => Event::Ready {
            operation: id,
            epoch,
            at,
            partial: false,
            duration_ms: 4_000,
        },
        38 => Event::StopRequested {
            operation: new(stop),
            epoch: epoch + 1,
            supersedes: None,
            reason: StopReason::Person,
        },
        39 => Event::Stopped {
            operation: stop,
            epoch: epoch + 1,
            duration_ms: 900,
        },
        _ => Event::ActivityObserved {
            source: ActivitySource::Terminal,
            at,
        },
    }
}

fn step(moment: usize) -> Step {
    let steps = [
        Step::Image,
        Step::Machine,
        Step::Network,
        Step::Start,
        Step::Ssh,
        Step::Clone,
        Step::Install,
        Step::Hooks,
    ];
    steps[(moment - 2) / 2].clone()
}

fn service(moment: usize, epoch: u64) -> Event {
    let (name, status) = match moment {
        20 => ("web", ServiceStatus::Starting),
        21 => ("web", ServiceStatus::Running),
        22 => ("database", ServiceStatus::Starting),
        _ => ("database", ServiceStatus::Running),
    };
    Event::ServiceChanged {
        epoch,
        service: name.parse().expect("a name"),
        status,
        port: Some(3000),
        mapped_port: Some(23000),
        cause: None,
    }
}

fn machine(number: usize) -> Machine {
    Machine {
        handle: format!("{number:064x}"),
        image: "nexus/base:latest".into(),
        host_key: Some("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwN".into()),
        user: "dev".into(),
        home: "/home/dev".into(),
        directory: "/home/dev/workspace".into(),
    }
}
