//! Outbound network without root: `slirp4netns` speaks for the sandbox, as this user.

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use super::ids::find;
use super::talk;

const TOOL: &str = "slirp4netns";

/// The device it makes its interface with.
const DEVICE: &str = "/dev/net/tun";

/// Whether it is installed and may make interfaces.
pub(super) fn is_possible() -> bool {
    find(TOOL).is_some() && OpenOptions::new().read(true).write(true).open(DEVICE).is_ok()
}

/// Gives the network of `process` a way out, and returns once it is there. The tool ends with the
/// sandbox, since it is a process in a session of its own that watches the namespace's process.
pub(super) fn attach(process: u32) -> anyhow::Result<()> {
    let program = find(TOOL).with_context(|| format!("{TOOL} is not installed"))?;
    let mut command = Command::new("/proc/self/exe");
    command.arg("slirp").arg(program).arg(process.to_string());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).process_group(0);
    let mut child = command.spawn().with_context(|| format!("starting {TOOL}"))?;
    let Some(mut stdout) = child.stdout.take() else { bail!("{TOOL} has no output") };
    talk::expect(&mut stdout, "attached").with_context(|| format!("waiting for {TOOL}"))
}
