//! Times and lifetimes as people read them.

use std::time::Duration;

use grantor::{Lifetime, Timestamp};

/// `24 November 2026, 23:40 UTC`.
pub(super) fn moment(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(at) => at.strftime("%-d %B %Y, %H:%M UTC").to_string(),
        Err(_) => "at an unknown time".into(),
    }
}

/// `30 days`, `10 minutes`: the largest unit that leaves little out.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (count, unit) = match seconds {
        0..120 => (seconds, "second"),
        120..7_200 => (seconds.div_ceil(60), "minute"),
        7_200..172_800 => (seconds.div_ceil(3_600), "hour"),
        _ => (seconds.div_ceil(86_400), "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// How long an application keeps what it is given.
pub(super) fn lasts(refreshes: bool, lifetimes: &grantor::Lifetimes) -> String {
    let whole = if refreshes { lifetimes.refresh_token } else { lifetimes.access_token };
    match whole {
        Lifetime::For(time) => {
            format!(
                "The application keeps this access for up to {}, also while you are away.",
                duration(time)
            )
        }
        Lifetime::Never => "The application keeps this access until you withdraw it.".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_moments() {
        let words = |seconds| duration(Duration::from_secs(seconds));
        assert_eq!(words(1), "1 second");
        assert_eq!(words(600), "10 minutes");
        assert_eq!(words(36_000), "10 hours");
        assert_eq!(words(30 * 86_400), "30 days");
        assert_eq!(moment(Timestamp::from_secs(1_795_649_400)), "25 November 2026, 23:30 UTC");
    }
}
