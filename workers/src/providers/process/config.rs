//! What init is asked to make at a start: the same machine, with the limits and the network of now.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nexus_init_protocol::sandbox::{
    IdMode, SandboxBind, SandboxConfig, SandboxLimits, SandboxNetwork,
};

use super::base_tree::BaseTree;
use super::directory::Directory;
use super::meta::Meta;
use crate::provider::{MachineSpec, SOURCE_DIRECTORY};

const RESOLVER: &str = "/etc/resolv.conf";
const PASSWD: &str = "/etc/passwd";

/// Writes the configuration of one start and answers it.
pub(super) fn write(
    directory: &Directory,
    meta: &Meta,
    spec: &MachineSpec,
    ids: IdMode,
    network: SandboxNetwork,
    resolver: Option<String>,
) -> io::Result<SandboxConfig> {
    let base = BaseTree {
        path: meta.base.clone(),
    };
    let mut env = base.environment()?;
    env.extend(spec.environment.clone());
    let mut binds = binds(directory, meta, resolver)?;
    if ids != IdMode::Root {
        binds.extend(scratch(directory)?);
    }
    if ids == IdMode::Single {
        fs::write(directory.passwd(), base.passwd_with_one_id(&meta.user)?)?;
        binds.push(bind(directory.passwd(), PASSWD, true));
    }
    let config = SandboxConfig {
        base: base.path,
        directory: directory.path().to_owned(),
        hostname: spec.name.to_string(),
        network,
        limits: limits(spec),
        binds,
        masked: Vec::new(),
        env,
    };
    // Written anew at each start: nothing has to reach the disk before that.
    let mut file = fs::File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(directory.config())?;
    file.write_all(&serde_json::to_vec_pretty(&config)?)?;
    Ok(config)
}

/// In a user namespace the tree's own may belong to an id that does not exist there, and then
/// nobody can write to them.
fn scratch(directory: &Directory) -> io::Result<Vec<SandboxBind>> {
    let places = [("tmp", "/tmp"), ("var-tmp", "/var/tmp")];
    let make = |(name, target): (&str, &str)| {
        let source = directory.path().join(name);
        fs::create_dir_all(&source)?;
        fs::set_permissions(&source, fs::Permissions::from_mode(0o1777))?;
        Ok(bind(source, target, false))
    };
    places.into_iter().map(make).collect()
}

fn limits(spec: &MachineSpec) -> SandboxLimits {
    SandboxLimits {
        memory_bytes: Some(u64::from(spec.resources.memory_mib) << 20),
        cpu_milli: Some(spec.resources.cpu_milli),
        processes: Some(u64::from(spec.resources.processes)),
        open_files: None,
    }
}

fn bind(source: PathBuf, target: &str, read_only: bool) -> SandboxBind {
    SandboxBind {
        source,
        target: Path::new(target).to_owned(),
        read_only,
    }
}

fn binds(
    directory: &Directory,
    meta: &Meta,
    resolver: Option<String>,
) -> io::Result<Vec<SandboxBind>> {
    let mut binds = vec![bind(directory.home(), &meta.home, false)];
    if directory.source().exists() {
        binds.push(bind(directory.source(), SOURCE_DIRECTORY, true));
    }
    if let Some(resolver) = resolver {
        fs::write(directory.resolver(), resolver)?;
        binds.push(bind(directory.resolver(), RESOLVER, true));
    }
    Ok(binds)
}
