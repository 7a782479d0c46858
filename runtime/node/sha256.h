// SHA-256 of bytes that come in pieces.
#ifndef IOCLUSTER_RUNTIME_NODE_SHA256_H_
#define IOCLUSTER_RUNTIME_NODE_SHA256_H_

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace ioc {

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void Update(std::span<const std::byte> bytes);
  // 64 hexadecimal digits. Once.
  std::string Finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_NODE_SHA256_H_
