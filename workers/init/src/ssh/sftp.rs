//! `nexus-init sftp`: the SFTP subsystem for images that bring no server of their own.
//!
//! It is a process of its own, started as the work user with its home directory as the place for
//! relative paths, so that the kernel decides what the user may do.

use std::collections::HashMap;
use std::fs::{self, File as StdFile, OpenOptions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt, symlink,
};
use std::path::Path;

use russh_sftp::protocol::{
    Attrs, Data, File, FileAttributes, Handle, Name, OpenFlags, Packet, Status, StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};
use tokio::net::unix::pipe::{Receiver, Sender};
use tokio::sync::oneshot;

/// Open files and directories of one client.
const MAX_HANDLES: usize = 256;
/// Largest piece read at once, whatever was asked for.
const MAX_READ: u32 = 256 << 10;
/// Entries told at once.
const ENTRIES: usize = 100;

const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// Serves on standard input and output until they end.
pub(crate) fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let input = Receiver::from_owned_fd(rustix::io::dup(rustix::stdio::stdin())?)?;
        let output = Sender::from_owned_fd(rustix::io::dup(rustix::stdio::stdout())?)?;
        let (ended, wait) = oneshot::channel();
        let server = Server {
            open: HashMap::new(),
            next: 0,
            _ended: ended,
        };
        russh_sftp::server::run(tokio::io::join(input, output), server).await;
        // The server is dropped at the end of its input, and the sender in it with it.
        let _dropped = wait.await;
        Ok(())
    })
}

struct Server {
    open: HashMap<String, Open>,
    next: u64,
    _ended: oneshot::Sender<()>,
}

enum Open {
    File(StdFile),
    Directory(fs::ReadDir),
}

/// Why a request failed, as the client is told.
struct Refusal(StatusReply);

impl From<Refusal> for StatusReply {
    fn from(refusal: Refusal) -> Self {
        refusal.0
    }
}

impl From<StatusCode> for Refusal {
    fn from(code: StatusCode) -> Self {
        Self(code.into())
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => StatusCode::NoSuchFile,
            io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
            _ => StatusCode::Failure,
        };
        Self(code.with_message(error.to_string()))
    }
}

impl From<rustix::io::Errno> for Refusal {
    fn from(error: rustix::io::Errno) -> Self {
        io::Error::from(error).into()
    }
}

type Answer<T> = Result<T, Refusal>;

fn done(id: u32) -> Answer<Status> {
    Ok(Status {
        id,
        status_code: StatusCode::Ok,
        error_message: String::new(),
        language_tag: String::new(),
    })
}

fn one_name(id: u32, path: &Path) -> Answer<Name> {
    let files = vec![File::dummy(path.display().to_string())];
    Ok(Name { id, files })
}

impl Server {
    fn keep(&mut self, id: u32, open: Open) -> Answer<Handle> {
        if self.open.len() >= MAX_HANDLES {
            return Err(Refusal(
                StatusCode::Failure.with_message("too many open files"),
            ));
        }
        self.next += 1;
        let handle = self.next.to_string();
        self.open.insert(handle.clone(), open);
        Ok(Handle { id, handle })
    }

    fn file(&self, handle: &str) -> Answer<&StdFile> {
        match self.open.get(handle) {
            Some(Open::File(file)) => Ok(file),
            Some(Open::Directory(..)) | None => Err(StatusCode::Failure.into()),
        }
    }
}

impl Handler for Server {
    type Error = Refusal;

    fn unimplemented(&self) -> Refusal {
        StatusCode::OpUnsupported.into()
    }

    async fn init(&mut self, _version: u32, _other: HashMap<String, String>) -> Answer<Version> {
        let mut version = Version::new();
        version
            .extensions
            .insert(POSIX_RENAME.to_owned(), "1".to_owned());
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        flags: OpenFlags,
        attrs: FileAttributes,
    ) -> Answer<Handle> {
        let mut options: OpenOptions = flags.into();
        options.mode(attrs.permissions.unwrap_or(0o666) & 0o7777);
        let file = options.open(filename)?;
        self.keep(id, Open::File(file))
    }

    async fn close(&mut self, id: u32, handle: String) -> Answer<Status> {
        match self.open.remove(&handle) {
            Some(_closed) => done(id),
            None => Err(StatusCode::Failure.into()),
        }
    }

    async fn read(&mut self, id: u32, handle: String, offset: u64, length: u32) -> Answer<Data> {
        let mut data = vec![0; length.min(MAX_READ) as usize];
        let count = self.file(&handle)?.read_at(&mut data, offset)?;
        if count == 0 {
            return Err(StatusCode::Eof.into());
        }
        data.truncate(count);
        Ok(Data { id, data })
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Answer<Status> {
        self.file(&handle)?.write_all_at(&data, offset)?;
        done(id)
    }

    async fn lstat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        let attrs = FileAttributes::from(&fs::symlink_metadata(path)?);
        Ok(Attrs { id, attrs })
    }

