//! Which axis is drawn across, which one makes the series, and which ones make plots of their own.

use super::axis::Axis;
use super::plan::{Cell, Plan};
use crate::report;

/// Indices of axes. Those with one value are nowhere.
pub(super) struct Layout<'a> {
    plan: &'a Plan,
    x: usize,
    series: Option<usize>,
    rest: Vec<usize>,
    /// Where each value of the horizontal axis is.
    places: Vec<f64>,
}

/// Cells that go into one series, or one plot.
pub(super) struct Group {
    pub name: String,
    /// Indices of the plan's cells.
    pub cells: Vec<usize>,
}

impl<'a> Layout<'a> {
    /// The first numeric axis goes across, or the first of all; the next one makes the series.
    pub fn new(plan: &'a Plan) -> Self {
        let varies = |index: &usize| plan.axes[*index].values.len() > 1;
        let mut varying: Vec<usize> = (0..plan.axes.len()).filter(varies).collect();
        let numeric = varying
            .iter()
            .position(|index| plan.axes[*index].numbers().is_some());
        let x = if varying.is_empty() {
            0
        } else {
            varying.remove(numeric.unwrap_or(0))
        };
        let series = (!varying.is_empty()).then(|| varying.remove(0));
        let places = match plan.axes[x].numbers() {
            Some((numbers, _)) => numbers,
            None => (0..plan.axes[x].values.len()).map(|i| i as f64).collect(),
        };
        Self {
            plan,
            x,
            series,
            rest: varying,
            places,
        }
    }

    pub fn x_axis(&self) -> report::Axis {
        let axis = &self.plan.axes[self.x];
        match axis.numbers() {
            Some((_, "")) => report::Axis::fitting(&axis.key, self.places.clone()),
            Some((_, unit)) => {
                report::Axis::fitting(format!("{}, {unit}", axis.key), self.places.clone())
            }
            None => {
                let names = axis.values.iter().map(super::axis::shown).collect();
                report::Axis::new(&axis.key, report::Scale::Names(names))
            }
        }
    }

    /// Where a cell is on the horizontal axis.
    pub fn place(&self, cell: &Cell) -> f64 {
        let values = self.plan.axes[self.x].values.iter();
        let index = values
            .map(super::axis::shown)
            .position(|value| value == cell.values[self.x]);
        index.map_or(f64::NAN, |index| self.places[index])
    }

    /// `size=1KiB`
    pub fn place_name(&self, cell: &Cell) -> String {
        pair(&self.plan.axes[self.x], &cell.values[self.x])
    }

    /// One group for each plot of the same figure; without a name if there is only one.
    pub fn plots(&self) -> Vec<Group> {
        self.split((0..self.plan.cells.len()).collect(), &self.rest)
    }

    /// The series of a plot, each from left to right.
    pub fn series(&self, plot: &Group) -> Vec<Group> {
        let by: Vec<usize> = self.series.into_iter().collect();
        let mut groups = self.split(plot.cells.clone(), &by);
        for group in &mut groups {
            let place = |index: &usize| self.place(&self.plan.cells[*index]);
            group.cells.sort_by(|a, b| place(a).total_cmp(&place(b)));
        }
        groups
    }

    /// By the values of these axes, in the order in which they come.
    fn split(&self, cells: Vec<usize>, by: &[usize]) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for index in cells {
            let values = &self.plan.cells[index].values;
            let pairs = by
                .iter()
                .map(|axis| pair(&self.plan.axes[*axis], &values[*axis]));
            let name = pairs.collect::<Vec<_>>().join(", ");
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.cells.push(index),
                None => groups.push(Group {
                    name,
                    cells: vec![index],
                }),
            }
        }
        groups
    }
}

fn pair(axis: &Axis, value: &str) -> String {
    format!("{}={value}", axis.key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::plan::tests::plan;

    #[test]
    fn the_first_numeric_axis_lies_across_and_the_next_one_makes_the_series() {
        let plan = plan(
            "[axes]\nacks = [1, \"all\"]\nsize = [10000, 100]\npartitions = [1, 8]\nbatch-size = [500]",
        )
        .unwrap();
        let layout = Layout::new(&plan);
        assert_eq!(layout.x_axis().label, "size, B");
        assert_eq!(layout.x_axis().scale, report::Scale::Log);
        let plots = layout.plots();
        let names: Vec<&str> = plots.iter().map(|plot| plot.name.as_str()).collect();
        assert_eq!(names, ["partitions=1", "partitions=8"]);
        let series = layout.series(&plots[1]);
        assert_eq!(series[1].name, "acks=all");
        let places: Vec<f64> = series[1]
            .cells
            .iter()
            .map(|cell| layout.place(&plan.cells[*cell]))
            .collect();
        assert_eq!(places, [100.0, 10_000.0]);
    }

    #[test]
    fn names_alone_lie_side_by_side() {
        let plan = plan("[axes]\ncompression = [\"none\", \"zstd\"]").unwrap();
        let layout = Layout::new(&plan);
        let names = report::Scale::Names(vec!["none".into(), "zstd".into()]);
        assert_eq!(layout.x_axis().scale, names);
        assert_eq!(layout.plots().len(), 1);
        assert_eq!(layout.place(&plan.cells[1]), 1.0);
        assert_eq!(layout.place_name(&plan.cells[1]), "compression=zstd");
    }
}
