//! Hosts on one machine: network namespaces, each with a cable to a switch in one more.
//!
//! The switch has a namespace of its own, since in the machine's own one a container engine's rules
//! would be asked about every packet; whoever is to reach the hosts goes into it.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::TrioError;

/// The switch's own address; hosts are .1, .2, … of the same network.
const SWITCH: &str = "10.253.78.254";

/// Some hosts, until dropped.
#[derive(Debug)]
pub(super) struct Hosts {
    prefix: String,
    count: usize,
}

impl Hosts {
    /// Why they cannot be had here; `None` when they can.
    pub(super) fn missing() -> Option<&'static str> {
        let is_there = |program: &str| {
            ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
                .iter()
                .any(|folder| Path::new(folder).join(program).exists())
        };
        if !rustix::process::geteuid().is_root() {
            return Some("network namespaces need root");
        }
        let programs = ["ip", "iptables", "nsenter", "setpriv", "openssl"];
        if !programs.into_iter().all(is_there) {
            return Some("ip, iptables, nsenter, setpriv and openssl are needed");
        }
        None
    }

    pub(super) fn make(count: usize) -> Result<Self, TrioError> {
        let hosts = Self {
            prefix: format!("nexus-{}", std::process::id()),
            count,
        };
        let switch = hosts.switch();
        ip(&format!("netns add {switch}"))?;
        ip(&format!("-n {switch} link set lo up"))?;
        ip(&format!("-n {switch} link add switch type bridge"))?;
        ip(&format!("-n {switch} address add {SWITCH}/24 dev switch"))?;
        ip(&format!("-n {switch} link set switch up"))?;
        for host in 0..count {
            let (name, port) = (hosts.name(host), port(host));
            ip(&format!("netns add {name}"))?;
            ip(&format!("-n {name} link set lo up"))?;
            let other = format!("peer name cable netns {name}");
            ip(&format!("-n {switch} link add {port} type veth {other}"))?;
            let address = Self::address(host);
            ip(&format!("-n {name} address add {address}/24 dev cable"))?;
            ip(&format!("-n {name} link set cable up"))?;
            ip(&format!("-n {switch} link set {port} master switch"))?;
            ip(&format!("-n {switch} link set {port} up"))?;
        }
        Ok(hosts)
    }

    /// The address of a host.
    pub(super) fn address(host: usize) -> String {
        format!("10.253.78.{}", host + 1)
    }

    /// A program on a host, which dies with the thread that starts it.
    pub(super) fn command(&self, host: usize, program: &Path) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", path(&self.name(host)).display()))
            .args(["--", "setpriv", "--pdeathsig", "KILL", "--"])
            .arg(program);
        command
    }

    /// Takes the calling thread to the switch; threads it starts are there, too.
    pub(super) fn enter(&self) -> Result<(), TrioError> {
        let path = path(&self.switch());
        let moved = File::open(&path).and_then(|namespace| {
            let kind = Some(LinkNameSpaceType::Network);
            Ok(move_into_link_name_space(namespace.as_fd(), kind)?)
        });
        moved.map_err(|error| TrioError(format!("entering {}: {error}", path.display())))
    }

    /// Unplugs a host, or plugs it in.
    pub(super) fn plug(&self, host: usize, is_in: bool) -> Result<(), TrioError> {
        let state = if is_in { "up" } else { "down" };
        ip(&format!(
            "-n {} link set {} {state}",
            self.switch(),
            port(host)
        ))
    }

    /// Has a host hear nothing from the other hosts; what it says still arrives there.
    pub(super) fn deafen(&self, host: usize) -> Result<(), TrioError> {
        for other in (0..self.count).filter(|other| *other != host) {
            let source = Self::address(other);
            self.filter(host, &format!("-A INPUT -s {source} -j DROP"))?;
        }
        Ok(())
    }

    /// Has it hear again.
    pub(super) fn undeafen(&self, host: usize) -> Result<(), TrioError> {
        self.filter(host, "-F INPUT")
    }

    fn filter(&self, host: usize, rule: &str) -> Result<(), TrioError> {
        ip(&format!("netns exec {} iptables {rule}", self.name(host)))
    }

    fn switch(&self) -> String {
        format!("{}-switch", self.prefix)
    }

    fn name(&self, host: usize) -> String {
        format!("{}-{host}", self.prefix)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let hosts = (0..self.count).map(|host| self.name(host));
        for name in hosts.chain([self.switch()]) {
            // Half made is possible: whatever is there goes.
            let _missing = ip(&format!("netns delete {name}"));
        }
    }
}

/// The switch's end of a host's cable.
fn port(host: usize) -> String {
    format!("port{host}")
}

fn path(name: &str) -> PathBuf {
    Path::new("/var/run/netns").join(name)
}

fn ip(arguments: &str) -> Result<(), TrioError> {
    let failed = |said: &str| Err(TrioError(format!("ip {arguments}: {said}")));
    match Command::new("ip").args(arguments.split(' ')).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => failed(String::from_utf8_lossy(&output.stderr).trim()),
        Err(error) => failed(&error.to_string()),
    }
}
