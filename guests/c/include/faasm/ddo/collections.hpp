// Collections of strings of bytes that all calls on all hosts share. They are in the
// global tier: each operation is one there, and none is seen half done.
#ifndef FAASM_DDO_COLLECTIONS_HPP
#define FAASM_DDO_COLLECTIONS_HPP

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <faasm/ddo/element.hpp>

namespace faasm {

namespace detail {

// The bytes as a string, which owns them.
inline std::string taken(FaasmBytes bytes)
{
    std::string text(reinterpret_cast<const char*>(bytes.data), bytes.len);
    std::free(bytes.data);
    return text;
}

} // namespace detail

// A list that grows at its end.
class List {
  public:
    explicit List(std::string key)
      : key_(std::move(key))
    {}

    // Adds to the end; the new size.
    std::size_t append(std::string_view element)
    {
        return faasmListAppend(key_.c_str(), element.data(), element.size());
    }

    std::size_t size() const { return faasmListSize(key_.c_str()); }
    void clear() { faasmClearAppendedState(key_.c_str()); }

    // The elements before `end`, in their order.
    std::vector<std::string> read(std::size_t end = UINT32_MAX) const
    {
        std::uint32_t n = 0;
        const std::string all =
          detail::taken(faasmListRead(key_.c_str(), static_cast<std::uint32_t>(end), &n));
        std::vector<std::string> elements;
        for (std::size_t at = 0; at < all.size() && elements.size() < n;) {
            std::uint32_t len = 0;
            std::memcpy(&len, all.data() + at, sizeof len);
            elements.emplace_back(all, at + sizeof len, len);
            at += sizeof len + len;
        }
        return elements;
    }

    // The element with this number, from 0. It is read with those before it.
    std::optional<std::string> at(std::size_t index) const
    {
        auto elements = read(index + 1);
        return index < elements.size() ? std::optional(std::move(elements[index])) : std::nullopt;
    }

  private:
    std::string key_;
};

// A queue: each element goes to one taker.
class Queue {
  public:
    explicit Queue(std::string key)
      : key_(std::move(key))
    {}

    // Adds to the end; the new size.
    std::size_t push(std::string_view element)
    {
        return faasmQueuePush(key_.c_str(), element.data(), element.size());
    }

    // Takes the first element, and waits until there is one.
    std::string pop() { return *pop(-1); }

    // The same, waiting for so many milliseconds at most.
    std::optional<std::string> pop(int timeout)
    {
        FaasmBytes element{};
        if (faasmQueuePop(key_.c_str(), timeout, &element) == 0) {
            return std::nullopt;
        }
        return detail::taken(element);
    }

    std::optional<std::string> tryPop() { return pop(0); }
    std::size_t size() const { return faasmQueueSize(key_.c_str()); }
    void clear() { faasmClearAppendedState(key_.c_str()); }

  private:
    std::string key_;
};

// A dictionary: each entry is a value of its own. Names have no NUL in them.
class Dict {
  public:
    explicit Dict(std::string key)
      : key_(std::move(key))
    {}

    std::optional<std::string> get(const std::string& name) const
    {
        FaasmBytes value{};
        if (faasmDictGet(key_.c_str(), name.c_str(), &value) != 1) {
            return std::nullopt;
        }
        return detail::taken(value);
    }

    bool contains(const std::string& name) const { return get(name).has_value(); }

    void set(const std::string& name, std::string_view value)
    {
        if (faasmDictSet(key_.c_str(), name.c_str(), value.data(), value.size()) != 0) {
            detail::fail(key_, "the name of an entry is empty or too long");
        }
    }

    // Sets an entry to what `change` makes of it (nothing: there was none), again
    // and again until nobody else has changed it meanwhile; what it is then.
    template <typename F> std::string update(const std::string& name, F change)
    {
        for (;;) {
            FaasmBytes bytes{};
            std::int64_t version = 0;
            std::optional<std::string> old;
            const int found = faasmDictGetVersion(key_.c_str(), name.c_str(), &bytes, &version);
            if (found < 0) {
                detail::fail(key_, "the name of an entry is empty or too long");
            }
            if (found == 1) {
                old = detail::taken(bytes);
            }
            const std::string value = change(std::move(old));
            if (faasmDictSetIf(key_.c_str(), name.c_str(), value.data(), value.size(), version) == 1) {
                return value;
            }
        }
    }

    // Whether there was one.
    bool remove(const std::string& name)
    {
        return faasmDictRemove(key_.c_str(), name.c_str()) == 1;
    }

    // The names of all entries, in the order of their bytes.
    std::vector<std::string> names() const
    {
        std::vector<std::string> all;
        for (;;) {
            const char* last = all.empty() ? "" : all.back().c_str();
            const std::string some = detail::taken(faasmDictNames(key_.c_str(), last));
            if (some.empty()) {
                return all;
            }
            for (std::size_t at = 0; at < some.size(); at += all.back().size() + 1) {
                all.emplace_back(some.c_str() + at);
            }
        }
    }

    std::size_t size() const { return names().size(); }

  private:
    std::string key_;
};

} // namespace faasm

#endif
