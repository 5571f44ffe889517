//! `meta.json`: whose machine it is and what it was made from. Written once, when all else is there.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_events::name::WorkspaceName;
use serde::{Deserialize, Serialize};

use super::directory::{Directory, read_if_there, write_by_rename};
use crate::provider::{Image, MachineSpec};

/// The labels of a machine, and what never changes about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    pub(super) workspace: WorkspaceId,
    pub(super) name: WorkspaceName,
    pub(super) operation: OperationId,
    pub(super) epoch: u64,
    pub(super) instance: String,
    /// The tree below it, by its own name and not by that of a link: what was changed inside only
    /// fits the tree it was changed on.
    pub(super) base: PathBuf,
    pub(super) image: String,
    pub(super) user: String,
    pub(super) home: String,
}

impl Meta {
    pub(super) fn new(spec: &MachineSpec, instance: &str, image: &Image, base: &Path) -> Self {
        Self {
            workspace: spec.workspace,
            name: spec.name.clone(),
            operation: spec.operation,
            epoch: spec.epoch,
            instance: instance.to_owned(),
            base: base.to_owned(),
            image: image.name.clone(),
            user: image.user.clone(),
            home: image.home.clone(),
        }
    }

    /// What is written of a whole machine; `None` when there is none, or only half of one.
    pub(super) fn read(directory: &Directory) -> io::Result<Option<Self>> {
        read_from(&directory.meta())
    }

    /// The same, of half a machine too.
    pub(super) fn read_of_any(directory: &Path) -> io::Result<Option<Self>> {
        let directory = Directory::at(directory);
        match read_from(&directory.meta())? {
            Some(meta) => Ok(Some(meta)),
            None => read_from(&directory.making()),
        }
    }

    /// Says whose machine this will be, before anything of it is made.
    pub(super) fn announce(&self, directory: &Directory) -> io::Result<()> {
        write_by_rename(&directory.making(), &serde_json::to_vec_pretty(self)?)
    }

    /// Says that the announced machine is whole.
    pub(super) fn publish(directory: &Directory) -> io::Result<()> {
        fs::rename(directory.making(), directory.meta())
    }

    /// What the machine was made from, for a second look.
    pub(super) fn image(&self) -> Image {
        Image {
            name: self.image.clone(),
            reused: true,
            user: self.user.clone(),
            home: self.home.clone(),
        }
    }
}

fn read_from(path: &Path) -> io::Result<Option<Meta>> {
    let Some(text) = read_if_there(path)? else {
        return Ok(None);
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(io::Error::from)
}
