//! The files of a cluster: authorities, certificates, keys and configurations, made in one folder.
//!
//! ```text
//!  <folder>/cluster.json            who there is; what was said once is not asked again
//!          /authority/clients.key   signs the certificates of servers and clients: keep it apart
//!          /authority/routes.key    signs what servers show each other
//!          /nodes/<name>/           all of one server: copy it there, start it there
//!          /clients/<name>/         all of one client: seed, certificate, authority, nats.env
//! ```
//!
//! Everything is private to its owner, and no secret is in an argument: `openssl` is told of files.
//! Running it again makes what is missing, adds workers, and renews certificates that end within
//! 60 days; keys and authorities that are there stay.
//!
//! Two authorities, because a server takes anyone with a certificate of the routes' authority for
//! a server: with one for all, a worker could.

mod accounts;
mod authority;
mod client;
mod node;
mod openssl;

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use nexus_events::id::NodeId;
use nexus_events::spec::Provider;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::private_file;
use authority::Authority;

/// The port clients connect to.
pub const CLIENT_PORT: u16 = 4222;
/// The port servers connect to.
pub const ROUTE_PORT: u16 = 6222;

/// What to make.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Where.
    pub folder: PathBuf,
    /// The servers; none when they were told before.
    pub nodes: Vec<Node>,
    /// Workers to make credentials for, beside those there are.
    pub workers: Vec<Worker>,
}

/// One worker to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    /// What it is called among the files.
    pub name: Name,
    /// What it makes machines with.
    pub provider: Provider,
}

impl std::str::FromStr for Worker {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, ClusterError> {
        let wrong = || ClusterError::Word {
            what: "NAME=PROVIDER",
            text: text.to_owned(),
        };
        let (name, provider) = text.split_once('=').ok_or_else(wrong)?;
        Ok(Self {
            name: name.parse()?,
            provider: provider.parse().map_err(|_| wrong())?,
        })
    }
}

/// One server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// What it is called.
    pub name: Name,
    /// The name or address the others and the clients reach it by.
    pub host: Host,
}

impl std::str::FromStr for Node {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, ClusterError> {
        let (name, host) = text.split_once('=').ok_or_else(|| ClusterError::Word {
            what: "NAME=HOST",
            text: text.to_owned(),
        })?;
        Ok(Self {
            name: name.parse()?,
            host: host.parse()?,
        })
    }
}

/// A name that is also a folder: lower-case letters, digits and dashes, 32 at most.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

/// A host's name or address, nothing that would end a line or a string in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Host(String);

impl Name {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Host {
    /// As it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn address(&self) -> Option<IpAddr> {
        self.0.parse().ok()
    }

    /// With a port, as URLs have it.
    fn with_port(&self, port: u16) -> String {
        match self.address() {
            Some(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            Some(IpAddr::V4(_)) | None => format!("{}:{port}", self.0),
        }
    }
}

impl std::str::FromStr for Name {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, ClusterError> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=32).contains(&text.len()) && !text.starts_with('-') && text.bytes().all(fits) {
            return Ok(Self(text.to_owned()));
        }
        Err(ClusterError::Word {
            what: "a name of 1 to 32 letters a-z, digits and dashes",
            text: text.to_owned(),
        })
    }
}

impl std::str::FromStr for Host {
    type Err = ClusterError;

    fn from_str(text: &str) -> Result<Self, ClusterError> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let is_name = (1..=253).contains(&text.len())
            && !text.starts_with(['-', '.'])
            && text.bytes().all(fits);
        if is_name || text.parse::<IpAddr>().is_ok() {
            return Ok(Self(text.to_owned()));
        }
        Err(ClusterError::Word {
            what: "a host name or an address",
            text: text.to_owned(),
        })
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl TryFrom<String> for $type {
            type Error = ClusterError;

            fn try_from(text: String) -> Result<Self, ClusterError> {
                text.parse()
            }
        }

        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.0
            }
        }
    };
}

as_text!(Name);
as_text!(Host);

