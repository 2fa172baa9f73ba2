//! The MySQL store beyond the store suite.
