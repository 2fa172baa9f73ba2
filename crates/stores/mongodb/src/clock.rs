//! The system's clock, for the dates of the TTL index alone: the server removes by its own clock, not by a caller's.

use grantor_core::{Clock as _, SystemClock, Timestamp};

pub(crate) fn system_now() -> Timestamp {
    SystemClock.now()
}
