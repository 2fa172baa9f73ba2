//! The steps of a grant against a small model.
