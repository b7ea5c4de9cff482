//! The reference for Listing 1: the problem of `guests/c/sgd/problem.hpp`, learnt by one thread, here, without state.

use std::fmt::{self, Display, Formatter};

/// A problem's size, and where its numbers come from.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    pub(super) examples: u64,
    pub(super) features: u32,
    pub(super) seed: u64,
}

/// What was learnt after an epoch.
pub(super) struct Learnt {
    pub(super) loss: f64,
    right: f64,
}

impl Display for Learnt {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "loss {:.6} right {:.4}", self.loss, self.right)
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn of(seed: u64, index: u64) -> Self {
        let mut random = Self(seed ^ index.wrapping_mul(0xd134_2543_de82_ef95));
        Self(random.next())
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f64 {
        // 53 bits are exact.
        #[expect(clippy::cast_precision_loss, reason = "there is none: the number has 53 bits")]
        let bits = (self.next() >> 11) as f64;
        bits / 9_007_199_254_740_992.0
    }
}

/// Features with their values, and the label.
struct Example {
    values: Vec<(usize, f64)>,
    label: f64,
}

fn example(shape: Shape, truth: &[f64], index: u64) -> Example {
    let mut random = Random::of(shape.seed, index);
    let n = 50 + random.next() % 61;
    let mut features: Vec<usize> = (0..n)
        .map(|_| {
            let u = random.unit();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "below the number of features"
            )]
            let feature = (f64::from(shape.features) * (u * u * u)) as usize;
            feature
        })
        .collect();
    features.sort_unstable();
    features.dedup();
    let values: Vec<f64> = features.iter().map(|_| 0.2 + random.unit()).collect();
    let length = values.iter().fold(0.0, |sum, value| sum + value * value).sqrt();
    let values: Vec<(usize, f64)> =
        features.into_iter().zip(values.into_iter().map(|value| value / length)).collect();
    let margin = dot(&values, truth);
    let label = if (margin < 0.0) == (random.unit() < 0.95) { -1.0 } else { 1.0 };
    Example { values, label }
}

fn dot(values: &[(usize, f64)], weights: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, (feature, value)| sum + value * weights[*feature])
}

/// What is learnt after each epoch, by one thread that goes through the examples in their order.
pub(super) fn learn(shape: Shape, epochs: usize) -> Vec<Learnt> {
    let truth: Vec<f64> = (0..u64::from(shape.features))
        .map(|feature| 2.0 * Random::of(shape.seed + 1, feature).unit() - 1.0)
        .collect();
    let examples: Vec<Example> = (0..shape.examples).map(|i| example(shape, &truth, i)).collect();
    let mut counts = vec![0.0; truth.len()];
    for (feature, _) in examples.iter().flat_map(|example| &example.values) {
        counts[*feature] += 1.0;
    }
    let mut weights = vec![0.0; truth.len()];
    let mut rate = 0.5;
    let mut learnt = Vec::new();
    for _ in 0..epochs {
        for Example { values, label } in &examples {
            let step = if label * dot(values, &weights) < 1.0 { rate * label } else { 0.0 };
            for (feature, value) in values {
                weights[*feature] =
                    (weights[*feature] + step * value) * (1.0 - rate * 0.1 / counts[*feature]);
            }
        }
        rate *= 0.8;
        learnt.push(judge(&examples, &weights));
    }
    learnt
}

fn judge(examples: &[Example], weights: &[f64]) -> Learnt {
    let (mut loss, mut right) = (0.0, 0.0);
    for Example { values, label } in examples {
        let margin = label * dot(values, weights);
        loss += f64::max(0.0, 1.0 - margin);
        right += f64::from(u8::from(margin > 0.0));
    }
    #[expect(clippy::cast_precision_loss, reason = "there are few examples")]
    let n = examples.len() as f64;
    Learnt { loss: loss / n, right: right / n }
}
