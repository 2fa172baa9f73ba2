//! Passwords and other secrets that people choose: Argon2id (RFC 9106), a few at a time, on threads that may block.
//!
//! So many are checked at once, so many wait; one more is answered with 503 before it costs anything. All bytes count: no
//! cut at 72, none at a NUL.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHasher as _, Version};
use async_trait::async_trait;
use grantor::{Clock, Digest, Error, Random as _, Secret, SlowHash, SystemRandom, Timestamp};
use hmac::{Hmac, KeyInit as _, Mac as _};
use quick_cache::sync::Cache;
use sha2::Sha256;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::config;
use crate::failure::Failure;

/// The longest password, in bytes.
pub(crate) const MAX_LENGTH: usize = 4096;

/// How many right client secrets are remembered at most.
const REMEMBERED: usize = 10_000;

/// Whether a text can be a password.
///
/// # Errors
/// Why not.
pub(crate) const fn check(password: &str) -> Result<(), &'static str> {
    if password.is_empty() {
        Err("the password is empty")
    } else if password.len() > MAX_LENGTH {
        Err("the password is longer than 4096 bytes")
    } else {
        Ok(())
    }
}

/// Whether a text is an Argon2id hash in PHC form that can be checked.
pub(crate) fn is_hash(text: &str) -> bool {
    PasswordHash::new(text).is_ok_and(|hash| {
        hash.algorithm == ARGON2ID_IDENT
            && hash.salt.is_some()
            && hash.hash.is_some()
            && Params::try_from(&hash).is_ok_and(|params| params.m_cost() <= 4 * 1024 * 1024)
    })
}

/// A password for a person to type once and then to change: five groups of four characters that are hard to mistake for
/// each other, of about 98 bits.
///
/// # Errors
/// The generator gave nothing.
pub(crate) fn generate() -> Result<Secret, grantor::RandomFailed> {
    const CHARACTERS: &[u8; 30] = b"abcdefghijkmnpqrstuvwxyz234567";
    let mut password = Zeroizing::new(String::with_capacity(24));
    let mut bytes = Zeroizing::new([0; 64]);
    while password.len() < 24 {
        SystemRandom.fill(bytes.as_mut_slice())?;
        // A byte over the last multiple of 30 would favour the first characters.
        let fair = bytes.iter().filter(|byte| **byte < 240);
        for character in fair.filter_map(|byte| CHARACTERS.get(usize::from(byte % 30))) {
            if password.len() % 5 == 4 && password.len() < 24 {
                password.push('-');
            }
            if password.len() < 24 {
                password.push(char::from(*character));
            }
        }
    }
    Ok(Secret::new(password.as_str()))
}

/// What a password is compared with.
#[derive(Debug, Clone)]
pub(crate) enum Kept {
    /// An Argon2id hash in PHC form.
    Phc(String),
    /// The password itself, from the configuration file.
    Clear(Secret),
    /// Nothing: the name is unknown. Checking costs as much as for a known one.
    Nobody,
}

/// Checks and makes Argon2id hashes.
pub(crate) struct Passwords {
    params: Params,
    /// A hash that no password has, of the present cost.
    nobody: String,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    queue: usize,
    key: Zeroizing<[u8; 32]>,
    right: Cache<[u8; 32], Timestamp>,
    remember_for: Duration,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Passwords")
            .field("params", &self.params)
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

impl Passwords {
    /// With these costs and bounds.
    ///
    /// # Errors
    /// Argon2 does not take the costs, or the generator gave nothing.
    pub(crate) fn new(costs: &config::Passwords, clock: Arc<dyn Clock>) -> Result<Self, Failure> {
        let params = Params::new(costs.memory_kib, costs.passes, costs.lanes, None).map_err(|error| {
            Failure::usage(format!("passwords: Argon2 does not take these costs: {error}"))
        })?;
        let mut key = Zeroizing::new([0; 32]);
        SystemRandom.fill(key.as_mut_slice())?;
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let parallel = if costs.parallel == 0 { cores() } else { costs.parallel };
        Ok(Self {
            nobody: nobody(&params)?,
            params,
            slots: Arc::new(Semaphore::new(parallel)),
            waiting: AtomicUsize::new(0),
            queue: costs.queue,
            key,
            right: Cache::new(REMEMBERED),
            remember_for: costs.remember_for,
            clock,
        })
    }

