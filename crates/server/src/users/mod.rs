//! Users: those of the store and those of the configuration file.
//!
//! Whether a user is switched off, and from when on what was issued counts, is the standing of the subject
//! (`grantor::Standings`), not part of the record: so it holds for users of the file too, and ends grants and sessions
//! alike. A subject is never used again: deleting a user leaves its standing as a tombstone.

mod body;

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor::store::{Created, Filter, Kind, Removed, Replaced, Revision, Store, StoreError};
use grantor::{Clock, Digest, Error, Random as _, Standing, Standings, SystemRandom, Timestamp, Whose};

use crate::config::{FilePassword, FileUser};
use crate::passwords::{self, Passwords};
use body::Kept;

/// A user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    /// The identifier that tokens carry: random, and never another user's.
    pub(crate) subject: String,
    /// The login name.
    pub(crate) name: String,
    /// The name for people, where there is one.
    pub(crate) display_name: Option<String>,
    /// Whether the user may not log in, and nothing that was issued works.
    pub(crate) disabled: bool,
    /// When the user was made; `None` for a user of the file.
    pub(crate) created_at: Option<Timestamp>,
    /// When something was last changed; `None` for a user of the file.
    pub(crate) changed_at: Option<Timestamp>,
    password: passwords::Kept,
}

impl User {
    /// The name to show to people.
    pub(crate) fn shown(&self) -> &str {
        self.display_name.as_deref().unwrap_or(&self.name)
    }

    /// Whether the user stands in the configuration file.
    pub(crate) const fn is_of_file(&self) -> bool {
        self.created_at.is_none()
    }
}

/// A user to be made.
#[derive(Debug)]
pub(crate) struct NewUser<'a> {
    /// The login name.
    pub(crate) name: &'a str,
    /// The name for people.
    pub(crate) display_name: Option<&'a str>,
    /// The password.
    pub(crate) password: &'a str,
    /// Whether the user may not log in yet.
    pub(crate) disabled: bool,
}

/// Whether a text can be a login name: 1 to 255 bytes without control characters, and no space at either end.
///
/// # Errors
/// Why not.
pub(crate) fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > 255 {
        Err("has not 1 to 255 bytes")
    } else if name.trim() != name {
        Err("begins or ends with a space")
    } else if name.chars().any(char::is_control) {
        Err("has a control character")
    } else {
        Ok(())
    }
}

/// The subject of a user of the file that names none.
pub(crate) fn subject_of_name(name: &str) -> String {
    let digest = Digest::of(&[b"grantor user of the file\0", name.as_bytes()]);
    let bytes: &[u8] = digest.as_bytes().first_chunk::<16>().map_or(&[], |bytes| bytes);
    format!("usr_{}", URL_SAFE_NO_PAD.encode(bytes))
}

/// Others changed the record meanwhile; so often is that tried again.
const TRIES: usize = 5;
/// The most users that are listed.
const LISTED: usize = 100_000;

/// Finds, checks, makes and changes users.
#[derive(Debug)]
pub(crate) struct Users {
    store: Arc<dyn Store>,
    standings: Arc<Standings>,
    passwords: Arc<Passwords>,
    of_file: Vec<FileUser>,
}

impl Users {
    /// Users of this store, after those of the file.
    pub(crate) const fn new(
        store: Arc<dyn Store>,
        standings: Arc<Standings>,
        passwords: Arc<Passwords>,
        of_file: Vec<FileUser>,
    ) -> Self {
        Self { store, standings, passwords, of_file }
    }

    /// The user who has this name and this password and may log in. It costs one password check in any case, so that
    /// nobody learns from the time which names exist. Limits on attempts are the caller's.
    ///
    /// # Errors
    /// 503 where the store does not answer or too many passwords are being checked.
    pub(crate) async fn check(
        &self,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        let found = self.by_name(name, now).await?;
        let kept = found.as_ref().map_or(&passwords::Kept::Nobody, |user| &user.password);
        let right = self.passwords.is(kept, password).await?;
        Ok(found.filter(|user| right && !user.disabled))
    }

