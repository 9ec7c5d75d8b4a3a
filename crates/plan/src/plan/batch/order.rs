//! Which item waits for which.

/// The place of each item in its chain: 0 if it waits for nobody, else one more than the highest of those it waits for. `None` for an
/// item that waits for itself, by whatever way, and for all that wait for such a one.
///
/// `waits` gives for each item the items that it waits for. Chains may be as long as they like: nothing here recurses.
pub fn levels(waits: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut followers: Vec<Vec<usize>> = vec![Vec::new(); waits.len()];
    let mut open: Vec<usize> = waits.iter().map(Vec::len).collect();
    for (item, before) in waits.iter().enumerate() {
        for other in before {
            if let Some(list) = followers.get_mut(*other) {
                list.push(item);
            }
        }
    }
    let mut levels: Vec<Option<usize>> = vec![None; waits.len()];
    let mut ready: Vec<usize> = (0..waits.len()).filter(|item| open.get(*item) == Some(&0)).collect();
    while let Some(item) = ready.pop() {
        let before = waits.get(item).into_iter().flatten();
        let level = before.map(|other| levels.get(*other).copied().flatten().map_or(0, |level| level + 1)).max().unwrap_or(0);
        if let Some(place) = levels.get_mut(item) {
            *place = Some(level);
        }
        for follower in followers.get(item).into_iter().flatten() {
            if let Some(count) = open.get_mut(*follower) {
                *count -= 1;
                if *count == 0 {
                    ready.push(*follower);
                }
            }
        }
    }
    levels
}

/// One circle among the items without a level, as the items on it in the order in which they wait; empty if there is none.
pub fn circle(waits: &[Vec<usize>], levels: &[Option<usize>], from: usize) -> Vec<usize> {
    let stuck = |item: &usize| levels.get(*item).is_some_and(Option::is_none);
    let mut path: Vec<usize> = Vec::new();
    let mut place = vec![usize::MAX; waits.len()];
    let mut item = from;
    loop {
        match place.get(item).copied() {
            None => return Vec::new(),
            Some(usize::MAX) => {}
            Some(start) => return path.split_off(start),
        }
        if let Some(place) = place.get_mut(item) {
            *place = path.len();
        }
        path.push(item);
        // Whoever has no level waits for somebody who has none.
        match waits.get(item).and_then(|before| before.iter().find(|other| stuck(other))) {
            Some(next) => item = *next,
            None => return Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_have_levels_and_circles_have_none() {
        // 0 <- 1 <- 2, 3 waits for 0 and 2, 4 <-> 5, 6 waits for 5.
        let waits = [vec![], vec![0], vec![1], vec![0, 2], vec![5], vec![4], vec![5]];
        let levels = levels(&waits);
        assert_eq!(levels, [Some(0), Some(1), Some(2), Some(3), None, None, None]);
        assert_eq!(circle(&waits, &levels, 6), [5, 4]);
        assert_eq!(circle(&waits, &levels, 4), [4, 5]);
        assert_eq!(super::levels(&[vec![0]]), [None]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let waits: Vec<Vec<usize>> = (0..200_000).map(|item: usize| item.checked_sub(1).into_iter().collect()).collect();
        assert_eq!(levels(&waits).last(), Some(&Some(199_999)));
    }
}
