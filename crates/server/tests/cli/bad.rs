//! A bad configuration is refused with file, line, key, reason and what to write instead; all mistakes in one run.

use crate::support::Place;

/// What stands in the file, and what the message must have. Each `line` counts from 1.
struct Bad {
    file: &'static str,
    line: usize,
    key: &'static str,
    says: &'static str,
}

const fn bad(file: &'static str, line: usize, key: &'static str, says: &'static str) -> Bad {
    Bad { file, line, key, says }
}

const WEB: &str = "[scopes]\nread = \"Read\"\n[[clients]]\nclient_id = \"web\"\nclient_secret = \"s3cret-of-web\"\nredirect_uris = [\"https://rp.example/cb\"]\n";

const TABLE: &[Bad] = &[
    bad("isuer = \"https://as.example\"", 1, "isuer", "did you mean `issuer`?"),
    bad("\n\nlistn = \"127.0.0.1:1\"", 3, "listn", "did you mean `listen`?"),
    bad("[policy]\npkce = false", 2, "policy.pkce", "did you mean `require_pkce`?"),
    bad("[limits]\nbody = 3", 2, "limits.body", "did you mean `body_bytes` or `body_timeout`?"),
    bad("listen = 8080", 1, "listen", "write for example \"127.0.0.1:8080\""),
    bad("colour = 3", 1, "colour", "`grantor config --explain`"),
    bad("code = \"1m\"", 1, "code", "it belongs in [lifetimes]"),
    bad("[lifetimes]\nissuer = \"x\"", 2, "lifetimes.issuer", "it belongs at the top of the file"),
    bad("[lifetime]\ncode = \"1m\"", 1, "lifetime", "did you mean `lifetimes`?"),
    bad("lifetimes = 3", 1, "lifetimes", "write [lifetimes]"),
    bad("[lifetimes]\nacess_token = \"1m\"", 2, "lifetimes.acess_token", "did you mean `access_token`?"),
    bad(
        "[lifetimes]\naccess_token = \"10 minutes\"",
        2,
        "lifetimes.access_token",
        "write for example \"90s\"",
    ),
    bad("[lifetimes]\naccess_token = 0", 2, "lifetimes.access_token", "longer than 0"),
    bad("[lifetimes]\naccess_token = true", 2, "lifetimes.access_token", "a duration"),
    bad("[lifetimes]\ncode = \"1h\"", 2, "lifetimes.code", "at most \"10m\""),
    bad("[lifetimes]\ncode = \"never\"", 2, "lifetimes.code", "is not a duration"),
    bad("[lifetimes]\nrequest = -5", 2, "lifetimes.request", "is not a duration"),
    bad("issuer = \"login.example.com\"", 1, "issuer", "write for example \"https://"),
    bad("issuer = \"http://login.example.com\"", 1, "issuer", "insecure_issuer = true"),
    bad("issuer = \"https://login.example.com/?a\"", 1, "issuer", "RFC 8414 section 2"),
    bad("issuer = \"https://LOGIN.example.com\"", 1, "issuer", "\"https://login.example.com\""),
    bad("issuer = \"ftp://login.example.com\"", 1, "issuer", "it is not https"),
    bad("issuer = 8080", 1, "issuer", "a text in quotes"),
    bad("listen = \"0.0.0.0:8080\"", 1, "issuer", "write the https URL"),
    bad("listen = \"8080\"", 1, "listen", "ADDRESS:PORT"),
    bad("listen = []", 1, "listen", "127.0.0.1:8080"),
    bad("store = \"oracle://grantor:hunter2@db/grantor\"", 1, "store", "\"sqlite:grantor.db\""),
    bad("store = \"sqlite:g.db?readers=0\"", 1, "store", "from 1 to 64"),
    bad("data_dir = \"\"", 1, "data_dir", "the path is empty"),
    bad("insecure_issuer = \"yes\"", 1, "insecure_issuer", "true or false"),
    bad("trusted_proxies = [\"10.0.0.1/8\"]", 1, "trusted_proxies", "the first address of the network"),
    bad("trusted_proxies = \"proxy\"", 1, "trusted_proxies", "10.0.0.0/8"),
    bad(
        "[policy]\ngrant_types = [\"authorization_code\", \"magic\"]",
        2,
        "policy.grant_types",
        "client_credentials",
    ),
    bad("[policy]\nrequire_pkce = 1", 2, "policy.require_pkce", "true or false"),
    bad("[policy]\ndefault_scope = \"read\"", 2, "policy.default_scope", "add it to [scopes]"),
    bad("[policy]\nstanding_copies_for = \"1h\"", 2, "policy.standing_copies_for", "at most \"1m\""),
    bad("[limits]\nbody_bytes = 1", 2, "limits.body_bytes", "at least 1024"),
    bad("[limits]\nheader_timeout = \"0s\"", 2, "limits.header_timeout", "\"off\" switches it off"),
    bad("[passwords]\nmemory_kib = 1", 2, "passwords.memory_kib", "write 512 to"),
    bad("[paths]\ntoken = \"oauth\"", 2, "paths.token", "begins with /"),
    bad("[paths]\n\nrevoke = \"/token\"", 3, "paths.revoke", "a path of its own"),
    bad("[log]\nformat = \"xml\"", 2, "log.format", "\"auto\""),
    bad("[log]\nlevel = \"loud\"", 2, "log.level", "\"debug\""),
    bad("[scopes]\n\"a b\" = \"x\"", 2, "scopes.a b", "RFC 6749 section 3.3"),
    bad("[scopes]\nread = \"\"", 2, "scopes.read", "in words for people"),
    bad("scopes = \"read\"", 1, "scopes", "write [scopes]"),
    bad("[clients]\nclient_id = \"x\"", 1, "clients", "[[clients]]"),
    bad("[[clients]]\nclient_name = \"x\"", 1, "clients[1]", "client_id is missing"),
    bad(
        "[[clients]]\nclient_id = \"x\"\nredirect_uri = \"https://x/\"",
        3,
        "clients[x].redirect_uri",
        "did you mean `redirect_uris`?",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\nredirect_uris = [\"http://x.example/\"]",
        3,
        "clients[x].redirect_uris",
        "use https",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\nredirect_uris = [\"https://x.example/\"]",
        1,
        "clients[x]",
        "set client_secret",
    ),
    bad("[[clients]]\nclient_id = \"x\"\nclient_secret = \"y\"", 1, "clients[x]", "redirect_uris"),
    bad(
        "[[clients]]\nclient_id = \"x\"\nclient_secret = 12345",
        3,
        "clients[x].client_secret",
        "a text in quotes",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\nclient_secret_env = \"NOT_SET\"",
        1,
        "clients[x].client_secret_env",
        "NOT_SET is not set",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\nclient_secret_file = \"gone\"",
        1,
        "clients[x].client_secret_file",
        "cannot be read",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\nclient_secret = \"a\"\nclient_secret_env = \"B\"",
        1,
        "clients[x]",
        "only one of",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\ngrant_types = [\"pasword\"]",
        3,
        "clients[x].grant_types",
        "no grant type",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\nclient_secret = \"y\"\ngrant_types = [\"password\"]",
        1,
        "clients[x].grant_types",
        "set [policy] grant_types",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\ntoken_endpoint_auth_method = \"basic\"",
        3,
        "clients[x].token_endpoint_auth_method",
        "client_secret_basic",
    ),
    bad(
        "[[clients]]\nclient_id = \"x\"\n[clients.lifetimes]\naccess = 3",
        4,
        "clients[x].lifetimes.access",
        "no such key",
    ),
    bad("[[users]]\npassword = \"x\"", 1, "users[1]", "name is missing"),
    bad("[[users]]\nname = \"ada\"", 1, "users[ada]", "the password is missing"),
    bad("[[users]]\nname = \" ada\"\npassword = \"x\"", 2, "users[ ada].name", "a space"),
    bad("[[users]]\nname = \"ada\"\npassword_hash = \"hunter2\"", 3, "users[ada].password_hash", "Argon2id"),
    bad(
        "[[users]]\nname = \"a\"\npassword = \"x\"\n[[users]]\nname = \"a\"\npassword = \"y\"",
        4,
        "users[a]",
        "two users",
    ),
    bad("issuer = https://as.example", 1, "", "this is not TOML"),
    bad("[[clients]]\nclient_secret = hunter2", 2, "", "this is not TOML"),
    bad("[[users]]\npassword = \"hunter2", 2, "", "this is not TOML"),
    bad("[log]\nlevel = \"info\"\nlevel = \"warn\"", 3, "", "duplicate key"),
];

#[test]
fn each_mistake_is_named_with_its_place_and_what_to_write() {
    let place = Place::new("");
    let mut wrong = Vec::new();
    for Bad { file, line, key, says } in TABLE {
        std::fs::write(place.path("bad.toml"), file).unwrap();
        let done = place.run(&["config", "--check", "--config", "bad.toml"]);
        let begin = match *key {
            "" => format!("bad.toml:{line}: "),
            key => format!("bad.toml:{line}: {key}: "),
        };
        let fits = |text: &str| text.trim_start().starts_with(&begin) && text.contains(says);
        if done.code != 2 || !done.err.lines().any(fits) {
            wrong.push(format!("{file}\nshould say `{begin}.. {says}`, and said\n{}", done.err));
        }
        let repeated = ["hunter2", "12345"].into_iter().any(|secret| done.err.contains(secret));
        assert!(!repeated, "a secret is repeated: {}", done.err);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), TABLE.len(), wrong.join("\n"));
}

#[test]
fn what_a_client_asks_for_must_exist() {
    let place = Place::new("");
    for (more, key, says) in [
        ("scope = \"reed\"", "clients[web].scope", "did you mean `read`?"),
        ("default_scope = \"admin\"", "clients[web].default_scope", "add it to [scopes]"),
        (
            "[[clients]]\nclient_id = \"web\"\nclient_secret = \"x\"\nredirect_uris = [\"https://a.example/\"]",
            "clients[web].client_id",
            "two clients",
        ),
    ] {
        std::fs::write(place.path("bad.toml"), format!("{WEB}{more}\n")).unwrap();
        let message = place.run(&["config", "--check", "--config", "bad.toml"]).refused(2);
        assert!(message.contains(key) && message.contains(says), "{more}\n{message}");
        assert!(!message.contains("s3cret-of-web"));
    }
}

#[test]
fn all_mistakes_come_in_one_run_in_the_order_of_the_file() {
    let place = Place::new("");
    let file = "isuer = \"x\"\nlisten = \"y\"\n[lifetimes]\ncode = \"z\"\n[policy]\nrequire_pkce = 3\n[[clients]]\nclient_name = \"n\"\n";
    std::fs::write(place.path("bad.toml"), file).unwrap();
    let variables = [("GRANTOR_LIFETIMES_REQUEST", "w"), ("GRANTOR_LOG_FORMT", "v")];
    let message = place.run_with(&["serve", "--config", "bad.toml"], "", &variables).refused(2);
    let lines: Vec<&str> = message.lines().skip(1).map(str::trim_start).collect();
    let begins = [
        "bad.toml:1: isuer",
        "bad.toml:2: listen",
        "bad.toml:4: lifetimes.code",
        "bad.toml:6: policy.require_pkce",
        "bad.toml:7: clients[1]",
        "GRANTOR_LIFETIMES_REQUEST: lifetimes.request",
        "GRANTOR_LOG_FORMT: there is no such setting; did you mean GRANTOR_LOG_FORMAT?",
    ];
    assert_eq!(lines.len(), begins.len(), "{message}");
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line} should begin with {begin}");
    }
    assert!(message.starts_with("grantor: the configuration has 7 mistakes:"));
}

