//! An execution claimed by an id: it runs once, whoever asks and however often.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use nexus_init_protocol::exec::ExecOffsets;
use nexus_init_protocol::frame::FrameKind;
use nexus_init_protocol::{Answer, ExecId, ExecSpec, ExitOutcome, OutputStream, Signal};
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe::Sender;
use tokio::sync::watch;

use super::direct::{internal, sleep_until};
use super::output::{ProcessEvent, ProcessOutput};
use super::{FromClient, Running, next_input, start};
use crate::connection::{ConnectionError, Reader, Writer};
use crate::context::Descriptors;
use crate::process::spawn::pipe;
use crate::process::{ExitWatch, signal_group};
use crate::sync::Lock;
use crate::workspace::Workspace;

/// Bytes of each stream that are kept; the rest is counted and dropped.
const KEPT: u64 = 16 << 20;

const PIECE: usize = 32 << 10;

/// A claimed execution of this life of init.
#[derive(Debug)]
pub(super) struct ClaimedExec {
    process_id: Option<u32>,
    progress: watch::Sender<Progress>,
    stdin: tokio::sync::Mutex<Option<Sender>>,
}

/// How much there is to read, and whether that is all.
#[derive(Debug, Clone, Default)]
struct Progress {
    stdout: u64,
    stderr: u64,
    outcome: Option<ExitOutcome>,
}

pub(super) async fn serve(
    workspace: &Arc<Workspace>,
    id: ExecId,
    spec: ExecSpec,
    mut reader: Reader,
    mut writer: Writer,
) -> Result<(), ConnectionError> {
    let directory = workspace.execs.directory.join(id.as_str());
    let claim = fs::DirBuilder::new().mode(0o700).create(&directory);
    let claimed_before = match claim {
        Ok(()) => false,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => true,
        Err(error) => return Ok(writer.control(&Answer::Failed(internal(&error))).await?),
    };
    let exec = match claimed_before {
        true => find(workspace, &id, &directory)?,
        false => match begin(workspace, &spec, &directory)? {
            Ok(exec) => exec,
            Err(answer) => {
                // Nothing ran, so nothing was claimed: a corrected request may use the id again.
                fs::remove_dir_all(&directory)?;
                return Ok(writer.control(&answer).await?);
            }
        },
    };
    if !claimed_before {
        workspace
            .execs
            .claimed
            .hold()
            .insert(id.clone(), exec.clone());
        forget_when_ended(workspace.clone(), id, exec.clone());
    }
    let started = Answer::ExecStarted {
        process_id: exec.process_id,
        attached: claimed_before,
    };
    writer.control(&started).await?;
    tokio::select! {
        sent = send_kept(&exec, &directory, spec.after, &mut writer) => sent,
        gone = pump_input(&mut reader, &exec) => gone,
    }
}

/// An execution whose claim exists: running, ended, or lost with an earlier life of init.
fn find(workspace: &Workspace, id: &ExecId, directory: &Path) -> io::Result<Arc<ClaimedExec>> {
    if let Some(exec) = workspace.execs.claimed.hold().get(id) {
        return Ok(exec.clone());
    }
    let outcome = match fs::read(directory.join("result.json")) {
        Ok(text) => serde_json::from_slice(&text)?,
        Err(_) => ExitOutcome::Lost,
    };
    let length = |name: &str| fs::metadata(directory.join(name)).map_or(0, |file| file.len());
    let (progress, _) = watch::channel(Progress {
        stdout: length("stdout"),
        stderr: length("stderr"),
        outcome: Some(outcome),
    });
    Ok(Arc::new(ClaimedExec {
        process_id: None,
        progress,
        stdin: tokio::sync::Mutex::new(None),
    }))
}

fn begin(
    workspace: &Workspace,
    spec: &ExecSpec,
    directory: &Path,
) -> io::Result<Result<Arc<ClaimedExec>, Answer>> {
    let (child_in, stdin) = pipe()?;
    let (stdout, child_out) = pipe()?;
    let (stderr, child_error) = pipe()?;
    let descriptors = Descriptors {
        stdin: Some(child_in),
        stdout: Some(child_out),
        stderr: Some(child_error),
    };
    let (progress, _) = watch::channel(Progress::default());
    let exit = match start(workspace, spec, descriptors) {
        Err(failure) => return Ok(Err(Answer::Failed(failure))),
        Ok(Err(error)) => {
            let outcome = error.to_outcome();
            store_result(directory, &outcome)?;
            progress.send_replace(Progress {
                outcome: Some(outcome),
                ..Progress::default()
            });
            return Ok(Ok(Arc::new(ClaimedExec {
                process_id: None,
                progress,
                stdin: tokio::sync::Mutex::new(None),
            })));
        }
        Ok(Ok(exit)) => exit,
    };
    let exec = Arc::new(ClaimedExec {
        process_id: Some(exit.process_id()),
        progress,
        stdin: tokio::sync::Mutex::new(Some(Sender::from_owned_fd(stdin)?)),
    });
    let recorder = Recorder {
        directory: directory.to_owned(),
        exec: exec.clone(),
        limit: spec.timeout_ms.map(Duration::from_millis),
        _running: workspace.execs.count(exit.process_id()),
    };
    let output = ProcessOutput::new(stdout, stderr, exit.clone())?;
    tokio::spawn(recorder.record(output, exit));
    Ok(Ok(exec))
}

/// Keeps what the command writes.
struct Recorder {
    directory: PathBuf,
    exec: Arc<ClaimedExec>,
    limit: Option<Duration>,
    _running: Running,
}

