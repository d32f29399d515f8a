//! Statistics of repeated measurements.

/// Returns the median.
pub(crate) fn median(values: &[f64]) -> f64 {
    quantile(values, 0.5)
}

/// Returns the interquartile range as a fraction of the median.
pub(crate) fn spread(values: &[f64]) -> f64 {
    (quantile(values, 0.75) - quantile(values, 0.25)) / median(values)
}

/// Returns the median of the ratios of two subjects, each within one repetition.
pub(crate) fn paired(values: &[f64], others: &[f64], ratio: impl Fn(f64, f64) -> f64) -> f64 {
    let ratios: Vec<_> = values.iter().zip(others).map(|(&value, &other)| ratio(value, other)).collect();
    median(&ratios)
}

/// Returns the quantile of `share` (0 to 1), interpolated between neighbours.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to `last`")]
    let below = place as usize;
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::{median, paired, quantile, spread};

    #[test]
    fn quantiles_lie_between_neighbours() {
        let values = [4.0, 1.0, 3.0, 2.0];
        assert!((median(&values) - 2.5).abs() < 1e-9);
        assert!((quantile(&values, 0.0) - 1.0).abs() < 1e-9);
        assert!((quantile(&values, 1.0) - 4.0).abs() < 1e-9);
        assert!((spread(&values) - 1.5 / 2.5).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_taken_within_a_repetition() {
        let ratio = paired(&[2.0, 30.0, 2.0], &[1.0, 10.0, 2.0], |ours, other| ours / other);
        assert!((ratio - 2.0).abs() < 1e-9);
    }
}
