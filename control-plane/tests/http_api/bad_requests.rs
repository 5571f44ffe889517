//! Requests that are refused: each names what is wrong and what to do, and changes nothing.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Caller, Server, User, noon, public_key, registration};

/// One request, and how it has to be refused.
struct Case {
    name: &'static str,
    who: Who,
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    status: u16,
    code: &'static str,
    /// What `detail` or `errors` has to name.
    names: &'static str,
}

#[derive(Clone, Copy)]
enum Who {
    Nobody,
    Operator,
    Alice,
    Bob,
}

/// What is there before any of the requests.
struct World {
    server: Server,
    alice: User,
    bob: User,
    /// A workspace of Alice's, called `taken`.
    workspace: String,
    revoked: String,
    expired: String,
}

fn case(
    name: &'static str,
    who: Who,
    request: (Method, &str),
    refusal: (u16, &'static str, &'static str),
) -> Case {
    let (method, path) = request;
    let (status, code, names) = refusal;
    let (headers, body) = (Vec::new(), Vec::new());
    Case {
        name,
        who,
        method,
        path: path.to_owned(),
        headers,
        body,
        status,
        code,
        names,
    }
}

impl Case {
    fn json(mut self, body: Value) -> Self {
        self.body = body.to_string().into_bytes();
        self
    }

