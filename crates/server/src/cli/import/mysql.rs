//! `oauth2/store/dbapi/mysql.py`: the tables of its documentation, in the database of the URL.
//!
//! A page is the next rows by `id`. The tables of scopes and data have no index on the id of the token, so each page reads
//! them once as a whole; an index `(access_token_id)` on both makes a large import fast.

use std::collections::HashMap;

use async_trait::async_trait;
use grantor::Secret;
use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, Opts, OptsBuilder, Row};
use serde_json::{Map, Value};

use super::old::{CODES, Old, OldClient, OldToken, What};
use super::source::{Pass, Source};
use super::tls;
use crate::failure::Failure;

/// How many rows are read at a time.
const PAGE: usize = 500;

/// An open python-oauth2 store in MySQL or MariaDB.
pub(super) struct Mysql {
    connection: Conn,
    pass: Pass,
    after: i64,
    ended: bool,
}

type TokenRow = (i64, String, String, String, Option<i64>, Option<String>, Option<i64>, Option<String>);

impl Mysql {
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let (url, tls) = tls::taken_out(&url.replacen("mariadb:", "mysql:", 1), false)?;
        let opts = Opts::from_url(&url).map_err(|_| {
            Failure::usage("--from is no URL of MySQL; write mysql://user:password@host:port/database")
        })?;
        grantor_store_tls::warn("MySQL", [opts.ip_or_hostname()], tls.as_ref());
        let opts: Opts = match &tls {
            Some(tls) => OptsBuilder::from_opts(opts)
                .prefer_socket(false)
                .ssl_opts(grantor::mysql::ssl_opts(tls)?)
                .into(),
            None => opts,
        };
        let connection = Conn::new(opts).await.map_err(|error| failed(&error))?;
        Ok(Self { connection, pass: Pass::Clients, after: 0, ended: true })
    }

    async fn clients(&mut self) -> Result<Vec<Old>, Failure> {
        let after = self.after;
        let rows: Vec<(i64, String, Option<String>)> = self
            .rows(format!(
                "SELECT `id`, `identifier`, `secret` FROM `clients` WHERE `id` > {after} ORDER BY `id` LIMIT {PAGE}"
            ))
            .await?;
        self.turn(rows.last().map(|row| row.0), rows.len());
        let ids = list(rows.iter().map(|row| row.0));
        let mut redirects = self.words("client_redirect_uris", "redirect_uri", "client_id", &ids).await?;
        let mut grants = self.words("client_grants", "name", "client_id", &ids).await?;
        let mut types = self.words("client_response_types", "response_type", "client_id", &ids).await?;
        let client = |(row, id, secret): (i64, String, Option<String>)| {
            Old::Client(OldClient {
                id,
                secret: secret.filter(|secret| !secret.is_empty()).map(Secret::new),
                redirect_uris: redirects.remove(&row).unwrap_or_default(),
                // No row is no grant: only other stores can say "all".
                grants: Some(grants.remove(&row).unwrap_or_default()),
                response_types: Some(types.remove(&row).unwrap_or_default()),
            })
        };
        Ok(rows.into_iter().map(client).collect())
    }

    async fn tokens(&mut self) -> Result<Vec<Old>, Failure> {
        let after = self.after;
        let mut page = Vec::new();
        if after == 0 {
            let codes: Vec<i64> = self.rows("SELECT COUNT(*) FROM `auth_codes`".to_owned()).await?;
            let codes = codes.first().and_then(|codes| u64::try_from(*codes).ok()).unwrap_or_default();
            page.push(Old::Left(What::Code, CODES, codes));
        }
        let rows: Vec<TokenRow> = self
            .rows(format!(
                "SELECT `id`, `client_id`, CAST(`grant_type` AS CHAR), `token`, \
                 CAST(UNIX_TIMESTAMP(`expires_at`) AS SIGNED), `refresh_token`, \
                 CAST(UNIX_TIMESTAMP(`refresh_expires_at`) AS SIGNED), CAST(`user_id` AS CHAR) \
                 FROM `access_tokens` WHERE `id` > {after} ORDER BY `id` LIMIT {PAGE}"
            ))
            .await?;
        self.turn(rows.last().map(|row| row.0), rows.len());
        let ids = list(rows.iter().map(|row| row.0));
        let mut scopes = self.words("access_token_scopes", "name", "access_token_id", &ids).await?;
        let pairs: Vec<(i64, String, String)> = self
            .rows(format!(
                "SELECT `access_token_id`, `key`, `value` FROM `access_token_data` WHERE `access_token_id` IN ({ids}) ORDER BY `id`"
            ))
            .await?;
        let mut data: HashMap<i64, Map<String, Value>> = HashMap::new();
        for (row, key, value) in pairs {
            data.entry(row).or_default().insert(key, Value::String(value));
        }
        page.extend(rows.into_iter().map(
            |(row, client, grant_type, token, ends, refresh, refresh_ends, user)| {
                Old::Token(Box::new(OldToken {
                    client,
                    grant_type,
                    token: Secret::new(token),
                    data: data.remove(&row).unwrap_or_default(),
                    expires_at: ends,
                    refresh: refresh.map(Secret::new),
                    refresh_expires_at: refresh_ends,
                    scopes: scopes.remove(&row).unwrap_or_default(),
                    user,
                }))
            },
        ));
        Ok(page)
    }

    /// Where the next page begins.
    fn turn(&mut self, last: Option<i64>, rows: usize) {
        self.after = last.unwrap_or(self.after);
        self.ended = rows < PAGE;
    }

    /// The words of a side table, by the row that they belong to.
    async fn words(
        &mut self,
        table: &str,
        column: &str,
        of: &str,
        ids: &str,
    ) -> Result<HashMap<i64, Vec<String>>, Failure> {
        let rows: Vec<(i64, String)> = self
            .rows(format!("SELECT `{of}`, `{column}` FROM `{table}` WHERE `{of}` IN ({ids}) ORDER BY `id`"))
            .await?;
        let mut all: HashMap<i64, Vec<String>> = HashMap::new();
        for (row, word) in rows {
            all.entry(row).or_default().push(word);
        }
        Ok(all)
    }

    async fn rows<T: FromRow + Send + 'static>(&mut self, query: String) -> Result<Vec<T>, Failure> {
        let rows: Vec<Row> = self.connection.query(query).await.map_err(|error| failed(&error))?;
        let read = |row: Row| {
            T::from_row_opt(row).map_err(|_| {
                Failure::new(
                    "the old store in MySQL: a table has other columns than those of python-oauth2 1.1.1",
                )
            })
        };
        rows.into_iter().map(read).collect()
    }
}

#[async_trait]
impl Source for Mysql {
    fn begin(&mut self, pass: Pass) {
        self.pass = pass;
        self.after = 0;
        self.ended = false;
    }

    async fn next(&mut self) -> Result<Option<Vec<Old>>, Failure> {
        if self.ended {
            return Ok(None);
        }
        match self.pass {
            Pass::Clients => self.clients().await,
            Pass::Tokens => self.tokens().await,
        }
        .map(Some)
    }

    async fn close(self: Box<Self>) {
        // Nothing was written; how the connection ends does not matter.
        let _ = self.connection.disconnect().await;
    }
}

/// Numbers for `IN (...)`, which may not be empty; no row has the id 0.
fn list(ids: impl Iterator<Item = i64>) -> String {
    let ids: Vec<String> = ids.map(|id| id.to_string()).collect();
    if ids.is_empty() { "0".into() } else { ids.join(", ") }
}

fn failed(error: &mysql_async::Error) -> Failure {
    let why = grantor_store_tls::why(error).unwrap_or_else(|| error.to_string());
    Failure::new(format!("the old store in MySQL: {why}; what was taken over stays, run the command again"))
}
