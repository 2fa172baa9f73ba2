//! The store suite against the real server.
