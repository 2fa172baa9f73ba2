//! What a URL says, and what is said of a bad one.

use super::*;

fn refused(url: &str) -> String {
    Options::parse(url).unwrap_err().to_string()
}

#[test]
fn a_url_with_everything() {
    let options = Options::parse(
        "mongodb://u%40:p%23w@a.example:6000,[::1]/auth?grants=oauth.tokens&clients=c-1&users=u_1&others=o&migrate=auto\
         &reads=majority&deadline_ms=70&margin_s=5&MAXPOOLSIZE=3&authSource=admin&replicaSet=rs0&tls=true",
    )
    .unwrap();
    assert_eq!(options.target(), "a.example:6000,[::1]:27017/auth");
    let connection = options.connection.clone().unwrap();
    let credential = connection.credential.clone().unwrap();
    assert_eq!((credential.username.as_deref(), credential.password.as_deref()), (Some("u@"), Some("p#w")));
    assert_eq!(credential.source.as_deref(), Some("admin"));
    assert_eq!(connection.replica_set.as_deref(), Some("rs0"));
    let expected = Options::for_client("auth")
        .grants("oauth.tokens")
        .unwrap()
        .clients("c-1")
        .unwrap()
        .users("u_1")
        .unwrap()
        .others("o")
        .unwrap()
        .migrate(Migrate::Auto)
        .reads(Reads::Majority)
        .deadline(Duration::from_millis(70))
        .margin(Duration::from_secs(5))
        .connections(3);
    assert_eq!(options, Options { connection: Some(connection), ..expected });
    let one = Options::parse("mongodb://h/d?collection=all").unwrap().names;
    assert_eq!(one, Options::for_client("d").collection("all").unwrap().names);
    assert!([one.grants, one.clients, one.users, one.others].iter().all(|name| name == "all"));
}

#[test]
fn refusals_say_what_to_write_and_repeat_no_secret() {
    for (url, why) in [
        ("sqlite:g.db", "another scheme"),
        ("mongodb+srv://u:secret@h/d", "name the hosts"),
        ("mongodb://u:secret@h", "names no database"),
        ("mongodb://u:secret@h/", "names no database"),
        ("mongodb://u:secret@h/d#x", "%23"),
        ("mongodb://u:se@cret@h/d", "%40"),
        ("mongodb://u:secret@h:0/d", "not one that the driver takes"),
        ("mongodb://u:secret@h/d?password=secret", "no such option"),
        ("mongodb://u:secret@h/d?grants=$secret", "at most 100 letters"),
        ("mongodb://u:secret@h/d?grants=system.secret", "at most 100 letters"),
        ("mongodb://u:secret@h/d?grants=", "at most 100 letters"),
        ("mongodb://u:secret@h/d?w=1", "sets it itself"),
        ("mongodb://u:secret@h/d?readPreference=secondary", "sets it itself"),
        ("mongodb://u:secret@h/d?retryWrites=true", "sets it itself"),
        ("mongodb://u:secret@h/d?tlsInsecure=true", "tlsCAFile"),
        ("mongodb://u:secret@h/d?socketTimeoutMS=5", "deadline_ms"),
        (
            "mongodb://u:secret@h/d?maxPoolSize=secret",
            "`maxPoolSize`, but the driver does not take its value",
        ),
        ("mongodb://u:secret@h/d?deadline_ms=0", "from 50 to"),
        ("mongodb://u:secret@h/d?migrate=yes", "one of manual, auto"),
    ] {
        let message = refused(url);
        assert!(message.contains(why) && message.contains("write mongodb://"), "{url}: {message}");
        assert!(!message.contains("secret"), "{message}");
    }
    let options = Options::parse("mongodb://u:hunter2@h/d").unwrap();
    assert!(!format!("{options:?}").contains("hunter2"));
}
