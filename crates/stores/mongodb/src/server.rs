//! What the server is: a member of a replica set, a router, a standalone server, or something that only speaks like one;
//! and what can be promised of it.

use std::time::Duration;

use grantor_core::store::Promises;
use mongodb::bson::{Document, doc};
use mongodb::options::{ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Client, Database};

use crate::MAX_BODY;
use crate::call::Caller;
use crate::clock::system_now;
use crate::failure::Failure;
use crate::options::{Options, Reads};

/// There is no such command.
const UNKNOWN_COMMAND: i32 = 59;

/// What is known of the server since the store was opened.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) promises: Promises,
    /// Of a load.
    pub(crate) reads: ReadConcern,
}

/// Asks the server what it is.
///
/// # Errors
/// It does not answer, takes no writes, or its clock is so far ahead that it would remove records that are alive.
pub(crate) async fn ask(client: &Client, caller: &Caller, options: &Options) -> Result<Server, Failure> {
    let admin = client.database("admin");
    let hello = hello(&admin, caller).await?;
    let yes = |name| hello.get_bool(name).unwrap_or(false);
    if !yes("isWritablePrimary") && !yes("ismaster") {
        return Err(Failure::refused(format!(
            "MongoDB {}: the server is not the primary: name the replica set (replicaSet=..) and leave directConnection out",
            caller.target
        )));
    }
    let system = system_now().as_millis();
    let ahead =
        hello.get_datetime("localTime").map_or(0, |time| time.timestamp_millis().saturating_sub(system));
    if ahead > i64::try_from(options.margin.as_millis()).unwrap_or(i64::MAX) {
        return Err(Failure::refused(format!(
            "MongoDB {}: the server's clock is {} s ahead of this machine's, and it would remove records that are alive: \
             set the clocks, or raise margin_s",
            caller.target,
            ahead / 1000
        )));
    }
    let set = hello.contains_key("setName");
    let router = hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid");
    let persistent = match status(&admin, caller).await {
        // A router has no storage, and a user may not be allowed to ask: then what replica sets are made for.
        Ok(_) if router => true,
        Err(_) => set || router,
        Ok(status) => {
            let engine = status.get_document("storageEngine");
            engine.and_then(|engine| engine.get_bool("persistent")).unwrap_or(false)
        }
    };
    if !persistent {
        tracing::warn!(
            target = caller.target,
            "MongoDB does not say that it keeps its records on a disk: they are promised to nobody after a restart"
        );
    }
    let promises =
        Promises { durable: persistent, keeps: true, never_rewinds: persistent, max_body: MAX_BODY };
    let reads = match options.reads {
        // A standalone server has no others, and knows no linearizable reads.
        _ if !set && !router => ReadConcern::local(),
        Reads::Linearizable => ReadConcern::linearizable(),
        Reads::Majority => ReadConcern::majority(),
    };
    Ok(Server { promises, reads })
}

async fn hello(admin: &Database, caller: &Caller) -> Result<Document, Failure> {
    match run(admin, caller, doc! { "hello": 1 }).await {
        Err(failure) if failure.code == Some(UNKNOWN_COMMAND) => {
            run(admin, caller, doc! { "isMaster": 1 }).await
        }
        other => other,
    }
}

async fn status(admin: &Database, caller: &Caller) -> Result<Document, Failure> {
    run(admin, caller, doc! { "serverStatus": 1, "metrics": 0, "locks": 0, "wiredTiger": 0, "repl": 0 }).await
}

async fn run(admin: &Database, caller: &Caller, command: Document) -> Result<Document, Failure> {
    let asked = || {
        let (admin, command) = (admin.clone(), command.clone());
        async move { admin.run_command(command).selection_criteria(primary()).await }
    };
    caller.call("asking the server what it is", asked).await.map_err(Failure::wrote_nothing)
}

pub(crate) fn primary() -> SelectionCriteria {
    SelectionCriteria::ReadPreference(ReadPreference::Primary)
}

/// The wait for a majority ends when the caller does not wait any more.
pub(crate) fn write_concern(deadline: Duration) -> mongodb::options::WriteConcern {
    let majority = mongodb::options::Acknowledgment::Majority;
    mongodb::options::WriteConcern::builder().w(majority).journal(true).w_timeout(deadline).build()
}
