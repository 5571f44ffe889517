//! The link: streams to the init of a workspace, on every way.

mod apart;
mod direct;
mod faults;
mod messages;
mod promises;
mod relay;
mod strangers;
mod tls;
mod world;
