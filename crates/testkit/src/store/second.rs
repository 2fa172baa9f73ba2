//! What two processes owe each other: the sentences 2 to 6 once more, with a second process that does as it is told.

use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;

use grantor_core::store::{Created, Removed, Replaced, Revision, Store};

use super::kills::write_for_ever;
use super::revisions::Seen;
use super::steps::{NOW, create, increment, key, load, number, race, record, remove, replace};
use super::{Place, StoreSuite};
use crate::process::{self, Process};
use crate::suite::{Checked, Stop, ensure, fail};

/// Tasks in each of the two.
const TASKS: u64 = 16;
/// Records that they race for.
const ROUNDS: u64 = 50;
const INCREMENTS: u64 = 10;

/// A second process with the same place open.
struct Second(Option<Process>);

impl Second {
    /// A store at a new place, and a second process that has opened it too.
    async fn beside(suite: &StoreSuite) -> Result<(Place, Arc<dyn Store>, Self), Stop> {
        if suite.second.is_none() {
            return Err(suite.no_hook("second_process"));
        }
        let (place, store) = suite.opened().await?;
        let mut second = Self(Some(start(suite, "commands", &place)?));
        second.tell(String::new()).await?;
        Ok((place, store, second))
    }

    /// Lets the process do something, and answers what it says about it.
    async fn tell(&mut self, command: String) -> Result<Vec<String>, Stop> {
        let Some(mut process) = self.0.take() else { fail!("the second process has ended") };
        let told = tokio::task::spawn_blocking(move || {
            process.tell(&command)?;
            let said = process.until("done")?;
            Ok::<_, Stop>((process, said))
        });
        let (process, said) = told.await.map_err(|panic| Stop::Failed(panic.to_string()))??;
        self.0 = Some(process);
        Ok(said)
    }

    /// The same for what it says in pairs of numbers.
    async fn race(&mut self, command: String) -> Result<Vec<(u64, Revision)>, Stop> {
        let said = self.tell(command).await?;
        said.iter().filter(|line| !line.is_empty()).map(|line| pair(line)).collect()
    }
}

fn pair(line: &str) -> Result<(u64, Revision), Stop> {
    let mut numbers = line.split(' ').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(one)), Some(Ok(other))) => Ok((one, Revision::from_number(other))),
        _ => fail!("in the second process: {line}"),
    }
}

/// Starts this binary as a second process.
pub(super) fn start(suite: &StoreSuite, part: &str, place: &Place) -> Result<Process, Stop> {
    Ok(Process::start(&suite.part, part, &place.folder().to_string_lossy())?)
}

/// The second process: opens the place and does what it is told, until the parent has gone.
#[expect(clippy::panic, reason = "a test fails by panicking")]
pub(super) fn play(suite: &StoreSuite) {
    let Some((part, folder)) = process::part() else { return };
    let Some(open) = suite.second.clone() else { panic!("no hook second_process") };
    let play = async move {
        let store = open(Place::given(&folder)).await;
        if part == "kill" {
            return write_for_ever(store, Arc::new(|line: &str| drop(process::say(line)))).await;
        }
        while let Some(command) = process::listen() {
            for (one, other) in obey(&store, &command).await? {
                process::say(&format!("{one} {}", other.number()))?;
            }
            process::say("done")?;
        }
        Ok(())
    };
    if let crate::suite::Outcome::Failed(why) = crate::suite::run_for_ever(play) {
        let _ = process::say(&why);
        panic!("{why}");
    }
}

/// Carries out one command in any of the two processes; answers what it won.
async fn obey(store: &Arc<dyn Store>, command: &str) -> Result<Vec<(u64, Revision)>, Stop> {
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    let numbers: Result<Vec<u64>, _> =
        rest.split(' ').filter(|word| !word.is_empty()).map(str::parse).collect();
    let numbers = Arc::new(numbers.map_err(|error| Stop::Failed(error.to_string()))?);
    let won = match verb {
        "" => Vec::new(),
        "create" => {
            race(store, TASKS, |store, task| {
                each(move |round| {
                    let store = Arc::clone(&store);
                    async move {
                        Ok(match store.create(&record(round, task), NOW).await? {
                            Created::Created(revision) => Some(revision),
                            Created::Exists => None,
                        })
                    }
                })
            })
            .await?
        }
        "replace" => {
            race(store, TASKS, |store, task| {
                let loaded = Arc::clone(&numbers);
                each(move |round| {
                    let (store, loaded) = (Arc::clone(&store), Arc::clone(&loaded));
                    async move {
                        let loaded = loaded.get(usize::try_from(round).unwrap_or_default()).copied();
                        let loaded = Revision::from_number(loaded.unwrap_or_default());
                        Ok(match store.replace(&record(round, task), loaded, NOW).await? {
                            Replaced::Replaced(revision) => Some(revision),
                            Replaced::Stale => None,
                        })
                    }
                })
            })
            .await?
        }
        "remove" => {
            race(store, TASKS, |store, _| {
                each(move |round| {
                    let store = Arc::clone(&store);
                    async move {
                        let removed = store.remove(&key(round), NOW).await? == Removed::Removed;
                        Ok(removed.then_some(Revision::from_number(0)))
                    }
                })
            })
            .await?
        }
        "count" => {
            race(store, TASKS, |store, _| async move {
                let mut counted = Vec::new();
                for _ in 0..INCREMENTS {
                    counted.push(increment(store.as_ref(), &key(0)).await?);
                }
                Ok(counted)
            })
            .await?
        }
        "churn" => {
            let mut given = Vec::new();
            for _ in 0..20 {
                let revision = create(store.as_ref(), &record(0, 0), NOW).await?;
                let next = replace(store.as_ref(), &record(0, 1), revision, NOW).await?;
                remove(store.as_ref(), &key(0), NOW).await?;
                given.extend([(0, revision), (0, next)]);
            }
            return Ok(given);
        }
        "look" => match store.load(&key(0), NOW).await? {
            Some((found, revision)) => return Ok(vec![(number(&found)?, revision)]),
            None => return Ok(Vec::new()),
        },
        "write" => {
            let (found, revision) = load(store.as_ref(), &key(0), NOW).await?;
            let value = number(&found)? + 1;
            return Ok(vec![(value, replace(store.as_ref(), &record(0, value), revision, NOW).await?)]);
        }
        other => fail!("there is no command {other}"),
    };
    Ok(won.into_iter().flatten().collect())
}

