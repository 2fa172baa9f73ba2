//! `oauth2/store/mongodb.py`: a document for each client and each token, in the collections that its stores were given.
//!
//! Each collection is read by one cursor without a filter, so nothing of a document or the command line becomes an operator.

use std::time::Duration;

use async_trait::async_trait;
use mongodb::bson::{Document, RawBsonRef, RawDocument, RawDocumentBuf};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::{ClientOptions, ServerAddress, Tls};
use mongodb::{Client, Cursor, Database};
use serde_json::{Map, Value};

use super::Args;
use super::old::{Old, UNREADABLE, What, document};
use super::source::{Pass, Source};
use crate::failure::Failure;

/// The most documents of a page, and the bytes after which it ends: a document may have 16 MiB.
const PAGE: u32 = 500;
const PAGE_BYTES: usize = 4 << 20;
/// How deep lists and documents may be in each other.
const DEPTH: usize = 32;

/// An open python-oauth2 store in MongoDB.
pub(super) struct Mongo {
    client: Client,
    database: Database,
    tokens: String,
    clients: String,
    codes: String,
    pass: Pass,
    cursor: At,
}

/// Where a pass is.
enum At {
    Start,
    Among(Box<Cursor<RawDocumentBuf>>),
    End,
}

impl Mongo {
    pub(super) async fn open(args: &Args) -> Result<Self, Failure> {
        let refuse = |why: &str| {
            Failure::usage(format!(
                "--from {why}; write mongodb://user:password@host:port/database, and tls=true&tlsCAFile=FILE for TLS"
            ))
        };
        if args.from.starts_with("mongodb+srv:") {
            return Err(refuse("asks the DNS for its hosts, which import does not: name the hosts"));
        }
        grantor_store_tls::settle_provider();
        let parsed = ClientOptions::parse(&args.from).await;
        let mut options = parsed.map_err(|_| refuse("is no URL that the driver of MongoDB takes"))?;
        if let Some(Tls::Enabled(tls)) = &options.tls {
            // The driver reads `tlsInsecure` as this too.
            if tls.allow_invalid_certificates == Some(true) {
                return Err(refuse("leaves certificates unverified: name the CA with tlsCAFile"));
            }
        } else {
            let hosts = options.hosts.iter().map(|host| match host {
                ServerAddress::Tcp { host, .. } => host.as_str(),
                // A Unix socket.
                _ => "localhost",
            });
            grantor_store_tls::warn("MongoDB", hosts, None);
        }
        options.app_name.get_or_insert_with(|| "grantor import".to_owned());
        options.server_selection_timeout.get_or_insert(Duration::from_secs(10));
        let Some(database) = options.default_database.clone() else {
            return Err(refuse("names no database"));
        };
        let client = Client::with_options(options).map_err(|error| failed(&error))?;
        Ok(Self {
            database: client.database(&database),
            client,
            tokens: args.token_collection.clone(),
            clients: args.client_collection.clone(),
            codes: args.code_collection.clone(),
            pass: Pass::Clients,
            cursor: At::End,
        })
    }

    async fn start(&mut self, page: &mut Vec<Old>) -> Result<Cursor<RawDocumentBuf>, Failure> {
        let name = match self.pass {
            Pass::Clients => &self.clients,
            Pass::Tokens => {
                let codes = self.database.collection::<RawDocumentBuf>(&self.codes);
                let many = codes.estimated_document_count().await.map_err(|error| failed(&error))?;
                page.push(Old::Left(What::Code, super::old::CODES, many));
                &self.tokens
            }
        };
        let all = self.database.collection::<RawDocumentBuf>(name);
        all.find(Document::new()).batch_size(PAGE).await.map_err(|error| failed(&error))
    }
}

#[async_trait]
impl Source for Mongo {
    fn begin(&mut self, pass: Pass) {
        self.pass = pass;
        self.cursor = At::Start;
    }

    async fn next(&mut self) -> Result<Option<Vec<Old>>, Failure> {
        let mut page = Vec::new();
        let mut cursor = match std::mem::replace(&mut self.cursor, At::End) {
            At::End => return Ok(None),
            At::Start => Box::new(self.start(&mut page).await?),
            At::Among(cursor) => cursor,
        };
        let mut bytes = 0;
        for _ in 0..PAGE {
            if !cursor.advance().await.map_err(|error| failed(&error))? {
                return Ok(Some(page));
            }
            let raw = cursor.current();
            bytes += raw.as_bytes().len();
            page.push(match object(raw, DEPTH) {
                Some(fields) => document(&fields, self.pass == Pass::Clients),
                None if self.pass == Pass::Clients => Old::Left(What::Client, UNREADABLE, 1),
                None => Old::Left(What::Access, UNREADABLE, 1),
            });
            if bytes > PAGE_BYTES {
                break;
            }
        }
        self.cursor = At::Among(cursor);
        Ok(Some(page))
    }

