//! Test hooks: a running server takes an offset of its clock and faults of its store from a control file.
//!
//! Only in builds with the feature `test-hooks`, and only where `GRANTOR_TEST_HOOKS` names the file; a build without the
//! feature refuses to start where the variable is set. The file is read at each use, so a change holds from the next request
//! on; a missing file changes nothing. Write it beside its place and rename it, so that it is never read half. It is TOML:
//!
//! ```toml
//! clock_offset_seconds = 3600  # the server's clock goes that much ahead; negative: behind
//! store = "fail"               # "fail": each call fails, nothing is written; "lose": writes happen, but their answer
//!                              # is lost; "wait": calls wait until this changes; "ok": as without the file
//! ```
//!
//! `GET /test-hooks/panic` panics while the hooks are on.

#[cfg(feature = "test-hooks")]
mod on;

use bytes::Bytes;
use http::Response;

use crate::app::Ports;
use crate::failure::Failure;

/// The environment variable that names the control file.
pub(crate) const VARIABLE: &str = "GRANTOR_TEST_HOOKS";

/// The hooks that the environment asks for, if any.
#[derive(Debug, Clone)]
pub(crate) struct Hooks(#[cfg(feature = "test-hooks")] Option<on::Control>);

impl Hooks {
    /// Reads the environment.
    ///
    /// # Errors
    /// The variable is set, but this build has no test hooks.
    #[cfg_attr(
        feature = "test-hooks",
        expect(clippy::unnecessary_wraps, reason = "a build without the feature refuses")
    )]
    pub(crate) fn of_environment() -> Result<Self, Failure> {
        let file = std::env::var_os(VARIABLE).filter(|file| !file.is_empty());
        #[cfg(feature = "test-hooks")]
        {
            Ok(Self(file.map(on::Control::new)))
        }
        #[cfg(not(feature = "test-hooks"))]
        match file {
            None => Ok(Self()),
            Some(_) => Err(Failure::usage(format!(
                "{VARIABLE} is set, but this build has no test hooks; unset it, or for tests build with --features test-hooks"
            ))),
        }
    }

    /// Puts the hooks before store and clock.
    #[cfg_attr(
        not(feature = "test-hooks"),
        expect(clippy::unused_self, reason = "there are none in this build")
    )]
    pub(crate) fn before(&self, ports: Ports) -> Ports {
        #[cfg(feature = "test-hooks")]
        if let Some(control) = &self.0 {
            return control.before(ports);
        }
        ports
    }

    /// Answers `GET /test-hooks/panic`: by a panic where the hooks are on, by nothing where they are off.
    #[cfg_attr(
        not(feature = "test-hooks"),
        expect(clippy::unused_self, reason = "there are none in this build")
    )]
    pub(crate) fn panic(&self) -> Option<Response<Bytes>> {
        #[cfg(feature = "test-hooks")]
        if self.0.is_some() {
            on::panic();
        }
        None
    }
}