    /// The user with this login name.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn by_name(&self, name: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        if check_name(name).is_err() {
            return Ok(None);
        }
        if let Some(own) = self.of_file.iter().find(|own| own.name == name) {
            return Ok(Some(self.user_of_file(own, now).await?));
        }
        match self.kept(name, now).await? {
            Some((kept, _)) => Ok(Some(self.user_of_store(kept, now).await?)),
            None => Ok(None),
        }
    }

    /// The user with this subject: from the file, or by the store's index, which may lag. For commands and lists; a
    /// session keeps the name and asks [`Users::of_session`].
    ///
    /// # Errors
    /// The store does not answer or cannot list.
    pub(crate) async fn by_subject(&self, subject: &str, now: Timestamp) -> Result<Option<User>, StoreError> {
        if let Some(own) = self.of_file.iter().find(|own| own.subject == subject) {
            return Ok(Some(self.user_of_file(own, now).await?));
        }
        let Some(index) = self.store.index() else { return Err(cannot_list()) };
        let found = index.list(&Filter::kind(Kind::USER).subject(subject), None, 1, now).await?;
        match found.first() {
            Some(record) => Ok(Some(self.user_of_store(Kept::from_record(record)?, now).await?)),
            None => Ok(None),
        }
    }

    /// The user of a login session, if it still counts: the user with this name has this subject, may log in, and nothing
    /// since `logged_in_at` ended what was before (a new password, a disabling, a not-before of the user or of all).
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn of_session(
        &self,
        name: &str,
        subject: &str,
        logged_in_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        let Some(user) = self.by_name(name, now).await?.filter(|user| user.subject == subject) else {
            return Ok(None);
        };
        for whose in [Whose::All, Whose::Subject(subject)] {
            if !self.standings.get(whose, now).await?.allows(logged_in_at) {
                return Ok(None);
            }
        }
        Ok((!user.disabled).then_some(user))
    }

    /// All users, those of the file first, the others by name.
    ///
    /// # Errors
    /// The store does not answer or cannot list.
    pub(crate) async fn list(&self, now: Timestamp) -> Result<Vec<User>, StoreError> {
        let mut all = Vec::new();
        for own in &self.of_file {
            all.push(self.user_of_file(own, now).await?);
        }
        let Some(index) = self.store.index() else { return Err(cannot_list()) };
        let mut stored = Vec::new();
        for record in index.list(&Filter::kind(Kind::USER), None, LISTED, now).await? {
            stored.push(self.user_of_store(Kept::from_record(&record)?, now).await?);
        }
        stored.sort_by(|a, b| a.name.cmp(&b.name));
        all.extend(stored);
        Ok(all)
    }

    /// Makes a user with a new subject; `None` where the name is taken. Name and password must have been checked.
    ///
    /// # Errors
    /// 503 where the store does not answer or too many passwords are being hashed.
    pub(crate) async fn create(&self, new: NewUser<'_>, now: Timestamp) -> Result<Option<User>, Error> {
        if self.of_file.iter().any(|own| own.name == new.name) {
            return Ok(None);
        }
        let mut bytes = [0; 16];
        SystemRandom.fill(&mut bytes)?;
        let kept = Kept {
            subject: format!("usr_{}", URL_SAFE_NO_PAD.encode(bytes)),
            name: new.name.to_owned(),
            display_name: new.display_name.map(str::to_owned),
            hash: self.passwords.hash(new.password).await?,
            created_at: now,
            changed_at: now,
        };
        if new.disabled {
            self.standings.set_disabled(Whose::Subject(&kept.subject), true, now).await?;
        }
        match self.store.create(&kept.to_record(), now).await? {
            Created::Created(_) => Ok(Some(self.user_of_store(kept, now).await?)),
            Created::Exists => Ok(None),
        }
    }

    /// Sets a password, and ends all sessions and grants from before; `None` where the store has no such user.
    ///
    /// Before means: until the new password counted. Who logged in with the old one while the new one was being hashed is
    /// out too.
    ///
    /// # Errors
    /// 503 where the store does not answer, others keep changing the user, or too many passwords are being hashed.
    pub(crate) async fn set_password(
        &self,
        name: &str,
        password: &str,
        clock: &dyn Clock,
    ) -> Result<Option<User>, Error> {
        let hash = self.passwords.hash(password).await?;
        let Some(kept) = self.change(name, clock.now(), |kept| kept.hash.clone_from(&hash)).await? else {
            return Ok(None);
        };
        let changed = clock.now();
        self.standings.end_earlier(Whose::Subject(&kept.subject), changed).await?;
        Ok(Some(self.user_of_store(kept, changed).await?))
    }

    /// Sets the name for people; `None` where the store has no such user.
    ///
    /// # Errors
    /// 503 where the store does not answer or others keep changing the user.
    pub(crate) async fn set_display_name(
        &self,
        name: &str,
        display_name: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        let changed =
            self.change(name, now, |kept| kept.display_name = display_name.map(str::to_owned)).await?;
        match changed {
            Some(kept) => Ok(Some(self.user_of_store(kept, now).await?)),
            None => Ok(None),
        }
    }

    /// Switches a user off, which ends all sessions and grants for good, or on again; `None` where there is no such user.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn set_disabled(
        &self,
        name: &str,
        disabled: bool,
        now: Timestamp,
    ) -> Result<Option<User>, StoreError> {
        let Some(user) = self.by_name(name, now).await? else { return Ok(None) };
        self.standings.set_disabled(Whose::Subject(&user.subject), disabled, now).await?;
        self.by_name(name, now).await
    }

    /// Deletes a user of the store and ends all sessions and grants; whether there was one. The name is free afterwards,
    /// the subject is not.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn delete(&self, name: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Some((kept, _)) = self.kept(name, now).await? else { return Ok(false) };
        // The tombstone first: should the removal fail, the user is off and can be deleted again.
        self.standings.delete_subject(&kept.subject, now).await?;
        Ok(self.store.remove(&body::key(name), now).await? == Removed::Removed)
    }

    /// Gives the users of the file the standing that the file says, where it says one. At the start of a server.
    ///
    /// # Errors
    /// The store does not answer.
    pub(crate) async fn apply_file(&self, now: Timestamp) -> Result<(), StoreError> {
        for own in &self.of_file {
            let Some(disabled) = own.disabled else { continue };
            let whose = Whose::Subject(&own.subject);
            if self.standings.get(whose, now).await?.disabled != disabled {
                self.standings.set_disabled(whose, disabled, now).await?;
            }
        }
        Ok(())
    }

    async fn kept(&self, name: &str, now: Timestamp) -> Result<Option<(Kept, Revision)>, StoreError> {
        match self.store.load(&body::key(name), now).await? {
            Some((record, revision)) => Ok(Some((Kept::from_record(&record)?, revision))),
            None => Ok(None),
        }
    }

    async fn change(
        &self,
        name: &str,
        now: Timestamp,
        change: impl Fn(&mut Kept) + Send + Sync,
    ) -> Result<Option<Kept>, StoreError> {
        for _ in 0..TRIES {
            let Some((mut kept, revision)) = self.kept(name, now).await? else { return Ok(None) };
            change(&mut kept);
            kept.changed_at = now;
            if let Replaced::Replaced(_) = self.store.replace(&kept.to_record(), revision, now).await? {
                return Ok(Some(kept));
            }
        }
        Err(StoreError::nothing_written("others keep changing this user; try again"))
    }

    async fn standing(&self, subject: &str, now: Timestamp) -> Result<Standing, StoreError> {
        self.standings.get(Whose::Subject(subject), now).await
    }

    async fn user_of_store(&self, kept: Kept, now: Timestamp) -> Result<User, StoreError> {
        Ok(User {
            disabled: self.standing(&kept.subject, now).await?.disabled,
            subject: kept.subject,
            name: kept.name,
            display_name: kept.display_name,
            created_at: Some(kept.created_at),
            changed_at: Some(kept.changed_at),
            password: passwords::Kept::Phc(kept.hash),
        })
    }

    async fn user_of_file(&self, own: &FileUser, now: Timestamp) -> Result<User, StoreError> {
        let password = match &own.password {
            FilePassword::Clear(password) => passwords::Kept::Clear(password.clone()),
            FilePassword::Hash(hash) => passwords::Kept::Phc(hash.clone()),
        };
        let disabled = own.disabled == Some(true) || self.standing(&own.subject, now).await?.disabled;
        Ok(User {
            subject: own.subject.clone(),
            name: own.name.clone(),
            display_name: own.display_name.clone(),
            disabled,
            created_at: None,
            changed_at: None,
            password,
        })
    }
}

