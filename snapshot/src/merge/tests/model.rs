//! Authors do random things to random memories; the merge must be what the things amount to, computed one by one from
//! what was done and not from what came out of it.

use proptest::prelude::*;

use super::*;

const TYPES: [ValueType; 6] = [
    ValueType::Raw,
    ValueType::Bool,
    ValueType::I32,
    ValueType::I64,
    ValueType::F32,
    ValueType::F64,
];
const OPERATIONS: [Operation; 8] = [
    Operation::Sum,
    Operation::Product,
    Operation::Subtract,
    Operation::Max,
    Operation::Min,
    Operation::Overwrite,
    Operation::Ignore,
    Operation::Xor,
];
const AUTHORS: usize = 4;

/// A memory of which every byte is in a region, after `Plan` has filled the gaps with overwriting.
#[derive(Clone, Debug)]
struct Layout {
    size: usize,
    regions: Vec<Region>,
}

/// An author changes the value that is `value` (of all) with this operand.
type Act = (usize, prop::sample::Index, i32);

fn layout() -> impl Strategy<Value = Layout> {
    let region = (0..40_u64, 0..TYPES.len(), 0..OPERATIONS.len(), 1..40_u64);
    (prop::collection::vec(region, 0..12), 0..30_u64).prop_map(|(parts, tail)| {
        let (mut end, mut regions) = (0_u64, Vec::new());
        for (gap, ty, operation, count) in parts {
            let (ty, operation) = (TYPES[ty], OPERATIONS[operation]);
            let offset = (end + gap).next_multiple_of(ty.size());
            let region = Region { offset, length: count * ty.size(), ty, operation };
            if Plan::new(u64::MAX, &[region], Gaps::Overwrite).is_ok() {
                end = offset + region.length;
                regions.push(region);
            }
        }
        Layout { size: usize::try_from(end + tail).unwrap(), regions }
    })
}

/// One value: where it is and what.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    ty: ValueType,
    operation: Operation,
}

impl Layout {
    fn places(&self) -> Vec<Place> {
        let mut places: Vec<_> = (0..self.size)
            .map(|at| Place { at, ty: ValueType::Raw, operation: Operation::Overwrite })
            .collect();
        for Region { offset, length, ty, operation } in &self.regions {
            let range = *offset..offset + length;
            places.retain(|place| !range.contains(&(place.at as u64)));
            let step = usize::try_from(ty.size()).unwrap();
            let values = range.step_by(step).map(|at| usize::try_from(at).unwrap());
            places.extend(values.map(|at| Place { at, ty: *ty, operation: *operation }));
        }
        places
    }
}

impl Place {
    fn len(self) -> usize {
        usize::try_from(self.ty.size()).unwrap()
    }

    fn bytes(self, memory: &mut [u8]) -> &mut [u8] {
        &mut memory[self.at..self.at + self.len()]
    }

    /// Adds, multiplies or flips the value in a memory: what commutes, and so is also done to the expected memory.
    fn count(self, memory: &mut [u8], operand: i32) {
        let (operation, bytes) = (self.operation, self.bytes(memory));
        if operation == Operation::Xor {
            let operand = i64::from(operand).wrapping_mul(0x0101_0101_0101_0101).to_le_bytes();
            return bytes.iter_mut().zip(operand).for_each(|(byte, flip)| *byte ^= flip);
        }
        macro_rules! integer {
            ($type:ty) => {{
                let (value, operand) =
                    (<$type>::from_le_bytes(array(bytes)), <$type>::from(operand));
                let value = match operation {
                    Operation::Sum => value.wrapping_add(operand),
                    Operation::Subtract => value.wrapping_sub(operand),
                    _ => value.wrapping_mul(operand),
                };
                bytes.copy_from_slice(&value.to_le_bytes());
            }};
        }
        // Sums of small numbers and products of a few small powers of two are exact, in any order.
        macro_rules! float {
            ($type:ty) => {{
                let small = i8::try_from(operand % 100).unwrap();
                let power = <$type>::from(if operand % 2 == 0 { 2_i8 } else { -1 });
                let value = <$type>::from_le_bytes(array(bytes));
                let value = match operation {
                    Operation::Sum => value + <$type>::from(small),
                    Operation::Subtract => value - <$type>::from(small),
                    _ => value * power,
                };
                bytes.copy_from_slice(&value.to_le_bytes());
            }};
        }
        match self.ty {
            ValueType::I32 => integer!(i32),
            ValueType::I64 => integer!(i64),
            ValueType::F32 => float!(f32),
            ValueType::F64 => float!(f64),
            ValueType::Raw | ValueType::Bool => unreachable!("no such operation"),
        }
    }

