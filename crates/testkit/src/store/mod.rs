//! The suite that a store must pass: each sentence of the contract ([`grantor_core::store`]) has its checks, which are
//! named after its number.
//!
//! [`store_suite!`](crate::store_suite) shows how it is called.

mod content;
mod create;
mod durable;
mod index;
mod kills;
mod loads;
mod presence;
mod remove;
mod replace;
mod revisions;
mod second;
mod steps;
mod unknown;

use std::fmt;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use grantor_core::store::Store;
use tempfile::TempDir;

use crate::suite::{self, Report, Row, Stop, checks};

type Opening = Pin<Box<dyn Future<Output = Arc<dyn Store>> + Send>>;
type Hook = Arc<dyn Fn(Place) -> Opening + Send + Sync>;

/// Where one check keeps its records: opened again, the same records are there; no two checks share one.
#[derive(Debug, Clone)]
pub struct Place(Arc<Where>);

#[derive(Debug)]
enum Where {
    /// Made by this process, and removed by it.
    Own(TempDir),
    /// Made by the parent.
    Given(PathBuf),
}

impl Place {
    fn new(inside: &Path) -> Result<Self, Stop> {
        let folder = tempfile::Builder::new().prefix("grantor-suite-").tempdir_in(inside)?;
        Ok(Self(Arc::new(Where::Own(folder))))
    }

    fn given(folder: &str) -> Self {
        Self(Arc::new(Where::Given(folder.into())))
    }

    /// An empty folder of its own, which is removed after the check.
    pub fn folder(&self) -> &Path {
        match &*self.0 {
            Where::Own(folder) => folder.path(),
            Where::Given(folder) => folder,
        }
    }

    /// A name of its own, of lower-case letters, digits and `_`: for a schema, a database, a prefix of keys.
    pub fn name(&self) -> String {
        let name = self.folder().file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
    }
}

/// The checks that [`store_suite!`](crate::store_suite) makes tests of, for a store's hooks.
#[derive(Clone)]
pub struct StoreSuite {
    store: &'static str,
    open: Hook,
    reopen: Option<Hook>,
    second: Option<Hook>,
    /// The engine is not the one that the store is for.
    stand_in: bool,
    /// Where the folders of the places are made.
    inside: PathBuf,
    /// The test of this binary that a second process runs.
    part: String,
}

impl fmt::Debug for StoreSuite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSuite").field("store", &self.store).finish_non_exhaustive()
    }
}

checks! {
    StoreSuite;
    presence::s01_present_from_create_until_remove: "1: a record is present from create until remove";
    presence::s01_present_until_its_expiry: "1: a record is present until its expiry, and absent from then on";
    presence::s01_expiry_goes_by_the_callers_clock: "1: expiry goes by the caller's clock, not the engine's";
    presence::s01_far_dates_are_kept: "1: dates far away, before 1970 and to the millisecond, are kept";
    create::s02_one_create_wins: "2: of 64 creates of an absent key one wins";
    create::s02_one_create_over_an_expired_record_wins: "2: of 64 creates over an expired record one wins";
    create::s02_a_refused_create_changes_nothing: "2: create of a present record answers Exists and changes nothing";
    second::s02_one_create_wins_over_two_processes: "2: of the creates of two processes one wins";
    replace::s03_needs_presence_and_the_loaded_revision: "3: replace needs presence and the loaded revision";
    replace::s03_one_replace_wins: "3: of 64 replaces with one revision one wins";
    replace::s03_a_pending_record_becomes_live_once: "3: of 64 moves from pending to live one wins";
    replace::s03_no_update_is_lost: "3: of 64 tasks that count on one record no update is lost";
    replace::s03_every_column_is_replaced: "3: replace changes stage, expiry, client, subject and body";
    second::s03_one_replace_wins_over_two_processes: "3: of the replaces of two processes one wins";
    second::s03_no_update_is_lost_over_two_processes: "3: of two processes that count on one record no update is lost";
    revisions::s04_never_return: "4: revisions never return for a key, not even after remove, create and expiry";
    revisions::s04_never_return_after_reopening: "4: revisions never return after the store was opened again";
    second::s04_never_return_over_two_processes: "4: revisions of two processes never meet";
    remove::s05_one_remove_wins: "5: of 64 removes of a record one answers Removed";
    remove::s05_older_replaces_are_stale: "5: after a removal every older replace is stale, also when the key is there again";
    remove::s05_a_removal_wins_over_racing_replaces: "5: whatever races with it, a removal is the end";
    second::s05_one_remove_wins_over_two_processes: "5: of the removes of two processes one answers Removed";
    loads::s06_a_load_sees_acknowledged_writes: "6: a load sees all writes that were acknowledged before it";
    loads::s06_a_load_never_goes_back: "6: loads beside a writer never go back behind what it was told";
    second::s06_a_load_sees_writes_of_another_process: "6: a load sees acknowledged writes of another process";
    durable::s07_acknowledged_writes_survive_a_kill: "7: what was acknowledged survives a kill";
    unknown::s08_nothing_written_is_true: "8: an error that says that nothing was written tells the truth";
    unknown::s08_a_load_tells_after_an_unknown_write: "8: after an unknown write a load tells what happened";
    unknown::s08_a_late_write_undoes_nothing: "8: a write that lands late undoes nothing newer";
    unknown::s08_a_dropped_call_writes_all_or_nothing: "8: a call that is dropped writes all or nothing";
    durable::s09_a_loss_brings_back_nothing_older: "9: a loss may make a record absent, but never brings back an older one";
    durable::s09_nothing_goes_before_its_expiry: "9: a store that keeps does not evict";
    content::s10_bodies_come_back_unchanged: "10: bodies come back unchanged: empty, odd bytes, of the largest size";
    content::s10_a_body_over_the_limit_is_refused: "10: a body over the promised size is refused, and nothing is written";
    content::s10_clients_and_subjects_come_back_unchanged: "10: clients and subjects come back unchanged";
    content::s10_kinds_are_apart: "10: records of two kinds with one id have nothing to do with each other";
    index::s10_the_index_lists_by_client_and_subject: "10: the index lists by kind, client and subject, to the letter";
    index::s10_the_index_pages_by_id: "10: the index pages in the order of ids";
    index::s10_the_index_lists_what_is_alive: "10: the index lists neither what expired nor what was removed or changed";
    index::s10_a_sweep_takes_what_expired: "10: a sweep is bounded and takes only what expired";
}

