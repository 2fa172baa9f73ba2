//! The Redis store beyond the store suite.
