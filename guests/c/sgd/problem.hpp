// A classification problem of the shape of RCV1, from a seed, and the step that
// learns it. The same numbers come out of it in every language, and natively: only
// integers, and operations that IEEE 754 rounds in one way, in a fixed order.
#ifndef SGD_PROBLEM_HPP
#define SGD_PROBLEM_HPP

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sgd {

// SplitMix64.
struct Random {
    std::uint64_t state;

    std::uint64_t next()
    {
        std::uint64_t z = state += 0x9e3779b97f4a7c15;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return z ^ (z >> 31);
    }

    // From 0 up to 1, which does not come.
    double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
};

inline Random randomOf(std::uint64_t seed, std::uint64_t index)
{
    Random random{seed ^ (index * 0xd1342543de82ef95)};
    random.state = random.next();
    return random;
}

struct Example {
    std::vector<std::int32_t> features; // ascending
    std::vector<double> values;         // of length 1 together
    double label;                       // 1 or -1
};

struct Problem {
    std::int32_t features;
    std::uint64_t seed;
    std::vector<double> truth; // what labels follow

    Problem(std::int32_t n, std::uint64_t from)
      : features(n)
      , seed(from)
      , truth(static_cast<std::size_t>(n))
    {
        for (std::int32_t i = 0; i < n; i++) {
            truth[static_cast<std::size_t>(i)] =
              2 * randomOf(seed + 1, static_cast<std::uint64_t>(i)).unit() - 1;
        }
    }

    // About 76 features (of 47,236 a share of 0.16 %), few of which are frequent; one
    // label of twenty is wrong.
    Example example(std::size_t index) const
    {
        Random random = randomOf(seed, index);
        Example made;
        const std::uint64_t n = 50 + random.next() % 61;
        for (std::uint64_t i = 0; i < n; i++) {
            const double u = random.unit();
            made.features.push_back(static_cast<std::int32_t>(features * (u * u * u)));
        }
        std::sort(made.features.begin(), made.features.end());
        made.features.erase(std::unique(made.features.begin(), made.features.end()), made.features.end());
        double square = 0;
        for (std::size_t i = 0; i < made.features.size(); i++) {
            const double value = 0.2 + random.unit();
            made.values.push_back(value);
            square += value * value;
        }
        const double length = std::sqrt(square);
        double margin = 0;
        for (std::size_t i = 0; i < made.features.size(); i++) {
            made.values[i] /= length;
            margin += made.values[i] * truth[static_cast<std::size_t>(made.features[i])];
        }
        made.label = (margin < 0) == (random.unit() < 0.95) ? -1 : 1;
        return made;
    }
};

// How fast an epoch learns.
inline double rateOf(int epoch)
{
    double rate = 0.5;
    for (int i = 0; i < epoch; i++) {
        rate *= 0.8;
    }
    return rate;
}

// How much rare features are held back: an example that has one shrinks its weight
// by this share, through the number of examples that have it.
constexpr double SHRINK = 0.1;

} // namespace sgd

#endif
