//! A cut that is planned: when it happens, and to which connection.

use super::{Cut, Way};

/// What is planned.
#[derive(Debug, Clone, Copy)]
pub(super) enum Planned {
    /// After so many bytes.
    Bytes { way: Way, left: u64, how: Cut },
    /// Instead of an answer, after `skip` answers that pass.
    Answer { skip: u64, how: Cut },
}

/// The plan of a proxy: one at a time, with a number of its own.
#[derive(Debug, Default)]
pub(super) struct Plan {
    number: u64,
    planned: Option<Planned>,
}

impl Plan {
    pub(super) fn set(&mut self, planned: Option<Planned>) {
        self.number += 1;
        self.planned = planned;
    }

    /// How many of the next `length` bytes of a connection pass, and how it ends after them. `asked` belongs to the
    /// connection: the plan under which it passed a request that is not answered yet.
    pub(super) fn pass(&mut self, way: Way, length: usize, asked: &mut u64) -> (usize, Option<Cut>) {
        let all = (length, None);
        let Some(planned) = &mut self.planned else { return all };
        let (passes, how) = match planned {
            Planned::Bytes { way: wanted, left, how } if *wanted == way => {
                match usize::try_from(*left) {
                    Ok(left) if left <= length => (left, *how),
                    _ => {
                        // More are left than these, so this does not go below 0.
                        *left = left.saturating_sub(length as u64);
                        return all;
                    }
                }
            }
            Planned::Bytes { .. } => return all,
            Planned::Answer { skip, how } => {
                if way == Way::Requests {
                    *asked = self.number;
                    return all;
                }
                if *asked != self.number {
                    return all;
                }
                *asked = 0;
                if let Some(less) = skip.checked_sub(1) {
                    *skip = less;
                    return all;
                }
                (0, *how)
            }
        };
        self.planned = None;
        (passes, Some(how))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(planned: Planned) -> Plan {
        let mut plan = Plan::default();
        plan.set(Some(planned));
        plan
    }

    #[test]
    fn a_cut_after_bytes_counts_its_way_only_and_happens_once() {
        let mut plan = planned(Planned::Bytes { way: Way::Answers, left: 10, how: Cut::Close });
        let mut asked = 0;
        assert_eq!(plan.pass(Way::Requests, 100, &mut asked), (100, None));
        assert_eq!(plan.pass(Way::Answers, 4, &mut asked), (4, None));
        assert_eq!(plan.pass(Way::Answers, 6, &mut asked), (6, Some(Cut::Close)), "with the tenth byte");
        assert_eq!(plan.pass(Way::Answers, 6, &mut asked), (6, None));
    }

    #[test]
    fn a_cut_after_no_bytes_lets_none_pass() {
        let mut plan = planned(Planned::Bytes { way: Way::Requests, left: 0, how: Cut::Reset });
        assert_eq!(plan.pass(Way::Requests, 5, &mut 0), (0, Some(Cut::Reset)));
    }

    #[test]
    fn an_answer_is_lost_on_the_connection_that_asked_since() {
        let mut plan = Plan::default();
        let (mut one, mut other) = (0, 0);
        assert_eq!(plan.pass(Way::Requests, 5, &mut other), (5, None));
        plan.set(Some(Planned::Answer { skip: 1, how: Cut::Reset }));
        assert_eq!(plan.pass(Way::Answers, 5, &mut other), (5, None), "asked before it was planned");
        for _ in 0..2 {
            assert_eq!(plan.pass(Way::Requests, 5, &mut one), (5, None));
        }
        assert_eq!(plan.pass(Way::Answers, 5, &mut one), (5, None), "the first is let pass");
        assert_eq!(plan.pass(Way::Answers, 5, &mut one), (5, None), "and this is the rest of it");
        assert_eq!(plan.pass(Way::Requests, 5, &mut one), (5, None));
        assert_eq!(plan.pass(Way::Answers, 5, &mut one), (0, Some(Cut::Reset)));
        assert_eq!(plan.pass(Way::Answers, 5, &mut one), (5, None));
    }
}
