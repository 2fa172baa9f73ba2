//! A store with faults on command: errors before and after the write, unknown writes, writes that land late, waiting.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use grantor_core::Timestamp;
use grantor_core::store::{
    Created, Filter, Index, Key, Kind, Promises, Record, Removed, Replaced, Revision, Store, StoreError,
};
use parking_lot::Mutex;

use crate::gate::Gate;

/// What goes wrong in one call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Nothing: the call passes. For scripts such as "the first passes, the second fails".
    Pass,
    /// Nothing is written, and the error says so.
    ErrorBefore,
    /// It is written, but the answer is an error that leaves it unknown.
    ErrorAfterWrite,
    /// Nothing is written, but the error leaves it unknown.
    ErrorWithoutWrite,
    /// The answer is an error that leaves it unknown; the write happens at [`FaultStore::land`]. Of a load: an error.
    LandsLate,
    /// The call waits at the gate, then is done.
    HoldBefore(Gate),
    /// The call is done, then its answer waits at the gate.
    HoldAfter(Gate),
}

/// A method of [`Store`] or [`Index`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// [`Store::load`].
    Load,
    /// [`Store::create`].
    Create,
    /// [`Store::replace`].
    Replace,
    /// [`Store::remove`].
    Remove,
    /// [`Index::list`].
    List,
    /// [`Index::sweep`].
    Sweep,
}

/// How often each method was called, failed calls included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// Calls of [`Store::load`].
    pub load: usize,
    /// Calls of [`Store::create`].
    pub create: usize,
    /// Calls of [`Store::replace`].
    pub replace: usize,
    /// Calls of [`Store::remove`].
    pub remove: usize,
    /// Calls of [`Index::list`].
    pub list: usize,
    /// Calls of [`Index::sweep`].
    pub sweep: usize,
}

impl Calls {
    /// Calls that write, or may write, a record.
    pub const fn writes(&self) -> usize {
        self.create + self.replace + self.remove
    }

    fn of(&mut self, call: Call) -> &mut usize {
        match call {
            Call::Load => &mut self.load,
            Call::Create => &mut self.create,
            Call::Replace => &mut self.replace,
            Call::Remove => &mut self.remove,
            Call::List => &mut self.list,
            Call::Sweep => &mut self.sweep,
        }
    }
}

/// The outcome of a write that landed late.
#[derive(Debug)]
pub enum Landed {
    /// Of a [`Store::create`].
    Create(Result<Created, StoreError>),
    /// Of a [`Store::replace`].
    Replace(Result<Replaced, StoreError>),
    /// Of a [`Store::remove`].
    Remove(Result<Removed, StoreError>),
}

/// A write as it was asked for.
#[derive(Debug)]
enum Write {
    Create(Record, Timestamp),
    Replace(Record, Revision, Timestamp),
    Remove(Key, Timestamp),
}

#[derive(Debug)]
struct Planned {
    call: Call,
    kind: Option<Kind>,
    fault: Fault,
}

#[derive(Debug, Default)]
struct State {
    planned: VecDeque<Planned>,
    late: Vec<Write>,
    calls: Calls,
    refuse_writes: bool,
    refuse_reads: bool,
    promises: Option<Promises>,
}

/// Another store, with faults on command. Clones are the same store: give one to the provider, keep one to command.
///
/// ```
/// # use std::sync::Arc;
/// # use grantor_core::store::Store;
/// # fn example(inner: impl Store) {
/// use grantor_testkit::{Fault, FaultStore};
///
/// let faults = FaultStore::new(Arc::new(inner));
/// let for_the_provider: Arc<dyn Store> = Arc::new(faults.clone());
/// faults.next_replace(Fault::Pass);
/// faults.next_replace(Fault::ErrorAfterWrite); // the second one is written, but nobody is told
/// faults.refuse_writes(true); // from now on
/// assert_eq!(faults.calls().replace, 0);
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct FaultStore {
    inner: Arc<dyn Store>,
    state: Arc<Mutex<State>>,
}

