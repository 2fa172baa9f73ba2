//! Networks in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3): which proxies may say where a request came from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A network, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32` or one address.
    ///
    /// # Errors
    /// What is wrong, where it is neither or has bits behind the prefix.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            let text: String = text.chars().take(60).flat_map(char::escape_debug).collect();
            format!("\"{text}\" is not a network; write for example \"10.0.0.0/8\" or \"::1\"")
        };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => most,
            Some(prefix) => prefix.parse().ok().filter(|bits| *bits <= most).ok_or_else(wrong)?,
        };
        let network = Self { address, prefix };
        if network.cut(address) != network.bits(address) {
            return Err(format!(
                "{text} has bits set behind its prefix; write the first address of the network"
            ));
        }
        Ok(network)
    }

    /// Whether the address is in the network. An IPv4 address in IPv6 clothes counts as the IPv4 address.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = match address {
            IpAddr::V6(six) => six.to_ipv4_mapped().map_or(address, IpAddr::V4),
            IpAddr::V4(_) => address,
        };
        address.is_ipv4() == self.address.is_ipv4() && self.cut(address) == self.bits(self.address)
    }

    /// All bits of an address, the first one on top.
    #[expect(clippy::unused_self, reason = "reads as one with `cut`")]
    fn bits(&self, address: IpAddr) -> u128 {
        match address {
            IpAddr::V4(four) => u128::from(four.to_bits()) << 96,
            IpAddr::V6(six) => Ipv6Addr::to_bits(six),
        }
    }

    fn cut(&self, address: IpAddr) -> u128 {
        let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or_default();
        self.bits(address) & mask
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Network::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_inside_or_outside() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"));
        assert!(holds("127.0.0.1", "127.0.0.1"));
        assert!(!holds("127.0.0.1", "127.0.0.2"));
        assert!(holds("0.0.0.0/0", "203.0.113.9"));
        assert!(!holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
        assert!(!holds("::/0", "203.0.113.9"));
    }

    #[test]
    fn what_is_no_network() {
        for bad in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "::/129", "example.com", "10.0.0.0/", "1/8"]
        {
            assert!(Network::parse(bad).is_err(), "{bad}");
        }
    }
}
