// The reference: the same problem learnt by one thread, natively, without state.
// Arguments: EXAMPLES FEATURES EPOCHS SEED. Prints the loss behind each epoch.
#include <cstdio>
#include <cstdlib>

#include "problem.hpp"

int main(int argc, char** argv)
{
    if (argc != 5) {
        std::fprintf(stderr, "arguments: EXAMPLES FEATURES EPOCHS SEED\n");
        return 2;
    }
    const auto n = static_cast<std::size_t>(std::atoll(argv[1]));
    const sgd::Problem problem(std::atoi(argv[2]), std::strtoull(argv[4], nullptr, 10));
    std::vector<sgd::Example> examples;
    std::vector<double> counts(static_cast<std::size_t>(problem.features));
    std::vector<double> weights(counts.size());
    for (std::size_t i = 0; i < n; i++) {
        examples.push_back(problem.example(i));
        for (const std::int32_t feature : examples.back().features) {
            counts[static_cast<std::size_t>(feature)]++;
        }
    }
    const auto margin = [&](const sgd::Example& example) {
        double sum = 0;
        for (std::size_t i = 0; i < example.values.size(); i++) {
            sum += example.values[i] * weights[static_cast<std::size_t>(example.features[i])];
        }
        return example.label * sum;
    };
    for (int epoch = 0; epoch < std::atoi(argv[3]); epoch++) {
        const double rate = sgd::rateOf(epoch);
        for (const sgd::Example& example : examples) {
            const double step = margin(example) < 1 ? rate * example.label : 0;
            for (std::size_t i = 0; i < example.values.size(); i++) {
                const auto feature = static_cast<std::size_t>(example.features[i]);
                weights[feature] += step * example.values[i];
                weights[feature] *= 1 - rate * sgd::SHRINK / counts[feature];
            }
        }
        double loss = 0;
        std::size_t right = 0;
        for (const sgd::Example& example : examples) {
            loss += std::max(0.0, 1 - margin(example));
            right += margin(example) > 0;
        }
        std::printf("epoch %d loss %.6f right %.4f\n", epoch + 1, loss / static_cast<double>(n),
                    static_cast<double>(right) / static_cast<double>(n));
    }
    return 0;
}
