//! Every scenario that crosses crates, as one test binary: one link step.

mod api_document;
mod architecture;
mod audit;
mod bad_input;
mod browser;
mod canary;
mod chaos;
mod cluster;
mod command_line;
mod corpus;
mod deployed;
mod disk_full;
mod kill;
mod lifecycle;
mod load;
mod mission;
mod namespaces;
mod replicas;
mod repositories;
mod security;
mod simulation;
mod ssh_matrix;
mod tails;
mod taken_ports;
mod terminals;
mod web_attacks;
