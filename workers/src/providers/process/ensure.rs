//! Having a machine: looked for, announced, made, published; then it is there for every worker.

use std::io;
use std::path::Path;

use super::base_tree::BaseTree;
use super::directory::Directory;
use super::failure::{at, from_io};
use super::home;
use super::lock::Lock;
use super::meta::Meta;
use super::remove::remove_tree;
use crate::provider::{
    ErrorClass, Image, Machine, MachineSpec, ProviderError, Result, machine_name,
};
use crate::providers::docker::source::copy_whole;

/// The machine of `spec` in `folder`, made when there is none. Blocks the thread.
pub(super) fn ensure(
    folder: &Path,
    instance: &str,
    base_place: &Path,
    spec: &MachineSpec,
    image: &Image,
) -> Result<Machine> {
    let directory = Directory::of(folder, spec.workspace);
    let _lock = lock_of(&directory)?;
    if let Some(found) = Meta::read(&directory).map_err(at("reading", &directory.meta()))? {
        return adopt(&found, spec, instance);
    }
    let base = BaseTree::find(base_place)?;
    let meta = Meta::new(spec, instance, image, &base.path);
    make(&directory, &meta, spec)
        .map_err(|error| from_io(format!("making machine {}", spec.workspace), error))?;
    Ok(Machine {
        handle: machine_name(spec.workspace),
        reused: false,
    })
}

/// The directory may be on its way out under another worker's hands; then it is made again.
fn lock_of(directory: &Directory) -> Result<Lock> {
    loop {
        directory.make().map_err(at("making", directory.path()))?;
        match Lock::take(&directory.lock()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            answer => return answer.map_err(at("locking", directory.path())),
        }
    }
}

fn adopt(found: &Meta, spec: &MachineSpec, instance: &str) -> Result<Machine> {
    let refuse = |cause: String| {
        let attempted = format!("making machine {}", spec.workspace);
        Err(ProviderError::new(ErrorClass::Exists, attempted, cause))
    };
    if found.instance != instance {
        return refuse(format!("it belongs to another Nexus, {}", found.instance));
    }
    if found.epoch > spec.epoch {
        return refuse(format!(
            "it was made by a later operation, {}",
            found.operation
        ));
    }
    Ok(Machine {
        handle: machine_name(spec.workspace),
        reused: true,
    })
}

/// Whatever half a machine left behind is of no use, but for what its user may have written.
fn make(directory: &Directory, meta: &Meta, spec: &MachineSpec) -> io::Result<()> {
    for leftover in ["upper", "work"].map(|name| directory.path().join(name)) {
        remove_tree(&leftover)?;
    }
    meta.announce(directory)?;
    if let Some(repository) = &spec.source {
        copy_whole(repository, &directory.source())?;
    }
    home::hand_over(directory, meta)?;
    Meta::publish(directory)
}
