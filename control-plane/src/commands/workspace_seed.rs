//! Create workspace in the words of the first `/api/v1`: plain text, every wrong field named.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

use nexus_events::name::{ServiceName, WorkspaceName};
use nexus_events::problem::FieldError;
use nexus_events::spec::{Repository, RepositoryUrl, RestartPolicy, ServiceSpec, WorkspaceSpec};
use nexus_events::view::{CreateWorkspaceRequest, NewWorkspace, RepositoryRequest, ServiceRequest};

use super::{CommandError, Commands, CreatedWorkspace, RequestContext};
use crate::identity::Identity;
use crate::queries::QueryError;

impl Commands {
    /// Makes a workspace for the user named in the request.
    ///
    /// # Errors
    /// See [`CommandError`].
    pub async fn create_workspace_from_seed(
        &self,
        identity: &Identity,
        request: CreateWorkspaceRequest,
        context: &RequestContext,
    ) -> Result<CreatedWorkspace, CommandError> {
        let mut wrong = Wrong::default();
        let login: Option<nexus_events::name::GithubLogin> =
            wrong.parse("github_username", &request.github_username);
        let workspace = self.workspace_of(&request, &mut wrong)?;
        let (Some(login), Some(workspace), true) = (login, workspace, wrong.0.is_empty()) else {
            return Err(CommandError::invalid(wrong.0));
        };
        let owner = self
            .queries
            .directory
            .by_login(login.as_str())
            .filter(|user| identity.may_see(*user))
            .ok_or_else(|| QueryError::not_found("user", login.as_str()))?;
        self.request_workspace(identity, owner, &workspace, context)
            .await
    }

    /// `None` when a field of it is wrong.
    fn workspace_of(
        &self,
        request: &CreateWorkspaceRequest,
        wrong: &mut Wrong,
    ) -> Result<Option<NewWorkspace>, CommandError> {
        let name: Option<WorkspaceName> = wrong.parse("workspace_name", &request.workspace_name);
        let provider = match &request.provider {
            Some(text) => wrong.parse("provider", text),
            None => Some(self.preferred_provider()?),
        };
        let image = request
            .image
            .as_ref()
            .and_then(|text| wrong.parse("image", text));
        let repository = request
            .repo
            .as_ref()
            .and_then(|repo| repository(repo, wrong));
        let services = services(&request.services, wrong);
        let (Some(name), Some(provider)) = (name, provider) else {
            return Ok(None);
        };
        let spec = WorkspaceSpec {
            image,
            repository,
            services,
            ..WorkspaceSpec::on(provider)
        };
        Ok(Some(NewWorkspace { name, spec }))
    }
}

/// Every field that is wrong, so that one answer names them all.
#[derive(Default)]
struct Wrong(Vec<FieldError>);

impl Wrong {
    fn parse<T: FromStr<Err: Display>>(&mut self, field: impl Display, text: &str) -> Option<T> {
        text.parse()
            .map_err(|error: T::Err| self.push(field, error))
            .ok()
    }

    fn push(&mut self, field: impl Display, cause: impl Display) {
        self.0.push(FieldError {
            field: field.to_string(),
            cause: cause.to_string(),
        });
    }
}

fn repository(request: &RepositoryRequest, wrong: &mut Wrong) -> Option<Repository> {
    let owner = wrong.parse("repo.owner", &request.owner);
    let name = wrong.parse("repo.name", &request.name);
    let branch = request
        .branch
        .as_ref()
        .and_then(|text| wrong.parse("repo.branch", text));
    let url: Option<RepositoryUrl> = match &request.url {
        Some(text) => wrong.parse("repo.url", text),
        None => Some(RepositoryUrl::github(owner.as_ref()?, name.as_ref()?)),
    };
    Some(Repository {
        owner: owner?,
        name: name?,
        url: url?,
        branch,
    })
}

fn services(requests: &[ServiceRequest], wrong: &mut Wrong) -> BTreeMap<ServiceName, ServiceSpec> {
    let mut services = BTreeMap::new();
    for (index, request) in requests.iter().enumerate() {
        let Some(name) =
            wrong.parse::<ServiceName>(format!("services[{index}].name"), &request.name)
        else {
            continue;
        };
        let depends_on = request
            .depends_on
            .iter()
            .enumerate()
            .filter_map(|(place, text)| {
                wrong.parse(format!("services[{index}].depends_on[{place}]"), text)
            });
        let service = ServiceSpec {
            command: request.command.clone(),
            port: request.port,
            depends_on: depends_on.collect(),
            health_check: request.health_check.clone(),
            restart: RestartPolicy::default(),
        };
        if services.insert(name, service).is_some() {
            wrong.push(
                format!("services[{index}].name"),
                "another service has this name already",
            );
        }
    }
    services
}
