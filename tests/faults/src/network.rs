//! Fault proxies between a host and the engines of its setting.

use std::collections::BTreeMap;

use grantor_testkit::proxy::{Cut, Proxy, Seen, Way};

use crate::Result;
use crate::host::Options;
use crate::setting::{Kind, Stage};

/// A proxy before each engine.
#[derive(Debug)]
pub struct Network {
    proxies: BTreeMap<Kind, Vec<Proxy>>,
}

impl Network {
    /// Proxies before all engines of the setting.
    ///
    /// # Errors
    /// The system gives no port.
    pub fn before(stage: &Stage<'_>) -> Result<Self> {
        let mut proxies = BTreeMap::new();
        for kind in stage.setting.kinds() {
            let ports = stage.ports(kind);
            let before: std::io::Result<Vec<Proxy>> = ports.into_iter().map(Proxy::to).collect();
            proxies.insert(kind, before?);
        }
        Ok(Self { proxies })
    }

    /// What a host is started with to go through the proxies; `patient` gives its calls a minute.
    pub fn options(&self, stage: &Stage<'_>, patient: bool) -> Options {
        stage.options_over(patient, |kind| self.of(kind).map(Proxy::port).collect())
    }

    /// The proxies before the engines of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &Proxy> {
        self.proxies.get(&kind).into_iter().flatten()
    }

    /// All proxies.
    pub fn all(&self) -> impl Iterator<Item = &Proxy> {
        self.proxies.values().flatten()
    }

    /// What all of them have seen.
    pub fn seen(&self) -> Vec<Seen> {
        self.all().map(Proxy::seen).collect()
    }

    /// How many cuts that were planned have happened.
    pub fn cuts(&self) -> u64 {
        self.all().map(|proxy| proxy.seen().cuts).sum()
    }

    /// How many bytes have been passed on this way.
    pub fn passed(&self, way: Way) -> u64 {
        let passed = |seen: Seen| match way {
            Way::Requests => seen.requests.passed,
            Way::Answers => seen.answers.passed,
        };
        self.all().map(|proxy| passed(proxy.seen())).sum()
    }

    /// No faults from now on.
    ///
    /// # Errors
    /// A port cannot be opened again.
    pub fn heal(&self) -> Result<()> {
        for proxy in self.all() {
            proxy.heal()?;
        }
        Ok(())
    }

    /// Ends all connections.
    pub fn cut(&self, how: Cut) {
        self.all().for_each(|proxy| proxy.cut(how));
    }
}

/// In turn both ways to end a connection.
pub fn in_turn(number: usize) -> Cut {
    if number.is_multiple_of(2) { Cut::Reset } else { Cut::Close }
}
