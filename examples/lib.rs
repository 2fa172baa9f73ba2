//! Examples of grantor, one idea each: `cargo run --example quickstart`. Each listens on port 8081, or on the port given as
//! first argument, and is run by `tests/examples.rs`.
