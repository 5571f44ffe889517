//! Processes of the workspace: how they are started, signalled and buried.
//!
//! Init is process 1, or at least the reaper of its descendants, so it waits for *every* child in one
//! place ([`reaper`]); nothing here uses a library that would wait for children behind its back.

pub(crate) mod descriptors;
pub(crate) mod reaper;
pub(crate) mod spawn;

pub(crate) use self::reaper::{ExitWatch, Reaper};
pub(crate) use self::spawn::{Command, SpawnError, Standing};

use nexus_init_protocol::Signal;
use rustix::process::{Pid, kill_process_group, test_kill_process_group};

/// Sends a signal to a process group; a group that is gone already is what was wanted.
pub(crate) fn signal_group(process_id: u32, signal: Signal) {
    let pid = i32::try_from(process_id).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _gone_already = kill_process_group(pid, to_system(signal));
    }
}

/// Whether any process of the group is left; ended ones that nobody waited for do not count long,
/// since everything here is waited for.
pub(crate) fn group_exists(process_id: u32) -> bool {
    let pid = i32::try_from(process_id).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process_group(pid).is_ok())
}

fn to_system(signal: Signal) -> rustix::process::Signal {
    use rustix::process::Signal as System;
    match signal {
        Signal::Hup => System::HUP,
        Signal::Int => System::INT,
        Signal::Quit => System::QUIT,
        Signal::Usr1 => System::USR1,
        Signal::Usr2 => System::USR2,
        Signal::Term => System::TERM,
        Signal::Kill => System::KILL,
    }
}

/// Kills a process group when dropped, unless it was let go: whoever started it is gone.
#[derive(Debug)]
pub(crate) struct KillOnDrop(Option<u32>);

impl KillOnDrop {
    pub(crate) fn new(process_id: u32) -> Self {
        Self(Some(process_id))
    }

    /// The process has ended: its number may belong to another by now.
    pub(crate) fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let Some(process_id) = self.0 {
            signal_group(process_id, Signal::Kill);
        }
    }
}
