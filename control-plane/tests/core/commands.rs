//! Commands: accepted once, however often they are sent, and refused in words.

use nexus_control_plane::commands::{CommandError, TokenRequest};
use nexus_control_plane::identity::Identity;
use nexus_control_plane::queries::WorkspaceRef;
use nexus_events::problem::{Problem, ProblemCode};
use nexus_events::spec::{Provider, WorkspaceSpec};
use nexus_events::user::Scope;
use nexus_events::view::{CreateWorkspaceRequest, NewWorkspace, RepositoryRequest};
use nexus_events::workspace::Phase;

use crate::world::{World, new_workspace, registration};

fn code(error: CommandError) -> ProblemCode {
    Problem::from(error).code
}

#[tokio::test]
async fn the_same_request_under_a_key_makes_one_workspace() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let commands = world.app.commands();
    let context = world.keyed("k");
    let create = |request| commands.create_workspace(&ada, request, None, &context);
    let first = create(new_workspace("hello")).await.unwrap();
    // Once while it is projected perhaps, once when it certainly is.
    assert_eq!(create(new_workspace("hello")).await.unwrap(), first);
    world.settle().await;
    assert_eq!(create(new_workspace("hello")).await.unwrap(), first);
    assert_eq!(world.held().await.len(), 2, "one name, one port");

    let other = create(new_workspace("other")).await.unwrap_err();
    assert_eq!(code(other), ProblemCode::IdempotencyKeyReused);
    assert_eq!(world.held().await.len(), 2, "nothing is left claimed");
}

#[tokio::test]
async fn a_key_belongs_to_whoever_sent_it() {
    let world = World::in_memory().await;
    let (ada, bob) = (world.person("ada", 1).await, world.person("bob", 2).await);
    world.node(Provider::Fake).await;
    let context = world.keyed("k");
    let commands = world.app.commands();
    let request = new_workspace("hello");
    let hers = commands
        .create_workspace(&ada, request.clone(), None, &context)
        .await
        .unwrap();
    let his = commands
        .create_workspace(&bob, request, None, &context)
        .await
        .unwrap();
    assert_ne!(hers.workspace, his.workspace);
}

#[tokio::test]
async fn a_start_sent_twice_is_one_operation_and_another_use_of_its_key_is_refused() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let node = world.node(Provider::Fake).await;
    let created = world.create(&ada, "hello").await;
    world.bring_up(created.workspace, node).await;
    let workspace = WorkspaceRef::Name("hello".parse().unwrap());
    let commands = world.app.commands();

    let context = world.keyed("stop-it");
    let first = commands
        .stop_workspace(&ada, &workspace, &context)
        .await
        .unwrap();
    let again = commands
        .stop_workspace(&ada, &workspace, &context)
        .await
        .unwrap();
    assert_eq!(first.operation, again.operation);
    world.settle().await;
    let later = commands
        .stop_workspace(&ada, &workspace, &context)
        .await
        .unwrap();
    assert_eq!(first.operation, later.operation);
    let misused = commands
        .delete_workspace(&ada, &workspace, &context)
        .await
        .unwrap_err();
    assert_eq!(code(misused), ProblemCode::IdempotencyKeyReused);

    // What is under way already is named; it is no second operation.
    let plain = commands
        .stop_workspace(&ada, &workspace, &world.context())
        .await
        .unwrap();
    assert_eq!(plain.operation, first.operation);
    assert!(plain.reason.is_some());
}

#[tokio::test]
async fn registering_twice_is_registering_once() {
    let world = World::in_memory().await;
    let commands = world.app.commands();
    let context = world.context();
    let register = || commands.register_user(&Identity::Operator, registration("ada", 7), &context);
    let first = register().await.unwrap();
    let again = register().await.unwrap();
    assert_eq!(first.value, again.value);
    assert_eq!(first.sequence, again.sequence, "no event the second time");
}

#[tokio::test]
async fn only_an_administrator_registers_somebody_else() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let commands = world.app.commands();
    let refused = commands
        .register_user(&ada, registration("bob", 2), &world.context())
        .await;
    assert_eq!(code(refused.unwrap_err()), ProblemCode::Forbidden);
    let herself = commands
        .register_user(&ada, registration("ada", 1), &world.context())
        .await;
    assert!(herself.is_ok());
}

#[tokio::test]
async fn a_fingerprint_that_is_not_the_keys_is_named() {
    let world = World::in_memory().await;
    let mut request = registration("ada", 1);
    request.ssh_pubkey_fingerprint = "SHA256:x".into();
    let refused = world
        .app
        .commands()
        .register_user(&Identity::Operator, request, &world.context())
        .await;
    let problem = Problem::from(refused.unwrap_err());
    assert_eq!(problem.errors[0].field, "ssh_pubkey_fingerprint");
    assert_eq!(world.backbone.log.info().await.unwrap().last_sequence, 0);
}