    /// The hash to keep of a password, in PHC form.
    ///
    /// # Errors
    /// 503 where too many wait already or the generator gives nothing.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Error> {
        let argon = self.argon();
        let mut salt = [0; 16];
        SystemRandom.fill(&mut salt)?;
        let password = Zeroizing::new(password.as_bytes().to_vec());
        let hash = self.run(move || argon.hash_password_with_salt(&password, &salt)).await?;
        hash.map(|hash| hash.to_string()).map_err(|_| Error::unavailable("password_hash_failed"))
    }

    /// Whether this is the password. It takes the same time whatever is wrong, and is wrong for [`Kept::Nobody`].
    ///
    /// # Errors
    /// 503 where too many wait already.
    pub(crate) async fn is(&self, kept: &Kept, password: &str) -> Result<bool, Error> {
        let within = check(password).is_ok();
        let hash = match kept {
            Kept::Phc(hash) => hash,
            Kept::Clear(_) | Kept::Nobody => &self.nobody,
        };
        let right = self.verify_hash(hash, if within { password } else { "" }).await?;
        Ok(within
            && match kept {
                Kept::Phc(_) => right,
                Kept::Clear(own) => own.matches(password),
                Kept::Nobody => false,
            })
    }

    /// Nobody may check and nobody may wait, until this is dropped.
    #[cfg(test)]
    pub(crate) fn take_all(&self) -> OwnedSemaphorePermit {
        self.waiting.store(self.queue, Ordering::Relaxed);
        let all = u32::try_from(self.slots.available_permits()).unwrap();
        Arc::clone(&self.slots).try_acquire_many_owned(all).unwrap()
    }

    async fn verify_hash(&self, hash: &str, password: &str) -> Result<bool, Error> {
        let (argon, hash) = (self.argon(), hash.to_owned());
        let password = Zeroizing::new(password.as_bytes().to_vec());
        self.run(move || {
            PasswordHash::new(&hash).is_ok_and(|hash| argon.verify_password(&password, &hash).is_ok())
        })
        .await
    }

