//! Steps are pure: the same arguments give the same bytes, and no file of the steps can name what would make them differ.

use proptest::prelude::*;

use super::*;

/// Everything that comes of a refresh.
fn all_of(outcome: &Outcome<Refreshed>) -> String {
    match outcome {
        Outcome::Replace(next, answer) => {
            format!("{:?} {:?} {:?}", next.to_record(), texts(answer), answer.access_expires_at)
        }
        Outcome::Same(answer) => format!("{:?} {:?}", texts(answer), answer.access_expires_at),
        Outcome::Remove(also, refusal) => format!("{also:?} {refusal:?}"),
        Outcome::Refuse(refusal) => format!("{refusal:?}"),
    }
}

proptest! {
    #[test]
    fn the_same_arguments_give_the_same_bytes(
        foreign in any::<bool>(),
        rotate in any::<bool>(),
        steps in prop::collection::vec((0..20_000_u64, prop::bool::ANY, prop::bool::ANY), 1..12),
    ) {
        let format = if foreign { uuid4() } else { Format::Own };
        let (mut world, _, token) = World::redeemed(&format, START);
        let (mut now, mut token) = (START, token.text);
        for (wait, narrow, old) in steps {
            now = now.after(Duration::from_millis(wait));
            let asked = narrow.then_some("read");
            let rules = Rules { rotate, ..ROTATE };
            let mut twin = World { grant: stored(&world.grant), ..world.clone() };
            let outcome = world.refresh(&token, CLIENT, asked, rules, now);
            prop_assert_eq!(all_of(&outcome), all_of(&twin.refresh(&token, CLIENT, asked, rules, now)));
            if let Outcome::Replace(next, answer) = outcome {
                world.grant = *next;
                if !old {
                    token = texts(&answer).1;
                }
            }
        }
    }
}

#[test]
fn a_redemption_gives_the_same_bytes_again() {
    let all = |mut world: World| match world.redeem(START, |_| {}) {
        Outcome::Replace(next, tokens) => {
            (next.to_record(), tokens.access.text, tokens.refresh.map(|refresh| refresh.text))
        }
        _ => panic!("a right redemption"),
    };
    let world = World::new(&Format::Own, 1, START);
    assert_eq!(all(world.clone()), all(world));
}

/// `xtask` sees that no file reads a clock or a generator; here not even the ports, a state or a wait may be named.
#[test]
fn no_step_names_a_clock_a_generator_a_state_or_a_wait() {
    let forbidden = [
        "Clock",
        "Random",
        "Ctx",
        "async ",
        "await",
        "static ",
        "Cell<",
        "Mutex",
        "Atomic",
        "Cache",
        "getrandom",
        "SystemTime",
        "Instant",
        "std::env",
        "std::fs",
        "dyn Store",
    ];
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/grant");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        files += 1;
        for line in std::fs::read_to_string(&path).unwrap().lines() {
            let code = line.split("//").next().unwrap_or_default();
            let code = code.replace("&'static str", "");
            let named = forbidden.iter().find(|word| code.contains(**word));
            assert_eq!(named, None, "{}: {line}", path.display());
        }
    }
    assert!(files >= 6, "{files} files");
}
