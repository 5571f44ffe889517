//! The API over HTTP, against a control plane whose log is in memory.

mod bad_requests;
mod dashboard;
mod document;
mod history;
mod holds;
mod listening;
mod log;
mod machines;
mod plain;
mod routes;
mod rpc;
mod server;
mod settings;
mod shapes;
mod sign_in;
mod status;
mod streams;
mod tails;
mod worker;
