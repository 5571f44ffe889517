//! The tree every machine starts from: a distribution below one directory, never written to.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::directory::read_if_there;
use crate::provider::{ErrorClass, Image, ProviderError, Result};

/// What a request may call the base tree; the engines know it under the same name.
const NAME: &str = "nexus/base";

const PASSWD: &str = "etc/passwd";

/// Where programs are inside, as the engines' image has it.
const PATH: &str = "/usr/local/go/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A tree found on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BaseTree {
    /// Its own place, links resolved: another `current` later does not change it.
    pub(super) path: PathBuf,
}

impl BaseTree {
    /// The usual places: `NEXUS_BASE_TREE`, else what `./dev image` makes in the user's cache.
    pub(super) fn usual_place() -> PathBuf {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let named = set("NEXUS_BASE_TREE").map(PathBuf::from);
        let home = || set("HOME").map(|home| Path::new(&home).join(".cache"));
        let cache = || {
            set("XDG_CACHE_HOME")
                .map(PathBuf::from)
                .or_else(home)
                .unwrap_or_default()
        };
        named.unwrap_or_else(|| cache().join("nexus/base/current/rootfs"))
    }

    /// The tree at `place`.
    ///
    /// # Errors
    /// [`ErrorClass::Absent`] says how to make one.
    pub(super) fn find(place: &Path) -> Result<Self> {
        let path = fs::canonicalize(place).map_err(|error| missing(place, &error))?;
        // Enough of a system to start anything at all; a folder that is no tree is told at once.
        for needed in ["bin/sh", PASSWD] {
            fs::metadata(path.join(needed)).map_err(|error| missing(&path.join(needed), &error))?;
        }
        Ok(Self { path })
    }

    /// It as an image, with who works in it.
    pub(super) fn image(&self) -> Image {
        let user = Image::DEFAULT_USER;
        let home = self.user_field(user, 5);
        Image {
            name: self.name(),
            reused: true,
            user: user.to_owned(),
            home: home.unwrap_or_else(|| format!("/home/{user}")),
        }
    }

    /// User and group id of somebody in the tree.
    pub(super) fn ids_of(&self, user: &str) -> Option<(u32, u32)> {
        let id = |field| self.user_field(user, field)?.parse().ok();
        Some((id(2)?, id(3)?))
    }

    /// The tree's `/etc/passwd` for a sandbox that has one id only: there the user who works is
    /// root, since no other could start a process or own a file; and the first with that id, so
    /// that whoever asks for its name and home hears of this user.
    pub(super) fn passwd_with_one_id(&self, user: &str) -> io::Result<String> {
        let text = fs::read_to_string(self.path.join(PASSWD))?;
        let is_user = |line: &&str| line.split(':').next() == Some(user);
        let (own, others): (Vec<&str>, Vec<&str>) = text.lines().partition(is_user);
        let as_root = own.into_iter().map(|line| {
            let mut fields: Vec<&str> = line.split(':').collect();
            fields.iter_mut().skip(2).take(2).for_each(|id| *id = "0");
            fields.join(":")
        });
        let lines = as_root.chain(others.into_iter().map(str::to_owned));
        Ok(lines.map(|line| line + "\n").collect())
    }

    fn user_field(&self, user: &str, field: usize) -> Option<String> {
        let text = fs::read_to_string(self.path.join(PASSWD)).ok()?;
        let mut entries = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
        let entry = entries.find(|entry| entry.first() == Some(&user))?;
        entry.get(field).map(|text| (*text).to_owned())
    }

    /// What every process inside is to find in its environment, as the tree says.
    pub(super) fn environment(&self) -> io::Result<BTreeMap<String, String>> {
        let mut environment = BTreeMap::from([("PATH".to_owned(), PATH.to_owned())]);
        let lines = read_if_there(&self.path.join("etc/environment"))?.unwrap_or_default();
        for (name, value) in lines.lines().filter_map(|line| line.split_once('=')) {
            environment.insert(name.trim().to_owned(), value.trim_matches('"').to_owned());
        }
        Ok(environment)
    }

