//! The file system of a sandbox: overlay on the base tree, its own `/proc`, `/dev` and `/run`, then
//! the new root.
//!
//! Everything below the old root is opened before the root changes, and put into place afterwards:
//! the workspace's user may have left links in the tree, which then lead nowhere but inside.

use std::ffi::CString;
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, ensure};
use nexus_init_protocol::sandbox::{IdMode, SandboxConfig, SandboxNetwork};
use rustix::fs::CWD;
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount,
    mount_bind, mount_change, mount_remount, move_mount, open_tree, unmount,
};

use super::{STATE_INSIDE, devices};

/// Files of `/proc` that tell about, or change, the host; shown empty or read-only.
const HIDDEN: [&str; 7] = [
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/acpi",
];
const READ_ONLY: [&str; 5] = [
    "/proc/sys",
    "/proc/sysrq-trigger",
    "/proc/irq",
    "/proc/bus",
    "/proc/fs",
];

/// Something of the host on its way to its place inside.
struct Carried {
    tree: OwnedFd,
    is_directory: bool,
    target: PathBuf,
    read_only: bool,
}

/// Changes the root to the sandbox's own tree.
pub(super) fn enter(config: &SandboxConfig, ids: IdMode) -> anyhow::Result<()> {
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).context("making mounts private")?;
    let carried = carry_all(config)?;
    let root = config.directory.join("root");
    mount_overlay(config, ids, &root)?;
    mount_system(config, ids, &root)?;
    change_root(&root).context("changing the root")?;
    mount_run().context("mounting /run")?;
    for one in &carried {
        put(one).with_context(|| format!("mounting {}", one.target.display()))?;
    }
    for path in &config.masked {
        mask(path).with_context(|| format!("masking {}", path.display()))?;
    }
    HIDDEN
        .iter()
        .try_for_each(|path| mask(Path::new(path)).context("hiding parts of /proc"))?;
    READ_ONLY.iter().try_for_each(|path| {
        make_read_only(Path::new(path)).with_context(|| format!("making {path} read-only"))
    })?;
    match name_this_host(&config.hostname) {
        // In a namespace of its own the tree's files may belong to nobody, and stay as they are.
        Err(_) if ids != IdMode::Root => Ok(()),
        answer => answer.context("writing /etc/hosts"),
    }
}

fn carry_all(config: &SandboxConfig) -> anyhow::Result<Vec<Carried>> {
    let state = carry(
        &config.directory.join("run/state"),
        Path::new(STATE_INSIDE),
        false,
    );
    let binds = config
        .binds
        .iter()
        .map(|bind| carry(&bind.source, &bind.target, bind.read_only));
    std::iter::once(state).chain(binds).collect()
}

fn carry(source: &Path, target: &Path, read_only: bool) -> anyhow::Result<Carried> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, source, flags);
    Ok(Carried {
        tree: tree.with_context(|| format!("opening {}", source.display()))?,
        is_directory: source.is_dir(),
        target: target.to_owned(),
        read_only,
    })
}

fn mount_overlay(config: &SandboxConfig, ids: IdMode, root: &Path) -> anyhow::Result<()> {
    let part = |name: &str| escape(&config.directory.join(name));
    let mut options = format!(
        "lowerdir={},upperdir={},workdir={}",
        escape(&config.base),
        part("upper"),
        part("work")
    );
    if ids != IdMode::Root {
        options.push_str(",userxattr");
    }
    ensure!(
        options.len() < 4000,
        "the paths of the sandbox are too long for the kernel"
    );
    let options = CString::new(options).context("a path holds a zero byte")?;
    mount(
        "overlay",
        root,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )
    .with_context(|| {
        format!(
            "mounting an overlay of {} in {} (the directory must not be on an overlay itself)",
            config.base.display(),
            config.directory.display()
        )
    })
}

/// Commas and colons separate options and layers; a backslash takes their meaning away.
fn escape(path: &Path) -> String {
    path.display()
        .to_string()
        .replace('\\', "\\\\")
        .replace(',', "\\,")
        .replace(':', "\\:")
}

