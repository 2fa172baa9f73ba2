//! The ring of libketama, point for point as libmemcached makes it with `MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED`, so that a pool can
//! be shared with clients that use it.
//!
//! A server has 160 points, or more or less by its weight: four from each MD5 digest of its name, `-` and a number. A
//! server's name is `host`, and `host:port` where the port is not 11211. A key belongs to the first point that is not below
//! its own: the first four bytes of its MD5 digest, the lowest first.

use md5::{Digest as _, Md5};

use crate::options::{Address, PORT};

/// Points in their order, each with the number of its server.
pub(crate) struct Ring(Vec<(u32, usize)>);

impl Ring {
    pub(crate) fn new(servers: &[Address]) -> Self {
        let mut points: Vec<(u32, usize)> = Vec::new();
        for (number, server) in servers.iter().enumerate() {
            let name = match server.port {
                PORT => server.host.clone(),
                port => format!("{}:{port}", server.host),
            };
            for digest in 0..digests(server, servers) {
                let digest = Md5::digest(format!("{name}-{digest}"));
                points.extend(digest.as_chunks().0.iter().map(|bytes| (u32::from_le_bytes(*bytes), number)));
            }
        }
        points.sort_unstable();
        Self(points)
    }

    /// The number of the server of a key.
    pub(crate) fn server(&self, key: &[u8]) -> Option<usize> {
        let key = u32::from_le_bytes(*Md5::digest(key).first_chunk()?);
        let at = self.0.partition_point(|(point, _)| *point < key);
        self.0.get(at).or(self.0.first()).map(|(_, server)| *server)
    }
}

/// How many digests a server has, in the arithmetic of libmemcached: of single precision, from left to right.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers, rounded as the others round them"
)]
fn digests(server: &Address, servers: &[Address]) -> u32 {
    let total: u32 = servers.iter().map(|server| server.weight).sum();
    let share = server.weight as f32 / total as f32;
    let exact = share * 160.0 / 4.0 * servers.len() as f32;
    (f64::from(exact) + 0.000_000_000_1) as f32 as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    /// What libmemcached said: see `testdata/ketama.py`.
    const SAID: &str = include_str!("../testdata/ketama.txt");

    #[test]
    fn every_key_is_where_libmemcached_has_it() {
        assert_eq!(SAID.lines().count(), 9);
        for line in SAID.lines() {
            let mut words = line.split(' ');
            let (servers, weights) = (words.next().unwrap(), words.next().unwrap());
            let weights: Vec<u32> = weights.split(',').map(|weight| weight.parse().unwrap()).collect();
            let options = Options::servers(servers.split(',')).unwrap().weights(weights).unwrap();
            let ring = Ring::new(&options.servers);
            let mut found = String::new();
            for number in 0..400 {
                let server = ring.server(format!("grantor:1.{number:032x}").as_bytes()).unwrap();
                found.push_str(&server.to_string());
            }
            assert_eq!(found, words.next().unwrap(), "{servers}");
        }
    }

    #[test]
    fn a_server_that_joins_takes_about_its_share() {
        let ring = |servers: &[&str]| Ring::new(&Options::servers(servers).unwrap().servers);
        let (two, three) = (ring(&["a", "b"]), ring(&["a", "b", "c"]));
        let (mut moved, mut taken) = (0, 0);
        for number in 0..30_000 {
            let key = format!("key{number}");
            let now = three.server(key.as_bytes());
            taken += u32::from(now == Some(2));
            moved += u32::from(now != Some(2) && now != two.server(key.as_bytes()));
        }
        assert!(moved == 0 && (8_000..12_000).contains(&taken), "{moved} moved, {taken} taken");
    }
}
