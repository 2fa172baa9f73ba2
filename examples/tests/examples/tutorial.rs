//! The tutorial of the book: its code is that of the programs in `examples/tutorial/`, and each program is asked as it says.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use grantor_testkit::process::free_port;

const TUTORIAL: &str = include_str!("../../../docs/tutorial.md");

/// The code blocks of this language.
fn blocks(language: &str) -> Vec<&'static str> {
    let begin = format!("```{language}\n");
    TUTORIAL.split(begin.as_str()).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// A file without its header.
fn body(file: &str) -> String {
    let header = |line: &&str| line.is_empty() || line.starts_with("//!") || line.starts_with("#![");
    file.lines().skip_while(header).flat_map(|line| [line, "\n"]).collect()
}

#[test]
fn the_code_is_that_of_the_programs() {
    let programs = [
        include_str!("../../tutorial/auth.rs"),
        include_str!("../../tutorial/axum.rs"),
        include_str!("../../tutorial/actix.rs"),
        include_str!("../../tutorial/rocket.rs"),
        include_str!("../../tutorial/poem.rs"),
        include_str!("../../tutorial/salvo.rs"),
    ];
    assert_eq!(blocks("rust"), programs.map(body));
}

#[test]
fn the_features_that_it_adds_exist() {
    let facade = include_str!("../../../crates/grantor/Cargo.toml");
    let added = TUTORIAL.split("cargo add grantor --no-default-features --features ").skip(1);
    let added: Vec<&str> = added.map(|rest| rest.split('`').next().unwrap()).collect();
    assert_eq!(added.len(), 4);
    for feature in added.iter().flat_map(|features| features.split(',')) {
        assert!(facade.contains(&format!("\n{feature} = [")), "the facade has no feature {feature}");
    }
}

/// A program that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the program on a free port and waits until it accepts connections.
fn start(name: &str) -> (Running, u16) {
    let binary = std::env::current_exe().unwrap();
    let path: PathBuf = binary.ancestors().nth(2).unwrap().join("examples").join(name);
    for _ in 0..5 {
        let port = free_port();
        let child = Command::new(&path).arg(port.to_string()).stdout(Stdio::null()).spawn();
        let mut running = Running(child.unwrap());
        let begin = Instant::now();
        // It ends where somebody else took the port meanwhile.
        while running.0.try_wait().unwrap().is_none() {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return (running, port);
            }
            assert!(begin.elapsed() < Duration::from_secs(120), "{name} does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    panic!("{name} ends before it listens");
}

/// The shell lines of the page, as they stand there but for the port, against one program.
#[expect(clippy::print_stdout, reason = "says what is not checked")]
fn try_it(name: &str) {
    if Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_err() {
        println!("not checked: {name}, for curl is not installed");
        return;
    }
    let (_running, port) = start(name);
    let script = blocks("sh").concat().replace("localhost:8080", &format!("localhost:{port}"));
    assert_eq!(script.matches("curl").count(), 6);
    let output = Command::new("sh").args(["-e", "-c", &script]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{name}: {said}");
    assert!(
        said.starts_with("{\"access_token\":\"") && said.contains("\"expires_in\":600"),
        "{name}: {said}"
    );
    let (before, after) = said.split_once("the jobs of worker\n").unwrap();
    assert!(!before.contains("401"), "{name}: {said}");
    assert_eq!(after.matches(" 401 ").count(), 2, "{name}: {said}");
    assert_eq!(after.matches("error=\"invalid_token\"").count(), 1, "{name}: {said}");
}

#[test]
fn axum() {
    try_it("tutorial_axum");
}

#[test]
fn actix() {
    try_it("tutorial_actix");
}

#[test]
fn rocket() {
    try_it("tutorial_rocket");
}

#[test]
fn poem() {
    try_it("tutorial_poem");
}

#[test]
fn salvo() {
    try_it("tutorial_salvo");
}
