//! What there is: one machine, or all of this instance.

use std::fs;
use std::io;
use std::path::Path;

use nexus_events::workspace::MachineExit;

use super::cgroup;
use super::directory::{Directory, workspace_of};
use super::failure::at;
use super::meta::Meta;
use super::start::running;
use crate::provider::{MachineState, Observation, OwnedMachine, Result, machine_name};

/// How the machine in a directory stands. Blocks the thread.
pub(super) fn one(directory: &Directory) -> Result<Observation> {
    let meta = Meta::read(directory).map_err(at("reading", &directory.meta()))?;
    let Some(meta) = meta else {
        return Ok(Observation {
            handle: None,
            state: MachineState::Absent,
        });
    };
    let state = match (running(directory)?, directory.ready().exists()) {
        (Some(_), _) => MachineState::Running,
        (None, false) => MachineState::Created,
        (None, true) => MachineState::Stopped(exit_of(directory)),
    };
    Ok(Observation {
        handle: Some(machine_name(meta.workspace)),
        state,
    })
}

fn exit_of(directory: &Directory) -> MachineExit {
    let was_stopped = directory.was_stopped();
    let out_of_memory = !was_stopped && cgroup::ran_out_of_memory(&directory.name());
    let cause = match (was_stopped, out_of_memory) {
        (true, _) => "the sandbox was stopped as asked",
        (false, true) => "the kernel ended the sandbox for want of memory",
        (false, false) => "the sandbox ended without being asked: its process 1 was killed",
    };
    MachineExit {
        code: None,
        out_of_memory,
        cause: cause.to_owned(),
    }
}

/// Every machine below `folder`, half-made and half-removed ones included. Blocks the thread.
pub(super) fn all(folder: &Path) -> Result<Vec<OwnedMachine>> {
    let workspaces = folder.join("workspaces");
    let entries = match fs::read_dir(&workspaces) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(at("reading", &workspaces))?,
    };
    let mut owned = Vec::new();
    for entry in entries.flatten() {
        let is_machine = entry.file_name().to_str().and_then(workspace_of).is_some();
        if is_machine {
            owned.extend(owned_in(&entry.path())?);
        }
    }
    Ok(owned)
}

fn owned_in(path: &Path) -> Result<Option<OwnedMachine>> {
    let Some(meta) = Meta::read_of_any(path).map_err(at("reading", path))? else {
        return Ok(None);
    };
    Ok(Some(OwnedMachine {
        workspace: meta.workspace,
        operation: meta.operation,
        epoch: meta.epoch,
        handle: machine_name(meta.workspace),
        running: running(&Directory::at(path))?.is_some(),
    }))
}