    fn argon(&self) -> Argon2<'static> {
        Argon2::new(Algorithm::Argon2id, Version::V0x13, self.params.clone())
    }

    /// Runs it on a thread that may block, when it is its turn.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let slot = self.slot().await?;
        let done = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        });
        done.await.map_err(|_| Error::unavailable("password_thread_failed"))
    }

    async fn slot(&self) -> Result<OwnedSemaphorePermit, Error> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _place = Place::take(&self.waiting, self.queue)?;
        Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|_| Error::unavailable("password_threads_are_gone"))
    }

    /// Names a hash and a secret, so that neither can be read from it.
    fn name(&self, hash: &str, secret: &str) -> [u8; 32] {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else { return [0; 32] };
        mac.update(Digest::of(&[hash.as_bytes()]).as_bytes());
        mac.update(secret.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A place in the queue; given back when it is dropped, also by a request that went away.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize, queue: usize) -> Result<Self, Error> {
        let place = Self(waiting);
        if waiting.fetch_add(1, Ordering::Relaxed) >= queue {
            drop(place);
            return Err(Error::unavailable("password_queue_full"));
        }
        Ok(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The hash of nobody: random bytes in the form of a hash.
fn nobody(params: &Params) -> Result<String, Failure> {
    let (mut salt, mut output) = ([0; 16], [0; 32]);
    SystemRandom.fill(&mut salt)?;
    SystemRandom.fill(&mut output)?;
    let form = || -> argon2::password_hash::Result<PasswordHash> {
        Ok(PasswordHash {
            algorithm: ARGON2ID_IDENT,
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(params)?,
            salt: Some(Salt::new(&salt)?),
            hash: Some(Output::new(&output)?),
        })
    };
    form().map(|hash| hash.to_string()).map_err(|error| Failure::new(format!("Argon2: {error}")))
}

#[async_trait]
impl SlowHash for Passwords {
    /// A right secret is remembered for a short time, so that a client does not pay for each request.
    async fn verify(&self, hash: &str, secret: &str) -> Result<bool, Error> {
        if secret.len() > MAX_LENGTH {
            return Ok(false);
        }
        let (name, now) = (self.name(hash, secret), self.clock.now());
        if self.right.get(&name).is_some_and(|until| now < until && until.since(now) <= self.remember_for) {
            return Ok(true);
        }
        let right = self.verify_hash(hash, secret).await?;
        if right && !self.remember_for.is_zero() {
            self.right.insert(name, now.after(self.remember_for));
        }
        Ok(right)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor::SystemClock;

    fn passwords(change: impl FnOnce(&mut config::Passwords)) -> Arc<Passwords> {
        let mut costs = config::Passwords { memory_kib: 512, passes: 1, ..config::Passwords::default() };
        change(&mut costs);
        Arc::new(Passwords::new(&costs, Arc::new(SystemClock)).unwrap())
    }

    #[tokio::test]
    async fn all_bytes_count() {
        let passwords = passwords(|_| {});
        let long = "x".repeat(80);
        for (password, other) in [
            (long.clone() + "a", long + "b"),
            ("a\0b".to_owned(), "a\0c".to_owned()),
            ("a".to_owned(), "a\0".to_owned()),
            ("x".repeat(MAX_LENGTH), "x".repeat(MAX_LENGTH - 1)),
            ("pässwörd 🦀".to_owned(), "password 🦀".to_owned()),
        ] {
            let kept = Kept::Phc(passwords.hash(&password).await.unwrap());
            assert!(passwords.is(&kept, &password).await.unwrap());
            assert!(!passwords.is(&kept, &other).await.unwrap());
            let clear = Kept::Clear(Secret::new(password.clone()));
            assert!(passwords.is(&clear, &password).await.unwrap());
            assert!(!passwords.is(&clear, &other).await.unwrap());
        }
    }

    #[tokio::test]
    async fn nobody_has_no_password() {
        let passwords = passwords(|_| {});
        assert!(is_hash(&passwords.nobody), "{}", passwords.nobody);
        for password in ["", "x", &"x".repeat(MAX_LENGTH + 1)] {
            assert!(!passwords.is(&Kept::Nobody, password).await.unwrap());
        }
        let long = "x".repeat(MAX_LENGTH + 1);
        assert!(!passwords.is(&Kept::Clear(Secret::new(long.clone())), &long).await.unwrap());
    }

    #[tokio::test]
    async fn one_more_than_can_wait_gets_503() {
        let passwords = passwords(|costs| (costs.parallel, costs.queue) = (1, 1));
        let busy = Arc::clone(&passwords.slots).try_acquire_owned().unwrap();
        let waits = tokio::spawn({
            let passwords = Arc::clone(&passwords);
            async move { passwords.is(&Kept::Nobody, "x").await }
        });
        while passwords.waiting.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let refused = passwords.is(&Kept::Nobody, "x").await.unwrap_err();
        assert_eq!((refused.reason(), refused.status().as_u16()), ("password_queue_full", 503));
        drop(busy);
        assert!(!waits.await.unwrap().unwrap());
        assert!(!passwords.is(&Kept::Nobody, "x").await.unwrap(), "the places are given back");
    }

    #[tokio::test]
    async fn a_right_secret_is_remembered_a_wrong_one_is_not() {
        let passwords = passwords(|_| {});
        let hash = passwords.hash("right").await.unwrap();
        assert!(passwords.verify(&hash, "right").await.unwrap());
        assert!(!passwords.verify(&hash, "wrong").await.unwrap());
        // With all slots taken and no queue only what is remembered is answered.
        let _busy = passwords.take_all();
        assert!(passwords.verify(&hash, "right").await.unwrap());
        assert!(passwords.verify(&hash, "wrong").await.is_err());
        assert!(passwords.verify("$argon2id$other", "right").await.is_err());
    }

    #[test]
    fn what_is_a_hash() {
        for bad in [
            "",
            "secret",
            "$argon2id$v=19$m=512,t=1,p=1$c2FsdHNhbHQ",
            "$argon2i$v=19$m=512,t=1,p=1$c2FsdHNhbHRzYWx0$c2FsdHNhbHRzYWx0",
            "$argon2id$v=19$m=4294967295,t=1,p=1$c2FsdHNhbHRzYWx0$c2FsdHNhbHRzYWx0",
        ] {
            assert!(!is_hash(bad), "{bad}");
        }
    }
}