    /// `nexus/base:` and the first 12 digits of the digest its directory bears, as the engines'
    /// images have it; the path of a tree that was made otherwise.
    fn name(&self) -> String {
        let digest = self
            .path
            .parent()
            .and_then(Path::file_name)
            .unwrap_or_default();
        let digest = digest.to_string_lossy();
        let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        match is_digest {
            true => format!("{NAME}:{}", &digest[..12]),
            false => self.path.display().to_string(),
        }
    }
}

/// Whether a request for this image is one for the base tree.
pub(super) fn is_base(image: &str) -> bool {
    image
        .strip_prefix(NAME)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
}

/// No other image can be had here.
pub(super) fn unknown_image(image: &str) -> ProviderError {
    let cause = "the process provider has one tree, its base, and fetches no images";
    ProviderError::new(
        ErrorClass::Absent,
        format!("preparing image {image}"),
        cause,
    )
    .with_hint("leave the image out, or ask for: --provider docker")
}

fn missing(place: &Path, error: &io::Error) -> ProviderError {
    let attempted = format!("looking for the base tree at {}", place.display());
    ProviderError::new(ErrorClass::Absent, attempted, error.to_string())
        .with_hint("make it: ./dev image (or set NEXUS_BASE_TREE to a directory tree)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree_at(path: &Path) {
        fs::create_dir_all(path.join("bin")).unwrap();
        fs::create_dir_all(path.join("etc")).unwrap();
        fs::write(path.join("bin/sh"), "").unwrap();
        let passwd = "root:x:0:0::/root:/bin/sh\ndev:x:1000:1000::/data/dev:/bin/sh\n";
        fs::write(path.join("etc/passwd"), passwd).unwrap();
    }

    #[test]
    fn a_link_is_resolved_to_the_tree_it_names() {
        let folder = tempfile::tempdir().unwrap();
        let digest = "0123456789abcdef".repeat(4);
        tree_at(&folder.path().join(&digest).join("rootfs"));
        symlink(&digest, folder.path().join("current")).unwrap();
        let base = BaseTree::find(&folder.path().join("current/rootfs")).unwrap();
        assert!(base.path.ends_with(format!("{digest}/rootfs")));
        let image = base.image();
        assert_eq!(image.name, "nexus/base:0123456789ab");
        assert_eq!(
            (image.user.as_str(), image.home.as_str()),
            ("dev", "/data/dev")
        );
        assert_eq!(base.ids_of("dev"), Some((1000, 1000)));
        let passwd = base.passwd_with_one_id("dev").unwrap();
        assert!(
            passwd.starts_with("dev:x:0:0::/data/dev:/bin/sh\nroot:x:0:0:"),
            "{passwd}"
        );
        fs::write(
            base.path.join("etc/environment"),
            "LANG=C.UTF-8\n\nA=\"b=c\"\n",
        )
        .unwrap();
        let environment = base.environment().unwrap();
        assert_eq!(
            (environment["LANG"].as_str(), environment["A"].as_str()),
            ("C.UTF-8", "b=c")
        );
    }

    #[test]
    fn what_is_no_tree_is_refused_with_the_way_to_one() {
        let folder = tempfile::tempdir().unwrap();
        for place in [folder.path().to_owned(), folder.path().join("nothing")] {
            let error = BaseTree::find(&place).unwrap_err();
            assert_eq!(error.class, ErrorClass::Absent);
            assert!(error.to_failure().hint.contains("./dev image"));
        }
    }

    #[test]
    fn only_the_base_is_an_image_here() {
        assert!(is_base("nexus/base") && is_base("nexus/base:latest"));
        assert!(!is_base("nexus/basement") && !is_base("ubuntu:22.04"));
    }
}
