//! Small files and directories: what is asked for and what is told.

use serde::{Deserialize, Serialize};

/// Largest file read or written through this protocol, in bytes; larger ones go by SFTP.
pub const MAX_FILE: u64 = 16 << 20;

/// Where and how to write a file; the content follows as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWrite {
    /// Absolute, or relative to the workspace directory.
    pub path: String,
    /// Permission bits.
    #[serde(default = "default_mode")]
    pub mode: u32,
    /// Make missing parent directories.
    #[serde(default)]
    pub make_parents: bool,
    /// The work user when absent.
    #[serde(default)]
    pub user: Option<String>,
}

impl FileWrite {
    /// Writes `path` as the work user, mode 0644, into a directory that exists.
    pub fn new(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            mode: default_mode(),
            make_parents: false,
            user: None,
        }
    }
}

fn default_mode() -> u32 {
    0o644
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileType {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A socket, device or pipe.
    Other,
}

/// What is known of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    /// The last part of its path.
    pub name: String,
    /// What it is.
    pub file_type: FileType,
    /// In bytes.
    pub size: u64,
    /// Permission bits.
    pub mode: u32,
    /// Last change of the content, in milliseconds since 1970-01-01 UTC.
    pub modified_ms: i64,
}
