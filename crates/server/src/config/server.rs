//! The top of the file: where the server is, where it keeps what it knows, whom it trusts.

use super::setting::{Setting, setting};
use super::value::quoted;
use super::{Config, network::Network};
use std::net::SocketAddr;
use std::path::PathBuf;

/// The settings before the first `[section]`.
pub(super) const SETTINGS: &[Setting<Config>] = &[
    Setting {
        section: "",
        key: "issuer",
        kind: "URL",
        meaning: "The URL of this server, as clients and browsers know it (RFC 8414 section 2). Tokens and metadata name it; the Host header of a request never counts. Without it: http://localhost and the port of `listen`",
        set: |config, raw| {
            raw.text()?.clone_into(&mut config.issuer);
            Ok(())
        },
        show: |config| quoted(&config.issuer()),
    },
    setting!(
        "",
        "listen",
        Vec<SocketAddr>,
        listen,
        "Where the server listens. It speaks plain HTTP: put a proxy with TLS before it if the world can reach it"
    ),
    setting!(
        "",
        "store",
        String,
        store,
        "Where clients, users and grants are kept: `sqlite:FILE`, `postgres://USER:PASSWORD@HOST/DATABASE`, `mysql://USER:PASSWORD@HOST/DATABASE` (or `mariadb:`), `redis://HOST`, `redis+sentinel://HOST/MASTER`, `redis+cluster://HOST`, `mongodb://USER:PASSWORD@HOST/DATABASE` or `memory:`. A relative path begins at `data_dir`"
    ),
    setting!(
        "",
        "data_dir",
        PathBuf,
        data_dir,
        "The folder for what the server keeps, the file of secrets among it. A relative path begins at the folder of the configuration file"
    ),
    setting!(
        "",
        "insecure_issuer",
        bool,
        insecure_issuer,
        "Allows an `http` issuer on another host than this machine. Everybody on the way can then read codes and tokens"
    ),
    setting!(
        "",
        "trusted_proxies",
        Vec<Network>,
        trusted_proxies,
        "Proxies whose `X-Forwarded-For` is believed; the address of a client is the last one there that is no such proxy. Attempts are limited by it"
    ),
];
