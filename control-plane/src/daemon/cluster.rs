//! `nexusd cluster`: the files a cluster of NATS servers and its clients need.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;
use nexus_nats::cluster::{self, Node, Plan, Worker};

/// What can be done with a cluster.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum ClusterArguments {
    /// Makes certificates, keys and configurations; what is there already stays
    Init(InitArguments),
}

/// Which files to make.
#[derive(Debug, Clone, clap::Args)]
pub struct InitArguments {
    /// Where to make them
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// A server, and the name or address it is reached by (three or five of them, the first time)
    #[arg(long, value_name = "NAME=HOST")]
    pub node: Vec<Node>,
    /// A worker to make credentials for: docker or process (repeat for more, at any time)
    #[arg(long, value_name = "NAME=PROVIDER")]
    pub worker: Vec<Worker>,
}

/// Does it.
///
/// # Errors
/// When a file cannot be made; the sentence says which, and why.
pub fn cluster(arguments: ClusterArguments) -> anyhow::Result<()> {
    let ClusterArguments::Init(arguments) = arguments;
    let folder = arguments.folder.clone();
    let plan = Plan {
        folder: arguments.folder,
        nodes: arguments.node,
        workers: arguments.worker,
    };
    cluster::init(&plan).with_context(|| format!("making a cluster in {}", folder.display()))?;
    let shown = folder.display();
    writeln!(
        std::io::stdout(),
        "made {shown}\n\
         nodes/NAME    to each server's host, then: nats-server --config nats.conf\n\
         clients/NAME  to /etc/nexus/nats of each client's host\n\
         authority     to nobody: who has it can pose as anyone"
    )?;
    Ok(())
}
