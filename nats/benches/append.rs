//! What the log costs above bare JetStream: appends, and the replay of everything.
//!
//! Each figure stands beside its floor, measured in the same run on the same server. A row is
//! `id floor figure ratio target ok|missed`; rates are in events a second, times in milliseconds.
//! With an argument, only rows whose id contains it are measured. `NEXUS_BENCH_EVENTS` sets the
//! length of the replay (1,000,000 unless told).
#![expect(clippy::print_stdout, reason = "a bench's result is what it prints")]

use std::time::{Duration, Instant};

use async_nats::jetstream::{self, consumer, message::PublishMessage, stream};
use futures::StreamExt;
use jiff::Timestamp;
use nexus_events::claim::{ClaimEvent, ClaimId};
use nexus_events::envelope::{Actor, Context, Envelope};
use nexus_events::id::{CorrelationId, EventId, UserId, WorkspaceId};
use nexus_nats::embedded::Durability;
use nexus_nats::testing::TestServer;
use nexus_nats::{Expected, Filter, From, Log, NewEvent, Role};
use uuid::Uuid;

/// Appends in one sample.
const APPENDS: usize = 2_000;
/// Aggregates written to at the same time in the parallel row.
const PARALLEL: usize = 16;
/// Samples of each, taken in turns so that both see the same machine.
const SAMPLES: usize = 5;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let wanted = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'));
    let is_wanted = |id: &str| {
        wanted
            .as_ref()
            .is_none_or(|wanted| id.contains(wanted.as_str()))
    };
    for (id, durability) in [
        ("append-always", Durability::Always),
        ("append-relaxed", Durability::Relaxed),
    ] {
        if is_wanted(id) {
            one_at_a_time(id, durability).await;
        }
        let parallel = format!("{id}-{PARALLEL}");
        if is_wanted(&parallel) {
            in_parallel(&parallel, durability).await;
        }
    }
    if is_wanted("replay") {
        replay().await;
    }
}

/// A time: lower is better.
fn report_time(id: &str, floor: Duration, figure: Duration, target: f64) {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let ratio = milliseconds(figure) / milliseconds(floor);
    let verdict = if ratio <= target { "ok" } else { "missed" };
    let (floor, figure) = (milliseconds(floor), milliseconds(figure));
    println!("{id} {floor:.3}ms {figure:.3}ms {ratio:.2} <={target} {verdict}");
}

/// A rate: higher is better.
fn report_rate(id: &str, floor: f64, figure: f64, target: f64) {
    let ratio = figure / floor;
    let verdict = if ratio >= target { "ok" } else { "missed" };
    println!("{id} {floor:.0}/s {figure:.0}/s {ratio:.2} >={target} {verdict}");
}

fn median<T: PartialOrd + Copy>(mut samples: Vec<T>) -> T {
    samples.sort_by(|a, b| a.partial_cmp(b).expect("times and rates are numbers"));
    samples[samples.len() / 2]
}

async fn bare(server: &TestServer) -> jetstream::Context {
    let role = Role::ControlPlane;
    let seed = std::fs::read_to_string(server.embedded().seed_file(role)).expect("the seed");
    let client = async_nats::ConnectOptions::new()
        .nkey(seed.trim().to_owned())
        .custom_inbox_prefix(role.inbox())
        .connect(server.url())
        .await
        .expect("a bare connection");
    jetstream::new(client)
}

fn claim() -> ClaimId {
    let owner = UserId::from_uuid(Uuid::now_v7());
    ClaimId::Name {
        owner,
        name: "bench".parse().expect("a valid name"),
    }
}

fn event(claim: &ClaimId) -> NewEvent {
    let context = Context {
        id: EventId::from_uuid(Uuid::now_v7()),
        at: Timestamp::now(),
        actor: Actor::system("bench"),
        correlation: CorrelationId::from_uuid(Uuid::now_v7()),
        causation: None,
        traceparent: None,
    };
    let workspace = WorkspaceId::from_uuid(Uuid::now_v7());
    let data = ClaimEvent::Claimed {
        workspace,
        at: Timestamp::now(),
    };
    NewEvent::of(&Envelope::new(context, claim, data)).expect("an event")
}

/// The floor: the library's publish with the same headers and bytes.
async fn bare_append(bare: &jetstream::Context, expected: u64, event: &NewEvent) -> u64 {
    let message = PublishMessage::build()
        .message_id(event.id.to_string())
        .expected_last_subject_sequence(expected)
        .payload(event.payload.clone())
        .outbound_message(event.subject.to_string());
    let headers = message.headers.unwrap_or_default();
    let sent = bare.publish_with_headers(message.subject, headers, message.payload);
    sent.await
        .expect("sent")
        .await
        .expect("acknowledged")
        .sequence
}

async fn append(log: &Log, expected: u64, event: &NewEvent) -> u64 {
    let append = log
        .append(Expected::of(expected), event)
        .await
        .expect("appended");
    append.sequence().expect("nobody else writes here")
}

