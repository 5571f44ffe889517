//! The network of a sandbox, from outside and from inside.

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use nexus_init_protocol::sandbox::SandboxNetwork;

use super::family::{Pipe, inheritable};
use super::ids::find_program;
use super::netlink::Netlink;

/// A /30: two addresses, one for each end.
const PREFIX: u8 = 30;
const INSIDE: &str = "eth0";
const SLIRP: &str = "slirp4netns";

/// What has to be done on the host once init's namespaces are there; notes for people.
pub(super) fn connect(
    network: &SandboxNetwork,
    process_id: u32,
    alive: &Pipe,
) -> anyhow::Result<Vec<String>> {
    match network {
        SandboxNetwork::Loopback | SandboxNetwork::Host => {}
        SandboxNetwork::Veth {
            interface, host, ..
        } => {
            let netlink = Netlink::open().context("opening netlink")?;
            netlink
                .remove(interface)
                .with_context(|| format!("removing an old {interface}"))?;
            netlink
                .make_pair(interface, INSIDE, process_id)
                .and_then(|()| netlink.add_address(interface, *host, PREFIX))
                .and_then(|()| netlink.bring_up(interface))
                .with_context(|| format!("making the link {interface}"))?;
        }
        SandboxNetwork::Slirp4netns => start_slirp(process_id, alive)?,
    }
    Ok(Vec::new())
}

/// Starts the user-space network; it ends when init ends, whose end of `alive` is then closed.
fn start_slirp(process_id: u32, alive: &Pipe) -> anyhow::Result<()> {
    let program = find_program(SLIRP).with_context(|| format!("{SLIRP} is not installed"))?;
    let (ready, tell_ready) = crate::process::spawn::pipe().context("making a pipe")?;
    let tell_ready = inheritable(tell_ready.as_fd()).context("keeping a pipe")?;
    let exit = alive.read_end().context("the pipe is closed")?;
    let exit = inheritable(exit).context("keeping a pipe")?;
    let mut child = Command::new(program)
        .args(["--configure", "--mtu=65520", "--disable-host-loopback"])
        .arg(format!("--exit-fd={}", exit.as_raw_fd()))
        .arg(format!("--ready-fd={}", tell_ready.as_raw_fd()))
        .arg(process_id.to_string())
        .arg(INSIDE)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {SLIRP}"))?;
    drop((tell_ready, exit));
    let mut byte = [0];
    let told = File::from(ready)
        .read(&mut byte)
        .with_context(|| format!("waiting for {SLIRP}"))?;
    if told == 0 {
        let mut said = String::new();
        if let Some(mut errors) = child.stderr.take() {
            let _broken = errors.read_to_string(&mut said);
        }
        ensure!(told > 0, "{SLIRP} ended: {}", said.trim());
    }
    Ok(())
}

/// What has to be done inside, before rights are dropped.
pub(super) fn configure_inside(network: &SandboxNetwork) -> anyhow::Result<()> {
    if *network == SandboxNetwork::Host {
        return Ok(());
    }
    let netlink = Netlink::open().context("opening netlink")?;
    netlink.bring_up("lo").context("bringing up the loopback")?;
    if let SandboxNetwork::Veth {
        host, workspace, ..
    } = network
    {
        netlink
            .add_address(INSIDE, *workspace, PREFIX)
            .and_then(|()| netlink.bring_up(INSIDE))
            .and_then(|()| netlink.add_default_route(*host))
            .with_context(|| format!("setting up {INSIDE}"))?;
    }
    Ok(())
}
