//! Grants as operators see them: to list, to show and to end. Never a secret, for a grant has none.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::grant::{Code, Grant};
use crate::store::{Body as _, Filter, Key, Kind, Record, Removed, Store, StoreError, load};
use crate::types::{ClientId, GrantTypeName, Scopes};

/// What a grant allows, to whom, until when.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct GrantInfo {
    /// Its id: 32 hexadecimal digits. No secret, and no authority.
    pub id: String,
    /// The client it was given to.
    pub client_id: ClientId,
    /// The user who gave it; `None` where the client acts for itself.
    pub subject: Option<Arc<str>>,
    /// How it was obtained.
    pub grant_type: GrantTypeName,
    /// What was granted.
    pub scopes: Scopes,
    /// When it was given.
    pub created_at: Timestamp,
    /// When the user had proved who they are, if that is known.
    pub auth_time: Option<Timestamp>,
    /// Until when a code waits to be redeemed.
    pub code_until: Option<Timestamp>,
    /// Until when the present refresh token can be used.
    pub refresh_until: Option<Timestamp>,
    /// Until when each live access token can be used.
    pub access_until: Vec<Timestamp>,
}

/// Lists, shows and ends grants. Whether they are in force besides, the [`Standings`](crate::Standings) say.
#[derive(Debug, Clone)]
pub struct Grants {
    store: Arc<dyn Store>,
}

impl Grants {
    /// The grants of this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store }
    }

    /// Up to `limit` grants of this client and this user, in the order of their ids, after the one with the id `after`.
    /// What holds nothing that can be used any more is left out.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer or cannot list.
    pub async fn list(
        &self,
        client: Option<&str>,
        subject: Option<&str>,
        after: Option<&str>,
        limit: usize,
        now: Timestamp,
    ) -> Result<Vec<GrantInfo>, StoreError> {
        let Some(index) = self.store.index() else {
            return Err(StoreError::nothing_written("this store cannot list its records"));
        };
        let mut filter = Filter::kind(Kind::GRANT);
        filter.client = client.map(str::to_owned);
        filter.subject = subject.map(str::to_owned);
        let mut after = after.and_then(parse);
        let mut found = Vec::new();
        while found.len() < limit {
            let records = index.list(&filter, after, limit - found.len(), now).await?;
            let Some(last) = records.last() else { break };
            after = Some(last.key.id);
            for record in &records {
                found.extend(read(record, now)?.filter(GrantInfo::is_usable));
            }
        }
        Ok(found)
    }

    /// The grant with this id.
    ///
    /// # Errors
    /// [`StoreError`] where the engine does not answer.
    pub async fn find(&self, id: &str, now: Timestamp) -> Result<Option<GrantInfo>, StoreError> {
        let Some(id) = parse(id) else { return Ok(None) };
        let loaded = load::<Grant>(self.store.as_ref(), &Grant::key_of(id), now).await?;
        Ok(loaded.and_then(|loaded| info(&loaded.value, now)))
    }

    /// Ends a grant: no token of it can be used afterwards. Whether there was one.
    ///
    /// # Errors
    /// [`StoreError`]; unless it says that nothing was written, nobody knows whether it was done: do it again.
    pub async fn revoke(&self, id: &str, now: Timestamp) -> Result<bool, StoreError> {
        let Some(id) = parse(id) else { return Ok(false) };
        Ok(self.store.remove(&Key::new(Kind::GRANT, id), now).await? == Removed::Removed)
    }
}

impl GrantInfo {
    /// Whether anything of it can be used.
    fn is_usable(&self) -> bool {
        self.code_until.is_some() || self.refresh_until.is_some() || !self.access_until.is_empty()
    }
}

fn parse(id: &str) -> Option<[u8; 16]> {
    let digits = id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit());
    digits.then(|| u128::from_str_radix(id, 16).ok()).flatten().map(u128::to_be_bytes)
}

fn read(record: &Record, now: Timestamp) -> Result<Option<GrantInfo>, StoreError> {
    Ok(info(&Grant::from_record(record)?, now))
}

fn info(grant: &Grant, now: Timestamp) -> Option<GrantInfo> {
    let code_until = match &grant.code {
        Some(Code::Live { expires_at, .. }) if *expires_at > now => Some(*expires_at),
        _ => None,
    };
    let refresh = grant.refresh.as_ref().filter(|refresh| refresh.is_live(now));
    Some(GrantInfo {
        id: format!("{:032x}", u128::from_be_bytes(grant.id)),
        client_id: ClientId::parse(&grant.client).ok()?,
        subject: grant.subject.clone(),
        grant_type: grant.grant_type.clone(),
        scopes: grant.scopes.clone(),
        created_at: grant.created_at,
        auth_time: grant.auth_time,
        code_until,
        refresh_until: refresh.map(crate::grant::Refresh::expires_at),
        access_until: grant.access.iter().map(|access| access.expires_at).filter(|end| *end > now).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_exactly() {
        assert_eq!(parse("000102030405060708090a0b0c0d0e0f").unwrap()[15], 15);
        for bad in ["", "0", "+00102030405060708090a0b0c0d0e0f", "000102030405060708090a0b0c0d0e0f0", "x"] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }
}
