//! The log, the queue and the embedded server, against real nats-servers of their own.
#![expect(clippy::unwrap_used, reason = "tests, and what they share")]

mod append;
mod buckets;
mod cluster;
mod command_queue;
mod connect;
mod embedded;
mod link;
mod log;
mod logs;
mod parked;
mod preview_entries;
mod rights;
mod sample;
mod subject;
mod tail;
mod time;
mod topology;
