//! The sandbox of the process provider: three lives of this program, each safe code of one thread.
//!
//! ```text
//!   sandbox  on the host: socket, id map, cgroup, link          P ─┐
//!     └─ enter  leaves the host's namespaces                    A  │ lines over a pipe
//!          └─ inside  process 1: mounts, pivot, rights, serves  B ─┘
//!
//!   A  "unshared"   ─► P  maps ids      ─► "mapped"
//!   A  "process N"  ─► P  limits, links ─► "go"        A ends
//!   B  "ready"      ─► P  writes `run/ready`, says the same, ends
//! ```
//!
//! Nothing of the host is left open inside but the listening socket and the log: the worker reaches
//! init by the socket's path for as long as it lives, whoever the worker is by then.

mod cgroup;
mod config;
mod enter;
mod ids;
mod inside;
mod netlink;
mod network;
mod outer;
mod probe;
mod rights;
mod slirp;
mod talk;
mod tree;

pub(crate) use self::enter::{enter, try_out};
pub(crate) use self::inside::inside;
pub(crate) use self::outer::run;
pub(crate) use self::probe::probe;
