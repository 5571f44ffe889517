//! Executions: direct ones that live and die with their connection, claimed ones that run once.
//!
//! A claimed execution owns a directory named by its id; making that directory is the claim, because
//! the file system lets exactly one request make it. Output and result are kept there, so that a
//! request that is delivered again attaches to the running command, or reads how it ended.

mod claimed;
mod direct;
pub(crate) mod output;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use nexus_init_protocol::frame::FrameKind;
use nexus_init_protocol::{Answer, ExecId, ExecSpec, Failure, FailureCode, Input};

use self::claimed::ClaimedExec;
use crate::connection::{ConnectionError, Reader, Writer};
use crate::context::{Custom, Descriptors};
use crate::process::{ExitWatch, SpawnError, Standing, signal_group};
use crate::sync::Lock;
use crate::workspace::Workspace;

/// Finished claims kept on disk; the oldest go first.
const CLAIMS_KEPT: usize = 512;

/// Every execution of this life of init.
#[derive(Debug)]
pub(crate) struct ExecTable {
    directory: PathBuf,
    running: Arc<Mutex<BTreeSet<u32>>>,
    claimed: Mutex<HashMap<ExecId, Arc<ClaimedExec>>>,
}

/// Counts a running process as an execution until dropped.
#[derive(Debug)]
pub(crate) struct Running {
    process_id: u32,
    all: Arc<Mutex<BTreeSet<u32>>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.all.hold().remove(&self.process_id);
    }
}

impl ExecTable {
    /// Claims are kept in `directory`, which exists.
    pub(crate) fn open(directory: PathBuf) -> io::Result<Self> {
        let table = Self {
            directory,
            running: Arc::default(),
            claimed: Mutex::default(),
        };
        claimed::forget_oldest(&table.directory, CLAIMS_KEPT)?;
        Ok(table)
    }

    /// Executions running now.
    pub(crate) fn running(&self) -> u32 {
        u32::try_from(self.running.hold().len()).unwrap_or(u32::MAX)
    }

    /// Leaders of the process groups running now.
    pub(crate) fn process_ids(&self) -> Vec<u32> {
        self.running.hold().iter().copied().collect()
    }

    /// Counts a process among the executions until the value is dropped.
    pub(crate) fn count(&self, process_id: u32) -> Running {
        self.running.hold().insert(process_id);
        Running {
            process_id,
            all: self.running.clone(),
        }
    }
}

/// Answers an `Exec` request.
pub(crate) async fn serve(
    workspace: &Arc<Workspace>,
    spec: ExecSpec,
    reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    if let Err(failure) = check(&spec) {
        return Ok(writer.control(&Answer::Failed(failure)).await?);
    }
    workspace.note_activity(nexus_init_protocol::ActivitySource::Process, 1);
    match spec.id.clone() {
        None => direct::serve(workspace, spec, reader, writer).await,
        Some(id) => claimed::serve(workspace, id, spec, reader, writer).await,
    }
}

fn check(spec: &ExecSpec) -> Result<(), Failure> {
    let invalid = |message: &str| Err(Failure::new(FailureCode::Invalid, message));
    let has_nul = |text: &String| text.contains('\0');
    match () {
        () if spec.argv.is_empty() => invalid("argv is empty: there is no command to run"),
        () if spec.argv[0].is_empty() => invalid("the program's name is empty"),
        () if spec.argv.iter().any(has_nul) => invalid("argv holds a zero byte"),
        () if spec.env.iter().any(|(name, value)| {
            name.is_empty() || name.contains('=') || has_nul(name) || has_nul(value)
        }) =>
        {
            invalid("env holds an empty name, a name with '=' or a zero byte")
        }
        () => Ok(()),
    }
}

/// Starts the command; a failure of the request is told from one of the command.
fn start(
    workspace: &Workspace,
    spec: &ExecSpec,
    descriptors: Descriptors,
) -> Result<Result<ExitWatch, SpawnError>, Failure> {
    let custom = Custom {
        env: spec.env.clone(),
        directory: spec.directory.clone(),
        user: spec.user.clone(),
        by_person: true,
    };
    let context = workspace.context();
    let command = context.command(spec.argv.clone(), &custom, descriptors, Standing::Group)?;
    Ok(workspace.reaper.spawn(command))
}

/// What a client sends into a running command.
enum FromClient {
    Bytes(bytes::Bytes),
    EndOfInput,
    Other,
    Gone,
}

/// Reads one message of the client; signals are passed on here.
async fn next_input(
    reader: &mut Reader,
    process_id: Option<u32>,
) -> Result<FromClient, ConnectionError> {
    let Some(frame) = reader.next().await? else {
        return Ok(FromClient::Gone);
    };
    if frame.kind != FrameKind::Control {
        return Ok(FromClient::Bytes(frame.into_data()?.1));
    }
    Ok(match serde_json::from_slice(&frame.payload)? {
        Input::EndOfInput => FromClient::EndOfInput,
        Input::Signal(signal) => {
            if let Some(process_id) = process_id {
                signal_group(process_id, signal);
            }
            FromClient::Other
        }
        Input::Resize(_) | Input::Taken { .. } => FromClient::Other,
    })
}