/// Why there are no files, or not all.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// A word that cannot be used.
    #[error("`{text}` is not {what}")]
    Word {
        /// What was expected.
        what: &'static str,
        /// What was given.
        text: String,
    },
    /// A cluster needs an odd number of servers, at least three.
    #[error(
        "a cluster that outlives one server has 3 or 5 servers, not {0}: \
         --node a=HOST --node b=HOST --node c=HOST"
    )]
    HowMany(usize),
    /// Others were named before.
    #[error(
        "{folder} was made for other servers ({known}): choose another folder, or move the servers \
         one by one with files of a new one"
    )]
    OtherNodes {
        /// Which folder.
        folder: PathBuf,
        /// The servers it was made for.
        known: String,
    },
    /// A worker of that name is there and makes machines with something else.
    #[error("there is a worker {name} with another provider: choose another name")]
    OtherWorker {
        /// Which.
        name: String,
    },
    /// A file could not be made, read or written.
    #[error("{attempt} {path}")]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The program that makes certificates is missing or refused.
    #[error("openssl {verb} for {path}: {said}; install openssl 3 where it is missing")]
    Openssl {
        /// What it was to do.
        verb: &'static str,
        /// What for.
        path: PathBuf,
        /// What it said.
        said: String,
    },
}

/// What the folder is remembered to hold.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    nodes: Vec<Node>,
    workers: Vec<KnownWorker>,
}

/// A worker, and the node it will be: its rights on the bus are that node's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownWorker {
    name: Name,
    provider: Provider,
    node: NodeId,
}

/// Makes what is missing.
///
/// # Errors
/// See [`ClusterError`]. What was made stays, and the next run goes on from there.
pub fn init(plan: &Plan) -> Result<(), ClusterError> {
    let folder = std::path::absolute(&plan.folder).map_err(file("finding", &plan.folder))?;
    private_folder(&folder)?;
    let known = remember(&folder, plan)?;
    private_folder(&folder.join("authority"))?;
    let clients = Authority::at(&folder.join("authority/clients"), "Nexus NATS clients")?;
    let routes = Authority::at(&folder.join("authority/routes"), "Nexus NATS routes")?;
    let users = client::make_all(&folder.join("clients"), &known, &clients)?;
    let accounts = accounts::text(&users);
    for node in &known.nodes {
        node::make(&folder, node, &known.nodes, &accounts, &clients, &routes)?;
    }
    Ok(())
}

/// Joins what is asked for with what the folder was made for.
fn remember(folder: &Path, plan: &Plan) -> Result<Known, ClusterError> {
    let path = folder.join("cluster.json");
    let mut known = match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|error| file("reading", &path)(std::io::Error::other(error)))?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Known {
            nodes: plan.nodes.clone(),
            workers: Vec::new(),
        },
        Err(error) => return Err(file("reading", &path)(error)),
    };
    if !plan.nodes.is_empty() && plan.nodes != known.nodes {
        let known: Vec<_> = known.nodes.iter().map(|node| node.host.as_str()).collect();
        return Err(ClusterError::OtherNodes {
            folder: folder.to_owned(),
            known: known.join(", "),
        });
    }
    if !matches!(known.nodes.len(), 3 | 5) {
        return Err(ClusterError::HowMany(known.nodes.len()));
    }
    for worker in &plan.workers {
        match known.workers.iter().find(|known| known.name == worker.name) {
            Some(known) if known.provider == worker.provider => {}
            Some(_) => {
                return Err(ClusterError::OtherWorker {
                    name: worker.name.as_str().to_owned(),
                });
            }
            None => known.workers.push(KnownWorker {
                name: worker.name.clone(),
                provider: worker.provider,
                node: NodeId::from_uuid(Uuid::now_v7()),
            }),
        }
    }
    let text = serde_json::to_vec_pretty(&known)
        .map_err(|error| file("writing", &path)(std::io::Error::other(error)))?;
    write_private(&path, &text)?;
    Ok(known)
}

fn private_folder(path: &Path) -> Result<(), ClusterError> {
    private_file::folder(path).map_err(file("making the private folder", path))
}

fn write_private(path: &Path, content: &[u8]) -> Result<(), ClusterError> {
    private_file::write(path, content).map_err(file("writing", path))
}

fn file(attempt: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ClusterError + use<> {
    let path = path.to_owned();
    move |source| ClusterError::File {
        attempt,
        path,
        source,
    }
}

#[cfg(test)]
mod tests;
