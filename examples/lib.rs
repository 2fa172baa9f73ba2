//! Examples of grantor, one idea each: `cargo run --example quickstart`. Each listens on port 8081, or on the port given as
//! first argument, and is run by `tests/examples/`.

/// The code in the page for those who come from python-oauth2 compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/python-oauth2.md")]
struct PythonOauth2;

/// The code in the page about APIs compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/api.md")]
struct Api;

/// The code in the page about tests runs.
#[cfg(doctest)]
#[doc = include_str!("../docs/testing.md")]
struct Testing;

/// The code in the page about extensions compiles.
#[cfg(doctest)]
#[doc = include_str!("../docs/extending.md")]
struct Extending;
