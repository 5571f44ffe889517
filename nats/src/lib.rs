//! The log on NATS JetStream: everything in Nexus that goes over the bus goes through here.
//!
//! # Tour
//!
//! ```text
//! Embedded::start(..) ─► options(Role) ─► Bus::connect ─► topology::ensure   (control plane only)
//!                                            │
//!      ┌──────────────┬──────────────┬───────┴──────┬──────────────┬─────────────┐
//!  Log::on(&bus)  CommandQueue   StepLogs       Heartbeats     UserKeys       Parked
//!  Log::memory()   ::on(&bus)     ::on(&bus)     ::on(&bus)     ::on(&bus)    ::on(&bus)
//!      │
//!      ├─ Repository::<Workspace>::new(log)   load, execute (decide, append, decide again)
//!      └─ log.tail(From, Filter)              Tail::next, Tail::batch
//! ```
//!
//! Every handle is cheap to clone and may be shared between tasks.
//!
//! * [`connect`]: `Bus::connect(Options::new(["tls://nats-a:4222", "tls://nats-b:4222"],
//!   Role::Worker(node)).seed_file(path).transport(Transport { authority, .. })).await?`. Waits up to 10 s
//!   for a server, refuses one that is too old, and plain TCP beyond this machine; reconnects for
//!   ever after that, to the next server where one does not answer. `bus.is_up()`, `bus.probe().await`, `bus.drain().await`.
//! * [`topology`]: `topology::ensure(&bus, Replicas(1)).await?` makes the streams or refuses with
//!   a diff.
//! * [`event_log`]: `log.append(Expected::At(7), &NewEvent::of(&envelope)?).await?` answers
//!   [`Append::Stored`], [`Append::Repeated`] or [`Append::Conflict`]; `log.read_after(&subject, 7)`, `log.last(..)`,
//!   `log.info()`.
//! * [`repository`]: `repository.execute(&id, snapshot, |state| state.decide(&command), || context)`
//!   gives an [`Outcome`] with the new [`Snapshot`]. It is called with what the reader knows; on a
//!   conflict it catches up and decides again, with the same event id.
//! * [`tail`]: `let mut tail = log.tail(From::after(checkpoint), Filter::All);`
//!   `tail.batch(1_000, Duration::from_millis(20)).await?` gives a [`Batch`] of [`Recorded`]
//!   events; it is empty only to say, once, that the reader has caught up. Survives restarts of
//!   the server; a gap, or another log, is an error.
//! * [`command_queue`]: `queue.publish(&work).await?` answers [`Published`]. A worker calls
//!   `queue.consumer(provider, Route::Any).await?` and `queue.consumer(provider,
//!   Route::Node(id)).await?`, and on each `consumer.next().await?` whenever it has room, which
//!   gives a [`Delivery`]: `delivery.command()`, then `done()`, `retry_after(..)` or
//!   `give_up(..)`; dropped, it goes back. It extends itself while it lives.
//!   `queue.pending(workspace)` tells whether a command is open.
//! * [`logs`]: `logs.publish(&chunk)` (an `OutputChunk` of the events crate);
//!   `logs.read(LogFilter::of(workspace), Follow::No)` is read by `next()`.
//! * [`heartbeat`]: `heartbeats.beat(&heartbeat)`; `heartbeats.all()`; `heartbeats.watch()`.
//! * [`clock`]: `clock::now()` is the time as the log's server has it, once
//!   `bus.take_time_of_log()` (a worker: `queue.take_time(provider)`) has asked for it.
//! * [`user_keys`]: `keys.put(user, bytes)`, `keys.get(user)`, `keys.forget(user)`.
//! * [`user_values`]: `values.put(user, digest, sealed)`, `get(user, digest)`, `forget(user, digest)`.
//! * [`preview_entries`]: `entries.keep(preview, digest, entry)`, `entries.close(preview, who)`.
//! * [`spent_tickets`]: `spent.spend(name)` is `true` once.
//! * [`parked`]: `parked.list()`, `read(id)`, `retry(id)`, `discard(id)`, `park_event(..)`; the
//!   control plane runs `parked.collect()` so that given-up commands leave the queue.
//! * [`link`]: `Links::on(&bus, options).open(node, workspace)` gives a byte stream to the
//!   workspace's init; a worker has them answered by `link::serve(bus, node, doors, listen, stop)`.
//! * [`memory`]: `MemoryBus::default()` gives `log()`, `commands()` and `heartbeats()` without a
//!   server; `.over(wire)` the same ones as a process sees them whose calls a [`memory::Wire`] carries.
//! * [`embedded`]: `Embedded::start(EmbeddedOptions::new(folder).worker(node, provider)).await?`,
//!   `embedded.options(Role)`, `embedded.seed_file(Role)`, `embedded.url()`, `embedded.stop().await`.
//! * [`NodeHome`]: a worker's folder; `NodeHome::of(home, provider)?.node()?` is who it is.
//! * [`cluster`]: `cluster::init(&plan)?` makes the files of a cluster of servers and of those who
//!   connect to it.
//! * `testing` (feature `testing`): `TestServer::start().await`, `server.bus().await`,
//!   `server.worker_bus().await`, `server.kill()`, `server.restart().await`.
//!
//! # What holds
//!
//! *Accepted means stored*: `append` answers after the server's acknowledgement, or says that it
//! does not know. *A conflict is told from a retry* by the event's id. *No event is skipped*: a
//! tail checks that sequences are contiguous. *Nothing here deletes, recreates or purges a
//! stream.*

mod bucket;
mod call;
pub mod clock;
pub mod cluster;
pub mod command_queue;
#[cfg(feature = "testing")]
pub mod conformance;
pub mod connect;
pub mod embedded;
pub mod event_log;
mod feed;
pub mod heartbeat;
pub mod link;
pub mod logs;
pub mod memory;
mod node_home;
pub mod parked;
pub mod preview_entries;
mod private_file;
pub mod refusals;
pub mod repository;
pub mod spent_tickets;
mod stored;
pub mod subject;
pub mod tail;
#[cfg(feature = "testing")]
pub mod testing;
pub mod topology;
pub mod user_keys;
pub mod user_values;

pub use call::CallError;
pub use command_queue::{CommandConsumer, CommandQueue, Delivery, Published, QueueError};
pub use connect::{Bus, ConnectError, Options, Role, Transport};
pub use embedded::{Embedded, EmbeddedOptions};
pub use event_log::{Append, AppendError, Expected, Log, LogInfo, NewEvent, ReadError, Recorded};
pub use heartbeat::Heartbeats;
pub use logs::{Follow, LogFilter, StepLogs};
pub use memory::MemoryBus;
pub use node_home::{NodeHome, NodeIdentityError};
pub use parked::Parked;
pub use refusals::Refusals;
pub use repository::{Effect, ExecuteError, LoadError, Outcome, Repository, Snapshot};
pub use spent_tickets::SpentTickets;
pub use subject::{CommandSubject, EventSubject, LogSubject, ParkedSubject, Route};
pub use tail::{Batch, Filter, From, Tail, TailError};
pub use topology::Replicas;
pub use user_keys::UserKeys;
pub use user_values::UserValues;