    async fn stat(&mut self, id: u32, path: String) -> Answer<Attrs> {
        let attrs = FileAttributes::from(&fs::metadata(path)?);
        Ok(Attrs { id, attrs })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Answer<Attrs> {
        let attrs = FileAttributes::from(&self.file(&handle)?.metadata()?);
        Ok(Attrs { id, attrs })
    }

    async fn setstat(&mut self, id: u32, path: String, attrs: FileAttributes) -> Answer<Status> {
        change(Path::new(&path), &attrs)?;
        done(id)
    }

    async fn fsetstat(&mut self, id: u32, handle: String, attrs: FileAttributes) -> Answer<Status> {
        use std::os::fd::AsRawFd;
        // The descriptor's own name leads to the file even after it was renamed or removed.
        let path = format!("/proc/self/fd/{}", self.file(&handle)?.as_raw_fd());
        change(Path::new(&path), &attrs)?;
        done(id)
    }

    async fn opendir(&mut self, id: u32, path: String) -> Answer<Handle> {
        let entries = fs::read_dir(path)?;
        self.keep(id, Open::Directory(entries))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Answer<Name> {
        let Some(Open::Directory(entries)) = self.open.get_mut(&handle) else {
            return Err(StatusCode::Failure.into());
        };
        let describe = |entry: fs::DirEntry| {
            let attrs = FileAttributes::from(&entry.metadata().ok()?);
            Some(File::new(entry.file_name().to_string_lossy(), attrs))
        };
        let files: Vec<File> = entries
            .flatten()
            .filter_map(describe)
            .take(ENTRIES)
            .collect();
        match files.is_empty() {
            true => Err(StatusCode::Eof.into()),
            false => Ok(Name { id, files }),
        }
    }

    async fn remove(&mut self, id: u32, filename: String) -> Answer<Status> {
        fs::remove_file(filename)?;
        done(id)
    }

    async fn mkdir(&mut self, id: u32, path: String, attrs: FileAttributes) -> Answer<Status> {
        let mode = attrs.permissions.unwrap_or(0o777) & 0o7777;
        fs::DirBuilder::new().mode(mode).create(path)?;
        done(id)
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Answer<Status> {
        fs::remove_dir(path)?;
        done(id)
    }

    async fn realpath(&mut self, id: u32, path: String) -> Answer<Name> {
        let path = Path::new(&path);
        let real = match fs::canonicalize(path) {
            Ok(real) => real,
            // A file that is about to be made has no real path yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path)?,
            Err(error) => return Err(error.into()),
        };
        one_name(id, &real)
    }

    async fn rename(&mut self, id: u32, from: String, to: String) -> Answer<Status> {
        if fs::symlink_metadata(&to).is_ok() {
            return Err(Refusal(
                StatusCode::Failure.with_message("the new name is taken"),
            ));
        }
        fs::rename(from, to)?;
        done(id)
    }

    async fn readlink(&mut self, id: u32, path: String) -> Answer<Name> {
        one_name(id, &fs::read_link(path)?)
    }

    /// OpenSSH sends the two paths the other way round than the draft says, and everybody follows.
    async fn symlink(&mut self, id: u32, target: String, link: String) -> Answer<Status> {
        symlink(target, link)?;
        done(id)
    }

    async fn extended(&mut self, id: u32, request: String, data: Vec<u8>) -> Answer<Packet> {
        if request != POSIX_RENAME {
            return Err(StatusCode::OpUnsupported.into());
        }
        let (from, rest) = take_text(&data).ok_or(StatusCode::BadMessage)?;
        let (to, _) = take_text(rest).ok_or(StatusCode::BadMessage)?;
        fs::rename(from, to)?;
        Ok(Packet::Status(done(id)?))
    }
}

/// A text behind its length, and what follows it.
fn take_text(data: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = data.split_first_chunk::<4>()?;
    let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
    Some((std::str::from_utf8(text).ok()?, rest))
}

fn change(path: &Path, attrs: &FileAttributes) -> Answer<()> {
    if let Some(size) = attrs.size {
        OpenOptions::new().write(true).open(path)?.set_len(size)?;
    }
    if attrs.uid.is_some() || attrs.gid.is_some() {
        let now = fs::metadata(path)?;
        let (uid, gid) = (
            attrs.uid.unwrap_or(now.uid()),
            attrs.gid.unwrap_or(now.gid()),
        );
        if (uid, gid) != (now.uid(), now.gid()) {
            std::os::unix::fs::chown(path, Some(uid), Some(gid))?;
        }
    }
    if let Some(mode) = attrs.permissions {
        fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o7777))?;
    }
    if let (Some(accessed), Some(modified)) = (attrs.atime, attrs.mtime) {
        let time = |seconds: u32| Timespec {
            tv_sec: i64::from(seconds),
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: time(accessed),
            last_modification: time(modified),
        };
        utimensat(CWD, path, &times, AtFlags::empty())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_behind_their_length_are_taken_or_refused() {
        let data = [0, 0, 0, 2, b'a', b'b', 0, 0, 0, 1, b'c'];
        let (first, rest) = take_text(&data).unwrap();
        assert_eq!(first, "ab");
        assert_eq!(take_text(rest), Some(("c", &[][..])));
        for bad in [
            &[][..],
            &[0, 0, 0],
            &[0, 0, 0, 9, b'x'],
            &[0, 0, 0, 1, 0xff],
        ] {
            assert!(take_text(bad).is_none(), "{bad:?}");
        }
    }
}
