// The lock of a key among all hosts, in C++: held for as long as the object lives.
#ifndef FAASM_LOCK_HPP
#define FAASM_LOCK_HPP

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>

#include <faasm/core.h>

namespace faasm {

// How a lock is held: together with other readers, or alone.
enum class LockMode { read, write };

// A key's global lock, as std::unique_lock has a mutex'. A value that is kept
// `strong` is written by who has it to write; giving it up pushes what was copied there.
//
//     faasm::GlobalLock lock("account");
//     faasm::Vector<std::int64_t> account("account", 1);
//     account[0] += 100;
//     account.push();
class GlobalLock {
  public:
    // Waits until it is given.
    explicit GlobalLock(std::string key, LockMode mode = LockMode::write)
      : GlobalLock(std::move(key), mode, -1)
    {}

    // Waits for so long at most; 0 asks and does not wait for those who hold it.
    // Whether it was given is what the object is as a bool.
    GlobalLock(std::string key, LockMode mode, std::chrono::milliseconds timeout)
      : GlobalLock(std::move(key), mode, millisecondsOf(timeout))
    {}

    GlobalLock(const GlobalLock&) = delete;
    GlobalLock& operator=(const GlobalLock&) = delete;
    ~GlobalLock() { unlock(); }

    bool owns() const { return owns_; }
    explicit operator bool() const { return owns_; }

    // The fencing token: larger than that of any earlier holder; 0 where it is not held.
    std::int64_t token() const { return owns_ ? faasmStateToken(key_.c_str()) : 0; }

    // Gives it up before the object ends.
    void unlock()
    {
        if (std::exchange(owns_, false)) {
            faasmUnlockStateGlobal(key_.c_str());
        }
    }

  private:
    GlobalLock(std::string key, LockMode mode, int timeout)
      : key_(std::move(key))
      , owns_((mode == LockMode::read ? faasmLockStateGlobalRead : faasmLockStateGlobalWrite)(key_.c_str(), timeout) != 0)
    {}

    static int millisecondsOf(std::chrono::milliseconds timeout)
    {
        constexpr std::int64_t most = std::numeric_limits<int>::max();
        const std::int64_t count = timeout.count();
        return static_cast<int>(count < 0 ? 0 : count > most ? most : count);
    }

    std::string key_;
    bool owns_;
};

} // namespace faasm

#endif