    fn text(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

const CREATE: &str = "/api/v1/workspaces/create";
const PLAIN: &str = "/api/v1/workspaces";
const INVALID: &str = "VALIDATION_ERROR";
const MALFORMED: &str = "MALFORMED_REQUEST";
const UNKNOWN: &str = "AUTHENTICATION_ERROR";

/// A good request in the form of the first `/api/v1`, with `change` laid over it.
fn create(change: Value) -> Value {
    over(
        json!({ "github_username": "alice", "workspace_name": "fresh" }),
        change,
    )
}

/// A good request in plain form, with `change` laid over its specification.
fn plain(change: Value) -> Value {
    json!({ "name": "fresh", "spec": over(json!({ "provider": "process" }), change) })
}

fn over(mut good: Value, change: Value) -> Value {
    let fields = good.as_object_mut().expect("an object");
    fields.extend(change.as_object().expect("an object").clone());
    good
}

fn service(change: Value) -> Value {
    over(
        json!({ "name": "web", "command": "npm start", "port": 3000 }),
        change,
    )
}

fn repo(change: Value) -> Value {
    create(json!({ "repo": over(json!({ "owner": "o", "name": "n" }), change) }))
}

fn bodies() -> Vec<Case> {
    let create_with = |name, refusal, change| {
        case(name, Who::Alice, (Method::POST, CREATE), refusal).json(create(change))
    };
    let repo_with = |name, refusal, change| {
        case(name, Who::Alice, (Method::POST, CREATE), refusal).json(repo(change))
    };
    let services = |name, refusal, services| {
        case(name, Who::Alice, (Method::POST, CREATE), refusal)
            .json(create(json!({ "services": services })))
    };
    let plain_with = |name, refusal, change| {
        case(name, Who::Alice, (Method::POST, PLAIN), refusal).json(plain(change))
    };
    let raw = |name, refusal, text: &str| {
        case(name, Who::Alice, (Method::POST, CREATE), refusal).text(text)
    };
    vec![
        raw("no body", (400, MALFORMED, "body"), " "),
        raw("no JSON", (400, MALFORMED, "line 1, column 2"), "{nope"),
        raw(
            "half of it",
            (400, MALFORMED, "body"),
            r#"{"github_username":"al"#,
        ),
        raw("a list", (400, MALFORMED, "body"), "[1, 2]"),
        raw(
            "a list of the fields",
            (400, MALFORMED, "body"),
            r#"["alice", "fresh"]"#,
        ),
        raw(
            "a missing field",
            (422, INVALID, "workspace_name"),
            r#"{"github_username":"alice"}"#,
        ),
        create_with(
            "an unknown field",
            (422, INVALID, "nmae"),
            json!({ "nmae": "x" }),
        ),
        create_with(
            "a wrong type",
            (422, INVALID, "image"),
            json!({ "image": 7 }),
        ),
        create_with(
            "a name with ../",
            (422, INVALID, "workspace_name"),
            json!({ "workspace_name": "../etc" }),
        ),
        create_with(
            "a name with a control character",
            (422, INVALID, "workspace_name"),
            json!({ "workspace_name": "a\u{1b}[31m" }),
        ),
        create_with(
            "no GitHub name",
            (422, INVALID, "github_username"),
            json!({ "github_username": "a--b" }),
        ),
        create_with(
            "an unknown user",
            (404, "NOT_FOUND", "mallory"),
            json!({ "github_username": "mallory" }),
        ),
        create_with(
            "somebody else's account",
            (404, "NOT_FOUND", "bob"),
            json!({ "github_username": "bob" }),
        ),
        create_with(
            "an unknown provider",
            (422, INVALID, "provider"),
            json!({ "provider": "vmware" }),
        ),
        create_with(
            "a provider without a worker",
            (409, "NO_WORKER", "qemu"),
            json!({ "provider": "qemu" }),
        ),
        create_with(
            "a path for an image",
            (422, INVALID, "image"),
            json!({ "image": "../../etc" }),
        ),
        create_with(
            "an option for an image",
            (422, INVALID, "image"),
            json!({ "image": "-v/:/x" }),
        ),
        create_with(
            "a name that is taken",
            (409, "CONFLICT", "taken"),
            json!({ "workspace_name": "taken" }),
        ),
        repo_with(
            "a transport that runs commands",
            (422, INVALID, "repo.url"),
            json!({ "url": "ext::sh -c id" }),
        ),
        repo_with(
            "a loopback repository",
            (422, INVALID, "repo.url: `127.0.0.1`"),
            json!({ "url": "https://127.0.0.1/o/n" }),
        ),
        repo_with(
            "a repository of the cloud's metadata",
            (422, INVALID, "repo.url: `169.254.169.254`"),
            json!({ "url": "https://169.254.169.254/latest/meta-data" }),
        ),
        repo_with(
            "a host that is not allowed",
            (422, INVALID, "repo.url: host `evil.example`"),
            json!({ "url": "https://evil.example/o/n" }),
        ),
        repo_with(
            "a repository in clear text",
            (422, INVALID, "repo.url"),
            json!({ "url": "http://github.com/o/n" }),
        ),
        repo_with(
            "a password in an address",
            (422, INVALID, "repo.url"),
            json!({ "url": "https://me:secret@github.com/o/n" }),
        ),
        repo_with(
            "an option for a branch",
            (422, INVALID, "repo.branch"),
            json!({ "branch": "--upload-pack=id" }),
        ),
        repo_with(
            "a branch with ..",
            (422, INVALID, "repo.branch"),
            json!({ "branch": "a..b" }),
        ),
        repo_with(
            "a wrong owner",
            (422, INVALID, "repo.owner"),
            json!({ "owner": "-o" }),
        ),
        repo_with(
            "an unknown field of it",
            (422, INVALID, "repo.sha"),
            json!({ "sha": "1" }),
        ),
        services(
            "services in a circle",
            (422, INVALID, "circle"),
            json!([
                service(json!({ "depends_on": ["api"] })),
                service(json!({ "name": "api", "port": 4000, "depends_on": ["web"] })),
            ]),
        ),
        services(
            "a dependency that is not there",
            (422, INVALID, "services.web"),
            json!([service(json!({ "depends_on": ["db"] }))]),
        ),
        services(
            "one port twice",
            (422, INVALID, "port 3000"),
            json!([service(json!({})), service(json!({ "name": "api" }))]),
        ),
        services(
            "one service twice",
            (422, INVALID, "services[1].name"),
            json!([service(json!({})), service(json!({ "port": 4000 }))]),
        ),
        services(
            "port 0",
            (422, INVALID, "services.web.port"),
            json!([service(json!({ "port": 0 }))]),
        ),
        services(
            "port 70000",
            (422, INVALID, "services[0].port"),
            json!([service(json!({ "port": 70_000 }))]),
        ),
        services(
            "no command",
            (422, INVALID, "services.web.command"),
            json!([service(json!({ "command": " " }))]),
        ),
        services(
            "a health check without a port",
            (422, INVALID, "services.web.port"),
            json!([{ "name": "web", "command": "x", "health_check": { "type": "http" } }]),
        ),
        plain_with(
            "a variable that is none",
            (422, INVALID, "spec.environment.1X"),
            json!({ "environment": { "1X": "y" } }),
        ),
        plain_with(
            "too little memory",
            (422, INVALID, "spec.resources.memory_mib"),
            json!({ "resources": { "cpu_milli": 1000, "memory_mib": 1, "processes": 100 } }),
        ),
        plain_with(
            "idle at once",
            (422, INVALID, "spec.idle.after_seconds"),
            json!({ "idle": { "after_seconds": 1 } }),
        ),
        case(
            "a name with ../ in plain form",
            Who::Alice,
            (Method::POST, PLAIN),
            (422, INVALID, "name"),
        )
        .json(json!({ "name": "../x", "spec": { "provider": "process" } })),
        case(
            "an operator's workspace for nobody",
            Who::Operator,
            (Method::POST, PLAIN),
            (422, INVALID, "owner"),
        )
        .json(plain(json!({}))),
        case(
            "an unknown owner",
            Who::Operator,
            (Method::POST, "/api/v1/workspaces?owner=mallory"),
            (404, "NOT_FOUND", "mallory"),
        )
        .json(plain(json!({}))),
        case(
            "somebody else for an owner",
            Who::Alice,
            (Method::POST, "/api/v1/workspaces?owner=bob"),
            (404, "NOT_FOUND", "bob"),
        )
        .json(plain(json!({}))),
    ]
}

fn headers(world: &World) -> Vec<Case> {
    let list = (Method::GET, PLAIN);
    let post = (Method::POST, CREATE);
    let stranger = |name, authorization: String| {
        case(
            name,
            Who::Nobody,
            list.clone(),
            (401, UNKNOWN, "Authorization"),
        )
        .header("authorization", authorization)
    };
    let good =
        |name, refusal| case(name, Who::Alice, post.clone(), refusal).json(create(json!({})));
    vec![
        case(
            "no token",
            Who::Nobody,
            list.clone(),
            (401, UNKNOWN, "Authorization"),
        ),
        stranger("a token of nobody's", "Bearer nxs_nobody".into()),
        stranger("a revoked token", format!("Bearer {}", world.revoked)),
        stranger("a token that is over", format!("Bearer {}", world.expired)),
        stranger("a password for an API", "Basic YWxpY2U6c2VjcmV0".into()),
        stranger("no scheme", world.alice.token.clone()),
        good("a rebound name", (403, "FORBIDDEN", "Host")).header("host", "evil.example:3001"),
        good(
            "a name that only begins like ours",
            (403, "FORBIDDEN", "Host"),
        )
        .header("host", "localhost.evil.example"),
        good("a page of another site", (403, "FORBIDDEN", "Origin"))
            .header("origin", "https://evil.example"),
        good("a page of another port", (403, "FORBIDDEN", "Origin"))
            .header("origin", "http://127.0.0.1:8080"),
        good("a page of nowhere", (403, "FORBIDDEN", "Origin")).header("origin", "null"),
        good(
            "a form of another site",
            (403, "FORBIDDEN", "Sec-Fetch-Site"),
        )
        .header("sec-fetch-site", "cross-site"),
        case(
            "a WebSocket of another site",
            Who::Alice,
            (Method::GET, "/api/v1/events/ws"),
            (403, "FORBIDDEN", "Origin"),
        )
        .header("upgrade", "websocket")
        .header("connection", "upgrade")
        .header("origin", "https://evil.example"),
        case(
            "a WebSocket without an upgrade",
            Who::Alice,
            (Method::GET, "/api/v1/events/ws"),
            (400, MALFORMED, "pgrade"),
        ),
        good("a form", (415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type"))
            .header("content-type", "application/x-www-form-urlencoded"),
        good(
            "plain text",
            (415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type"),
        )
        .header("content-type", "text/plain"),
        good("an empty key", (422, INVALID, "Idempotency-Key")).header("idempotency-key", ""),
        good("a long key", (422, INVALID, "Idempotency-Key"))
            .header("idempotency-key", "k".repeat(500)),
        good(
            "a key used for another request",
            (409, "IDEMPOTENCY_KEY_REUSED", "idempotency key"),
        )
        .header("idempotency-key", "the first one"),
        case(
            "two megabytes",
            Who::Alice,
            post.clone(),
            (413, "PAYLOAD_TOO_LARGE", "body"),
        )
        .text(vec![b' '; 2 << 20]),
        case(
            "no place in the log",
            Who::Alice,
            (Method::GET, "/api/v1/events"),
            (422, INVALID, "Last-Event-ID"),
        )
        .header("accept", "text/event-stream")
        .header("last-event-id", "the last one"),
    ]
}

fn paths(world: &World) -> Vec<Case> {
    let get = |name, path: &str, refusal| case(name, Who::Alice, (Method::GET, path), refusal);
    let workspace = &world.workspace;
    let foreign = |name, method, rest: &str| {
        let path = format!("/api/v1/workspaces/{workspace}{rest}");
        case(
            name,
            Who::Bob,
            (method, &path),
            (404, "NOT_FOUND", "workspace"),
        )
    };
    let exec = |name, who, body, refusal| {
        let path = format!("/api/v1/workspaces/{workspace}/exec");
        case(name, who, (Method::POST, &path), refusal).json(body)
    };
    let own = |rest: &str| format!("/api/v1/workspaces/{workspace}{rest}");
    vec![
        get("nothing", "/api/v1/workspace", (404, "NOT_FOUND", "path")),
        get("a wrong method", CREATE, (405, "METHOD_NOT_ALLOWED", "GET")),
        case(
            "a method nobody answers",
            Who::Alice,
            (Method::PUT, PLAIN),
            (405, "METHOD_NOT_ALLOWED", "PUT"),
        ),
        get(
            "a parameter nobody knows",
            "/api/v1/workspaces?colour=red",
            (422, INVALID, "colour"),
        ),
        get(
            "a wrong limit",
            "/api/v1/workspaces?limit=all",
            (422, INVALID, "limit"),
        ),
        get(
            "a wrong cursor",
            "/api/v1/workspaces?cursor=7",
            (422, INVALID, "cursor"),
        ),
        get(
            "a wrong cursor of operations",
            "/api/v1/operations?cursor=7",
            (422, INVALID, "cursor"),
        ),
        get(
            "a wrong phase",
            "/api/v1/workspaces?phase=happy",
            (422, INVALID, "phase"),
        ),
        get(
            "a wrong min_seq",
            "/api/v1/workspaces?min_seq=-1",
            (422, INVALID, "min_seq"),
        ),
        get(
            "a wrong state",
            "/api/v1/operations?state=done",
            (422, INVALID, "state"),
        ),
        get(
            "a wrong kind",
            "/api/v1/events?kind=cloud",
            (422, INVALID, "kind"),
        ),
        get(
            "events of nothing",
            "/api/v1/events?workspace=none",
            (404, "NOT_FOUND", "none"),
        ),
        get(
            "a wrong wait",
            "/api/v1/operations/op-1?wait=soon",
            (422, INVALID, "wait"),
        ),
        get(
            "no operation",
            "/api/v1/operations/op-1",
            (404, "NOT_FOUND", "op-1"),
        ),
        get(
            "an unknown operation",
            "/api/v1/operations/op-00000000000000000000000000000007",
            (404, "NOT_FOUND", "op-00000000000000000000000000000007"),
        ),
        get(
            "an unknown node",
            "/api/v1/nodes/node-7",
            (404, "NOT_FOUND", "node-7"),
        ),
        get(
            "an unknown user",
            "/api/v1/users/user-7",
            (404, "NOT_FOUND", "user-7"),
        ),
        get(
            "a path for a workspace",
            "/api/v1/workspaces/..%2F..%2Fetc",
            (404, "NOT_FOUND", "../"),
        ),
        get(
            "another's workspace by name",
            "/api/v1/workspaces/bobs",
            (404, "NOT_FOUND", "bobs"),
        ),
        foreign("another's workspace", Method::GET, ""),
        foreign("another's status", Method::GET, "/status"),
        foreign("another's events", Method::GET, "/events"),
        foreign("another's operations", Method::GET, "/operations"),
        foreign("another's logs", Method::GET, "/logs"),
        foreign("starting another's", Method::POST, "/start"),
        foreign("stopping another's", Method::POST, "/stop"),
        foreign("deleting another's", Method::POST, "/delete"),
        foreign("deleting another's, plainly", Method::DELETE, ""),
        foreign("a command in another's", Method::POST, "/exec").json(json!({ "argv": ["id"] })),
        foreign("using another's", Method::POST, "/activity").json(json!({ "source": "ssh" })),
        exec(
            "a command where nothing runs",
            Who::Alice,
            json!({ "argv": ["id"] }),
            (409, "NOT_RUNNING", "taken"),
        ),
        exec(
            "no command",
            Who::Alice,
            json!({ "argv": [] }),
            (422, INVALID, "argv"),
        ),
        exec(
            "a command line",
            Who::Alice,
            json!({ "argv": "rm -rf /" }),
            (422, INVALID, "argv"),
        ),
        exec(
            "input that is no base64",
            Who::Alice,
            json!({ "argv": ["cat"], "stdin": "?" }),
            (422, INVALID, "stdin"),
        ),
        exec(
            "a command with a field nobody knows",
            Who::Alice,
            json!({ "argv": ["id"], "privileged": true }),
            (422, INVALID, "privileged"),
        ),
        get(
            "too long a tail",
            &own("/logs?tail=1000000"),
            (422, INVALID, "tail"),
        ),
        get(
            "a wrong step",
            &own("/logs?step=dance"),
            (422, INVALID, "step"),
        ),
    ]
}

fn people(world: &World) -> Vec<Case> {
    let register = |name, who, refusal, change| {
        case(name, who, (Method::POST, "/api/v1/users/register"), refusal)
            .json(over(registration("carol"), change))
    };
    let token = |name, refusal, body| {
        case(name, Who::Alice, (Method::POST, "/api/v1/tokens"), refusal).json(body)
    };
    let (bob, bobs_token) = (&world.bob.id, &world.bob.token_id);
    vec![
        register(
            "somebody else",
            Who::Alice,
            (403, "FORBIDDEN", "administrator"),
            json!({}),
        ),
        register(
            "a key that is none",
            Who::Operator,
            (422, INVALID, "ssh_pubkey"),
            json!({ "ssh_pubkey": "ssh-ed25519 nonsense" }),
        ),
        register(
            "a key with options",
            Who::Operator,
            (422, INVALID, "ssh_pubkey"),
            json!({ "ssh_pubkey": format!("command=\"id\" {}", public_key("carol").0) }),
        ),
        register(
            "a fingerprint of another key",
            Who::Operator,
            (422, INVALID, "ssh_pubkey_fingerprint"),
            json!({ "ssh_pubkey_fingerprint": "SHA256:nope" }),
        ),
        register(
            "a number for a name",
            Who::Operator,
            (422, INVALID, "github_username"),
            json!({ "github_username": 7 }),
        ),
        register(
            "a name for a number",
            Who::Operator,
            (422, INVALID, "github_id"),
            json!({ "github_id": "7" }),
        ),
        token(
            "an administrator's token",
            (403, "FORBIDDEN", "administrator"),
            json!({ "scope": "admin" }),
        ),
        token(
            "a scope nobody knows",
            (422, INVALID, "scope"),
            json!({ "scope": "root" }),
        ),
        token(
            "a token that is over at once",
            (422, INVALID, "expires"),
            json!({ "expires_in_seconds": 0 }),
        ),
        token(
            "another's token",
            (404, "NOT_FOUND", "user"),
            json!({ "user": bob }),
        ),
        case(
            "an operator's token for nobody",
            Who::Operator,
            (Method::POST, "/api/v1/tokens"),
            (422, INVALID, "user"),
        )
        .json(json!({})),
        case(
            "revoking another's",
            Who::Alice,
            (Method::DELETE, &format!("/api/v1/tokens/{bobs_token}")),
            (404, "NOT_FOUND", "token"),
        ),
        case(
            "another's key",
            Who::Alice,
            (Method::POST, &format!("/api/v1/users/{bob}/keys")),
            (404, "NOT_FOUND", "user"),
        )
        .json(json!({ "public_key": public_key("alice").0 })),
        case(
            "what is parked",
            Who::Alice,
            (Method::GET, "/api/v1/parked"),
            (403, "FORBIDDEN", "administrator"),
        ),
        case(
            "retrying what is parked",
            Who::Alice,
            (Method::POST, "/api/v1/parked/1/retry"),
            (403, "FORBIDDEN", "administrator"),
        ),
        case(
            "discarding nothing",
            Who::Operator,
            (Method::POST, "/api/v1/parked/99/discard"),
            (404, "NOT_FOUND", "99"),
        ),
    ]
}

impl World {
    async fn make() -> Self {
        let server = Server::start().await;
        let (alice, bob) = (server.user("alice").await, server.user("bob").await);
        let owner = server.bearer(&alice.token);
        let expiring = owner
            .post("/api/v1/tokens", json!({ "expires_in_seconds": 5 }))
            .await;
        let revoked = owner.post("/api/v1/tokens", json!({})).await;
        let path = format!("/api/v1/tokens/{}", revoked.field("id"));
        assert_eq!(owner.delete(&path).await.status, StatusCode::NO_CONTENT);
        let body = create(json!({ "workspace_name": "taken" }));
        let key = [("idempotency-key", "the first one")];
        let taken = owner.send(Method::POST, CREATE, &key, Some(&body)).await;
        assert_eq!(taken.status, StatusCode::ACCEPTED, "{}", taken.body);
        let body = create(json!({ "github_username": "bob", "workspace_name": "bobs" }));
        let bobs = server.bearer(&bob.token).post(CREATE, body).await;
        assert_eq!(bobs.status, StatusCode::ACCEPTED, "{}", bobs.body);
        // Long enough for the token, too short for the node to count as lost.
        server
            .clock
            .set(noon() + jiff::SignedDuration::from_secs(6));
        let workspace = taken.field("workspace_id");
        let (revoked, expired) = (revoked.field("token"), expiring.field("token"));
        Self {
            server,
            alice,
            bob,
            workspace,
            revoked,
            expired,
        }
    }

    fn caller(&self, who: Who) -> Caller<'_> {
        match who {
            Who::Nobody => self.server.nobody(),
            Who::Operator => self.server.operator(),
            Who::Alice => self.server.bearer(&self.alice.token),
            Who::Bob => self.server.bearer(&self.bob.token),
        }
    }
}

#[tokio::test]
async fn every_bad_request_is_explained_and_changes_nothing() {
    let world = World::make().await;
    let cases: Vec<Case> = [bodies(), headers(&world), paths(&world), people(&world)]
        .into_iter()
        .flatten()
        .collect();
    assert!(cases.len() >= 100, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for case in cases {
        let before = world.server.last_sequence().await;
        let headers: Vec<(&str, &str)> = case
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let caller = world.caller(case.who);
        let answer = caller
            .send_bytes(case.method, &case.path, &headers, case.body)
            .await;
        let body = &answer.body;
        let named = format!("{} {}", body["detail"], body["errors"]);
        let said = |field: &str| body[field].as_str().is_some_and(|text| !text.is_empty());
        let after = world.server.last_sequence().await;
        let right = answer.status.as_u16() == case.status
            && body["status"] == case.status
            && body["code"] == case.code
            && body["type"] == format!("urn:nexus:problem:{}", case.code)
            && named.contains(case.names)
            && !named.contains('\u{1b}')
            && ["title", "detail", "hint"].into_iter().all(said)
            && body["trace_id"] == answer.headers["x-trace-id"].to_str().expect("text")
            && answer.headers["content-type"] == "application/problem+json"
            && after == before;
        if !right {
            let events = after - before;
            wrong.push(format!(
                "{}: {} {body}, {events} events",
                case.name, answer.status
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} are wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[tokio::test]
async fn one_answer_names_every_wrong_field() {
    let world = World::make().await;
    let body = json!({
        "github_username": "alice",
        "workspace_name": "UPPER",
        "provider": "vmware",
        "image": "a b",
        "repo": { "owner": "-", "name": "n", "branch": "-b" },
        "services": [{ "name": "Web", "command": "x" }],
    });
    let answer = world.caller(Who::Alice).post(CREATE, body).await;
    let errors = answer.body["errors"].as_array().expect("errors").iter();
    let fields: Vec<&str> = errors.filter_map(|error| error["field"].as_str()).collect();
    let expected = [
        "workspace_name",
        "provider",
        "image",
        "repo.owner",
        "repo.branch",
        "services[0].name",
    ];
    assert_eq!(fields, expected, "{}", answer.body);
}

#[tokio::test]
async fn a_read_of_what_is_not_there_yet_says_so_and_when_to_come_back() {
    let server = Server::start().await;
    let path = format!(
        "/api/v1/workspaces?min_seq={}",
        server.last_sequence().await + 1
    );
    let answer = server.operator().get(&path).await;
    assert_eq!(answer.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(answer.body["code"], "NOT_YET_VISIBLE");
    assert_eq!(answer.body["retryable"], true);
    assert_eq!(answer.headers["retry-after"], "1");
}