fn cannot_list() -> StoreError {
    StoreError::nothing_written("this store cannot list its records")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Passwords as Costs;
    use grantor::SystemClock;
    use grantor::memory::MemoryStore;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn users(costs: &Costs, of_file: Vec<FileUser>) -> Users {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let standings = Arc::new(Standings::new(Arc::clone(&store), std::time::Duration::ZERO));
        let passwords = Arc::new(Passwords::new(costs, Arc::new(SystemClock)).unwrap());
        Users::new(store, standings, passwords, of_file)
    }

    fn cheap() -> Costs {
        Costs { memory_kib: 512, passes: 1, ..Costs::default() }
    }

    fn ada() -> NewUser<'static> {
        NewUser { name: "ada", display_name: None, password: "one", disabled: false }
    }

    #[tokio::test]
    async fn a_wrong_name_a_wrong_password_and_a_disabled_user_look_alike_and_cost_a_check_each() {
        let eve = FileUser {
            name: "eve".into(),
            subject: "usr_eve".into(),
            display_name: None,
            password: FilePassword::Clear("two".into()),
            disabled: None,
        };
        let users = users(&cheap(), vec![eve]);
        users.create(ada(), NOW).await.unwrap().unwrap();
        for (name, password) in
            [("nobody", "one"), ("ada", "two"), ("eve", "one"), ("", "one"), ("a\u{0}", "one"), ("ada", "")]
        {
            assert!(users.check(name, password, NOW).await.unwrap().is_none(), "{name:?}");
        }
        assert!(users.check("ada", "one", NOW).await.unwrap().is_some());
        assert!(users.check("eve", "two", NOW).await.unwrap().is_some());
        users.set_disabled("ada", true, NOW).await.unwrap();
        assert!(users.check("ada", "one", NOW).await.unwrap().is_none());
        // Where nobody may check and nobody may wait, all of them get the same answer: all of them wanted to check.
        let _busy = users.passwords.take_all();
        for name in ["nobody", "ada", "eve", "", "a\u{0}"] {
            assert_eq!(users.check(name, "one", NOW).await.unwrap_err().reason(), "password_queue_full");
        }
    }

    #[tokio::test]
    async fn a_session_counts_until_something_ended_what_was_before() {
        let users = users(&cheap(), Vec::new());
        let ada = users.create(ada(), NOW).await.unwrap().unwrap();
        let holds = async |at: u64, now: u64| {
            let moment = |secs: u64| NOW.after(std::time::Duration::from_secs(secs));
            users.of_session("ada", &ada.subject, moment(at), moment(now)).await.unwrap().is_some()
        };
        let at = |secs: u64| NOW.after(std::time::Duration::from_secs(secs));
        assert!(holds(0, 1).await);
        users.set_password("ada", "two", &Ticking::from(at(1))).await.unwrap();
        assert!(!holds(1, 3).await && holds(3, 3).await, "a new password");
        users.set_disabled("ada", true, at(4)).await.unwrap();
        assert!(!holds(5, 5).await, "disabled");
        users.set_disabled("ada", false, at(6)).await.unwrap();
        assert!(!holds(3, 7).await && holds(7, 7).await, "disabled meanwhile");
        users.standings.end_earlier(Whose::All, at(8)).await.unwrap();
        assert!(!holds(7, 9).await && holds(9, 9).await, "not-before of all");
        assert!(users.of_session("ada", "usr_other", at(9), at(9)).await.unwrap().is_none(), "another user");
        assert!(users.delete("ada", at(10)).await.unwrap());
        assert!(!holds(11, 11).await, "deleted");
    }

    /// A clock that goes on by a second with each look at it.
    #[derive(Debug)]
    struct Ticking(std::sync::atomic::AtomicI64);

    impl From<Timestamp> for Ticking {
        fn from(first: Timestamp) -> Self {
            Self(first.as_millis().into())
        }
    }

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.fetch_add(1_000, std::sync::atomic::Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn a_login_with_the_old_password_while_the_new_one_is_written_does_not_survive() {
        let users = users(&cheap(), Vec::new());
        let ada = users.create(ada(), NOW).await.unwrap().unwrap();
        let clock = Ticking::from(NOW);
        let changed = users.set_password("ada", "two", &clock).await.unwrap().unwrap();
        // The record says when the write began: a login just after that still met the old password.
        let met_the_old = changed.changed_at.unwrap().after(std::time::Duration::from_millis(1));
        let later = clock.now();
        assert!(users.of_session("ada", &ada.subject, met_the_old, later).await.unwrap().is_none());
        assert!(users.of_session("ada", &ada.subject, later, later).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn the_same_name_is_another_person_after_a_deletion() {
        let users = users(&cheap(), Vec::new());
        let first = users.create(ada(), NOW).await.unwrap().unwrap();
        assert!(users.create(ada(), NOW).await.unwrap().is_none(), "the name is taken");
        assert!(users.delete("ada", NOW).await.unwrap());
        assert!(!users.delete("ada", NOW).await.unwrap());
        let second = users.create(ada(), NOW).await.unwrap().unwrap();
        assert_ne!(first.subject, second.subject);
        assert!(users.by_subject(&first.subject, NOW).await.unwrap().is_none());
        let standing = users.standing(&first.subject, NOW).await.unwrap();
        assert!(standing.disabled && standing.not_before().is_never());
    }

    #[test]
    fn subjects_of_the_file_stay_the_same_for_ever() {
        assert_eq!(subject_of_name("ada"), SUBJECT_OF_ADA);
        assert_ne!(subject_of_name("bea"), SUBJECT_OF_ADA);
    }

    /// Tokens carry it: it must never change.
    const SUBJECT_OF_ADA: &str = "usr_JJfoCNV0yhCt3vpfDtqa2w";
}
