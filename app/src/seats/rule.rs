//! Who makes way when more seats are held than paid, and who comes back: pure.

/// A seat as the rule sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    pub id: String,
    /// Otherwise it is a pending invite.
    pub claimed: bool,
    /// When it was claimed, or invited; UTC epoch ms.
    pub since: i64,
}

/// The first `by` that make way: pending invites, newest first, then claims, newest first.
#[must_use]
pub fn make_way(mut held: Vec<Holding>, by: usize) -> Vec<Holding> {
    held.sort_by(|a, b| {
        (a.claimed, std::cmp::Reverse(a.since), &b.id).cmp(&(
            b.claimed,
            std::cmp::Reverse(b.since),
            &a.id,
        ))
    });
    held.truncate(by);
    held
}

/// The first `room` that come back: claims, oldest first, then invites, oldest first.
#[must_use]
pub fn come_back(mut suspended: Vec<Holding>, room: usize) -> Vec<Holding> {
    suspended.sort_by(|a, b| (!a.claimed, a.since, &a.id).cmp(&(!b.claimed, b.since, &b.id)));
    suspended.truncate(room);
    suspended
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seat(id: &str, claimed: bool, since: i64) -> Holding {
        Holding {
            id: id.to_owned(),
            claimed,
            since,
        }
    }

    fn ids(seats: &[Holding]) -> Vec<&str> {
        seats.iter().map(|seat| seat.id.as_str()).collect()
    }

    #[test]
    fn invites_make_way_first_and_the_newest_before_the_older() {
        let held = vec![
            seat("old claim", true, 1),
            seat("new claim", true, 9),
            seat("old invite", false, 2),
            seat("new invite", false, 8),
        ];
        let way = make_way(held.clone(), 3);
        assert_eq!(ids(&way), ["new invite", "old invite", "new claim"]);
        assert!(make_way(held, 0).is_empty());
    }

    #[test]
    fn the_oldest_claim_comes_back_first() {
        let suspended = vec![
            seat("invite", false, 0),
            seat("new claim", true, 9),
            seat("old claim", true, 1),
        ];
        assert_eq!(
            ids(&come_back(suspended.clone(), 2)),
            ["old claim", "new claim"]
        );
        assert_eq!(come_back(suspended, 9).len(), 3);
    }

    proptest! {
        #[test]
        fn who_made_way_last_comes_back_first(
            seats in prop::collection::vec((any::<bool>(), 0_i64..50), 0..20),
            by in 0_usize..20,
        ) {
            let held: Vec<Holding> = seats
                .iter()
                .enumerate()
                .map(|(n, (claimed, since))| seat(&format!("{n:02}"), *claimed, *since))
                .collect();
            let way = make_way(held, by);
            let mut back = come_back(way.clone(), by);
            back.reverse();
            prop_assert_eq!(way, back);
        }
    }
}