#[test]
fn an_empty_variable_names_no_file() {
    let place = Place::new("");
    let done = place.run_with(&["config", "--check"], "", &[("GRANTOR_CONFIG", "")]);
    assert!(done.ok().contains("grantor.toml"));
}

#[test]
fn a_flag_is_called_by_its_name() {
    let place = Place::new("");
    for (flag, wrong) in [("--listen", "8091"), ("--issuer", "nonsense"), ("--store", "cassandra://x")] {
        for command in ["serve", "dev"] {
            let message = place.run(&[command, flag, wrong]).refused(2);
            assert!(message.contains(&format!("  {flag}: ")) && !message.contains("GRANTOR_"), "{message}");
        }
    }
}

#[test]
fn an_address_that_is_taken_or_foreign_is_explained() {
    let place = Place::new("");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = place.run(&["dev", "--listen", &address, "--store", "memory:"]).refused(1);
    assert!(message.contains(&address) && message.contains("another process listens there"), "{message}");
    let foreign = ["serve", "--issuer", "https://as.example", "--listen", "192.0.2.1:8080"];
    let message = place.run(&foreign).refused(1);
    assert!(message.contains("this machine does not have the address"), "{message}");
}

#[test]
fn a_file_that_is_named_must_be_there_and_be_text() {
    let place = Place::new("");
    assert!(
        place
            .run(&["config", "--config", "gone.toml"])
            .refused(2)
            .contains("gone.toml: there is no such file")
    );
    std::fs::write(place.path("odd.toml"), b"issuer = \"\xff\"").unwrap();
    assert!(place.run(&["config", "--config", "odd.toml"]).refused(2).contains("odd.toml: it is not UTF-8"));
}