    async fn close(self: Box<Self>) {
        let Self { client, cursor, database, .. } = *self;
        drop((cursor, database));
        client.shutdown().immediate(true).await;
    }
}

/// The fields of a document, read in place, for what nests too deep must not be built.
fn object(fields: &RawDocument, depth: usize) -> Option<Map<String, Value>> {
    let mut object = Map::new();
    for field in fields {
        let (name, value) = field.ok()?;
        object.insert(name.as_str().to_owned(), json(value, depth)?);
    }
    Some(object)
}

/// The same in JSON; `None` for what python-oauth2 could not have meant as such.
fn json(value: RawBsonRef<'_>, depth: usize) -> Option<Value> {
    let inner = depth.checked_sub(1)?;
    Some(match value {
        RawBsonRef::Null | RawBsonRef::Undefined => Value::Null,
        RawBsonRef::Boolean(value) => value.into(),
        RawBsonRef::Int32(value) => value.into(),
        RawBsonRef::Int64(value) => value.into(),
        RawBsonRef::Double(value) => serde_json::Number::from_f64(value)?.into(),
        RawBsonRef::String(value) | RawBsonRef::Symbol(value) => value.into(),
        // A user is often known by the id of a document.
        RawBsonRef::ObjectId(id) => id.to_hex().into(),
        RawBsonRef::DateTime(at) => at.try_to_rfc3339_string().ok()?.into(),
        RawBsonRef::Array(all) => {
            let all = all.into_iter().map(|value| json(value.ok()?, inner));
            Value::Array(all.collect::<Option<_>>()?)
        }
        RawBsonRef::Document(fields) => Value::Object(object(fields, inner)?),
        _ => return None,
    })
}

/// The driver's own words quote addresses and values, so they are not repeated.
fn failed(error: &Error) -> Failure {
    let why = grantor_store_tls::why(error).unwrap_or_else(|| match &*error.kind {
        ErrorKind::Authentication { .. } => "it refuses the user or the password".to_owned(),
        ErrorKind::ServerSelection { .. } => {
            "no server was found in time: see hosts, ports and TLS".to_owned()
        }
        ErrorKind::InvalidTlsConfig { .. } => "the files of TLS cannot be used".to_owned(),
        ErrorKind::Command(said) => format!("it refuses (error {})", said.code),
        _ => "the connection or the driver failed".to_owned(),
    });
    Failure::new(format!("the old store in MongoDB: {why}; what was taken over stays, run the command again"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mongodb::bson::{Bson, doc, oid::ObjectId};

    fn object(fields: &Document, depth: usize) -> Option<Map<String, Value>> {
        super::object(&RawDocumentBuf::try_from(fields).unwrap(), depth)
    }

    #[test]
    fn a_hostile_document_is_unreadable_and_no_panic() {
        let mut deep = doc! {};
        for _ in 0..200 {
            deep = doc! { "a": deep };
        }
        assert!(object(&deep, DEPTH).is_none());
        assert!(object(&doc! { "token": f64::NAN }, DEPTH).is_none());
        assert!(object(&doc! { "token": Bson::MaxKey }, DEPTH).is_none());
        for odd in [
            doc! { "token": { "$ne": 1 } },
            doc! { "token": 7 },
            doc! {},
            doc! { "token": "t", "client_id": ["a"] },
        ] {
            let fields = object(&odd, DEPTH).unwrap();
            assert!(matches!(document(&fields, false), Old::Left(..)), "{fields:?}");
            assert!(matches!(document(&fields, true), Old::Left(..)), "{fields:?}");
        }
    }

    #[test]
    fn a_document_is_read_as_pymongo_wrote_it() {
        let id = ObjectId::new();
        let fields = doc! { "_id": id, "client_id": "abc", "grant_type": "password", "token": "t-1", "data": { "n": 1_i32 },
        "expires_at": 5_i64, "refresh_token": null, "refresh_expires_at": null, "scopes": ["read"], "user_id": id };
        let Old::Token(token) = document(&object(&fields, DEPTH).unwrap(), false) else { panic!("a token") };
        assert_eq!((token.expires_at, token.user), (Some(5), Some(id.to_hex())));
    }
}
