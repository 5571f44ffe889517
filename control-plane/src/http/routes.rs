//! One file per resource: its parameters, its handlers, what the document says of them. Handlers
//! read the request, call one command or query, and answer; nothing is decided here.

pub(super) mod activity;
pub(super) mod document;
pub(super) mod events;
pub(super) mod exec;
mod freshness;
pub(super) mod health;
pub(super) mod history;
pub(super) mod holds;
pub(super) mod keys;
pub(super) mod lifecycle;
pub(super) mod log;
pub(super) mod logs;
pub(super) mod metrics;
pub(super) mod nodes;
pub(super) mod operations;
pub(super) mod parked;
pub(super) mod previews;
pub(super) mod projections;
pub(super) mod settings;
pub(super) mod sign_in;
pub(super) mod ssh;
pub(super) mod status;
pub(super) mod streams;
pub(super) mod terminal;
pub(super) mod terminals;
pub(super) mod tickets;
pub(super) mod timeline;
pub(super) mod tokens;
pub(super) mod users;
pub(super) mod workspaces;

pub(super) use logs::last_of as last_pieces;
pub(super) use workspaces::workspace_ref;

/// Reads any query string as each of these routes does. What is refused is told as a client is.
#[cfg(feature = "testing")]
pub(crate) fn read_queries(query: &str) {
    use super::error::Refusal;
    use super::extract::parse_query as parse;
    use crate::queries::{OperationQuery, WorkspaceQuery};

    let told = [
        parse::<events::Wanted>(query).err(),
        parse::<freshness::Fresher>(query).err(),
        parse::<health::Probe>(query).err(),
        parse::<logs::Wanted>(query).err(),
        parse::<operations::Waiting>(query).err(),
        parse::<OperationQuery>(query).err(),
        parse::<settings::Whose>(query).err(),
        parse::<terminal::Wanted>(query).err(),
        parse::<timeline::Listing>(query).err(),
        parse::<timeline::Wanted>(query).err(),
        parse::<workspaces::Owner>(query).err(),
        parse::<WorkspaceQuery>(query).err(),
    ];
    for refusal in told.iter().flatten() {
        let refusal: &Refusal = refusal;
        assert!(
            !refusal.problem().errors.is_empty(),
            "the parameter is named: {query:?}"
        );
    }
}
