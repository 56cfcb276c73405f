// Scratch of a model kept between calls, so that scoring one row allocates nothing.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "scorer.hpp"

namespace mojo {

class ScratchPool {
 public:
  struct Room {
    Scratch scratch;
    std::vector<double> preds;
    std::vector<double> cells;  // of encoded records
  };

  // A room that goes back when its borrower is done.
  class Loan {
   public:
    Loan(ScratchPool& pool, std::unique_ptr<Room> room) : pool_(pool), room_(std::move(room)) {}
    ~Loan() { pool_.give_back(std::move(room_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Room* operator->() const { return room_.get(); }

   private:
    ScratchPool& pool_;
    std::unique_ptr<Room> room_;
  };

  Loan borrow(const Scorer& scorer) {
    {
      std::lock_guard lock(mutex_);
      if (!rooms_.empty()) {
        std::unique_ptr<Room> room = std::move(rooms_.back());
        rooms_.pop_back();
        return {*this, std::move(room)};
      }
    }
    auto room = std::make_unique<Room>();
    scorer.prepare(room->scratch);
    return {*this, std::move(room)};
  }

 private:
  static constexpr std::size_t kMost = 16;  // threads beyond it pay for their own

  void give_back(std::unique_ptr<Room> room) noexcept {
    std::lock_guard lock(mutex_);
    if (rooms_.size() < kMost) rooms_.push_back(std::move(room));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Room>> rooms_;
};

}  // namespace mojo
