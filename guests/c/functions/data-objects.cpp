// Every data object, for tests in which one language writes and another reads: the
// functions of this name in Rust, AssemblyScript and Python do the same.
//
//   write KEY        makes all objects under keys that begin with KEY
//   read KEY         says what they are, a line for each; empties the queue
//   async KEY I V    sets an element of KEY.f64 and pushes it alone
//   add KEY N        adds N times 1 to a counter; what it is then
//   swap KEY N       adds N times 1 to an atomic integer by comparing and swapping
//   barrier KEY N    waits for N calls; which it was
//   push KEY TEXT    adds to a queue; its size
//   pop KEY          waits for an element of a queue
//   update KEY NAME  appends an x to an entry of a dictionary; its length
//   deposit KEY N    adds N times 1 to a strong value under its global lock; what it is then
//   lock KEY         holds the lock of a strong value, and says what a chained call has of it
//   versions KEY     pushes a value on conditions
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <string>

#include <faasm/core.h>
#include <faasm/ddo.hpp>

namespace {

template <typename T, typename F> void fill(const std::string& key, std::size_t n, F value)
{
    faasm::Vector<T> vector(key, n);
    for (std::size_t i = 0; i < n; i++) {
        vector[i] = static_cast<T>(value(static_cast<std::int64_t>(i)));
    }
    vector.push();
}

void writeArrays(const std::string& key)
{
    fill<std::int32_t>(key + ".i32", 100, [](auto i) { return i * i - 50; });
    fill<std::int64_t>(key + ".i64", 10, [](auto i) { return -i * (std::int64_t{1} << 40); });
    fill<float>(key + ".f32", 7, [](auto i) { return static_cast<float>(i) / 4; });
    fill<double>(key + ".f64", 50000, [](auto i) { return static_cast<double>(i) / 2; });

    faasm::Matrix<double> matrix(key + ".matrix", 3, 5);
    for (std::size_t row = 0; row < 3; row++) {
        for (std::size_t column = 0; column < 5; column++) {
            matrix(row, column) = static_cast<double>(10 * row + column);
        }
    }
    matrix.push();

    faasm::SparseMatrixBuilder<double> sparse(key + ".sparse", 6);
    sparse.add(0, 1.5);
    sparse.add(5, -2);
    sparse.endColumn();
    sparse.endColumn();
    sparse.add(2, 8);
    sparse.endColumn();
    sparse.add(1, 1);
    sparse.add(3, 3);
    sparse.add(4, 4);
    sparse.endColumn();
    sparse.finish();
}

void writeShared(const std::string& key)
{
    faasm::Counter counter(key + ".counter");
    counter.reset();
    counter.add(7);
    counter.add(-2);
    faasm::AtomicInt atomic(key + ".atomic");
    atomic.set(7);
    atomic.compareAndSwap(8, 1);
    atomic.compareAndSwap(7, 9);
    faasm::Dict dict(key + ".dict");
    dict.set("one", "1");
    dict.set("gone", "2");
    dict.set("zwei", std::string_view("\0\xff", 2));
    dict.remove("gone");
    faasm::List list(key + ".list");
    faasm::Queue queue(key + ".queue");
    list.clear();
    queue.clear();
    for (const char* element : {"first", "", "third"}) {
        list.append(element);
        queue.push(element);
    }
}

std::string hex(const std::string& bytes)
{
    std::string text = bytes.empty() ? " -" : " ";
    for (const char byte : bytes) {
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned char>(byte));
        text += digits;
    }
    return text;
}

template <typename T> std::string sum(const std::string& key, int times)
{
    const faasm::Vector<T> vector(key);
    double all = 0;
    for (const T value : vector) {
        all += static_cast<double>(value);
    }
    return " " + std::to_string(vector.size()) + " " + std::to_string(static_cast<std::int64_t>(all * times));
}

std::string readArrays(const std::string& key)
{
    std::string said = "i32" + sum<std::int32_t>(key + ".i32", 1) + "\ni64" + sum<std::int64_t>(key + ".i64", 1) +
                       "\nf32" + sum<float>(key + ".f32", 4) + "\nf64" + sum<double>(key + ".f64", 2);
    const faasm::MatrixReadOnly<double> matrix(key + ".matrix");
    said += "\nmatrix " + std::to_string(matrix.rows()) + " " + std::to_string(matrix.columns()) + ":";
    for (const auto column : matrix.columns(1, 4)) {
        for (const double value : column) {
            said += " " + std::to_string(static_cast<int>(value));
        }
    }
    const faasm::SparseMatrixReadOnly<double> sparse(key + ".sparse");
    said += "\nsparse " + std::to_string(sparse.rows()) + " " + std::to_string(sparse.columns()) + " " +
            std::to_string(sparse.nonzeros()) + ":";
    for (const auto column : sparse.columns(0, sparse.columns())) {
        for (std::size_t i = 0; i < column.size(); i++) {
            said += " " + std::to_string(column.rows[i]) + "/" + std::to_string(column.index) + "=" +
                    std::to_string(static_cast<int>(column.values[i] * 2));
        }
    }
    return said;
}

std::string readShared(const std::string& key)
{
    std::string said = "\ncounter " + std::to_string(faasm::Counter(key + ".counter").get()) + "\natomic " +
                       std::to_string(faasm::AtomicInt(key + ".atomic").get()) + "\ndict";
    const faasm::Dict dict(key + ".dict");
    for (const std::string& name : dict.names()) {
        said += " " + name + hex(dict.get(name).value_or("?"));
    }
    said += "\nlist";
    for (const std::string& element : faasm::List(key + ".list").read()) {
        said += hex(element);
    }
    said += "\nqueue";
    faasm::Queue queue(key + ".queue");
    while (auto element = queue.tryPop()) {
        said += hex(*element);
    }
    return said + "\n";
}

