//! How many descriptors nexusd may have open: each connection takes one, and there may be more of
//! them than the 1,024 that most systems give a process that does not ask.
//!
//! The limit is raised here alone. Workers are started with the one nexusd was given, since they
//! hand theirs on to programs of users, some of which walk through every possible descriptor. The
//! log's server keeps the raised one: it would raise its own, and starts nobody.

use std::io;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many connections as are served at most, what they lead to, and some air.
const WANTED: u64 = 1 << 16;

static GIVEN: OnceLock<Rlimit> = OnceLock::new();

/// Raises the limit of this process as far as it may.
pub(super) fn raise_limit() {
    let given = getrlimit(Resource::Nofile);
    let given = GIVEN.get_or_init(|| given);
    let highest = given.maximum.unwrap_or(WANTED).min(WANTED);
    if given.current.is_none_or(|current| current >= highest) {
        return;
    }
    let raised = Rlimit {
        current: Some(highest),
        maximum: given.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit on open descriptors stays as it was");
    }
}

/// Gives a child the limit this process was started with. Makes one system call and allocates
/// nothing, so it may run between fork and exec.
pub(super) fn restore_limit() -> io::Result<()> {
    match GIVEN.get() {
        Some(given) => Ok(setrlimit(Resource::Nofile, *given)?),
        None => Ok(()),
    }
}
