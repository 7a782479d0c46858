#include "iocluster/internal/value.h"

#include <absl/status/status.h>
#include <absl/strings/cord.h>
#include <absl/strings/str_cat.h>
#include <absl/strings/str_replace.h>

#include <cxxabi.h>
#include <boost/context/detail/exception.hpp>
#include <exception>
#include <string>
#include <string_view>

#include "iocluster/internal/arguments.h"
#include "iocluster/internal/entry.h"
#include "iocluster/internal/type_name.h"

namespace ioc::internal {
namespace {

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

std::string ReadableName(std::string_view type_name) {
  return absl::StrReplaceAll(
      View(type_name), {{"std::__cxx11::basic_string<char>", "std::string"}, {"std::__cxx11::", "std::"}, {" >", ">"}});
}

absl::Status DecodeError(const Decoder& in, std::string_view type_name) {
  return MakeError(Cause::kTypeMismatch,
                   absl::StrCat("the bytes are not a ", ReadableName(type_name), ": ",
                                in.failure().empty() ? "its Serde does not accept them" : in.failure()));
}

absl::Status EncodeError(const Encoder& out, std::string_view type_name) {
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("can't encode a ", ReadableName(type_name), ": ", out.status().message()));
}

absl::Status ChangedWhileEncoding(std::string_view type_name) {
  return MakeError(Cause::kInvalidArgument,
                   absl::StrCat("a ", ReadableName(type_name),
                                " changed while it was being encoded; don't write to it meanwhile, and let its Serde "
                                "write the same bytes each time"));
}

Ref ArgumentWriter::RefOrError(const Ref& ref) {
  if (ref) return ref;
  return runtime_.PutError(MakeError(
      Cause::kInvalidArgument,
      absl::StrCat("an argument of ", std::string(call_.function->label), " is an ObjectRef that refers to nothing")));
}

ArgumentReader::ArgumentReader(const Invocation& invocation, std::string_view label, uint32_t fingerprint)
    : invocation_(invocation),
      label_(label),
      in_(invocation.payload.bytes, invocation.payload.refs,
          invocation.payload.stored ? invocation.payload.keepalive : nullptr) {
  uint32_t found = 0;
  if (in_.TakeInto(&found, sizeof(found)) && found == fingerprint) return;
  in_.Fail("they are for other parameter types");
  FailWith(absl::OkStatus());
}

ArgumentKind ArgumentReader::ReadKind() {
  ++argument_;
  const char* kind = in_.Take(1);
  if (kind == nullptr) return ArgumentKind::kDependencies;
  if (*kind == 0) return ArgumentKind::kValue;
  if (*kind == 1) return ArgumentKind::kDependency;
  if (*kind != 2) in_.Fail("an argument is of an unknown kind");
  return ArgumentKind::kDependencies;
}

const EncodedValue* ArgumentReader::ReadNumber() {
  uint32_t number = 0;
  if (!in_.TakeInto(&number, sizeof(number))) return nullptr;
  if (number < invocation_.dependencies.size()) return &invocation_.dependencies[number];
  in_.Fail("a dependency did not come with them");
  return nullptr;
}

bool ArgumentReader::FailWith(const absl::Status& status) {
  if (!status_.ok()) return false;
  const std::string what = !status.ok()            ? std::string(status.message())
                           : in_.failure().empty() ? "it can't be a list of dependencies"
                                                   : in_.failure();
  const std::string where = argument_ == 0 ? "the arguments" : absl::StrCat("argument ", argument_);
  status_ = MakeError(Cause::kTypeMismatch, absl::StrCat(where, " of ", std::string(label_), ": ", what));
  return false;
}

absl::Status ArgumentReader::Finish() {
  if (status_.ok() && in_.remaining() != 0) {
    argument_ = 0;
    in_.Fail("more follows after them");
    FailWith(absl::OkStatus());
  }
  return status_;
}

absl::Status StatusOfException(std::string_view label) {
  try {
    throw;
  } catch (const boost::context::detail::forced_unwind&) {
    throw;
  } catch (abi::__forced_unwind&) {
    throw;
  } catch (const std::exception& exception) {
    return MakeError(Cause::kTaskThrew, absl::StrCat(std::string(label), " threw: ", exception.what()));
  } catch (...) {
    return MakeError(Cause::kTaskThrew, absl::StrCat(std::string(label), " threw an unknown exception"));
  }
}

absl::Status ReturnedError(std::string_view label, const absl::Status& error) {
  absl::Status returned(error.code(), absl::StrCat(std::string(label), " returned: ", error.message()));
  const auto copy = [&returned](absl::string_view name, const absl::Cord& payload) {
    returned.SetPayload(name, payload);
  };
  error.ForEachPayload(copy);
  MakeError(Cause::kTaskThrew, "").ForEachPayload(copy);  // after the user's, since it may carry a cause already
  return returned;
}

}  // namespace ioc::internal
