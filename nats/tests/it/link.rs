//! The link: streams to the init of a workspace, on both ways.

mod direct;
mod faults;
mod relay;
mod world;
