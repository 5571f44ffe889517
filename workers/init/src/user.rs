//! The users of the workspace, read from its own files: a static binary has no name service.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nexus_init_protocol::WorkUser;
use rustix::process::{Gid, Uid};

/// Whether processes can be given to other users: init is root, and not the only id of its user
/// namespace.
pub(crate) fn can_change_user() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        rustix::process::geteuid().is_root() && mapped_ids(&map) != 1
    })
}

/// How many ids a namespace has; 0 when its map cannot be read.
fn mapped_ids(map: &str) -> u64 {
    map.lines()
        .filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok())
        .sum()
}

/// One user, as far as starting processes needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Supplementary groups.
    pub(crate) groups: Vec<Gid>,
    pub(crate) home: PathBuf,
    pub(crate) shell: PathBuf,
}

impl Account {
    /// Whoever runs init.
    pub(crate) fn current() -> Self {
        let uid = rustix::process::getuid().as_raw();
        let files = UserFiles::of_system();
        files.by_uid(uid).unwrap_or_else(|| Self {
            name: uid.to_string(),
            uid,
            gid: rustix::process::getgid().as_raw(),
            groups: Vec::new(),
            home: PathBuf::from("/"),
            shell: PathBuf::from("/bin/sh"),
        })
    }

    /// Becomes this user on the calling thread alone, for good.
    pub(crate) fn assume_on_this_thread(&self) -> io::Result<()> {
        let gid = Gid::from_raw(self.gid);
        let uid = Uid::from_raw(self.uid);
        match rustix::thread::set_thread_groups(&self.groups) {
            // Where one id is all there is, the kernel forbids it, and there is nothing to gain.
            Err(rustix::io::Errno::PERM) if uid == rustix::process::geteuid() => {}
            answer => answer?,
        }
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        rustix::thread::set_thread_res_uid(uid, uid, uid)?;
        Ok(())
    }

    /// Hands a file over to this user; without the right to, it stays with who made it.
    pub(crate) fn own(&self, path: &Path) -> io::Result<()> {
        match can_change_user() {
            true => chown(path, Some(self.uid), Some(self.gid)),
            false => Ok(()),
        }
    }
}

/// Runs `work` on a thread that is this user, and ends the thread: it cannot become root again.
pub(crate) async fn as_account<T: Send + 'static>(
    account: Account,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let body = move || {
        let assumed = match can_change_user() {
            true => account.assume_on_this_thread(),
            false => Ok(()),
        };
        let _nobody_waits = sender.send(assumed.map(|()| work()));
    };
    let builder = std::thread::Builder::new()
        .name("as user".to_owned())
        .stack_size(256 << 10);
    builder.spawn(body)?;
    let lost = |_| io::Error::other("the work ended without an answer");
    receiver.await.map_err(lost)?
}

/// The files that know users, below some root directory.
#[derive(Debug)]
pub(crate) struct UserFiles {
    root: PathBuf,
}

impl UserFiles {
    pub(crate) fn of_system() -> Self {
        Self::below("/")
    }

    pub(crate) fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The user of this name.
    pub(crate) fn by_name(&self, name: &str) -> Option<Account> {
        self.find(|entry| entry[0] == name)
    }

    fn by_uid(&self, uid: u32) -> Option<Account> {
        self.find(|entry| entry[2].parse() == Ok(uid))
    }

    fn find(&self, wanted: impl Fn(&[&str]) -> bool) -> Option<Account> {
        let passwd = fs::read_to_string(self.root.join("etc/passwd")).ok()?;
        let entries = passwd
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let entry = entries
            .filter(|entry| entry.len() >= 7)
            .find(|entry| wanted(entry))?;
        let gid = entry[3].parse().ok()?;
        Some(Account {
            name: entry[0].to_owned(),
            uid: entry[2].parse().ok()?,
            gid,
            groups: self.groups_of(entry[0], gid),
            home: PathBuf::from(entry[5]),
            shell: self.usable_shell(entry[6]),
        })
    }

