//! Small files, read and written with the rights of the work user.
//!
//! Init may be root, and the user may have planted a link where a file is expected. So each operation
//! runs on a thread that has become the user: the kernel then refuses what the user may not do.

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nexus_init_protocol::file::{FileInfo, FileType, FileWrite, MAX_FILE};
use nexus_init_protocol::frame::FrameKind;
use nexus_init_protocol::{Answer, Failure, FailureCode, Input};

use crate::connection::{ConnectionError, Reader, Writer};
use crate::user::Account;
use crate::workspace::Workspace;

/// Most entries of a directory that are told.
const MAX_ENTRIES: usize = 4096;

/// Answers a `ReadFile` request.
pub(crate) async fn read(
    workspace: &Workspace,
    path: String,
    writer: &mut Writer,
) -> Result<(), ConnectionError> {
    let context = workspace.context();
    let path = context.resolve(&path);
    match as_account(context.account.clone(), move || read_whole(&path)).await {
        Ok((info, content)) => {
            writer.control(&Answer::File(info)).await?;
            writer.data(FrameKind::Output, 0, &content).await?;
            Ok(writer.control(&Answer::Done).await?)
        }
        Err(failure) => Ok(writer.control(&Answer::Failed(failure)).await?),
    }
}

/// Takes the content of a `WriteFile` request and answers it.
pub(crate) async fn write(
    workspace: &Workspace,
    file: FileWrite,
    reader: &mut Reader,
) -> Result<Result<Answer, Failure>, ConnectionError> {
    let Some(content) = receive_content(reader).await? else {
        let message = format!("a file of more than {MAX_FILE} bytes goes by SFTP");
        return Ok(Err(Failure::new(FailureCode::TooLarge, message)));
    };
    let context = workspace.context();
    let account = match context.account_of(file.user.as_deref()) {
        Ok(account) => account,
        Err(failure) => return Ok(Err(failure)),
    };
    let path = context.resolve(&file.path);
    let write = move || write_whole(&path, &content, &file);
    Ok(as_account(account, write).await.map(|()| Answer::Done))
}

/// The content, or none when it is too long.
async fn receive_content(reader: &mut Reader) -> Result<Option<Vec<u8>>, ConnectionError> {
    let mut content = Vec::new();
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    loop {
        let frame = reader.next().await?.ok_or_else(cut)?;
        if frame.kind != FrameKind::Control {
            content.extend_from_slice(&frame.into_data()?.1);
        } else if serde_json::from_slice::<Input>(&frame.payload)? == Input::EndOfInput {
            return Ok(Some(content));
        }
        if content.len() as u64 > MAX_FILE {
            return Ok(None);
        }
    }
}

/// Answers a `RemoveFile` request.
pub(crate) async fn remove(
    workspace: &Workspace,
    path: String,
    recursive: bool,
) -> Result<Answer, Failure> {
    let context = workspace.context();
    let path = context.resolve(&path);
    let remove = move || remove_path(&path, recursive);
    as_account(context.account.clone(), remove)
        .await
        .map(|()| Answer::Done)
}

/// Answers a `ListDirectory` request.
pub(crate) async fn list(workspace: &Workspace, path: String) -> Result<Answer, Failure> {
    let context = workspace.context();
    let path = context.resolve(&path);
    as_account(context.account.clone(), move || list_directory(&path))
        .await
        .map(Answer::Directory)
}

/// Runs `work` with the rights of this user.
pub(crate) async fn as_account<T: Send + 'static>(
    account: Account,
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    let done = crate::user::as_account(account, work).await;
    done.unwrap_or_else(|error| Err(internal(&error)))
}

fn internal(error: &io::Error) -> Failure {
    Failure::new(
        FailureCode::Internal,
        format!("preparing a file operation: {error}"),
    )
}

fn explain<'a>(attempted: &'a str, path: &'a Path) -> impl Fn(io::Error) -> Failure + 'a {
    move |error| {
        let code = match error.kind() {
            io::ErrorKind::NotFound => FailureCode::NotFound,
            io::ErrorKind::PermissionDenied => FailureCode::Denied,
            io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::DirectoryNotEmpty
            | io::ErrorKind::InvalidInput => FailureCode::Invalid,
            _ => FailureCode::Internal,
        };
        Failure::new(code, format!("{attempted} {}: {error}", path.display()))
    }
}

