// Listing 1 of the paper: stochastic gradient descent (hinge loss, HOGWILD) over a
// sparse matrix of examples, their labels, and weights that all workers share.
//
//   make KEY EXAMPLES FEATURES SEED    makes the problem (problem.hpp)
//   train KEY WORKERS EPOCHS           learns it; a line for each epoch
//   learn KEY EPOCH BEGIN END WORKERS PUSH
//                                      a host's part of an epoch: of these examples, and
//                                      sent to the other hosts after each PUSH of them
//   loss KEY                           the loss of the weights that are there
#include <cstdio>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include <faasm/core.h>
#include <faasm/ddo.hpp>

#include "problem.hpp"

namespace {

// After so many examples a worker sends what it has learnt to the other hosts, if it is
// not told.
constexpr std::size_t PUSH_EVERY = 2000;

std::string input()
{
    std::string text(static_cast<std::size_t>(faasmGetInputSize()), '\0');
    faasmGetInput(BYTES(text.data()), static_cast<long>(text.size()));
    return text;
}

void output(const std::string& text)
{
    faasmSetOutput(text.data(), static_cast<long>(text.size()));
}

struct Task {
    std::string key;
    int epoch;
    std::size_t begin, end, push;
};

Task readTask()
{
    Task task{};
    std::istringstream(input()) >> task.key >> task.epoch >> task.begin >> task.end >> task.push;
    return task;
}

double dot(const faasm::SparseColumn<double>& column, const double* weights)
{
    double sum = 0;
    for (std::size_t i = 0; i < column.size(); i++) {
        sum += column.values[i] * weights[column.rows[i]];
    }
    return sum;
}

// A worker: learns from the examples of its task.
int weightUpdate()
{
    const Task task = readTask();
    const faasm::SparseMatrixReadOnly<double> examples(task.key + "_a");
    const faasm::MatrixReadOnly<double> labels(task.key + "_b");
    const faasm::Vector<std::int32_t> counts(task.key + "_counts");
    faasm::VectorAsync<double> weights(task.key + "_weights");
    const auto label = labels.columns(task.begin, task.end);
    const double rate = sgd::rateOf(task.epoch);
    std::size_t learnt = 0;
    for (const auto column : examples.columns(task.begin, task.end)) {
        const double y = label(0, column.index);
        const double step = y * dot(column, weights.data()) < 1 ? rate * y : 0;
        for (std::size_t i = 0; i < column.size(); i++) {
            const auto feature = static_cast<std::size_t>(column.rows[i]);
            weights[feature] =
              (weights[feature] + step * column.values[i]) * (1 - rate * sgd::SHRINK / counts[feature]);
        }
        if (++learnt % task.push == 0) {
            weights.push();
        }
    }
    weights.push();
    return 0;
}

// A worker: how far the weights are from right, in sum, for the examples of its task.
int loss()
{
    const Task task = readTask();
    const faasm::SparseMatrixReadOnly<double> examples(task.key + "_a");
    const faasm::MatrixReadOnly<double> labels(task.key + "_b");
    const faasm::Vector<double> weights(task.key + "_weights");
    const auto label = labels.columns(task.begin, task.end);
    double sum = 0;
    std::size_t right = 0;
    for (const auto column : examples.columns(task.begin, task.end)) {
        const double margin = label(0, column.index) * dot(column, weights.data());
        sum += std::max(0.0, 1 - margin);
        right += margin > 0;
    }
    char text[64];
    std::snprintf(text, sizeof text, "%.17g %zu", sum, right);
    output(text);
    return 0;
}

using Outputs = std::vector<std::string>;

// Chains a call for each of `workers` parts of what is to be done, and awaits them all.
bool forAll(int (*function)(), const Task& whole, int workers, Outputs& outputs)
{
    const std::size_t n = whole.end - whole.begin;
    const auto parts = static_cast<std::size_t>(workers);
    std::vector<unsigned int> calls;
    for (std::size_t i = 0; i < parts; i++) {
        const std::string task = whole.key + " " + std::to_string(whole.epoch) + " " +
                                 std::to_string(whole.begin + n * i / parts) + " " +
                                 std::to_string(whole.begin + n * (i + 1) / parts) + " " +
                                 std::to_string(whole.push);
        calls.push_back(
          faasmChain(function, BYTES_CONST(task.data()), static_cast<long>(task.size())));
    }
    bool good = true;
    for (const unsigned int call : calls) {
        char* text = nullptr;
        int len = 0;
        good = faasmAwaitCallOutput(call, &text, &len) == 0 && good;
        outputs.emplace_back(text, static_cast<std::size_t>(len));
        std::free(text);
    }
    return good;
}

// All examples, in an epoch.
Task all(const std::string& key, int epoch)
{
    return {key, epoch, 0, faasm::MatrixReadOnly<double>(key + "_b").columns(), PUSH_EVERY};
}

// Has what other hosts have learnt; while nobody here learns.
void pullWeights(const std::string& key)
{
    faasm::Vector<double>(key + "_weights").pull();
}

bool describe(const std::string& key, int workers, std::string& said)
{
    pullWeights(key);
    Outputs outputs;
    const Task whole = all(key, 0);
    if (!forAll(loss, whole, workers, outputs)) {
        return false;
    }
    const auto n = static_cast<double>(whole.end);
    double sum = 0, right = 0;
    for (const std::string& text : outputs) {
        double some = 0, of = 0;
        std::istringstream(text) >> some >> of;
        sum += some;
        right += of;
    }
    char text[64];
    std::snprintf(text, sizeof text, "loss %.6f right %.4f\n", sum / n, right / n);
    said += text;
    return true;
}

bool train(const std::string& key, int workers, int epochs)
{
    std::string said;
    for (int epoch = 0; epoch < epochs; epoch++) {
        Outputs none;
        said += "epoch " + std::to_string(epoch + 1) + " ";
        if (!forAll(weightUpdate, all(key, epoch), workers, none) || !describe(key, workers, said)) {
            return false;
        }
    }
    output(said);
    return true;
}

void make(const std::string& key, std::size_t n, std::int32_t features, std::uint64_t seed)
{
    const sgd::Problem problem(features, seed);
    const auto size = static_cast<std::size_t>(features);
    faasm::SparseMatrixBuilder<double> examples(key + "_a", size);
    faasm::Matrix<double> labels(key + "_b", 1, n);
    faasm::Vector<std::int32_t> counts(key + "_counts", size);
    std::fill(counts.begin(), counts.end(), 0);
    for (std::size_t i = 0; i < n; i++) {
        const sgd::Example example = problem.example(i);
        for (std::size_t j = 0; j < example.values.size(); j++) {
            examples.add(example.features[j], example.values[j]);
            counts[static_cast<std::size_t>(example.features[j])]++;
        }
        examples.endColumn();
        labels(0, i) = example.label;
    }
    examples.finish();
    labels.push();
    counts.push();
    faasm::Vector<double> weights(key + "_weights", size);
    std::fill(weights.begin(), weights.end(), 0);
    weights.push();
}

} // namespace