    fn groups_of(&self, name: &str, own_gid: u32) -> Vec<Gid> {
        let groups = fs::read_to_string(self.root.join("etc/group")).unwrap_or_default();
        let member_of = groups.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let gid = fields.nth(2)?.parse().ok()?;
            let is_member = fields.next()?.split(',').any(|member| member == name);
            is_member.then_some(gid)
        });
        std::iter::once(own_gid)
            .chain(member_of)
            .map(Gid::from_raw)
            .collect()
    }

    fn usable_shell(&self, wanted: &str) -> PathBuf {
        let exists = |shell: &&str| self.root.join(shell.trim_start_matches('/')).exists();
        let is_shell =
            !wanted.is_empty() && !wanted.ends_with("nologin") && !wanted.ends_with("/false");
        let candidates = [wanted, "/bin/bash", "/bin/sh"];
        let first = usize::from(!is_shell);
        PathBuf::from(
            *candidates[first..]
                .iter()
                .find(|shell| exists(shell))
                .unwrap_or(&"/bin/sh"),
        )
    }

    /// Finds the work user or makes it: group, home from the skeleton, sudo without a password when
    /// sudo is there. A user of the same name keeps what it has.
    pub(crate) fn ensure(&self, user: &WorkUser) -> io::Result<Account> {
        if let Some(account) = self.by_name(&user.name) {
            self.ensure_home(&account)?;
            return Ok(account);
        }
        let id = self.free_id(user.uid);
        let WorkUser { name, home, .. } = user;
        let shell = self.usable_shell("");
        let shell = shell.display();
        self.append("etc/group", 0o644, &format!("{name}:x:{id}:\n"))?;
        self.append(
            "etc/passwd",
            0o644,
            &format!("{name}:x:{id}:{id}::{home}:{shell}\n"),
        )?;
        self.append(
            "etc/shadow",
            0o640,
            &format!("{name}:*:19000:0:99999:7:::\n"),
        )?;
        self.allow_sudo(name)?;
        let account = self
            .by_name(name)
            .ok_or_else(|| io::Error::other(format!("user {name} is missing after it was made")))?;
        self.ensure_home(&account)?;
        Ok(account)
    }

    fn free_id(&self, wanted: u32) -> u32 {
        let taken = |id: &u32| {
            let groups = fs::read_to_string(self.root.join("etc/group")).unwrap_or_default();
            let number = id.to_string();
            let group_has = groups
                .lines()
                .any(|line| line.split(':').nth(2) == Some(&number));
            group_has || self.by_uid(*id).is_some()
        };
        (wanted..).find(|id| !taken(id)).unwrap_or(wanted)
    }

    fn append(&self, file: &str, mode: u32, line: &str) -> io::Result<()> {
        let path = self.root.join(file);
        let ends_well = fs::read(&path).map_or(true, |all| all.is_empty() || all.ends_with(b"\n"));
        let mut options = fs::OpenOptions::new();
        let mut opened = options.create(true).append(true).mode(mode).open(path)?;
        if !ends_well {
            opened.write_all(b"\n")?;
        }
        opened.write_all(line.as_bytes())
    }

    fn allow_sudo(&self, name: &str) -> io::Result<()> {
        let directory = self.root.join("etc/sudoers.d");
        if !directory.is_dir() {
            return Ok(());
        }
        let path = directory.join(format!("nexus-{name}"));
        let mut options = fs::OpenOptions::new();
        let mut file = options
            .create(true)
            .truncate(true)
            .write(true)
            .mode(0o440)
            .open(path)?;
        writeln!(file, "{name} ALL=(ALL) NOPASSWD:ALL")
    }

    /// Makes the home directory when it is missing, and hands it over when it is new: a volume
    /// mounted there for the first time is empty and belongs to root.
    fn ensure_home(&self, account: &Account) -> io::Result<()> {
        let home = self
            .root
            .join(account.home.strip_prefix("/").unwrap_or(&account.home));
        fs::create_dir_all(&home)?;
        let is_empty = fs::read_dir(&home)?.next().is_none();
        if !is_empty || account.uid == 0 {
            return Ok(());
        }
        account.own(&home)?;
        let Ok(skeleton) = fs::read_dir(self.root.join("etc/skel")) else {
            return Ok(());
        };
        for entry in skeleton.flatten() {
            if entry.file_type()?.is_file() {
                let target = home.join(entry.file_name());
                fs::copy(entry.path(), &target)?;
                account.own(&target)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(passwd: &str, group: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for directory in ["etc/sudoers.d", "etc/skel", "bin"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), group).unwrap();
        fs::write(root.path().join("etc/skel/.profile"), "# hello").unwrap();
        fs::write(root.path().join("bin/sh"), "").unwrap();
        root
    }

    #[test]
    fn a_map_of_one_id_is_told_from_a_whole_one() {
        assert_eq!(mapped_ids("         0      65534          1\n"), 1);
        assert_eq!(mapped_ids("0 1000 1\n1 100000 65536\n"), 65_537);
        assert_eq!(mapped_ids("0 0 4294967295\n"), 4_294_967_295);
        assert_eq!(mapped_ids(""), 0);
    }

    const ROOT: &str = "root:x:0:0:root:/root:/bin/bash\n";

    #[test]
    fn a_missing_user_is_made_with_home_and_sudo() {
        let root = image(ROOT, "root:x:0:\n");
        let files = UserFiles::below(root.path());
        let user = WorkUser {
            uid: 60_123,
            ..WorkUser::default()
        };
        let account = files.ensure(&user).unwrap();
        assert_eq!((account.uid, account.gid), (60_123, 60_123));
        assert_eq!(account.shell, Path::new("/bin/sh"));
        assert!(root.path().join("home/dev/.profile").exists());
        let sudoers = fs::read_to_string(root.path().join("etc/sudoers.d/nexus-dev")).unwrap();
        assert_eq!(sudoers, "dev ALL=(ALL) NOPASSWD:ALL\n");
        assert_eq!(
            files.ensure(&user).unwrap(),
            account,
            "a second time changes nothing"
        );
    }

    #[test]
    fn an_existing_user_keeps_its_ids_and_groups() {
        let passwd = "root:x:0:0::/root:/bin/sh\ndev:x:1234:99::/home/d:/usr/sbin/nologin";
        let root = image(passwd, "docker:x:7:other,dev\nroot:x:0:\n");
        let account = UserFiles::below(root.path())
            .ensure(&WorkUser::default())
            .unwrap();
        assert_eq!((account.uid, account.gid), (1234, 99));
        assert_eq!(account.groups, [Gid::from_raw(99), Gid::from_raw(7)]);
        assert_eq!(account.shell, Path::new("/bin/sh"));
    }

    #[test]
    fn a_taken_number_is_not_shared() {
        let passwd = format!("{ROOT}node:x:1000:1000::/home/node:/bin/sh");
        let root = image(&passwd, "node:x:1000:\nx:x:1001:\n");
        let account = UserFiles::below(root.path())
            .ensure(&WorkUser::default())
            .unwrap();
        assert_eq!(account.uid, 1002);
        let after = fs::read_to_string(root.path().join("etc/passwd")).unwrap();
        assert!(
            after.contains("\ndev:x:1002:1002::/home/dev:/bin/sh\n"),
            "{after}"
        );
    }
}