/// The median time of an append, events made inside the measured loop for both.
async fn one_at_a_time(id: &str, durability: Durability) {
    let server = TestServer::with(durability).await;
    let log = Log::on(&server.bus().await);
    let bare = bare(&server).await;
    let (mut floors, mut figures) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let claims = [claim(), claim()];
        let (mut last, mut times) = (0, Vec::new());
        for _ in 0..APPENDS {
            let began = Instant::now();
            last = bare_append(&bare, last, &event(&claims[0])).await;
            times.push(began.elapsed());
        }
        floors.push(median(times));
        let (mut last, mut times) = (0, Vec::new());
        for _ in 0..APPENDS {
            let began = Instant::now();
            last = append(&log, last, &event(&claims[1])).await;
            times.push(began.elapsed());
        }
        figures.push(median(times));
    }
    report_time(id, median(floors), median(figures), 1.2);
}

/// The rate of several writers, each on an aggregate of its own.
async fn in_parallel(id: &str, durability: Durability) {
    let server = TestServer::with(durability).await;
    let log = Log::on(&server.bus().await);
    let bare = bare(&server).await;
    let (mut floors, mut figures) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let writers = (0..PARALLEL).map(|_| {
            let bare = bare.clone();
            async move {
                let (claim, mut last) = (claim(), 0);
                for _ in 0..APPENDS / 4 {
                    last = bare_append(&bare, last, &event(&claim)).await;
                }
            }
        });
        floors.push(rate(writers).await);
        let writers = (0..PARALLEL).map(|_| {
            let log = log.clone();
            async move {
                let (claim, mut last) = (claim(), 0);
                for _ in 0..APPENDS / 4 {
                    last = append(&log, last, &event(&claim)).await;
                }
            }
        });
        figures.push(rate(writers).await);
    }
    report_rate(id, median(floors), median(figures), 0.8);
}

async fn rate(writers: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) -> f64 {
    let mut set = tokio::task::JoinSet::new();
    let began = Instant::now();
    for writer in writers {
        set.spawn(writer);
    }
    set.join_all().await;
    (PARALLEL * APPENDS / 4) as f64 / began.elapsed().as_secs_f64()
}

/// Reading the whole log: the library's ordered pull consumer against our tail in batches.
async fn replay() {
    let events = std::env::var("NEXUS_BENCH_EVENTS")
        .ok()
        .and_then(|text| text.parse().ok());
    let events: u64 = events.unwrap_or(1_000_000);
    let server = TestServer::start().await;
    let log = Log::on(&server.bus().await);
    let bare = bare(&server).await;
    fill(&bare, events).await;
    let (mut floors, mut figures) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        floors.push(bare_replay(&bare, events).await);
        figures.push(tail_replay(&log, events).await);
    }
    let figure = median(figures);
    report_rate("replay", median(floors), figure, 0.8);
    report_rate("replay-absolute", 300_000.0, figure, 1.0);
}

/// Many publishes in flight; replays do not care how the events came in.
async fn fill(bare: &jetstream::Context, events: u64) {
    let claims: Vec<ClaimId> = (0..10_000).map(|_| claim()).collect();
    let sends = futures::stream::iter(0..events).map(|number| {
        let event = event(&claims[number as usize % claims.len()]);
        let message = PublishMessage::build().message_id(event.id.to_string());
        let message = message
            .payload(event.payload)
            .outbound_message(event.subject.to_string());
        async move {
            let headers = message.headers.unwrap_or_default();
            let sent = bare.publish_with_headers(message.subject, headers, message.payload);
            sent.await.expect("sent").await.expect("acknowledged");
        }
    });
    sends.buffer_unordered(1_024).collect::<()>().await;
}

async fn bare_replay(bare: &jetstream::Context, events: u64) -> f64 {
    let stream: stream::Stream = bare.get_stream("NEXUS_EVENTS").await.expect("the stream");
    let began = Instant::now();
    let config = consumer::pull::OrderedConfig::default();
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let mut messages = consumer.messages().await.expect("messages");
    let mut bytes = 0;
    for _ in 0..events {
        bytes += messages
            .next()
            .await
            .expect("endless")
            .expect("a message")
            .payload
            .len();
    }
    std::hint::black_box(bytes);
    events as f64 / began.elapsed().as_secs_f64()
}

async fn tail_replay(log: &Log, events: u64) -> f64 {
    let began = Instant::now();
    let mut tail = log.tail(From::start(), Filter::All);
    let (mut seen, mut bytes) = (0, 0);
    while seen < events {
        let batch = tail
            .batch(1_000, Duration::from_millis(20))
            .await
            .expect("a batch");
        seen += batch.events.len() as u64;
        bytes += batch
            .events
            .iter()
            .map(|event| event.payload.len())
            .sum::<usize>();
    }
    std::hint::black_box(bytes);
    events as f64 / began.elapsed().as_secs_f64()
}
