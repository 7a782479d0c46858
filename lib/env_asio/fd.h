// A file descriptor that is closed when its owner goes.
#ifndef IOCLUSTER_LIB_ENV_ASIO_FD_H_
#define IOCLUSTER_LIB_ENV_ASIO_FD_H_

#include <unistd.h>

#include <utility>

namespace ioc {

class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~UniqueFd() { Reset(); }

  explicit operator bool() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace ioc

#endif  // IOCLUSTER_LIB_ENV_ASIO_FD_H_