int main()
{
    std::istringstream words(input());
    std::string verb, key, said;
    words >> verb >> key;
    if (verb == "make") {
        std::size_t n = 0;
        std::int32_t features = 0;
        std::uint64_t seed = 0;
        if (words >> n >> features >> seed && n > 0 && features > 0) {
            make(key, n, features, seed);
            return 0;
        }
    } else if (verb == "train") {
        int workers = 0, epochs = 0;
        if (words >> workers >> epochs && workers > 0) {
            return train(key, workers, epochs) ? 0 : 1;
        }
    } else if (verb == "learn") {
        Task task{.key = key, .epoch = 0, .begin = 0, .end = 0, .push = 0};
        int workers = 0;
        if (words >> task.epoch >> task.begin >> task.end >> workers >> task.push && workers > 0 &&
            task.push > 0 && task.begin <= task.end && task.end <= all(key, 0).end) {
            Outputs none;
            pullWeights(key);
            return forAll(weightUpdate, task, workers, none) ? 0 : 1;
        }
    } else if (verb == "loss") {
        const bool good = describe(key, 1, said);
        output(said);
        return good ? 0 : 1;
    }
    output("input: make KEY EXAMPLES FEATURES SEED | train KEY WORKERS EPOCHS | "
           "learn KEY EPOCH BEGIN END WORKERS PUSH | loss KEY");
    return 2;
}
