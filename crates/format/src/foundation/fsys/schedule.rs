//! The order in which many blobs are read.

use std::collections::BTreeMap;

/// Groups of positions to be worked on, each group by one thread and in its order; the groups with the most bytes first, because
/// the last thread to finish decides how long it takes.
///
/// `items` gives for each position its size and where it lies in a stream (see [`super::ReadAt::sequence`]). Parts of one stream are one
/// group, in the order of the stream: two threads that read it in turns would make it start again for every piece.
pub fn schedule(items: impl Iterator<Item = (u64, Option<(u64, u64)>)>) -> Vec<Vec<usize>> {
    let mut streams: BTreeMap<u64, Vec<(u64, usize)>> = BTreeMap::new();
    let mut groups: Vec<(u64, Vec<usize>)> = Vec::new();
    let mut sizes: BTreeMap<u64, u64> = BTreeMap::new();
    for (position, (size, sequence)) in items.enumerate() {
        match sequence {
            None => groups.push((size, vec![position])),
            Some((stream, offset)) => {
                streams.entry(stream).or_default().push((offset, position));
                let total = sizes.entry(stream).or_default();
                *total = total.saturating_add(size);
            }
        }
    }
    for (stream, mut parts) in streams {
        parts.sort_unstable();
        groups.push((sizes.get(&stream).copied().unwrap_or_default(), parts.into_iter().map(|(_, position)| position).collect()));
    }
    groups.sort_by_key(|(size, _)| std::cmp::Reverse(*size));
    groups.into_iter().map(|(_, positions)| positions).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_stream_stay_together_and_in_order() {
        let items = [(10, None), (5, Some((0, 500))), (50, None), (20, Some((0, 100))), (7, Some((1, 0)))];
        // Stream 0 has 25 bytes and is read from offset 100 on.
        assert_eq!(schedule(items.into_iter()), [vec![2], vec![3, 1], vec![0], vec![4]]);
    }
}