impl StoreSuite {
    /// The suite for the store of this name, whose hook `open` opens the store at a [`Place`]: empty at first. Where the
    /// store outlives the process, the same place has the same records again.
    pub fn new<F>(store: &'static str, open: impl Fn(Place) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Store>> + Send + 'static,
    {
        let inside = std::env::temp_dir();
        Self {
            store,
            open: hook(open),
            reopen: None,
            second: None,
            stand_in: false,
            inside,
            part: String::new(),
        }
    }

    /// With the hook that ends the engine without warning, if the store has one outside of the process, starts it and
    /// opens the place again. Where there is a second process, the suite writes from there and has killed it before.
    #[must_use]
    pub fn reopen_after_kill<F>(mut self, reopen: impl Fn(Place) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Store>> + Send + 'static,
    {
        self.reopen = Some(hook(reopen));
        self
    }

    /// With the hook that opens the place in a second process, while the first has it open too.
    #[must_use]
    pub fn second_process<F>(mut self, second: impl Fn(Place) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Arc<dyn Store>> + Send + 'static,
    {
        self.second = Some(hook(second));
        self
    }

    /// Whether the engine only stands in for the one that the store is for. Then what a kill leaves is not asked, for it would
    /// be told of another engine, and each check says so.
    #[must_use]
    pub fn stand_in(mut self, stand_in: bool) -> Self {
        self.stand_in = stand_in;
        if stand_in {
            self.reopen = None;
        }
        self
    }

    /// With the folders of all places made in this one, not in the system's folder for temporary files. On a file system
    /// in memory a store that syncs each write is checked in a tenth of the time; the death of a process, which is what the
    /// suite causes, takes nothing from either.
    #[must_use]
    pub fn places_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.inside = folder.into();
        self
    }

    /// In which module the macro makes its tests.
    #[doc(hidden)]
    #[must_use]
    pub fn tests_in(mut self, module: &str) -> Self {
        let inside = module.split_once("::").map_or(String::new(), |(_, inside)| format!("{inside}::"));
        self.part = format!("{inside}part_of_a_second_process");
        self
    }

    /// Plays the part of a second process, if this is one.
    #[doc(hidden)]
    pub fn play(&self) {
        second::play(self);
    }

    /// Runs all checks, one after the other.
    pub fn run(&self) -> Report {
        suite::report(self, CHECKS)
    }

    /// Runs the check of this name; `None` where there is none.
    pub fn run_one(&self, name: &str) -> Option<Row> {
        suite::row(self, CHECKS, name)
    }

    /// Runs one check as a test.
    ///
    /// # Panics
    /// Where the check fails, or there is none of this name.
    pub fn check(&self, name: &str) {
        suite::check(self, CHECKS, name);
        if self.stand_in {
            suite::not_checked(&format!(
                "the store suite on the engine itself: {} ran on a stand-in",
                self.store
            ));
        }
    }

    /// Compares the tests that the macro makes with the checks.
    ///
    /// # Panics
    /// Where they differ.
    #[doc(hidden)]
    pub fn compare(&self, tests: &[&str]) {
        suite::compare(CHECKS, tests);
    }

    /// A new, empty store. Its folder goes with the place.
    async fn opened(&self) -> Result<(Place, Arc<dyn Store>), Stop> {
        let place = Place::new(&self.inside)?;
        let store = (self.open)(place.clone()).await;
        Ok((place, store))
    }

    fn no_hook(&self, name: &str) -> Stop {
        if self.stand_in && name == "reopen_after_kill" {
            return Stop::NotChecked(format!("{} runs on a stand-in, which is not killed", self.store));
        }
        Stop::NotChecked(format!("{} gives no hook {name}", self.store))
    }
}

fn hook<F>(open: impl Fn(Place) -> F + Send + Sync + 'static) -> Hook
where
    F: Future<Output = Arc<dyn Store>> + Send + 'static,
{
    Arc::new(move |place| Box::pin(open(place)))
}

/// Makes tests of the store suite: one for each check, named after the sentence of the contract that it checks.
///
/// `open` is an async function from a [`Place`](crate::Place) to the store, see [`StoreSuite::new`](crate::StoreSuite::new).
/// The other hooks may be missing, then the suite says what it did not check:
/// [`reopen_after_kill`](crate::StoreSuite::reopen_after_kill), [`second_process`](crate::StoreSuite::second_process).
/// [`stand_in`](crate::StoreSuite::stand_in) and [`places_in`](crate::StoreSuite::places_in) stand after them.
///
/// ```
/// use std::sync::Arc;
/// use grantor_core::store::Store;
/// use grantor_store_memory::MemoryStore;
/// use grantor_testkit::Place;
///
/// async fn open(_: Place) -> Arc<dyn Store> {
///     Arc::new(MemoryStore::new())
/// }
///
/// grantor_testkit::store_suite! { store: "memory", open: open }
/// ```
#[macro_export]
macro_rules! store_suite {
    (
        store: $store:expr, open: $open:expr
        $(, reopen_after_kill: $reopen:expr)?
        $(, second_process: $second:expr)?
        $(, stand_in: $stand_in:expr)?
        $(, places_in: $folder:expr)? $(,)?
    ) => {
        /// Does nothing unless a parent asked for it.
        #[test]
        fn part_of_a_second_process() {
            let suite = $crate::StoreSuite::new($store, $open);
            $(let suite = suite.second_process($second);)?
            suite.play();
        }

        $crate::__tests_of_suite! {
            $crate::StoreSuite::new($store, $open)
                $(.reopen_after_kill($reopen))?
                $(.second_process($second))?
                $(.stand_in($stand_in))?
                $(.places_in($folder))?
                .tests_in(module_path!());
            s01_present_from_create_until_remove
            s01_present_until_its_expiry
            s01_expiry_goes_by_the_callers_clock
            s01_far_dates_are_kept
            s02_one_create_wins
            s02_one_create_over_an_expired_record_wins
            s02_a_refused_create_changes_nothing
            s02_one_create_wins_over_two_processes
            s03_needs_presence_and_the_loaded_revision
            s03_one_replace_wins
            s03_a_pending_record_becomes_live_once
            s03_no_update_is_lost
            s03_every_column_is_replaced
            s03_one_replace_wins_over_two_processes
            s03_no_update_is_lost_over_two_processes
            s04_never_return
            s04_never_return_after_reopening
            s04_never_return_over_two_processes
            s05_one_remove_wins
            s05_older_replaces_are_stale
            s05_a_removal_wins_over_racing_replaces
            s05_one_remove_wins_over_two_processes
            s06_a_load_sees_acknowledged_writes
            s06_a_load_never_goes_back
            s06_a_load_sees_writes_of_another_process
            s07_acknowledged_writes_survive_a_kill
            s08_nothing_written_is_true
            s08_a_load_tells_after_an_unknown_write
            s08_a_late_write_undoes_nothing
            s08_a_dropped_call_writes_all_or_nothing
            s09_a_loss_brings_back_nothing_older
            s09_nothing_goes_before_its_expiry
            s10_bodies_come_back_unchanged
            s10_a_body_over_the_limit_is_refused
            s10_clients_and_subjects_come_back_unchanged
            s10_kinds_are_apart
            s10_the_index_lists_by_client_and_subject
            s10_the_index_pages_by_id
            s10_the_index_lists_what_is_alive
            s10_a_sweep_takes_what_expired
        }
    };
}
