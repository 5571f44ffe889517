//! The process that is a sandbox: told from a later one of the same number by its start time, and
//! ended through a descriptor, which never means another process.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use nexus_init_protocol::sandbox::SandboxReady;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// A process that lived when this value was made.
#[derive(Debug)]
pub(super) struct InitProcess {
    descriptor: OwnedFd,
}

impl InitProcess {
    /// The process `ready` speaks of, when it still lives.
    pub(super) fn find(ready: &SandboxReady) -> io::Result<Option<Self>> {
        let number = i32::try_from(ready.process_id).ok().and_then(Pid::from_raw);
        let Some(number) = number else {
            return Ok(None);
        };
        let descriptor = match pidfd_open(number, PidfdFlags::NONBLOCK) {
            Ok(descriptor) => descriptor,
            Err(rustix::io::Errno::SRCH) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // Read after the descriptor was had: from here on the number cannot change its meaning.
        let is_same = start_ticks(ready.process_id) == Some(ready.start_ticks);
        Ok(is_same.then_some(Self { descriptor }))
    }

    /// Ends it and, since it is process 1 of its sandbox, everything in it.
    pub(super) fn kill(&self) -> io::Result<()> {
        match pidfd_send_signal(&self.descriptor, Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for its end; false when the time was over first.
    pub(super) async fn ended_within(self, limit: Duration) -> io::Result<bool> {
        let waiting = tokio::task::spawn_blocking(move || {
            let mut watched = [PollFd::new(&self.descriptor, PollFlags::IN)];
            let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
            Ok(poll(&mut watched, Some(&limit))? > 0)
        });
        waiting.await.map_err(io::Error::other)?
    }
}

/// When a process started, in clock ticks after boot; `None` when it is gone or only a remainder
/// that nobody has collected yet.
fn start_ticks(process_id: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use nexus_init_protocol::sandbox::{IdMode, SandboxCapabilities};

    fn ready(process_id: u32, start_ticks: u64) -> SandboxReady {
        SandboxReady {
            process_id,
            start_ticks,
            elapsed_us: 0,
            capabilities: SandboxCapabilities {
                ids: IdMode::Root,
                own_network: false,
                outbound_network: false,
                memory_limit: false,
                cpu_limit: false,
                process_limit: false,
                notes: Vec::new(),
            },
        }
    }

    #[tokio::test]
    async fn a_number_used_again_is_not_taken_for_ours() {
        let mut child = tokio::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let number = child.id().unwrap();
        let ticks = start_ticks(number).unwrap();
        assert!(
            InitProcess::find(&ready(number, ticks + 1))
                .unwrap()
                .is_none()
        );
        let process = InitProcess::find(&ready(number, ticks)).unwrap().unwrap();
        process.kill().unwrap();
        assert!(process.ended_within(Duration::from_secs(10)).await.unwrap());
        assert!(
            InitProcess::find(&ready(number, ticks)).unwrap().is_none(),
            "a remainder"
        );
        child.wait().await.unwrap();
        assert!(InitProcess::find(&ready(number, ticks)).unwrap().is_none());
    }
}