impl Recorder {
    async fn record(self, mut output: ProcessOutput, exit: ExitWatch) {
        let outcome = match self.record_output(&mut output, exit.process_id()).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(%error, "keeping the output of an execution");
                exit.clone().ended().await
            }
        };
        if let Err(error) = store_result(&self.directory, &outcome) {
            tracing::error!(%error, "keeping the result of an execution");
        }
        self.exec
            .progress
            .send_modify(|progress| progress.outcome = Some(outcome));
    }

    async fn record_output(
        &self,
        output: &mut ProcessOutput,
        process_id: u32,
    ) -> io::Result<ExitOutcome> {
        let mut stdout = Kept::create(&self.directory.join("stdout"))?;
        let mut stderr = Kept::create(&self.directory.join("stderr"))?;
        let deadline = self.limit.map(|limit| tokio::time::Instant::now() + limit);
        let mut timed_out = false;
        loop {
            let event = tokio::select! {
                event = output.next() => event?,
                () = sleep_until(deadline), if !timed_out => {
                    timed_out = true;
                    signal_group(process_id, Signal::Kill);
                    continue;
                }
            };
            match event {
                ProcessEvent::Output(OutputStream::Stdout, bytes) => stdout.keep(bytes)?,
                ProcessEvent::Output(OutputStream::Stderr, bytes) => stderr.keep(bytes)?,
                ProcessEvent::Ended(_) if timed_out => return Ok(ExitOutcome::TimedOut),
                ProcessEvent::Ended(outcome) => return Ok(outcome),
            }
            self.exec.progress.send_modify(|progress| {
                progress.stdout = stdout.length;
                progress.stderr = stderr.length;
            });
        }
    }
}

/// One stream on disk, up to the limit.
struct Kept {
    file: File,
    length: u64,
}

impl Kept {
    fn create(path: &Path) -> io::Result<Self> {
        let file = File::create(path)?;
        Ok(Self { file, length: 0 })
    }

    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let room = usize::try_from(KEPT - self.length).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }
}

fn store_result(directory: &Path, outcome: &ExitOutcome) -> io::Result<()> {
    let scratch = directory.join("result.new");
    fs::write(&scratch, serde_json::to_vec(outcome)?)?;
    fs::rename(scratch, directory.join("result.json"))
}

/// The table holds what runs; what has ended is read from its directory.
fn forget_when_ended(workspace: Arc<Workspace>, id: ExecId, exec: Arc<ClaimedExec>) {
    tokio::spawn(async move {
        let mut progress = exec.progress.subscribe();
        let _ended = progress
            .wait_for(|progress| progress.outcome.is_some())
            .await;
        workspace.execs.claimed.hold().remove(&id);
    });
}

async fn send_kept(
    exec: &ClaimedExec,
    directory: &Path,
    after: ExecOffsets,
    writer: &mut Writer,
) -> Result<(), ConnectionError> {
    let mut progress = exec.progress.subscribe();
    let mut sent = after;
    loop {
        let now = progress.borrow_and_update().clone();
        let (out, error) = (FrameKind::Output, FrameKind::ErrorOutput);
        sent.stdout = send_range(directory, "stdout", out, sent.stdout, now.stdout, writer).await?;
        sent.stderr =
            send_range(directory, "stderr", error, sent.stderr, now.stderr, writer).await?;
        if let Some(outcome) = now.outcome {
            return Ok(writer.control(&Answer::ExecEnded { outcome }).await?);
        }
        if progress.changed().await.is_err() {
            return Ok(());
        }
    }
}

async fn send_range(
    directory: &Path,
    name: &str,
    kind: FrameKind,
    mut from: u64,
    to: u64,
    writer: &mut Writer,
) -> Result<u64, ConnectionError> {
    if from >= to {
        return Ok(from);
    }
    let mut file = File::open(directory.join(name))?;
    file.seek(SeekFrom::Start(from))?;
    let mut piece = vec![0; PIECE];
    while from < to {
        let wanted = PIECE.min(usize::try_from(to - from).unwrap_or(PIECE));
        file.read_exact(&mut piece[..wanted])?;
        writer.data(kind, from, &piece[..wanted]).await?;
        from += wanted as u64;
    }
    Ok(from)
}

/// Passes the client's bytes on until it goes away; the command goes on without it.
async fn pump_input(reader: &mut Reader, exec: &ClaimedExec) -> Result<(), ConnectionError> {
    let is_running = || exec.progress.borrow().outcome.is_none();
    loop {
        let process_id = exec.process_id.filter(|_| is_running());
        let message = next_input(reader, process_id).await?;
        let mut stdin = exec.stdin.lock().await;
        match message {
            FromClient::Bytes(bytes) => {
                if let Some(open) = stdin.as_mut()
                    && open.write_all(&bytes).await.is_err()
                {
                    *stdin = None;
                }
            }
            FromClient::EndOfInput => *stdin = None,
            FromClient::Other => {}
            FromClient::Gone => return Ok(()),
        }
    }
}

/// Removes the oldest claims beyond `kept`.
pub(super) fn forget_oldest(directory: &Path, kept: usize) -> io::Result<()> {
    let mut claims: Vec<(SystemTime, PathBuf)> = fs::read_dir(directory)?
        .flatten()
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    claims.sort();
    let surplus = claims.len().saturating_sub(kept);
    claims
        .iter()
        .take(surplus)
        .try_for_each(|(_, path)| fs::remove_dir_all(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_claims_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        forget_oldest(directory.path(), 2).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        forget_oldest(directory.path(), 2).unwrap();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_stream_is_kept_up_to_its_limit() {
        let directory = tempfile::tempdir().unwrap();
        let mut kept = Kept::create(&directory.path().join("stdout")).unwrap();
        kept.length = KEPT - 3;
        kept.keep(b"hello").unwrap();
        kept.keep(b"world").unwrap();
        assert_eq!(kept.length, KEPT);
    }
}
