// The one-shot interfaces that OpenSSL 3 prefers load its providers: 10 ms and a megabyte that a node does not need.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "runtime/node/sha256.h"

#include <absl/strings/escaping.h>
#include <openssl/sha.h>

namespace ioc {

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::span<const std::byte> bytes) { SHA256_Update(&state_->context, bytes.data(), bytes.size()); }

std::string Sha256::Finish() {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256_Final(reinterpret_cast<unsigned char*>(digest.data()), &state_->context);
  return absl::BytesToHexString(digest);
}

}  // namespace ioc