/// Tries all rounds; answers those that were won.
async fn each<F>(act: impl Fn(u64) -> F + Send) -> Result<Vec<(u64, Revision)>, Stop>
where
    F: Future<Output = Result<Option<Revision>, Stop>> + Send,
{
    let mut won = Vec::new();
    for round in 0..ROUNDS {
        if let Some(revision) = act(round).await? {
            won.push((round, revision));
        }
    }
    Ok(won)
}

/// Both processes do the same at once; answers what they won together, which must be each record once.
async fn both(
    store: &Arc<dyn Store>,
    second: &mut Second,
    command: &str,
) -> Result<Vec<(u64, Revision)>, Stop> {
    let (ours, theirs) = tokio::join!(obey(store, command), second.race(command.to_owned()));
    let mut won = ours?;
    won.extend(theirs?);
    won.sort_by_key(|(round, _)| *round);
    Ok(won)
}

fn once_each(won: &[(u64, Revision)], what: &str) -> Checked {
    for round in 0..ROUNDS {
        let winners = won.iter().filter(|(own, _)| *own == round).count();
        ensure!(winners == 1, "{what} of two processes, round {round}: {winners} won");
    }
    Ok(())
}

pub(super) async fn s02_one_create_wins_over_two_processes(suite: StoreSuite) -> Checked {
    let (_place, store, mut second) = Second::beside(&suite).await?;
    once_each(&both(&store, &mut second, "create").await?, "creates")
}

pub(super) async fn s03_one_replace_wins_over_two_processes(suite: StoreSuite) -> Checked {
    let (_place, store, mut second) = Second::beside(&suite).await?;
    let mut command = "replace".to_owned();
    for round in 0..ROUNDS {
        let revision = create(store.as_ref(), &record(round, 1_000), NOW).await?;
        command = format!("{command} {}", revision.number());
    }
    once_each(&both(&store, &mut second, &command).await?, "replaces")
}

pub(super) async fn s03_no_update_is_lost_over_two_processes(suite: StoreSuite) -> Checked {
    let (_place, store, mut second) = Second::beside(&suite).await?;
    create(store.as_ref(), &record(0, 0), NOW).await?;
    let counted = both(&store, &mut second, "count").await?;
    let values: HashSet<u64> = counted.iter().map(|(value, _)| *value).collect();
    ensure!(values.len() == counted.len(), "the same count was acknowledged to two writers");
    let (found, _) = load(store.as_ref(), &key(0), NOW).await?;
    let (found, expected) = (number(&found)?, 2 * TASKS * INCREMENTS);
    ensure!(found == expected, "two processes counted to {expected}, and the count is {found}");
    Ok(())
}

pub(super) async fn s04_never_return_over_two_processes(suite: StoreSuite) -> Checked {
    let (_place, store, mut second) = Second::beside(&suite).await?;
    let mut seen = Seen::default();
    for round in 0..10 {
        let given = match round % 2 {
            0 => obey(&store, "churn").await?,
            _ => second.race("churn".to_owned()).await?,
        };
        for (_, revision) in given {
            seen.add(revision)?;
        }
    }
    Ok(())
}

pub(super) async fn s05_one_remove_wins_over_two_processes(suite: StoreSuite) -> Checked {
    let (_place, store, mut second) = Second::beside(&suite).await?;
    for round in 0..ROUNDS {
        create(store.as_ref(), &record(round, 1), NOW).await?;
    }
    once_each(&both(&store, &mut second, "remove").await?, "removes")
}

pub(super) async fn s06_a_load_sees_writes_of_another_process(suite: StoreSuite) -> Checked {
    let (_place, store, mut second) = Second::beside(&suite).await?;
    for round in 0..20 {
        let revision = create(store.as_ref(), &record(0, round), NOW).await?;
        let seen = second.race("look".to_owned()).await?;
        ensure!(seen == [(round, revision)], "after create here the other process finds {seen:?}");
        let written = second.race("write".to_owned()).await?;
        let (found, revision) = load(store.as_ref(), &key(0), NOW).await?;
        let found = [(number(&found)?, revision)];
        ensure!(written == found, "the other process wrote {written:?}, here a load finds {found:?}");
        remove(store.as_ref(), &key(0), NOW).await?;
        let seen = second.race("look".to_owned()).await?;
        ensure!(seen.is_empty(), "after remove here the other process finds {seen:?}");
    }
    Ok(())
}
