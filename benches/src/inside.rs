//! A workload inside this process, without sockets: for a profiler, and for figures that the kernel's part does not blur.

use std::collections::VecDeque;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::client::Connection;
use crate::cpu;
use crate::host;
use crate::server::Folder;
use crate::workload::{WARM_UP, Workload};

/// Prints the microseconds of an operation, those of the driver included.
pub(crate) fn run(what: &str, workload: &str, operations: usize) {
    let workload = Workload::ALL.into_iter().find(|own| own.name() == workload).expect("a workload");
    let folder = Folder::new("inside");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut connection =
            Connection::inside(host::app(what, 8080, &folder.path().display().to_string(), 0).await);
        let mut state = VecDeque::new();
        workload.prepare(&mut connection, &mut state, operations).await;
        for _ in 0..WARM_UP {
            workload.once(&mut connection, &mut state).await;
        }
        let since = cpu::of_process(std::process::id());
        for _ in 0..operations {
            workload.once(&mut connection, &mut state).await;
        }
        // Not by the clock of the thread, whose call the profilers of valgrind do not bear.
        let each = (cpu::of_process(std::process::id()) - since)
            / 1e3
            / f64::from(u32::try_from(operations).expect("a small number"));
        println!("{what} {}: {each:.2} µs", workload.name());
    });
}

/// The time that this thread has run.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
