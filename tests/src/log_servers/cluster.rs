//! Three servers on this machine, each at an address of loopback and in a folder of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use nexus_nats::embedded::find_binary;
use nexus_nats::testing::ClusterFiles;

use crate::chaos::fault::Target;
use crate::disk::SmallDisk;
use crate::ports::PortRange;
use crate::program::Program;

/// Running, as the handbook has them made; plain processes, gone with this.
#[derive(Debug)]
pub(crate) struct Cluster {
    programs: Vec<Program>,
    files: ClusterFiles,
}

impl Cluster {
    pub(super) fn start(
        home: &Path,
        workers: &[&str],
        range: &PortRange,
        disks: &BTreeMap<Target, SmallDisk>,
    ) -> anyhow::Result<Self> {
        let hosts = [1, 2, 3].map(|host| range.host(host).to_string());
        let workers = workers.iter().enumerate();
        let workers: Vec<String> = workers
            .map(|(number, provider)| format!("{number}={provider}"))
            .collect();
        let files = ClusterFiles::make(&home.join("log"), hosts, &workers)?;
        let binary = find_binary(None)?;
        let mut programs = Vec::new();
        for server in 0..3 {
            let folder = files.node(server);
            if let Some(disk) = disks.get(&Target::Server(server)) {
                disk.stands_at(&folder.join("store"))?;
            }
            // Told of the others, clients would go there past their proxies.
            let mut routes = File::options()
                .append(true)
                .open(folder.join("routes.conf"))?;
            routes.write_all(b"no_advertise: true\n")?;
            let mut program = Program::new(binary.clone(), folder.join("server.log"))
                .arguments(&["--config", "nats.conf"])
                .folder(folder);
            program.start()?;
            programs.push(program);
        }
        Ok(Self { programs, files })
    }

    pub(super) const fn files(&self) -> &ClusterFiles {
        &self.files
    }

    pub(super) fn program(&mut self, number: usize) -> anyhow::Result<&mut Program> {
        let program = self.programs.get_mut(number);
        program.with_context(|| format!("there is no nats-server-{number}"))
    }

    pub(super) fn environment(&self, target: Target) -> anyhow::Result<Vec<(String, String)>> {
        let client = match target {
            Target::Worker(_) => target.to_string(),
            Target::Plane(_) | Target::Server(_) | Target::Leader => "control-plane".to_owned(),
        };
        Ok(self.files.environment(&client)?)
    }

    pub(super) fn last_words(&self) -> String {
        let end = |(number, program): (usize, &Program)| {
            let target = Target::Server(number);
            format!("--- {target}\n{}", program.last_words(25))
        };
        let ends: Vec<String> = self.programs.iter().enumerate().map(end).collect();
        ends.join("\n")
    }
}
