//! The stand-in: fetched once into the target folder by Maven, compared with checksums, compiled, and started.

use std::fs::{self, File};
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::super::{as_user, program};

const PACKAGES: &str = "default-jdk-headless maven";
/// Brings what the POM names into a folder.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

const POM: &str = include_str!("pom.xml");
const SUMS: &str = include_str!("SHA256SUMS");
const SOURCE: &str = include_str!("StandIn.java");

/// Makes it ready to be started, if it is not; of several processes one does, the others wait.
pub(super) fn prepare() -> Result<()> {
    let home = home()?;
    fs::create_dir_all(&home)?;
    let lock = File::create(home.join("lock"))?;
    lock.lock()?;
    // What it was made of.
    let (stamp, made_of) = (home.join("made"), [POM, SUMS, SOURCE].concat());
    if fs::read_to_string(&stamp).is_ok_and(|stamp| stamp == made_of) {
        return Ok(());
    }
    for folder in ["jars", "classes"] {
        let folder = home.join(folder);
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    for (name, content) in [("pom.xml", POM), ("SHA256SUMS", SUMS), ("StandIn.java", SOURCE)] {
        fs::write(home.join(name), content)?;
    }
    let run = |program: PathBuf, arguments: &[&str]| succeeds(Command::new(program).args(arguments), &home);
    run(program(&["mvn"], PACKAGES)?, &["-q", "-B", "-f", "pom.xml", COPY, "-DoutputDirectory=jars"])?;
    run(program(&["sha256sum"], "coreutils")?, &["--check", "--strict", "--quiet", "SHA256SUMS"])?;
    let (came, known) = (fs::read_dir(home.join("jars"))?.count(), SUMS.lines().count());
    if came != known {
        return Err(Error::other(format!("{came} jars came for the stand-in of MongoDB, {known} are known")));
    }
    run(program(&["javac"], PACKAGES)?, &["-cp", "jars/*", "-d", "classes", "StandIn.java"])?;
    fs::write(stamp, made_of)
}

pub(super) fn start(_folder: &Path, port: u16) -> Result<Command> {
    let home = home()?;
    let mut command = as_user(None, &program(&["java"], PACKAGES)?);
    command.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    command.arg(format!("{home}/classes:{home}/jars/*", home = home.display()));
    command.args(["StandIn", &port.to_string()]);
    Ok(command)
}

/// In the target folder, which is where this program runs from and where cargo has put its tag.
fn home() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
    let scratch = target.map_or_else(std::env::temp_dir, |target| target.join("test"));
    Ok(scratch.join("mongodb-stand-in"))
}

fn succeeds(command: &mut Command, inside: &Path) -> Result<()> {
    let output = command.current_dir(inside).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(Error::other(format!("{command:?} failed: {}", String::from_utf8_lossy(&said))))
}