impl FaultStore {
    /// `inner`, until something is commanded.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, state: Arc::default() }
    }

    /// Plans a fault for the next call of this method; several are met in the order in which they were planned.
    pub fn next(&self, call: Call, fault: Fault) {
        self.state.lock().planned.push_back(Planned { call, kind: None, fault });
    }

    /// The same for the next call that concerns a record of this kind.
    pub fn next_of(&self, kind: Kind, call: Call, fault: Fault) {
        self.state.lock().planned.push_back(Planned { call, kind: Some(kind), fault });
    }

    /// Plans a fault of the next load.
    pub fn next_load(&self, fault: Fault) {
        self.next(Call::Load, fault);
    }

    /// Plans a fault of the next create.
    pub fn next_create(&self, fault: Fault) {
        self.next(Call::Create, fault);
    }

    /// Plans a fault of the next replace.
    pub fn next_replace(&self, fault: Fault) {
        self.next(Call::Replace, fault);
    }

    /// Plans a fault of the next remove.
    pub fn next_remove(&self, fault: Fault) {
        self.next(Call::Remove, fault);
    }

    /// While `true`, all writes end in errors that say that nothing was written (what is planned comes first).
    pub fn refuse_writes(&self, refuse: bool) {
        self.state.lock().refuse_writes = refuse;
    }

    /// While `true`, everything ends in errors: the engine is down.
    pub fn refuse_all(&self, refuse: bool) {
        let mut state = self.state.lock();
        state.refuse_writes = refuse;
        state.refuse_reads = refuse;
    }

    /// Promises something else than the inner store does.
    pub fn set_promises(&self, promises: Promises) {
        self.state.lock().promises = Some(promises);
    }

    /// How often each method was called so far.
    pub fn calls(&self) -> Calls {
        self.state.lock().calls
    }

    /// Begins to count anew, and answers the count so far.
    pub fn take_calls(&self) -> Calls {
        std::mem::take(&mut self.state.lock().calls)
    }

    /// How many planned faults were not met yet: 0 where a test went the way that it meant to go.
    pub fn planned(&self) -> usize {
        self.state.lock().planned.len()
    }

    /// Lets all writes happen that [`Fault::LandsLate`] held back, in their order, and answers what came of them.
    pub async fn land(&self) -> Vec<Landed> {
        let late = std::mem::take(&mut self.state.lock().late);
        let mut landed = Vec::with_capacity(late.len());
        for write in late {
            landed.push(match write {
                Write::Create(record, now) => Landed::Create(self.inner.create(&record, now).await),
                Write::Replace(record, loaded, now) => {
                    Landed::Replace(self.inner.replace(&record, loaded, now).await)
                }
                Write::Remove(key, now) => Landed::Remove(self.inner.remove(&key, now).await),
            });
        }
        landed
    }

    /// Counts the call and takes its fault from the plan.
    fn enter(&self, call: Call, kind: Option<Kind>) -> Fault {
        let mut state = self.state.lock();
        *state.calls.of(call) += 1;
        let fits =
            |planned: &Planned| planned.call == call && planned.kind.is_none_or(|own| kind == Some(own));
        if let Some(at) = state.planned.iter().position(fits)
            && let Some(planned) = state.planned.remove(at)
        {
            return planned.fault;
        }
        let reads = matches!(call, Call::Load | Call::List);
        if if reads { state.refuse_reads } else { state.refuse_writes } {
            return Fault::ErrorBefore;
        }
        Fault::Pass
    }

    /// Goes through a fault around the call; `late` is the write that may land later.
    async fn with<T: Send>(
        &self,
        fault: Fault,
        late: Option<Write>,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match fault {
            Fault::Pass => inner.await,
            Fault::ErrorBefore => Err(StoreError::nothing_written("the fault store refused")),
            Fault::ErrorAfterWrite => {
                let _ = inner.await?;
                Err(StoreError::unknown("the fault store lost the answer"))
            }
            Fault::ErrorWithoutWrite => Err(StoreError::unknown("the fault store lost the request")),
            Fault::LandsLate => {
                self.state.lock().late.extend(late);
                Err(StoreError::unknown("the fault store kept the request for later"))
            }
            Fault::HoldBefore(gate) => {
                gate.pass().await;
                inner.await
            }
            Fault::HoldAfter(gate) => {
                let answer = inner.await;
                gate.pass().await;
                answer
            }
        }
    }
}

#[async_trait]
impl Store for FaultStore {
    async fn load(&self, key: &Key, now: Timestamp) -> Result<Option<(Record, Revision)>, StoreError> {
        let fault = self.enter(Call::Load, Some(key.kind));
        self.with(fault, None, self.inner.load(key, now)).await
    }

    async fn create(&self, record: &Record, now: Timestamp) -> Result<Created, StoreError> {
        let fault = self.enter(Call::Create, Some(record.key.kind));
        let late = Some(Write::Create(record.clone(), now));
        self.with(fault, late, self.inner.create(record, now)).await
    }

    async fn replace(
        &self,
        record: &Record,
        loaded: Revision,
        now: Timestamp,
    ) -> Result<Replaced, StoreError> {
        let fault = self.enter(Call::Replace, Some(record.key.kind));
        let late = Some(Write::Replace(record.clone(), loaded, now));
        self.with(fault, late, self.inner.replace(record, loaded, now)).await
    }

    async fn remove(&self, key: &Key, now: Timestamp) -> Result<Removed, StoreError> {
        let fault = self.enter(Call::Remove, Some(key.kind));
        self.with(fault, Some(Write::Remove(*key, now)), self.inner.remove(key, now)).await
    }

    fn promises(&self) -> Promises {
        self.state.lock().promises.unwrap_or_else(|| self.inner.promises())
    }

    fn index(&self) -> Option<&dyn Index> {
        self.inner.index().map(|_| self as &dyn Index)
    }
}

/// [`FaultStore::index`] is only there where the inner store has one.
fn no_index() -> StoreError {
    StoreError::nothing_written("the inner store has no index any more")
}

#[async_trait]
impl Index for FaultStore {
    async fn list(
        &self,
        filter: &Filter,
        after: Option<[u8; 16]>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<Record>, StoreError> {
        let fault = self.enter(Call::List, Some(filter.kind));
        let index = self.inner.index().ok_or_else(no_index)?;
        self.with(fault, None, index.list(filter, after, limit, now)).await
    }

    async fn sweep(&self, limit: usize, now: Timestamp) -> Result<usize, StoreError> {
        let fault = self.enter(Call::Sweep, None);
        let index = self.inner.index().ok_or_else(no_index)?;
        self.with(fault, None, index.sweep(limit, now)).await
    }
}
