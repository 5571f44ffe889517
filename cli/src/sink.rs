//! Where lines of a log are written: standard output, or a file that is there whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nexus_events::audit::line::Line;

use crate::error::{Error, Result};
use crate::exit::Exit;
use crate::out;

/// Where lines go.
pub(crate) enum Sink {
    /// Standard output.
    Out,
    /// A file; under another name until it is whole. Nobody else may read it.
    File {
        /// What is written to.
        writer: BufWriter<File>,
        /// Its name until it is whole.
        partial: PathBuf,
        /// Its name then.
        path: PathBuf,
    },
}

impl Sink {
    /// The file at `path`, else standard output.
    pub(crate) fn to(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else {
            return Ok(Self::Out);
        };
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&partial)
            .map_err(|error| unwritable(path, &error))?;
        Ok(Self::File {
            writer: BufWriter::new(file),
            partial,
            path: path.to_owned(),
        })
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, line: &Line) -> Result<()> {
        let mut text = serde_json::to_vec(line).expect("lines are plain data");
        text.push(b'\n');
        match self {
            Self::Out => out::bytes(&text),
            Self::File { writer, path, .. } => writer
                .write_all(&text)
                .map_err(|error| unwritable(path, &error)),
        }
    }

    /// Puts the file in place, once it is on disk.
    pub(crate) fn finish(self) -> Result<()> {
        let Self::File {
            writer,
            partial,
            path,
        } = self
        else {
            return Ok(());
        };
        let file = writer
            .into_inner()
            .map_err(|error| unwritable(&path, error.error()))?;
        file.sync_all()
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|error| unwritable(&path, &error))
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Error {
    let what = format!("write {}", path.display());
    Error::new(Exit::Failure, what, error, "check the folder and its space")
}
