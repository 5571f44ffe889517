//! `nexus-worker doctor`: what works here and what is missing, a line each, with the next command.

use std::io::Write as _;
use std::process::ExitCode;

use nexus_events::id::{OperationId, WorkspaceId};
use nexus_workers::init;
use nexus_workers::provider::{MachineSpec, Progress, Provider};
use nexus_workers::providers::docker::{DockerOptions, DockerProvider};
use nexus_workers::providers::process::{ProcessOptions, ProcessProvider};
use uuid::Uuid;

use super::args::{ProviderArg, WorkerArgs};
use super::run::connect;

/// One thing looked at.
struct Finding {
    what: &'static str,
    good: Result<String, String>,
}

/// Looks at everything a worker needs; fails when something is missing.
pub(crate) async fn doctor(args: &WorkerArgs) -> anyhow::Result<ExitCode> {
    let mut findings = vec![home(args)];
    let binary = init::locate();
    findings.push(Finding {
        what: "nexus-init",
        good: match &binary {
            Ok(path) => Ok(path.display().to_string()),
            Err(error) => Err(error.to_string()),
        },
    });
    if let (Ok(binary), Ok(home)) = (binary, args.node_home()) {
        let folder = home.folder();
        findings.extend(match args.provider {
            ProviderArg::Docker => {
                engine(DockerProvider::new(DockerOptions::new(
                    folder, binary, "doctor",
                )))
                .await
            }
            ProviderArg::Process => {
                let options = ProcessOptions::new(folder, binary, "doctor");
                let made = options
                    .map_err(std::io::Error::other)
                    .and_then(ProcessProvider::new);
                engine(made).await
            }
        });
    }
    if !args.nats_url.is_empty() {
        let connected = connect(args).await;
        let good = connected
            .map(|_| "answers".to_owned())
            .map_err(|error| format!("{error:#}"));
        findings.push(Finding { what: "NATS", good });
    }
    print(&findings)?;
    let all_good = findings.iter().all(|finding| finding.good.is_ok());
    Ok(if all_good {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn home(args: &WorkerArgs) -> Finding {
    let good = match args.node_home() {
        Ok(home) => Ok(home.folder().display().to_string()),
        Err(error) => Err(format!("{error:#}")),
    };
    Finding {
        what: "folder",
        good,
    }
}

async fn engine<P: Provider>(made: std::io::Result<P>) -> Vec<Finding> {
    let provider = match made {
        Ok(provider) => provider,
        Err(error) => {
            return vec![Finding {
                what: "provider",
                good: Err(error.to_string()),
            }];
        }
    };
    let explained = |error: nexus_workers::provider::ProviderError| {
        let failure = error.to_failure();
        format!("{}\n             {}", failure.cause, failure.hint)
    };
    let profile = provider.profile().await;
    let answers = profile.is_ok();
    let good = profile.map(|profile| profile.engine).map_err(explained);
    let mut findings = vec![Finding {
        what: "engine",
        good,
    }];
    if answers {
        let image = provider
            .prepare_image(&any_spec(), &Progress::default())
            .await;
        let good = image.map(|image| image.name).map_err(explained);
        findings.push(Finding {
            what: "base image",
            good,
        });
    }
    findings
}

/// A workspace that is never made: only its image is looked for.
fn any_spec() -> MachineSpec {
    MachineSpec {
        workspace: WorkspaceId::from_uuid(Uuid::now_v7()),
        name: "doctor"
            .parse()
            .expect("a literal that keeps the rule of names"),
        operation: OperationId::from_uuid(Uuid::now_v7()),
        epoch: 1,
        image: None,
        resources: Default::default(),
        environment: Default::default(),
        source: None,
    }
}

fn print(findings: &[Finding]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for Finding { what, good } in findings {
        match good {
            Ok(text) => writeln!(out, "ok       {what:<11} {text}")?,
            Err(text) => writeln!(out, "missing  {what:<11} {text}")?,
        }
    }
    Ok(())
}