    /// Writes a value of the type.
    fn set(self, memory: &mut [u8], operand: i32) {
        let bytes = self.bytes(memory);
        match self.ty {
            ValueType::Raw => bytes.fill(operand.to_le_bytes()[0]),
            ValueType::Bool => bytes.fill(u8::from(operand % 2 == 0)),
            ValueType::I32 => bytes.copy_from_slice(&operand.to_le_bytes()),
            ValueType::I64 => bytes.copy_from_slice(&(i64::from(operand) << 20).to_le_bytes()),
            ValueType::F32 => bytes.copy_from_slice(&small(operand).to_le_bytes()),
            ValueType::F64 => bytes.copy_from_slice(&f64::from(small(operand)).to_le_bytes()),
        }
    }

    /// What is expected at the end where values are compared and not counted.
    fn choose(self, base: &[u8], authors: &[Vec<u8>]) -> Vec<u8> {
        let of = |memory: &[u8]| memory[self.at..self.at + self.len()].to_vec();
        let was = of(base);
        let mut changed = authors.iter().map(|now| of(now)).filter(|now| *now != was);
        let order = |bytes: &Vec<u8>| match self.ty {
            ValueType::I32 => i64::from(i32::from_le_bytes(array(bytes))),
            ValueType::I64 => i64::from_le_bytes(array(bytes)),
            ValueType::F32 => whole(f32::from_le_bytes(array(bytes)).into()),
            ValueType::F64 => whole(f64::from_le_bytes(array(bytes))),
            ValueType::Raw | ValueType::Bool => i64::from(bytes[0]),
        };
        match self.operation {
            Operation::Max => changed.chain([was.clone()]).max_by_key(order).unwrap(),
            Operation::Min => changed.chain([was.clone()]).min_by_key(order).unwrap(),
            _ => changed.next_back().unwrap_or(of(base)),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.try_into().unwrap()
}

fn small(operand: i32) -> f32 {
    f32::from(i16::try_from(operand % 1000).unwrap())
}

/// All floats here are whole.
#[allow(clippy::cast_possible_truncation, reason = "it is small and whole")]
fn whole(float: f64) -> i64 {
    float as i64
}

/// What the authors leave, and what a merge must give.
fn play(layout: &Layout, seed: &[i32], acts: &[Act]) -> (Vec<u8>, Vec<Vec<u8>>, Vec<u8>) {
    let places = layout.places();
    let mut base = vec![0; layout.size];
    for (place, operand) in places.iter().zip(seed.iter().cycle()) {
        place.set(&mut base, *operand);
    }
    let (mut authors, mut expected) = (vec![base.clone(); AUTHORS], base.clone());
    for (author, index, operand) in acts.iter().filter(|_| !places.is_empty()) {
        let place = index.get(&places);
        match place.operation {
            Operation::Sum | Operation::Subtract | Operation::Product | Operation::Xor => {
                place.count(&mut authors[*author], *operand);
                place.count(&mut expected, *operand);
            }
            _ => place.set(&mut authors[*author], *operand),
        }
    }
    for place in &places {
        if matches!(place.operation, Operation::Max | Operation::Min | Operation::Overwrite) {
            let chosen = place.choose(&base, &authors);
            place.bytes(&mut expected).copy_from_slice(&chosen);
        }
    }
    (base, authors, expected)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_merge_is_what_the_authors_did_in_whatever_order_it_comes(
        layout in layout(),
        seed in prop::collection::vec(any::<i32>(), 1..8),
        acts in prop::collection::vec((0..AUTHORS, any::<prop::sample::Index>(), any::<i32>()), 0..60),
        order in Just([0, 1, 2, 3]).prop_shuffle(),
        page in (1..20_usize).prop_map(|words| 8 * words),
    ) {
        let (base, authors, expected) = play(&layout, &seed, &acts);
        let plan = Plan::new(layout.size as u64, &layout.regions, Gaps::Overwrite).unwrap();
        let diffs = order.map(|author| {
            let number = u32::try_from(author).unwrap();
            let pages = base.chunks(page).zip(authors[author].chunks(page)).zip(0_u64..);
            let pages = pages.map(|((base, now), at)| WrittenPages { offset: at * page as u64, base, now });
            let diff = Diff::of(&plan, Stamp { base: 1, author: number }, pages).unwrap();
            let decoded = Diff::decode(&diff.encode()).unwrap();
            assert_eq!(decoded, diff);
            decoded
        });
        let merge = Merge::new(&plan, 1, &diffs).unwrap();
        let mut target = base.clone();
        for range in merge.touched() {
            let within = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            for (at, part) in target[within.clone()].chunks_mut(page).enumerate() {
                let offset = within.start + at * page;
                let base = &base[offset..offset + part.len()];
                merge.apply(Window { offset: offset as u64, base, target: part }).unwrap();
            }
        }
        prop_assert_eq!(target, expected);
    }

    #[test]
    fn what_one_author_wrote_comes_out_to_the_bit(
        layout in layout(),
        base in prop::collection::vec(any::<u8>(), 2000),
        now in prop::collection::vec(any::<u8>(), 2000),
    ) {
        let size = layout.size.min(2000);
        let mut regions = layout.regions;
        regions.retain(|region| region.offset + region.length <= size as u64);
        // Of products, only what a factor can make of the base.
        let is = |region: &Region, operations: &[Operation]| operations.contains(&region.operation);
        regions.retain(|region| !is(region, &[Operation::Product, Operation::Max, Operation::Min]));
        let plan = Plan::new(size as u64, &regions, Gaps::Xor).unwrap();
        let (base, mut expected) = (&base[..size], now[..size].to_vec());
        let target = merged(&plan, base, &[expected.clone()]).unwrap();
        for region in regions.iter().filter(|region| is(region, &[Operation::Ignore])) {
            let range = usize::try_from(region.offset).unwrap()..;
            let range = range.start..range.start + usize::try_from(region.length).unwrap();
            expected[range.clone()].copy_from_slice(&base[range]);
        }
        prop_assert_eq!(target, expected);
    }

    #[test]
    fn any_floats_merge_the_same_in_every_order(
        numbers in prop::collection::vec(any::<(u64, [u64; AUTHORS])>(), 1..8),
        operation in 0..5_usize,
        order in Just([0, 1, 2, 3]).prop_shuffle(),
    ) {
        let plan = super::whole(8 * numbers.len() as u64, ValueType::F64, OPERATIONS[operation]);
        let base: Vec<u8> = numbers.iter().flat_map(|(base, _)| base.to_le_bytes()).collect();
        let diffs = [0, 1, 2, 3].map(|author| {
            let now: Vec<u8> = numbers.iter().flat_map(|(_, all)| all[author].to_le_bytes()).collect();
            diff(&plan, u32::try_from(author).unwrap(), &base, &now)
        });
        let merge_in = |order: [usize; 4]| {
            let mut target = base.clone();
            let window = Window { offset: 0, base: &base, target: &mut target };
            let merge = Merge::new(&plan, 7, order.iter().map(|author| &diffs[*author])).unwrap();
            merge.apply(window).map(|()| target)
        };
        prop_assert_eq!(merge_in([0, 1, 2, 3]), merge_in(order));
    }
}