#[tokio::test]
async fn a_token_lets_in_until_it_is_revoked_or_over() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let (commands, queries) = (world.app.commands(), world.app.queries());
    let request = TokenRequest {
        expires_in_seconds: Some(60),
        ..TokenRequest::default()
    };
    let issued = commands
        .issue_token(&ada, request, &world.keyed("t"))
        .await
        .unwrap()
        .value;
    world.settle().await;
    let who = |now| queries.identify(&issued.token, now).unwrap();
    let Some(Identity::User { id, scope, token }) = who(world.clock.now()) else {
        panic!("the token lets in")
    };
    assert_eq!(
        (Some(id), scope, token),
        (ada.user(), Scope::User, issued.id)
    );
    assert_eq!(who(world.advance(61)), None, "it is over");

    let lasting = commands
        .issue_token(&ada, TokenRequest::default(), &world.context())
        .await;
    let lasting = lasting.unwrap().value;
    world.settle().await;
    commands
        .revoke_token(&ada, lasting.id, &world.context())
        .await
        .unwrap();
    world.settle().await;
    assert_eq!(
        queries.identify(&lasting.token, world.clock.now()).unwrap(),
        None
    );
    assert_eq!(
        queries.identify("nxs_guess", world.clock.now()).unwrap(),
        None
    );
}

#[tokio::test]
async fn a_token_asked_for_twice_under_a_key_is_one_token() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let context = world.keyed("t");
    let issue = || {
        world
            .app
            .commands()
            .issue_token(&ada, TokenRequest::default(), &context)
    };
    let (first, again) = (issue().await.unwrap(), issue().await.unwrap());
    assert_eq!(first.value, again.value);
    world.settle().await;
    assert_eq!(world.app.queries().tokens(&ada).unwrap().items.len(), 1);
}

#[tokio::test]
async fn no_user_makes_an_administrator_of_themselves() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    let request = TokenRequest {
        scope: Some(Scope::Admin),
        ..TokenRequest::default()
    };
    let refused = world
        .app
        .commands()
        .issue_token(&ada, request, &world.context())
        .await;
    assert_eq!(code(refused.unwrap_err()), ProblemCode::Forbidden);
}

#[tokio::test]
async fn a_provider_without_a_worker_is_refused_and_the_others_are_named() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Fake).await;
    let spec = WorkspaceSpec::on(Provider::Qemu);
    let request = NewWorkspace {
        name: "hello".parse().unwrap(),
        spec,
    };
    let refused = world
        .app
        .commands()
        .create_workspace(&ada, request, None, &world.context())
        .await;
    let problem = Problem::from(refused.unwrap_err());
    assert_eq!(problem.code, ProblemCode::NoWorker);
    assert!(
        problem.detail.contains("qemu") && problem.detail.contains("fake"),
        "{problem:?}"
    );
    assert_eq!(world.held().await, Vec::<String>::new());
}

#[tokio::test]
async fn every_wrong_field_is_named_in_one_answer() {
    let world = World::in_memory().await;
    world.person("ada", 1).await;
    world.node(Provider::Process).await;
    let request = CreateWorkspaceRequest {
        github_username: "ada".into(),
        workspace_name: "../x".into(),
        repo: Some(RepositoryRequest {
            owner: "a".into(),
            name: "b".into(),
            url: Some("ext::sh -c id".into()),
            branch: Some("--upload-pack=x".into()),
        }),
        provider: Some("vax".into()),
        image: Some("-x".into()),
        services: Vec::new(),
    };
    let refused = world
        .app
        .commands()
        .create_workspace_from_seed(&Identity::Operator, request, &world.context())
        .await;
    let problem = Problem::from(refused.unwrap_err());
    let fields: Vec<_> = problem
        .errors
        .iter()
        .map(|error| error.field.as_str())
        .collect();
    assert_eq!(
        fields,
        [
            "workspace_name",
            "provider",
            "image",
            "repo.branch",
            "repo.url"
        ]
    );
}

#[tokio::test]
async fn a_host_that_is_not_allowed_is_refused_with_those_that_are() {
    let world = World::in_memory().await;
    world.person("ada", 1).await;
    world.node(Provider::Process).await;
    let request = CreateWorkspaceRequest {
        github_username: "ada".into(),
        workspace_name: "hello".into(),
        repo: Some(RepositoryRequest {
            owner: "a".into(),
            name: "b".into(),
            url: Some("https://git.example.com/a/b".into()),
            branch: None,
        }),
        provider: None,
        image: None,
        services: Vec::new(),
    };
    let refused = world
        .app
        .commands()
        .create_workspace_from_seed(&Identity::Operator, request, &world.context())
        .await;
    let problem = Problem::from(refused.unwrap_err());
    assert_eq!(problem.errors[0].field, "repository.url");
    assert!(problem.detail.contains("github.com"), "{problem:?}");
}

#[tokio::test]
async fn docker_is_preferred_where_a_worker_drives_it() {
    let world = World::in_memory().await;
    let ada = world.person("ada", 1).await;
    world.node(Provider::Process).await;
    world.node(Provider::Docker).await;
    let request = CreateWorkspaceRequest {
        github_username: "ada".into(),
        workspace_name: "hello".into(),
        repo: None,
        provider: None,
        image: None,
        services: Vec::new(),
    };
    let created = world
        .app
        .commands()
        .create_workspace_from_seed(&ada, request, &world.context())
        .await
        .unwrap();
    world.settle().await;
    let view = world.view(&ada, created.workspace);
    assert_eq!(
        (view.provider, view.phase),
        (Provider::Docker, Phase::Requested)
    );
}
