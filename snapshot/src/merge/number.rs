//! Numbers of a guest's memory, and what it means to merge them.
//!
//! In all functions `base` is what was there when the authors began, `new` what an author left, and `so_far` what the
//! authors before it have made of the base.

/// A number of `N` bytes.
pub(super) trait Number<const N: usize>: Copy {
    /// The bytes that a guest has.
    fn from_guest(bytes: [u8; N]) -> Self;
    /// The bytes that a guest has.
    fn to_guest(self) -> [u8; N];
    /// What was added counts together; to take away is to add a negative number.
    fn sum(base: Self, new: Self, so_far: Self) -> Self;
    /// Whether there is a factor that makes `base` to `new`.
    fn has_factor(base: Self, new: Self) -> bool;
    /// The factors count together. For numbers that have one.
    fn product(base: Self, new: Self, so_far: Self) -> Self;
    /// The larger.
    fn larger(new: Self, so_far: Self) -> Self;
    /// The smaller.
    fn smaller(new: Self, so_far: Self) -> Self;
}

/// Integers. Their arithmetic is that of the numbers modulo `2^BITS`, in which an odd number has an inverse: with
/// `base = odd · 2^twos`, the factor is `(new / 2^twos) · odd⁻¹`. There is one if and only if `2^twos` divides `new`;
/// its upper `twos` bits are free, and they do not matter, since everything that it is multiplied with is a multiple of
/// `2^twos`, too.
macro_rules! integer {
    ($type:ty, $bits:ty, $n:literal) => {
        impl Number<$n> for $type {
            fn from_guest(bytes: [u8; $n]) -> Self {
                Self::from_le_bytes(bytes)
            }

            fn to_guest(self) -> [u8; $n] {
                self.to_le_bytes()
            }

            fn sum(base: Self, new: Self, so_far: Self) -> Self {
                so_far.wrapping_add(new.wrapping_sub(base))
            }

            fn has_factor(base: Self, new: Self) -> bool {
                new.trailing_zeros() >= base.trailing_zeros()
            }

            fn product(base: Self, new: Self, so_far: Self) -> Self {
                if base == new {
                    return so_far;
                }
                let (base, new) = (base.cast_unsigned(), new.cast_unsigned());
                // The base is not 0: of 0, only 0 has a factor.
                let twos = base.trailing_zeros();
                let odd = base.unbounded_shr(twos);
                // Newton's iteration doubles the bits that are right: 5, 10, 20, 40, 80.
                let mut inverse = odd.wrapping_mul(3) ^ 2;
                for _ in 0..4 {
                    inverse =
                        inverse.wrapping_mul((2 as $bits).wrapping_sub(odd.wrapping_mul(inverse)));
                }
                let factor = new.unbounded_shr(twos).wrapping_mul(inverse);
                so_far.wrapping_mul(factor.cast_signed())
            }

            fn larger(new: Self, so_far: Self) -> Self {
                new.max(so_far)
            }

            fn smaller(new: Self, so_far: Self) -> Self {
                new.min(so_far)
            }
        }
    };
}

integer!(i32, u32, 4);
integer!(i64, u64, 8);

/// Floats. A NaN that is computed here is the canonical one, so that every host gets the same bytes.
macro_rules! float {
    ($type:ty, $n:literal) => {
        impl Number<$n> for $type {
            fn from_guest(bytes: [u8; $n]) -> Self {
                Self::from_le_bytes(bytes)
            }

            fn to_guest(self) -> [u8; $n] {
                self.to_le_bytes()
            }

            /// As long as nobody else has changed the base, the author's value is exact.
            fn sum(base: Self, new: Self, so_far: Self) -> Self {
                let sum = so_far + (new - base);
                let sum = if sum.is_nan() { Self::NAN } else { sum };
                if so_far.to_bits() == base.to_bits() { new } else { sum }
            }

            /// A factor of 0 or of an infinity gives these again, or a NaN; a NaN stays one.
            fn has_factor(base: Self, new: Self) -> bool {
                let of_its_own = (base == 0.0 && new == 0.0)
                    || (base.is_infinite() && new.is_infinite())
                    || new.is_nan();
                of_its_own || (base.is_finite() && base != 0.0)
            }

            fn product(base: Self, new: Self, so_far: Self) -> Self {
                // Where it is not determined, the least that it does: its sign.
                let factor = if base == 0.0 || base.is_infinite() {
                    if new.is_nan() { new } else { new.signum() * base.signum() }
                } else {
                    new / base
                };
                let product = so_far * factor;
                let product = if product.is_nan() { Self::NAN } else { product };
                if so_far.to_bits() == base.to_bits() { new } else { product }
            }

            fn larger(new: Self, so_far: Self) -> Self {
                let positive = if new.is_sign_positive() { new } else { so_far };
                let larger = if new == so_far { positive } else { new.max(so_far) };
                if new.is_nan() || so_far.is_nan() { Self::NAN } else { larger }
            }

            fn smaller(new: Self, so_far: Self) -> Self {
                let negative = if new.is_sign_negative() { new } else { so_far };
                let smaller = if new == so_far { negative } else { new.min(so_far) };
                if new.is_nan() || so_far.is_nan() { Self::NAN } else { smaller }
            }
        }
    };
}

float!(f32, 4);
float!(f64, 8);