/// What has to be mounted while the host's own is still visible: the kernel allows no more inside
/// than there was outside.
fn mount_system(config: &SandboxConfig, ids: IdMode, root: &Path) -> anyhow::Result<()> {
    let calm = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let at = |name: &str| -> anyhow::Result<PathBuf> {
        let path = root.join(name);
        let is_directory = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
        if !is_directory {
            fs::create_dir(&path).with_context(|| format!("making /{name}"))?;
        }
        Ok(path)
    };
    mount("proc", at("proc")?, "proc", calm, None).context("mounting /proc")?;
    if config.network != SandboxNetwork::Host {
        // Programs look there for cores and devices; without it they still run.
        let _not_allowed = mount(
            "sysfs",
            at("sys")?,
            "sysfs",
            calm | MountFlags::RDONLY,
            None,
        );
    }
    devices::mount_all(&at("dev")?, ids)
}

fn change_root(root: &Path) -> rustix::io::Result<()> {
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

fn mount_run() -> anyhow::Result<()> {
    ensure_directory(Path::new("/run"))?;
    let calm = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", "/run", "tmpfs", calm, c"mode=755,size=64m")?;
    ensure_directory(Path::new("/run/lock"))?;
    fs::DirBuilder::new().mode(0o700).create("/run/nexus")?;
    fs::create_dir(STATE_INSIDE)?;
    Ok(())
}

/// Programs such as `sudo` look for the host's own name. The file is laid over the tree's: with one
/// id only, the tree's own cannot be written.
fn name_this_host(hostname: &str) -> anyhow::Result<()> {
    let path = Path::new("/etc/hosts");
    let text = fs::read_to_string(path).unwrap_or_default();
    let is_known = |line: &str| line.split_whitespace().skip(1).any(|name| name == hostname);
    if text.lines().any(is_known) {
        return Ok(());
    }
    let loopback = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n";
    let begun = if text.is_empty() {
        loopback
    } else {
        text.as_str()
    };
    let own = Path::new("/run/nexus/hosts");
    fs::write(
        own,
        format!("{}\n127.0.1.1\t{hostname}\n", begun.trim_end()),
    )?;
    let target = make_target(path, false)?;
    Ok(mount_bind(own, &target)?)
}

fn put(carried: &Carried) -> anyhow::Result<()> {
    let target = make_target(&carried.target, carried.is_directory)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(&carried.tree, "", CWD, &target, flags)?;
    if carried.read_only {
        remount_read_only(&target)?;
    }
    Ok(())
}

/// Makes the place for a mount. A link in its stead is replaced: it would lead the mount elsewhere.
fn make_target(target: &Path, is_directory: bool) -> anyhow::Result<PathBuf> {
    ensure!(
        target
            .components()
            .all(|part| matches!(part, Component::RootDir | Component::Normal(_))),
        "the target is no plain path"
    );
    if let Some(parent) = target.parent() {
        ensure_directory(parent)?;
    }
    match is_directory {
        true => ensure_directory(target)?,
        false => {
            let found = fs::symlink_metadata(target);
            if found.as_ref().is_ok_and(fs::Metadata::is_symlink) {
                fs::remove_file(target)?;
            }
            if !found.is_ok_and(|found| found.is_file()) {
                fs::File::create(target)?;
            }
        }
    }
    Ok(target.to_owned())
}

fn ensure_directory(path: &Path) -> anyhow::Result<()> {
    let made = fs::create_dir_all(path);
    made.with_context(|| format!("making {}", path.display()))
}

fn mask(path: &Path) -> anyhow::Result<()> {
    let Ok(found) = fs::metadata(path) else {
        return Ok(());
    };
    match found.is_dir() {
        true => {
            let calm = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
            mount("tmpfs", path, "tmpfs", calm | MountFlags::RDONLY, c"size=0")?;
        }
        false => mount_bind("/dev/null", path)?,
    }
    Ok(())
}

fn make_read_only(path: &Path) -> anyhow::Result<()> {
    if path.exists() {
        mount_bind(path, path)?;
        remount_read_only(path)?;
    }
    Ok(())
}

/// A remount has to keep the flags there are: in a user namespace they are locked.
fn remount_read_only(path: &Path) -> anyhow::Result<()> {
    let now = rustix::fs::statvfs(path)?.f_flag;
    let mut flags = MountFlags::BIND | MountFlags::RDONLY;
    let kept = [
        (rustix::fs::StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (rustix::fs::StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (rustix::fs::StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (rustix::fs::StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (
            rustix::fs::StatVfsMountFlags::RELATIME,
            MountFlags::RELATIME,
        ),
    ];
    for (seen, flag) in kept {
        flags.set(flag, now.contains(seen));
    }
    Ok(mount_remount(path, flags, "")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_paths_are_escaped() {
        assert_eq!(escape(Path::new("/a:b,c\\d")), "/a\\:b\\,c\\\\d");
    }
}
