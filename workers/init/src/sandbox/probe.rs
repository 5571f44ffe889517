//! What a sandbox made here, by this user, would have and lack: tried, not guessed.

use std::fs;

use anyhow::Context as _;
use nexus_init_protocol::sandbox::{IdMode, ProbedNetwork, SandboxNetwork, SandboxProbe};
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::UnshareFlags;

use super::cgroup::Cgroups;
use super::family::{self, Pipe};
use super::{capabilities, ids};

/// Prints one line of JSON.
pub(crate) fn print() -> anyhow::Result<()> {
    let mut line = serde_json::to_string(&probe()?)?;
    line.push('\n');
    crate::say(&line)
}

fn probe() -> anyhow::Result<SandboxProbe> {
    let mode = ids::choose();
    let mut reasons = Vec::new();
    for mode in [mode, IdMode::Single] {
        match try_mode(mode)? {
            Ok(()) => return Ok(describe(mode, reasons)),
            Err(reason) => reasons.push(reason),
        }
        if mode != IdMode::Subordinate {
            break;
        }
    }
    reasons.extend(how_to_allow());
    Ok(SandboxProbe {
        usable: false,
        capabilities: None,
        network: None,
        reasons,
    })
}

fn describe(mode: IdMode, reasons: Vec<String>) -> SandboxProbe {
    let network = best_network(mode);
    let as_configured = match network {
        ProbedNetwork::Host => SandboxNetwork::Host,
        ProbedNetwork::Veth | ProbedNetwork::Slirp4netns => SandboxNetwork::Slirp4netns,
    };
    SandboxProbe {
        usable: true,
        capabilities: Some(capabilities(
            mode,
            &as_configured,
            &Cgroups::probe(),
            reasons,
        )),
        network: Some(network),
        reasons: Vec::new(),
    }
}

fn best_network(mode: IdMode) -> ProbedNetwork {
    let tun = rustix::fs::Access::READ_OK | rustix::fs::Access::WRITE_OK;
    let has_tun = || rustix::fs::access("/dev/net/tun", tun).is_ok();
    match mode {
        IdMode::Root => ProbedNetwork::Veth,
        IdMode::Subordinate | IdMode::Single
            if ids::find_program("slirp4netns").is_some() && has_tun() =>
        {
            ProbedNetwork::Slirp4netns
        }
        IdMode::Subordinate | IdMode::Single => ProbedNetwork::Host,
    }
}

/// Makes the namespaces and an overlay in a process of its own, which then ends.
fn try_mode(mode: IdMode) -> anyhow::Result<Result<(), String>> {
    let mut says = Pipe::new()?;
    let mut mapped = Pipe::new()?;
    let place = tempdir()?;
    let Some(child) = family::fork().context("forking")? else {
        says.close_read();
        mapped.close_write();
        let result = attempt(mode, &place, &mut says, &mut mapped);
        let text = result
            .as_ref()
            .map_or_else(|error| format!("{error:#}"), |()| "fine".to_owned());
        let _maker_is_gone = says.tell(&text);
        std::process::exit(0);
    };
    says.close_write();
    mapped.close_read();
    let mut answer = says.listen()?;
    if answer == "user namespace" {
        if let Err(error) = ids::map(child.process_id(), mode) {
            child.kill();
            let _gone_already = fs::remove_dir_all(&place);
            return Ok(Err(format!("{error:#}")));
        }
        mapped.tell("mapped")?;
        answer = says.listen()?;
    }
    child.wait();
    let _gone_already = fs::remove_dir_all(&place);
    Ok(match answer.as_str() {
        "fine" => Ok(()),
        "" => Err("the attempt ended without a word".to_owned()),
        reason => Err(reason.to_owned()),
    })
}

fn attempt(
    mode: IdMode,
    place: &std::path::Path,
    says: &mut Pipe,
    mapped: &mut Pipe,
) -> anyhow::Result<()> {
    if mode != IdMode::Root {
        family::unshare(UnshareFlags::NEWUSER).context("making a user namespace")?;
        says.tell("user namespace")?;
        mapped.expect("mapped")?;
        ids::become_root(mode).context("becoming root of the namespace")?;
    }
    let flags = UnshareFlags::NEWNS | UnshareFlags::NEWPID | UnshareFlags::NEWNET;
    family::unshare(flags).context("making namespaces")?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context("making mounts private")?;
    mount("tmpfs", place, "tmpfs", MountFlags::empty(), None).context("mounting a tmpfs")?;
    for name in ["lower", "upper", "work", "root"] {
        fs::create_dir(place.join(name)).context("making directories")?;
    }
    let at = place.display();
    let options = format!("lowerdir={at}/lower,upperdir={at}/upper,workdir={at}/work");
    let options = match mode {
        IdMode::Root => options,
        IdMode::Subordinate | IdMode::Single => format!("{options},userxattr"),
    };
    let options = std::ffi::CString::new(options)?;
    let root = place.join("root");
    mount(
        "overlay",
        &root,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .context("mounting an overlay")
}

fn tempdir() -> anyhow::Result<std::path::PathBuf> {
    let place = std::env::temp_dir().join(format!("nexus-probe-{}", std::process::id()));
    fs::create_dir_all(&place).with_context(|| format!("making {}", place.display()))?;
    Ok(place)
}

fn how_to_allow() -> Vec<String> {
    let mut hints = Vec::new();
    let reads =
        |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if reads("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        hints.push("allow user namespaces: sysctl kernel.unprivileged_userns_clone=1".to_owned());
    }
    if reads(
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
    ) {
        hints.push(
            "AppArmor forbids user namespaces: sysctl kernel.apparmor_restrict_unprivileged_userns=0, or give nexus-init a profile"
                .to_owned(),
        );
    }
    if reads("/proc/sys/user/max_user_namespaces", "0") {
        hints.push("allow user namespaces: sysctl user.max_user_namespaces=10000".to_owned());
    }
    hints
}
