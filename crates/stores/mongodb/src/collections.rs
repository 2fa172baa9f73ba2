//! Which collection has which kinds of records.

use grantor_core::store::Kind;
use mongodb::bson::Document;
use mongodb::options::{CollectionOptions, ReadConcern};
use mongodb::{Collection, Database};

use crate::options::Names;
use crate::server;

/// A collection of records.
pub(crate) type Records = Collection<Document>;

/// The collections, each with write concern, read concern and the primary, whatever the client is set to.
#[derive(Debug, Clone)]
pub(crate) struct Collections {
    grants: Records,
    clients: Records,
    users: Records,
    others: Records,
}

impl Collections {
    /// The reads of these are of the majority.
    pub(crate) fn of(database: &Database, names: &Names, deadline: std::time::Duration) -> Self {
        let options = CollectionOptions::builder()
            .selection_criteria(server::primary())
            .read_concern(ReadConcern::majority())
            .write_concern(server::write_concern(deadline))
            .build();
        let records = |name: &str| database.collection_with_options(name, options.clone());
        Self {
            grants: records(&names.grants),
            clients: records(&names.clients),
            users: records(&names.users),
            others: records(&names.others),
        }
    }

    /// The collection of a kind.
    pub(crate) fn of_kind(&self, kind: Kind) -> &Records {
        match kind {
            Kind::GRANT | Kind::REQUEST | Kind::POINTER | Kind::CLAIM => &self.grants,
            Kind::CLIENT => &self.clients,
            Kind::USER | Kind::SESSION | Kind::CONSENT => &self.users,
            _ => &self.others,
        }
    }

    /// Each collection once.
    pub(crate) fn all(&self) -> Vec<&Records> {
        let mut all: Vec<&Records> = Vec::new();
        for records in [&self.grants, &self.clients, &self.users, &self.others] {
            if all.iter().all(|other| other.name() != records.name()) {
                all.push(records);
            }
        }
        all
    }
}
