//! Which NATS servers to use, and how: `nats.env` of `nexusd cluster init` sets all of it.

use std::path::PathBuf;

use nexus_nats::{Options, Role, Transport};

/// Servers that run elsewhere.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct NatsArguments {
    /// The NATS servers (tls://HOST:PORT, comma between); without any one is started here
    #[arg(
        id = "nats-url",
        long = "nats-url",
        env = "NEXUS_NATS_URL",
        value_delimiter = ',',
        value_name = "URL"
    )]
    pub url: Vec<String>,
    /// The file with the nkey seed to connect with
    #[arg(
        long = "nats-creds",
        env = "NEXUS_NATS_CREDS",
        value_name = "FILE",
        requires = "nats-url"
    )]
    pub creds: Option<PathBuf>,
    /// The file with the nkey seed workers started here connect with
    #[arg(
        long = "nats-worker-creds",
        env = "NEXUS_NATS_WORKER_CREDS",
        value_name = "FILE",
        requires = "nats-url"
    )]
    pub worker_creds: Option<PathBuf>,
    /// The certificate (PEM) of the authority that vouches for the servers
    #[arg(
        long = "nats-ca",
        env = "NEXUS_NATS_CA",
        value_name = "FILE",
        requires = "nats-url"
    )]
    pub authority: Option<PathBuf>,
    /// Our certificate and its key in one file (PEM, mode 0600), where the servers ask for one
    #[arg(
        long = "nats-cert",
        env = "NEXUS_NATS_CERT",
        value_name = "FILE",
        requires = "nats-url"
    )]
    pub certificate: Option<PathBuf>,
    /// Speak to servers elsewhere without TLS: only where the network itself encrypts
    #[arg(
        long = "nats-plaintext",
        env = "NEXUS_NATS_PLAINTEXT",
        requires = "nats-url"
    )]
    pub plaintext: bool,
    /// Copies of each stream [default: 3 in a cluster, else 1]
    #[arg(
        long = "nats-replicas",
        env = "NEXUS_NATS_REPLICAS",
        value_parser = clap::value_parser!(u8).range(1..=5)
    )]
    pub replicas: Option<u8>,
}

impl NatsArguments {
    /// How to connect as the control plane.
    pub(in crate::daemon) fn options(&self) -> Options {
        let options =
            Options::new(self.url.clone(), Role::ControlPlane).transport(self.transport());
        match &self.creds {
            Some(seed) => options.seed_file(seed),
            None => options,
        }
    }

    /// TLS or not, for us and for workers started here.
    pub(in crate::daemon) fn transport(&self) -> Transport {
        Transport {
            authority: self.authority.clone(),
            certificate: self.certificate.clone(),
            plaintext: self.plaintext,
        }
    }
}
