//! The link: streams to the init of a workspace, on both ways.

mod apart;
mod direct;
mod faults;
mod messages;
mod relay;
mod world;
