#include "tests/unit/protocol/sample.h"

namespace ioc {
namespace {

template <typename M>
class MessageOf final : public AnyMessage {
 public:
  explicit MessageOf(const char* name) : name_(name) {}

  const char* name() const override { return name_; }
  std::unique_ptr<AnyMessage> New() const override { return std::make_unique<MessageOf>(name_); }
  void FillFrom(Sampler& sampler) override { message_ = sampler.Make<M>(); }
  void EncodeTo(BodyBuffer& body) const override { Encode(message_, body); }
  absl::Status DecodeFrom(std::span<const std::byte> body) override { return Decode(body, message_); }
  std::string Printed() const override { return Print(message_); }

 private:
  const char* name_;
  M message_;
};

}  // namespace

std::vector<std::unique_ptr<AnyMessage>> AllMessages() {
  std::vector<std::unique_ptr<AnyMessage>> messages;
#define IOC_ADD_MESSAGE(M) messages.push_back(std::make_unique<MessageOf<M>>(#M));
  IOC_FOR_EACH_MESSAGE(IOC_ADD_MESSAGE)
#undef IOC_ADD_MESSAGE
  return messages;
}

}  // namespace ioc
