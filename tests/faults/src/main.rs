//! Runs the faults and prints their table; or plays the host in them.
#![expect(clippy::print_stdout, reason = "the report is what this program is for")]

use grantor_faults::faults::{self, Choice};
use grantor_faults::{host, report, setting};

const USAGE: &str = "\
usage: faults [--soak] [--rounds N] [FAULT...] [--on SETTING...]

Races, crashes and outages of grantor over every store, each with the invariant that must hold, and a table of what came of them.

  --soak        the full number of rounds
  --rounds N    so many rounds of each
  FAULT         only faults whose names begin like this
  --on          what follows are beginnings of names of settings: only those
  --list        the names of both";

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut choice = Choice::default();
    let mut words = args.iter().map(String::as_str);
    let mut settings = false;
    while let Some(word) = words.next() {
        match word {
            "host" => {
                host::run(words.next().unwrap_or_default());
                return std::process::ExitCode::SUCCESS;
            }
            "--soak" => choice.soak = true,
            "--rounds" => choice.rounds = words.next().and_then(|number| number.parse().ok()),
            "--on" => settings = true,
            "--list" => {
                for fault in faults::all() {
                    println!("{:16} {}", fault.id, fault.what);
                }
                for setting in setting::ALL {
                    println!("on {}", setting.name);
                }
                return std::process::ExitCode::SUCCESS;
            }
            word if word.starts_with('-') => {
                println!("{USAGE}");
                return std::process::ExitCode::from(2);
            }
            name if settings => choice.settings.push(name.to_owned()),
            name => choice.faults.push(name.to_owned()),
        }
    }
    let rows = faults::run(&choice, |row| {
        let state = if row.is_good() { "ok" } else { "FAILED" };
        println!("{state}: {} on {} ({:.1} s)", row.id, row.setting, row.took.as_secs_f64());
        match &row.outcome {
            Ok(outcome) => outcome.wrong.iter().take(3).for_each(|wrong| println!("  wrong: {wrong}")),
            Err(why) => println!("  {why}"),
        }
    });
    println!("\n{}", report::table(&rows));
    let failed = rows.iter().filter(|row| !row.is_good()).count();
    println!("faults: {} passed, {failed} failed", rows.len() - failed);
    if failed == 0 && !rows.is_empty() {
        std::process::ExitCode::SUCCESS
    } else {
        std::process::ExitCode::FAILURE
    }
}
