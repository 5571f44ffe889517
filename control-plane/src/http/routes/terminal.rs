//! Terminals of a workspace: over a WebSocket, in the three forms they are asked for.

use axum::extract::{Path, State, WebSocketUpgrade};
use axum::response::Response;
use nexus_events::id::WorkspaceId;
use nexus_events::view::TerminalTold;
use nexus_init_protocol::{SessionId, TerminalSize};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::gateway::{Attach, SessionChoice};
use crate::http::auth::Caller;
use crate::http::error::{Answer, Refusal};
use crate::http::extract::Query;
use crate::http::openapi::WORKSPACES;
use crate::http::sockets::TERMINALS;
use crate::http::terminal::{self, MOST_READ, Opening, Protocol};
use crate::http::{Api, ws};
use crate::queries::WorkspaceRef;

/// The most columns or rows a window may have.
const MOST_CELLS: u16 = 2000;

/// Which session, and how.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// The session of this id, made when there is none; `new`: one that stays until it is closed;
    /// absent: one that is hung up 30 seconds after its last viewer left.
    session: Option<String>,
    /// The first byte wanted; absent: everything that is kept.
    after: Option<u64>,
    /// Only watch.
    read_only: Option<bool>,
    /// Keep what a session made now shows in a file beside it.
    record: Option<bool>,
    /// Columns of the window (80 unless told).
    #[param(minimum = 1, maximum = 2000)]
    cols: Option<u16>,
    /// Rows of the window (24 unless told).
    #[param(minimum = 1, maximum = 2000)]
    rows: Option<u16>,
    /// You were here before, and want to be told of a new session (`nexus.term.json.v1`).
    reconnect: Option<bool>,
}

/// Open a terminal over a WebSocket. Subprotocols: `nexus.term.bin.v1` (the default; bytes in
/// binary frames, the rest in JSON) and `nexus.term.json.v1`. A stopped workspace is started.
///
/// Close codes: 1000 the program ended, 1001 the server restarts (come back), 1008 the token
/// counts no more, 1009 a message over 64 KiB, 4001 the workspace stopped, 4002 it is deleted, 4003
/// too slow, 4004 no such session, 4005 the node cannot be reached.
#[utoipa::path(
    get, path = "/api/v1/workspaces/{id}/terminal", tag = WORKSPACES,
    params(("id" = String, Path, description = "Its id, or its name"), Wanted),
    responses((status = 101, description = "Frames follow", body = TerminalTold)),
)]
pub(crate) async fn open(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let view = api.workspace(&identity, &id).await?;
    let otherwise = Protocol::Binary;
    upgraded(
        &api,
        Caller(identity),
        view.id,
        wanted,
        (upgrade, otherwise),
    )
}

/// Open a terminal of a machine, in JSON frames.
#[utoipa::path(
    get, path = "/machines/{id}/terminal", tag = WORKSPACES,
    params(("id" = String, Path, description = "The machine's id"), Wanted),
    responses((status = 101, description = "Frames follow")),
)]
pub(crate) async fn of_machine(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<Wanted>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let id = match id.parse::<uuid::Uuid>() {
        Ok(uuid) => WorkspaceId::from_uuid(uuid).to_string(),
        Err(_) => id,
    };
    let view = api.workspace(&identity, &id).await?;
    let otherwise = Protocol::Json;
    upgraded(
        &api,
        Caller(identity),
        view.id,
        wanted,
        (upgrade, otherwise),
    )
}

/// Open a terminal of a workspace by its name, in binary frames.
#[utoipa::path(
    get, path = "/terminal/{name}", tag = WORKSPACES,
    params(("name" = String, Path, description = "The workspace's name, or its id"), Wanted),
    responses((status = 101, description = "Frames follow")),
)]
pub(crate) async fn by_name(
    State(api): State<Api>,
    Caller(identity): Caller,
    Path(name): Path<String>,
    Query(wanted): Query<Wanted>,
    upgrade: WebSocketUpgrade,
) -> Answer<Response> {
    let view = api.workspace(&identity, &name).await?;
    let otherwise = Protocol::Binary;
    upgraded(
        &api,
        Caller(identity),
        view.id,
        wanted,
        (upgrade, otherwise),
    )
}

fn upgraded(
    api: &Api,
    Caller(identity): Caller,
    workspace: WorkspaceId,
    wanted: Wanted,
    (upgrade, otherwise): (WebSocketUpgrade, Protocol),
) -> Answer<Response> {
    let (reconnects, attach) = (wanted.reconnect.unwrap_or(false), wanted.attach()?);
    let upgrade = upgrade
        .max_message_size(MOST_READ)
        .max_frame_size(MOST_READ)
        .read_buffer_size(ws::READ)
        .protocols(Protocol::NAMES);
    let chosen = upgrade.selected_protocol();
    let protocol = chosen.and_then(|name| Protocol::named(name.as_bytes()));
    let opening = Opening {
        identity,
        workspace: WorkspaceRef::Id(workspace),
        attach,
        protocol: protocol.unwrap_or(otherwise),
        reconnects,
    };
    let room = api.terminals().room(&identity, TERMINALS)?;
    let standing = api.standing(&identity);
    let api = api.clone();
    Ok(upgrade.on_upgrade(async move |socket| {
        terminal::serve(api, socket, opening, standing).await;
        drop(room);
    }))
}

impl Wanted {
    fn attach(self) -> Result<Attach, Refusal> {
        let cells = |field: &str, cells: Option<u16>, otherwise: u16| match cells {
            None => Ok(otherwise),
            Some(cells) if (1..=MOST_CELLS).contains(&cells) => Ok(cells),
            Some(_) => {
                let hint = "give the size of the window in characters";
                Err(Refusal::invalid(field, "1 to 2000", hint))
            }
        };
        let size = TerminalSize::default();
        let session = match self.session {
            None => SessionChoice::Anonymous,
            Some(text) if text == "new" => SessionChoice::New,
            Some(text) => SessionChoice::Named(session_id(text)?),
        };
        Ok(Attach {
            session,
            after: self.after,
            read_only: self.read_only.unwrap_or(false),
            record: self.record.unwrap_or(false),
            size: TerminalSize {
                columns: cells("cols", self.cols, size.columns)?,
                rows: cells("rows", self.rows, size.rows)?,
            },
        })
    }
}

/// The id of a session.
pub(super) fn session_id(text: String) -> Result<SessionId, Refusal> {
    SessionId::new(text).map_err(|error| {
        let hint = "take the id of the first frame, or of the list of terminals";
        Refusal::invalid("session", error.to_string(), hint)
    })
}