// ---- Global locks ----

std::string input()
{
    std::string text(static_cast<std::size_t>(faasmGetInputSize()), '\0');
    faasmGetInput(BYTES(text.data()), static_cast<long>(text.size()));
    return text;
}

void say(const std::string& text) { faasmSetOutput(text.data(), static_cast<long>(text.size())); }

// A strong value of two integers, which a lock to read is enough to copy.
std::string pair(const std::string& key)
{
    std::int64_t numbers[2] = {0, 0};
    faasmReadState(key.c_str(), BYTES(numbers), sizeof numbers);
    return std::to_string(numbers[0]) + " " + std::to_string(numbers[1]);
}

// What another call has of the lock while this one does what it does: a chained one.
int tries()
{
    const std::string key = input();
    std::string said = "read no";
    if (faasm::GlobalLock lock(key, faasm::LockMode::read, std::chrono::milliseconds(0)); lock) {
        said = "read " + pair(key);
    }
    faasm::GlobalLock lock(key, faasm::LockMode::write, std::chrono::milliseconds(20));
    say(said + (lock ? ", write yes" : ", write no"));
    return 0;
}

std::string others(const std::string& key)
{
    char* output = nullptr;
    int len = 0;
    faasmAwaitCallOutput(faasmChain(tries, BYTES_CONST(key.data()), static_cast<long>(key.size())), &output, &len);
    const std::string said(output, static_cast<std::size_t>(len));
    std::free(output);
    return said + "\n";
}

std::string lock(const std::string& key)
{
    std::string said;
    std::int64_t first = 0;
    {
        faasm::GlobalLock lock(key);
        first = lock.token();
        faasm::Vector<std::int64_t> numbers(key, 2);
        numbers[0] = 7;
        numbers[1] = -7;
        said += "held: " + others(key);
    }
    said += "given up: " + others(key);
    {
        const faasm::GlobalLock lock(key, faasm::LockMode::read);
        said += "held to read: " + others(key);
    }
    faasm::GlobalLock lock(key, faasm::LockMode::write, std::chrono::seconds(10));
    const std::int64_t second = lock.token();
    lock.unlock();
    const bool grown = 0 < first && first < second && faasmStateToken(key.c_str()) == 0;
    return said + "token: " + (grown ? "larger\n" : "not larger\n");
}

std::int64_t deposit(const std::string& key, long n)
{
    for (long i = 0; i < n; i++) {
        const faasm::GlobalLock lock(key);
        faasm::Vector<std::int64_t> account(key, 1);
        account[0] += 1;
        account.push();
    }
    std::int64_t sum = 0;
    const faasm::GlobalLock lock(key, faasm::LockMode::read);
    faasmReadState(key.c_str(), BYTES(&sum), sizeof sum);
    return sum;
}

std::string versions(const std::string& key)
{
    const auto write = [&](const char* text) { faasmWriteState(key.c_str(), BYTES_CONST(text), 5); };
    const auto push = [&](std::int64_t version) {
        const std::int64_t pushed = faasmPushStateIf(key.c_str(), version);
        return pushed < 0 ? " no" : pushed == 0 ? " nothing" : " yes";
    };
    write("first");
    faasmPushState(key.c_str());
    const std::int64_t version = faasmStateVersion(key.c_str());
    std::string said = std::string("unwritten") + push(version);
    write("other");
    said += std::string(", other") + push(version + 1) + ", same" + push(version);
    write("again");
    return said + ", old" + push(version);
}

std::string answer(const std::string& verb, const std::string& key, std::istringstream& rest)
{
    std::string word;
    if (verb == "write") {
        writeArrays(key);
        writeShared(key);
        return "";
    }
    if (verb == "read") {
        return readArrays(key) + readShared(key);
    }
    if (verb == "lock") {
        return lock(key);
    }
    if (verb == "versions") {
        return versions(key);
    }
    if (verb == "pop") {
        return faasm::Queue(key).pop();
    }
    rest >> word;
    if (verb == "push") {
        return std::to_string(faasm::Queue(key).push(word));
    }
    if (verb == "update") {
        const auto longer = [](auto old) { return old.value_or("") + "x"; };
        return std::to_string(faasm::Dict(key).update(word, longer).size());
    }
    const long n = std::atol(word.c_str());
    if (verb == "async") {
        double value = 0;
        rest >> value;
        faasm::VectorAsync<double> vector(key + ".f64");
        vector[static_cast<std::size_t>(n)] = value;
        vector.push();
        return "";
    }
    if (verb == "add") {
        faasm::Counter counter(key);
        for (long i = 0; i < n; i++) {
            counter.add();
        }
        return std::to_string(counter.get());
    }
    if (verb == "deposit") {
        return std::to_string(deposit(key, n));
    }
    if (verb == "swap") {
        faasm::AtomicInt atomic(key);
        for (long i = 0; i < n;) {
            const std::int64_t now = atomic;
            i += atomic.compareAndSwap(now, now + 1);
        }
        return std::to_string(atomic);
    }
    if (verb == "barrier") {
        return std::to_string(faasm::Barrier(key, static_cast<std::uint32_t>(n)).wait());
    }
    return "no such verb: " + verb;
}

} // namespace

int main()
{
    std::istringstream words(input());
    std::string verb, key;
    words >> verb >> key;
    const std::string said = answer(verb, key, words);
    say(said);
    return said.starts_with("no such verb") ? 1 : 0;
}
