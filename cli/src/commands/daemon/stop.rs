//! `nexus daemon stop`: asks it to end, and waits until its process is gone.

use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::running;
use crate::args::daemon::Stop;
use crate::context::Context;
use crate::duration;
use crate::error::{Error, Result};
use crate::exit::Exit;

pub(super) async fn run(context: &Context, arguments: &Stop) -> Result<Exit> {
    let Some(server) = running(&context.home).await? else {
        context.say("nexusd does not run");
        return Ok(Exit::Ok);
    };
    let failed = |why: &dyn std::fmt::Display| {
        let next = format!("kill {}", server.pid);
        Error::new(Exit::Failure, "stop nexusd", why, next)
    };
    let pid = Pid::from_raw(server.pid).ok_or_else(|| failed(&"its process id is not one"))?;
    // From here on the descriptor means this very process, even if its id is used again.
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| failed(&error))?;
    if !is_nexusd(server.pid) {
        return Err(failed(&"the process behind the socket is not nexusd"));
    }
    pidfd_send_signal(&process, Signal::TERM).map_err(|error| failed(&error))?;
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    let limit = timespec(arguments.timeout);
    if poll(&mut ended, Some(&limit)).map_err(|error| failed(&error))? == 0 {
        let limit = duration::show(arguments.timeout.as_millis() as u64);
        let why = format!("process {} has not ended after {limit}", server.pid);
        let next = format!("less {}", context.home.daemon_log().display());
        return Err(Error::new(Exit::NotReady, "stop nexusd", why, next));
    }
    context.say(&format!("nexusd has ended (process {})", server.pid));
    Ok(Exit::Ok)
}

fn is_nexusd(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "nexusd")
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: duration.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}
