//! The real server as a process, over real sockets: its pages, its limits, its end, and commands beside it.

mod accounts;
mod commands;
mod connections;
mod crash;
mod flow;
mod forms;
mod hooks;
mod support;
