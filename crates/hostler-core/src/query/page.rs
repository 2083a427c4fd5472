//! One page of a list: the first rows after the page before, in order.
//!
//! Every row is looked at, and only `limit + 1` are kept: the best so far, the
//! worst of them on top of a heap. Most rows of a long list are compared with
//! that one and passed over, which copies nothing.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{ListRequest, Position, Row, SortKey, Value};

/// A page of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paged<T> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<Position>,
    /// How many rows there are on all pages.
    pub total: usize,
}

/// A row that may be on the page, with what it is sorted by.
struct Candidate<'r, 's, R> {
    row: &'r R,
    keys: Vec<Value<'r>>,
    sort: &'s [SortKey],
}

impl ListRequest {
    /// The rows of the page, where the next one begins, and how many rows there
    /// are on all pages.
    pub fn page<'r, R: Row + 'r>(&self, rows: impl Iterator<Item = &'r R>) -> Paged<&'r R> {
        let mut best = BinaryHeap::new();
        let mut total = 0;
        for row in rows.filter(|row| self.matches(*row)) {
            total += 1;
            if self.after.as_ref().is_some_and(|after| !self.is_after(row, after)) {
                continue;
            }
            // One more than the page holds, to know whether there is another.
            if best.len() > self.limit {
                let is_better = |worst: &Candidate<'_, '_, R>| {
                    let order = self.compare_keys(row, &worst.keys);
                    order.then_with(|| row.compare_id(worst.row)) == Ordering::Less
                };
                if !best.peek().is_some_and(is_better) {
                    continue;
                }
                best.pop();
            }
            let keys = self.sort.iter().map(|key| row.value(&key.field)).collect();
            best.push(Candidate { row, keys, sort: &self.sort });
        }
        let more = best.len() > self.limit;
        let mut rows: Vec<&R> = best.into_sorted_vec().into_iter().map(|one| one.row).collect();
        rows.truncate(self.limit);
        let last = rows.last().filter(|_| more);
        let next = last.map(|row| Position::of(*row, &self.sort));
        Paged { rows, next, total }
    }

    /// Whether a row comes after the page before.
    fn is_after<R: Row>(&self, row: &R, after: &Position) -> bool {
        let order = self.compare_keys(row, &after.keys);
        order.then_with(|| row.compare_id_to(&after.id)) == Ordering::Greater
    }

    fn compare_keys<R: Row>(&self, row: &R, keys: &[Value<'_>]) -> Ordering {
        let mut keys = keys.iter();
        let orders = self.sort.iter().map(|key| {
            let order = Some(&row.value(&key.field)).cmp(&keys.next());
            directed(key, order)
        });
        first_difference(orders)
    }
}

/// The first that tells two rows apart.
fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

const fn directed(key: &SortKey, order: Ordering) -> Ordering {
    if key.descending { order.reverse() } else { order }
}

impl<R: Row> Ord for Candidate<'_, '_, R> {
    fn cmp(&self, other: &Self) -> Ordering {
        let keys = self.keys.iter().zip(&other.keys).zip(self.sort);
        let order = first_difference(keys.map(|((a, b), key)| directed(key, a.cmp(b))));
        order.then_with(|| self.row.compare_id(other.row))
    }
}

impl<R: Row> PartialOrd for Candidate<'_, '_, R> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<R: Row> PartialEq for Candidate<'_, '_, R> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<R: Row> Eq for Candidate<'_, '_, R> {}
