//! What the demo client knows about the browsers that use it: in memory, bounded, under a cookie.

use std::collections::{HashMap, VecDeque};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use grantor::{Random as _, SystemRandom, cookies};
use http::{HeaderMap, HeaderValue};
use parking_lot::Mutex;

use super::client::Asked;
use super::{Exchange, Problem, Tokens};

/// The oldest of more than so many is forgotten.
const MOST: usize = 500;

const COOKIE: &str = "grantor-demo";

/// A browser, by its cookie.
pub(super) type Id = [u8; 24];

/// What is known about one browser.
#[derive(Debug, Clone, Default)]
pub(super) struct Visit {
    pub(super) asked: Option<Asked>,
    pub(super) tokens: Option<Tokens>,
    pub(super) exchange: Option<Exchange>,
    pub(super) problem: Option<Problem>,
}

/// All of them.
#[derive(Default)]
pub(super) struct Visits(Mutex<Known>);

#[derive(Default)]
struct Known {
    visits: HashMap<Id, Visit>,
    order: VecDeque<Id>,
}

impl std::fmt::Debug for Visits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visits")
    }
}

impl Visits {
    /// The browser that sent these headers, if it is known.
    pub(super) fn find(&self, headers: &HeaderMap) -> Option<(Id, Visit)> {
        let value = cookies(headers, COOKIE).next()?;
        let id = Id::try_from(URL_SAFE_NO_PAD.decode(value).ok()?).ok()?;
        self.0.lock().visits.get(&id).map(|visit| (id, visit.clone()))
    }

    /// The same, or a new one with the cookie to set; `None` where the system gives no random bytes.
    pub(super) fn begin(&self, headers: &HeaderMap) -> Option<(Id, Option<HeaderValue>)> {
        if let Some((id, _)) = self.find(headers) {
            return Some((id, None));
        }
        let mut id = Id::default();
        SystemRandom.fill(&mut id).ok()?;
        let text = format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Lax", URL_SAFE_NO_PAD.encode(id));
        let cookie = HeaderValue::from_str(&text).ok()?;
        let mut known = self.0.lock();
        known.visits.insert(id, Visit::default());
        known.order.push_back(id);
        if known.order.len() > MOST
            && let Some(oldest) = known.order.pop_front()
        {
            known.visits.remove(&oldest);
        }
        Some((id, Some(cookie)))
    }

    /// Changes what is known about a browser.
    pub(super) fn change(&self, id: Id, change: impl FnOnce(&mut Visit)) {
        if let Some(visit) = self.0.lock().visits.get_mut(&id) {
            change(visit);
        }
    }
}
