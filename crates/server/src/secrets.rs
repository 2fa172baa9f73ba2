//! The file of what must stay secret: one random key, in the data folder, for the owner's eyes only.
//!
//! It is made whole or not at all: written beside its place, synced, and linked there, which fails where somebody else was
//! faster. So two processes that start at once end up with one key.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor::{Random, Secret};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::Deserialize;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// Its name in the data folder.
pub(crate) const FILE: &str = "grantor.secrets";

/// What must stay secret, the same in all processes over one data folder.
pub(crate) struct Secrets {
    key: Zeroizing<[u8; 32]>,
}

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secrets([secret])")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    version: u8,
    key: String,
}

impl Secrets {
    /// A key that ends with the process.
    ///
    /// # Errors
    /// The generator gave nothing.
    pub(crate) fn passing(random: &dyn Random) -> Result<Self, Failure> {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut_slice())?;
        Ok(Self { key })
    }

    /// Reads the file of this folder; makes folder (0700) and file (0600) where there is none.
    ///
    /// # Errors
    /// Others may read it, it is damaged or of a newer release, or the disk refuses.
    pub(crate) fn open(folder: &Path, random: &dyn Random) -> Result<Self, Failure> {
        let path = folder.join(FILE);
        if let Some(own) = Self::read(&path)? {
            return Ok(own);
        }
        let own = Self::passing(random)?;
        own.write(folder, &path, random)
            .map_err(|error| Failure::new(format!("{} cannot be written: {error}", path.display())))?;
        // Another process may have been faster: what stands there counts.
        Self::read(&path)?.ok_or_else(|| Failure::new(format!("{} is gone again", path.display())))
    }

    fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let refused = |why: String| Failure::new(format!("the file of secrets {} {why}", path.display()));
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(format!("cannot be read: {error}"))),
        };
        if others_may_read(path) {
            return Err(refused(format!(
                "can be read by others. If nobody did, run `chmod 600 {}`; otherwise remove it, and a new one is made",
                path.display()
            )));
        }
        if somebody_elses(path) {
            return Err(refused(format!(
                "belongs to another user, who can read it. If you trust it, run `chown \"$(id -u)\" {}`; otherwise remove it, and a new one is made",
                path.display()
            )));
        }
        // The error of the parser would repeat the line.
        let damaged = || {
            refused("is damaged: put a backup in its place, or remove it, and a new one is made (unique tokens end then)".into())
        };
        let contents: Contents = toml::from_str(&text).map_err(|_| damaged())?;
        if contents.version != 1 {
            return Err(refused(format!(
                "has version {}, this release knows 1: finish the upgrade",
                contents.version
            )));
        }
        let bytes = Zeroizing::new(
            URL_SAFE_NO_PAD.decode(Zeroizing::new(contents.key).as_bytes()).map_err(|_| damaged())?,
        );
        let key = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| damaged())?;
        Ok(Some(Self { key: Zeroizing::new(key) }))
    }

    fn write(&self, folder: &Path, path: &Path, random: &dyn Random) -> io::Result<()> {
        if !folder.as_os_str().is_empty() && !folder.exists() {
            fs::create_dir_all(folder)?;
            fs::set_permissions(folder, Permissions::from_mode(0o700))?;
        }
        let mut mark = [0; 8];
        random.fill(&mut mark).map_err(io::Error::other)?;
        let beside = PathBuf::from(format!("{}.{:016x}", path.display(), u64::from_be_bytes(mark)));
        let linked = self.write_beside(&beside).and_then(|()| match fs::hard_link(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done,
        });
        let removed = fs::remove_file(&beside);
        linked.and(removed)?;
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    }

    fn write_beside(&self, path: &Path) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        let key = Zeroizing::new(URL_SAFE_NO_PAD.encode(self.key.as_slice()));
        let text = Zeroizing::new(format!(
            "# What grantor must keep secret. Back it up where nobody reads it; never copy it into a repository.\nversion = 1\nkey = \"{}\"\n",
            *key
        ));
        file.write_all(text.as_bytes())?;
        file.sync_all()
    }

    /// A secret of 256 bits for one purpose; other purposes learn nothing from it.
    pub(crate) fn derive(&self, purpose: &str) -> Secret {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.key.as_slice()) else {
            return Secret::new("");
        };
        mac.update(purpose.as_bytes());
        Secret::new(URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
    }
}

/// Whether anybody but the owner may read a file.
pub(crate) fn others_may_read(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|file| file.permissions().mode() & 0o077 != 0)
}

/// Whether a file belongs neither to the user of this process nor to the owner of its folder (whose commands root may run).
fn somebody_elses(path: &Path) -> bool {
    let owner = |path: &Path| fs::metadata(path).ok().map(|found| found.uid());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let own = [Some(rustix::process::geteuid().as_raw()), owner(folder)];
    !own.contains(&owner(path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use grantor::SystemRandom;

    #[test]
    fn it_is_made_once_for_the_owner_only_and_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("a/b");
        let first = Secrets::open(&below, &SystemRandom).unwrap();
        let again = Secrets::open(&below, &SystemRandom).unwrap();
        assert_eq!(first.derive("x").expose(), again.derive("x").expose());
        assert_ne!(first.derive("x").expose(), first.derive("y").expose());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&below.join(FILE)), mode(&below)), (0o600, 0o700));
        assert_eq!(fs::read_dir(&below).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn who_comes_second_takes_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let first = Secrets::open(folder.path(), &SystemRandom).unwrap();
        let late = Secrets::passing(&SystemRandom).unwrap();
        late.write(folder.path(), &path, &SystemRandom).unwrap();
        let read = Secrets::read(&path).unwrap().unwrap();
        assert_eq!(first.derive("x").expose(), read.derive("x").expose());
    }

    #[test]
    fn what_others_may_read_or_is_damaged_is_refused_without_repeating_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        drop(Secrets::open(folder.path(), &SystemRandom).unwrap());
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let refused = Secrets::open(folder.path(), &SystemRandom).unwrap_err().to_string();
        assert!(refused.contains("chmod 600"), "{refused}");
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        for text in
            ["", "version = 1\nkey = \"c2VjcmV0\"\n", "version = 2\nkey = \"c2VjcmV0\"\n", "key = c2VjcmV0"]
        {
            fs::write(&path, text).unwrap();
            let refused = Secrets::open(folder.path(), &SystemRandom).unwrap_err().to_string();
            assert!(!refused.contains("c2VjcmV0") && refused.contains(FILE), "{refused}");
        }
    }

    #[test]
    fn what_belongs_to_somebody_else_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        Secrets::open(folder.path(), &SystemRandom).unwrap();
        let path = folder.path().join(FILE);
        if std::os::unix::fs::chown(&path, Some(12_345), None).is_err() {
            println!("not checked: the owner of the file of secrets (only root may give files away)");
            return;
        }
        let error = Secrets::open(folder.path(), &SystemRandom).unwrap_err().to_string();
        assert!(error.contains("belongs to another user"), "{error}");
    }
}
