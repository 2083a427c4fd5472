//! Rows of values: one series, a value or none for each step of a grid.

use std::collections::HashMap;

use crate::fault::{Error, Result};
use crate::labels::LabelSet;
use crate::limits::Meter;

/// A series over the steps of a grid.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) labels: LabelSet,
    /// As many as the grid has steps.
    pub(super) values: Vec<Option<f64>>,
}

impl Row {
    /// Without labels, a value at every step.
    pub(super) fn of_numbers(values: Vec<f64>) -> Self {
        Self { labels: LabelSet::empty(), values: values.into_iter().map(Some).collect() }
    }

    /// The value at a step.
    pub(super) fn at(&self, step: usize) -> Option<f64> {
        self.values.get(step).copied().flatten()
    }
}

/// Gathers the rows of an operation's result. Two values for the same labels at the same step
/// are what Prometheus refuses, since nobody could tell which is meant.
#[derive(Debug)]
pub(super) struct Collect {
    steps: usize,
    rows: Vec<Row>,
    by_labels: HashMap<LabelSet, usize>,
}

/// What it says of two series that come out the same.
pub(super) fn twice(labels: &LabelSet) -> Error {
    Error::Data(format!("two series of the result have the same labels: {labels}"))
}

impl Collect {
    pub(super) fn new(steps: usize) -> Self {
        Self { steps, rows: Vec::new(), by_labels: HashMap::new() }
    }

    /// The place for these labels.
    pub(super) fn slot(&mut self, meter: &mut Meter<'_>, labels: LabelSet) -> Result<usize> {
        if let Some(slot) = self.by_labels.get(&labels) {
            return Ok(*slot);
        }
        meter.series(self.rows.len() + 1)?;
        meter.points(self.steps)?;
        let slot = self.rows.len();
        self.by_labels.insert(labels.clone(), slot);
        self.rows.push(Row { labels, values: vec![None; self.steps] });
        Ok(slot)
    }

    /// Sets a value; false if there is one.
    pub(super) fn set(&mut self, slot: usize, step: usize, value: f64) -> bool {
        let place = self.rows.get_mut(slot).and_then(|row| row.values.get_mut(step));
        match place {
            Some(place @ None) => {
                *place = Some(value);
                true
            }
            _ => false,
        }
    }

    /// Sets a value that must not be there yet.
    pub(super) fn put(&mut self, slot: usize, step: usize, value: f64) -> Result<()> {
        if self.set(slot, step, value) {
            return Ok(());
        }
        let empty = LabelSet::empty();
        Err(twice(self.rows.get(slot).map_or(&empty, |row| &row.labels)))
    }

    /// Adds a whole row; where its labels are there already, the values must not meet.
    pub(super) fn row(&mut self, row: Row) -> Result<()> {
        let Some(&slot) = self.by_labels.get(&row.labels) else {
            self.by_labels.insert(row.labels.clone(), self.rows.len());
            self.rows.push(row);
            return Ok(());
        };
        for (step, value) in row.values.into_iter().enumerate() {
            if let Some(value) = value {
                self.put(slot, step, value)?;
            }
        }
        Ok(())
    }

    /// Adds a whole row whose labels must not be there yet, whatever its values.
    pub(super) fn only_row(&mut self, row: Row) -> Result<()> {
        if self.by_labels.contains_key(&row.labels) {
            Err(twice(&row.labels))
        } else {
            self.row(row)
        }
    }

    /// All that have a value, in the order in which they came.
    pub(super) fn rows(self) -> Vec<Row> {
        let mut rows = self.rows;
        rows.retain(|row| row.values.iter().any(Option::is_some));
        rows
    }
}
