//! What the suites have in common: named checks, how one is run, and how its outcome is shown.

use std::fmt;
use std::io::Write as _;
use std::pin::Pin;
use std::time::Duration;

use grantor_core::store::StoreError;

/// After so long it is taken that an answer does not come any more. No check passes or fails by how quick something is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// Why a check ended before its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// It found something.
    Failed(String),
    /// It could not be made, for this reason.
    NotChecked(String),
}

/// What a check answers.
pub(crate) type Checked = Result<(), Stop>;

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        let written = if error.nothing_written { "nothing written" } else { "unknown" };
        Self::Failed(format!("the store answered with an error ({written}): {}", chain(&error)))
    }
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Failed(chain(&error))
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Ends the check as failed with this text.
macro_rules! fail {
    ($($text:tt)+) => { return Err($crate::suite::Stop::Failed(format!($($text)+))) };
}

/// Ends the check as failed with this text unless the condition holds.
macro_rules! ensure {
    ($condition:expr, $($text:tt)+) => {
        if !$condition {
            $crate::suite::fail!($($text)+);
        }
    };
}

/// Lists the checks of a suite: the constant `CHECKS` of functions in modules, each with what it demands.
macro_rules! checks {
    ($suite:ty; $($module:ident::$name:ident: $demand:literal;)*) => {
        const CHECKS: &[$crate::suite::Check<$suite>] =
            &[$((stringify!($name), $demand, |suite| Box::pin($module::$name(suite)))),*];
    };
}

pub(crate) use {checks, ensure, fail};

/// A check with its name and what it demands.
pub(crate) type Check<S> = (&'static str, &'static str, fn(S) -> Checking);
type Checking = Pin<Box<dyn Future<Output = Checked> + Send>>;

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The demand is met, as far as the check can see.
    Passed,
    /// It is not, and this is what was seen.
    Failed(String),
    /// It could not be checked, for this reason.
    NotChecked(String),
}

/// One line of a [`Report`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The name of the check, which is the name of its test.
    pub check: &'static str,
    /// What it demands: of a store, a sentence of the contract.
    pub demand: &'static str,
    /// How it ended.
    pub outcome: Outcome,
}

/// The outcomes of all checks, in order. Its `Display` is a table.
#[derive(Debug, Clone)]
pub struct Report {
    /// One row for each check.
    pub rows: Vec<Row>,
}

impl Report {
    /// The names of the checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        let failed = |row: &&Row| matches!(row.outcome, Outcome::Failed(_));
        self.rows.iter().filter(failed).map(|row| row.check).collect()
    }

    /// The names of the checks that could not be made.
    pub fn not_checked(&self) -> Vec<&'static str> {
        let open = |row: &&Row| matches!(row.outcome, Outcome::NotChecked(_));
        self.rows.iter().filter(open).map(|row| row.check).collect()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            match &row.outcome {
                Outcome::Passed => writeln!(f, "passed: {}", row.check)?,
                Outcome::Failed(why) => writeln!(f, "FAILED: {}: {}\n    {why}", row.check, row.demand)?,
                Outcome::NotChecked(why) => writeln!(f, "not checked: {} ({why})", row.demand)?,
            }
        }
        Ok(())
    }
}

/// Runs one check on a runtime of its own with real threads.
fn run(check: impl Future<Output = Checked> + Send + 'static) -> Outcome {
    run_within(Some(PATIENCE), check)
}

/// The same for what somebody else ends.
pub(crate) fn run_for_ever(check: impl Future<Output = Checked> + Send + 'static) -> Outcome {
    run_within(None, check)
}

fn run_within(patience: Option<Duration>, check: impl Future<Output = Checked> + Send + 'static) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return Outcome::Failed(format!("no runtime: {error}")),
    };
    let outcome = runtime.block_on(async {
        let ended = tokio::spawn(check);
        let ended = match patience {
            Some(patience) => tokio::time::timeout(patience, ended).await,
            None => Ok(ended.await),
        };
        match ended {
            Ok(Ok(Ok(()))) => Outcome::Passed,
            Ok(Ok(Err(Stop::Failed(why)))) => Outcome::Failed(why),
            Ok(Ok(Err(Stop::NotChecked(why)))) => Outcome::NotChecked(why),
            Ok(Err(panic)) => Outcome::Failed(panic.to_string()),
            Err(_) => Outcome::Failed(format!(
                "not done after {} s: an answer does not come, or all of them come slowly",
                PATIENCE.as_secs()
            )),
        }
    });
    // What still waits (a call that never comes back) must not keep the suite.
    runtime.shutdown_background();
    outcome
}

/// Runs all checks, one after the other.
pub(crate) fn report<S: Clone>(suite: &S, checks: &[Check<S>]) -> Report {
    Report { rows: checks.iter().map(|check| row_of(suite, check)).collect() }
}

/// Runs the check of this name; `None` where there is none.
pub(crate) fn row<S: Clone>(suite: &S, checks: &[Check<S>], name: &str) -> Option<Row> {
    checks.iter().find(|(own, ..)| *own == name).map(|check| row_of(suite, check))
}

fn row_of<S: Clone>(suite: &S, (name, demand, check): &Check<S>) -> Row {
    Row { check: name, demand, outcome: run(check(suite.clone())) }
}

/// Makes a test of the check of this name: panics where it failed, says so where it was not made.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub(crate) fn check<S: Clone>(suite: &S, checks: &[Check<S>], name: &str) {
    let Some(row) = row(suite, checks, name) else { panic!("the suite has no check {name}") };
    match row.outcome {
        Outcome::Passed => {}
        Outcome::Failed(why) => panic!("{}: {}\n  {why}", row.check, row.demand),
        Outcome::NotChecked(why) => not_checked(&format!("{} ({why})", row.demand)),
    }
}

/// Says what was not checked, not through `println!`, which the test harness shows of failed tests only.
pub(crate) fn not_checked(what: &str) {
    let _ = writeln!(std::io::stderr(), "\nnot checked: {what}");
}

/// The tests that a macro makes are the checks of the suite: all of them, in their order.
pub(crate) fn compare<S>(checks: &[Check<S>], tests: &[&str]) {
    let names: Vec<&str> = checks.iter().map(|(name, ..)| *name).collect();
    assert_eq!(tests, names, "the tests that the macro makes are not the checks of the suite");
}

/// One test for each check, and one that no check was forgotten.
#[doc(hidden)]
#[macro_export]
macro_rules! __tests_of_suite {
    ($suite:expr; $($check:ident)*) => {
        $(
            #[test]
            fn $check() {
                $suite.check(stringify!($check));
            }
        )*

        #[test]
        fn the_suite_is_whole() {
            $suite.compare(&[$(stringify!($check)),*]);
        }
    };
}