fn read_whole(path: &Path) -> Result<(FileInfo, Vec<u8>), Failure> {
    let told = explain("reading", path);
    // Without blocking: a pipe that nobody writes to must not hold the thread.
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let mut file = opened.map_err(&told)?;
    let metadata = file.metadata().map_err(&told)?;
    if !metadata.is_file() {
        let message = format!("{} is no regular file", path.display());
        return Err(Failure::new(FailureCode::Invalid, message));
    }
    if metadata.len() > MAX_FILE {
        let message = format!(
            "{} has more than {MAX_FILE} bytes; use SFTP",
            path.display()
        );
        return Err(Failure::new(FailureCode::TooLarge, message));
    }
    let mut content = Vec::new();
    (&mut file)
        .take(MAX_FILE)
        .read_to_end(&mut content)
        .map_err(&told)?;
    Ok((describe(path, &metadata), content))
}

pub(crate) fn write_whole(path: &Path, content: &[u8], file: &FileWrite) -> Result<(), Failure> {
    let told = explain("writing", path);
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        let message = format!("{:?} names no file", file.path);
        return Err(Failure::new(FailureCode::Invalid, message));
    };
    if file.make_parents {
        fs::create_dir_all(parent).map_err(&told)?;
    }
    let scratch = parent.join(format!(".{}.{}", name.display(), crate::clock::now_ms()));
    let written = write_scratch(&scratch, content, file.mode)
        .and_then(|()| fs::rename(&scratch, path))
        .map_err(&told);
    if written.is_err() {
        let _never_made = fs::remove_file(&scratch);
    }
    written
}

fn write_scratch(scratch: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let mode = mode & 0o7777;
    let mut file = OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(mode)
        .open(scratch)?;
    file.write_all(content)?;
    // The umask does not count: the mode was asked for.
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    file.sync_data()
}

pub(crate) fn remove_path(path: &Path, recursive: bool) -> Result<(), Failure> {
    let result = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() && recursive => fs::remove_dir_all(path),
        Ok(metadata) if metadata.is_dir() => fs::remove_dir(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(explain("removing", path)),
    }
}

fn list_directory(path: &Path) -> Result<Vec<FileInfo>, Failure> {
    let told = explain("listing", path);
    let entries = fs::read_dir(path)
        .map_err(&told)?
        .flatten()
        .take(MAX_ENTRIES);
    let known = |entry: fs::DirEntry| {
        let path: PathBuf = entry.path();
        let metadata = fs::symlink_metadata(&path).ok()?;
        Some(describe(&path, &metadata))
    };
    let mut infos: Vec<FileInfo> = entries.filter_map(known).collect();
    infos.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(infos)
}

fn describe(path: &Path, metadata: &fs::Metadata) -> FileInfo {
    let file_type = match metadata.file_type() {
        kind if kind.is_file() => FileType::File,
        kind if kind.is_dir() => FileType::Directory,
        kind if kind.is_symlink() => FileType::Link,
        _ => FileType::Other,
    };
    FileInfo {
        name: path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        file_type,
        size: metadata.len(),
        mode: metadata.mode() & 0o7777,
        modified_ms: metadata.mtime() * 1000 + metadata.mtime_nsec() / 1_000_000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_the_whole_file_with_its_mode() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a/b/file");
        let mut request = FileWrite::new("a/b/file");
        assert_eq!(
            write_whole(&path, b"x", &request).unwrap_err().code,
            FailureCode::NotFound
        );
        request.make_parents = true;
        request.mode = 0o666;
        write_whole(&path, b"first, and longer", &request).unwrap();
        write_whole(&path, b"second", &request).unwrap();
        let (info, content) = read_whole(&path).unwrap();
        assert_eq!((info.mode, content.as_slice()), (0o666, &b"second"[..]));
        assert_eq!(
            list_directory(path.parent().unwrap()).unwrap().len(),
            1,
            "no scratch is left"
        );
    }

    #[test]
    fn what_is_no_file_is_refused_by_name() {
        let directory = tempfile::tempdir().unwrap();
        let read = |name: &str| read_whole(&directory.path().join(name)).unwrap_err();
        assert_eq!(read("missing").code, FailureCode::NotFound);
        assert_eq!(read("").code, FailureCode::Invalid);
        assert!(read("missing").message.contains("missing"));
        let full = directory.path().join("full");
        fs::create_dir_all(full.join("x")).unwrap();
        assert_eq!(
            remove_path(&full, false).unwrap_err().code,
            FailureCode::Invalid
        );
        remove_path(&full, true).unwrap();
        remove_path(&full, true).unwrap();
    }
}
