//! Servers for the tests: on a free port of the loopback, silent, ended with the runtime of the test.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::net::{Ipv4Addr, SocketAddr};

use rocket::fairing::AdHoc;
use rocket::{Build, Rocket};
use tokio::sync::mpsc;

pub(crate) fn built() -> Rocket<Build> {
    let config = rocket::Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        log_level: rocket::config::LogLevel::Off,
        shutdown: rocket::config::Shutdown { ctrlc: false, ..rocket::config::Shutdown::default() },
        ..rocket::Config::default()
    };
    rocket::custom(config)
}

pub(crate) async fn listen(rocket: Rocket<Build>) -> SocketAddr {
    let (tell, mut told) = mpsc::unbounded_channel();
    let fairing = AdHoc::on_liftoff("address", move |rocket| {
        Box::pin(async move {
            let _ = tell.send(SocketAddr::new(rocket.config().address, rocket.config().port));
        })
    });
    tokio::spawn(rocket.attach(fairing).launch());
    told.recv().await.unwrap()
}
