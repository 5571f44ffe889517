//! Which workspace has which network of a range: a file per slot, holding its holder's directory.
//!
//! All calls happen under the registry's lock.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The slots of one range.
#[derive(Debug)]
pub(super) struct Slots {
    folder: PathBuf,
    boot: String,
}

/// Who holds a slot.
#[derive(Debug, Serialize, Deserialize)]
struct Holding {
    /// The workspace's directory; a holder that is gone holds nothing.
    directory: PathBuf,
    /// The life of the machine it was given in: links do not survive a reboot.
    boot: String,
}

impl Slots {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?
            .trim()
            .to_owned();
        Ok(Self {
            folder: folder.to_owned(),
            boot,
        })
    }

    /// The slot `holder` has, else the lowest free one of `count`; `None` when all are taken.
    pub(super) fn take(&self, holder: &Path, count: u32) -> io::Result<Option<u32>> {
        let held = self.held()?;
        if let Some((slot, _)) = held.iter().find(|(_, directory)| *directory == holder) {
            return Ok(Some(*slot));
        }
        let Some(slot) = (0..count).find(|slot| !held.contains_key(slot)) else {
            return Ok(None);
        };
        let holding = Holding {
            directory: holder.to_owned(),
            boot: self.boot.clone(),
        };
        fs::write(self.file(slot), serde_json::to_vec(&holding)?)?;
        Ok(Some(slot))
    }

    /// The slots `holder` had.
    pub(super) fn release(&self, holder: &Path) -> io::Result<Vec<u32>> {
        let held = self.held()?;
        let of_holder = held
            .into_iter()
            .filter(|(_, directory)| directory == holder);
        let slots: Vec<u32> = of_holder.map(|(slot, _)| slot).collect();
        for slot in &slots {
            fs::remove_file(self.file(*slot))?;
        }
        Ok(slots)
    }

    pub(super) fn is_empty(&self) -> io::Result<bool> {
        Ok(self.held()?.is_empty())
    }

    fn file(&self, slot: u32) -> PathBuf {
        self.folder.join(slot.to_string())
    }

    fn held(&self) -> io::Result<BTreeMap<u32, PathBuf>> {
        let mut held = BTreeMap::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let slot = entry
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok());
            let holding = fs::read(entry.path())?;
            // What cannot be read was cut off while it was written: nobody was told of it.
            let holding: Option<Holding> = serde_json::from_slice(&holding).ok();
            if let (Some(slot), Some(holding)) = (slot, holding)
                && holding.boot == self.boot
                && holding.directory.exists()
            {
                held.insert(slot, holding.directory);
            }
        }
        Ok(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_kept_by_its_holder_and_free_when_that_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let holder = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(&path).unwrap();
            path
        };
        let slots = Slots::open(&folder.path().join("registry")).unwrap();
        let (a, b, c) = (holder("a"), holder("b"), holder("c"));
        assert_eq!(slots.take(&a, 2).unwrap(), Some(0));
        assert_eq!(slots.take(&b, 2).unwrap(), Some(1));
        assert_eq!(slots.take(&a, 2).unwrap(), Some(0), "the same again");
        assert_eq!(slots.take(&c, 2).unwrap(), None, "all are taken");
        fs::remove_dir(&b).unwrap();
        assert_eq!(
            slots.take(&c, 2).unwrap(),
            Some(1),
            "a holder that is gone holds nothing"
        );
        assert_eq!(slots.release(&a).unwrap(), [0]);
        assert_eq!(slots.release(&a).unwrap(), [] as [u32; 0]);
        assert!(!slots.is_empty().unwrap());
        slots.release(&c).unwrap();
        assert!(slots.is_empty().unwrap());
    }

    #[test]
    fn slots_of_an_earlier_boot_are_free() {
        let folder = tempfile::tempdir().unwrap();
        let slots = Slots::open(&folder.path().join("registry")).unwrap();
        let earlier = Slots {
            boot: "earlier".into(),
            folder: slots.folder.clone(),
        };
        assert_eq!(earlier.take(folder.path(), 1).unwrap(), Some(0));
        assert!(slots.is_empty().unwrap());
    }
}
