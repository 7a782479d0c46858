#include "runtime/cli/flags.h"

#include <absl/strings/ascii.h>
#include <absl/strings/match.h>
#include <absl/strings/numbers.h>
#include <absl/strings/str_cat.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "iocluster/options.h"
#include "lib/base/similar.h"
#include "lib/base/status.h"
#include "lib/base/units.h"

namespace ioc {
namespace {

absl::Status Invalid(const std::string& message) { return MakeError(Cause::kInvalidArgument, message); }

absl::Status ParseNumber(const std::string& text, double* number) {
  if (absl::SimpleAtod(text, number) && std::isfinite(*number)) return absl::OkStatus();
  return Invalid(absl::StrCat("\"", text, "\" is not a number"));
}

absl::Status SplitPair(const std::string& text, std::string* key, std::string* value) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    return Invalid(absl::StrCat("\"", text, "\" is not of the form NAME=VALUE"));
  }
  *key = text.substr(0, equals);
  *value = text.substr(equals + 1);
  return absl::OkStatus();
}

bool LooksLikeFlag(const std::string& argument) { return argument.size() > 1 && argument[0] == '-'; }

}  // namespace

absl::Status CheckAddress(const std::string& address) {
  if (absl::StartsWith(address, "unix:") && address.size() > 5) return absl::OkStatus();
  const size_t colon = address.rfind(':');
  int port = -1;
  const bool is_good = colon != std::string::npos && colon > 0 && absl::SimpleAtoi(address.substr(colon + 1), &port) &&
                       absl::ascii_isdigit(address[colon + 1]) && port >= 0 && port <= 65535;
  if (is_good) return absl::OkStatus();
  return Invalid(absl::StrCat("\"", address, "\" is not an address; write HOST:PORT, for example 127.0.0.1:6380"));
}

Flags::Flags(std::string usage, std::string about, Order order)
    : usage_(std::move(usage)), about_(std::move(about)), order_(order) {
  Add("--help", &help_wanted_, "this text");
}

void Flags::Add(std::string name, bool* target, std::string help) {
  AddFlag(std::move(name), "", std::move(help), [target](const std::string&) {
    *target = true;
    return absl::OkStatus();
  });
}

void Flags::Add(std::string name, std::string* target, std::string placeholder, std::string help) {
  AddFlag(std::move(name), std::move(placeholder), std::move(help), [target](const std::string& value) {
    *target = value;
    return absl::OkStatus();
  });
}

void Flags::Add(std::string name, std::optional<double>* target, std::string placeholder, std::string help) {
  AddFlag(std::move(name), std::move(placeholder), std::move(help),
          [target](const std::string& value) { return ParseNumber(value, &target->emplace()); });
}

void Flags::AddBytes(std::string name, std::optional<uint64_t>* target, std::string help) {
  AddFlag(std::move(name), "SIZE", std::move(help), [target](const std::string& value) {
    IOC_ASSIGN_OR_RETURN(*target, ParseBytes(value));
    return absl::OkStatus();
  });
}

void Flags::AddAddress(std::string name, std::string* target, std::string help) {
  AddFlag(std::move(name), "HOST:PORT", std::move(help), [target](const std::string& value) {
    *target = value;
    return CheckAddress(value);
  });
}

void Flags::Add(std::string name, std::vector<std::pair<std::string, double>>* target, std::string help) {
  AddFlag(std::move(name), "NAME=AMOUNT", std::move(help), [target](const std::string& value) {
    std::string key;
    std::string amount;
    IOC_RETURN_IF_ERROR(SplitPair(value, &key, &amount));
    double number = 0;
    IOC_RETURN_IF_ERROR(ParseNumber(amount, &number));
    target->emplace_back(key, number);
    return absl::OkStatus();
  });
}

void Flags::Add(std::string name, std::map<std::string, std::string>* target, std::string help) {
  AddFlag(std::move(name), "KEY=VALUE", std::move(help), [target](const std::string& value) {
    std::string key;
    std::string label;
    IOC_RETURN_IF_ERROR(SplitPair(value, &key, &label));
    (*target)[key] = label;
    return absl::OkStatus();
  });
}

absl::Status Flags::Parse(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument == "--" || !LooksLikeFlag(argument)) {
      const size_t first = argument == "--" ? i + 1 : i;
      if (argument == "--" || order_ == Order::kBeforeOperands) {
        operands_.insert(operands_.end(), arguments.begin() + static_cast<ptrdiff_t>(first), arguments.end());
        return absl::OkStatus();
      }
      operands_.push_back(argument);
      continue;
    }
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    Flag* flag = Find(name);
    if (flag == nullptr) return Unknown(name);
    std::string value;
    if (flag->placeholder.empty()) {
      if (equals != std::string::npos) return Invalid(absl::StrCat(name, " takes no value"));
    } else if (equals != std::string::npos) {
      value = argument.substr(equals + 1);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return Invalid(absl::StrCat(name, " needs a value: ", name, " ", flag->placeholder));
    }
    if (absl::Status status = flag->set(value); !status.ok()) return WithContext(status, name);
  }
  return absl::OkStatus();
}

absl::Status Flags::ExpectNoOperands() const {
  if (operands_.empty()) return absl::OkStatus();
  return Invalid(absl::StrCat("\"", operands_.front(), "\" is one argument too many; see --help"));
}

std::string Flags::Help() const {
  std::vector<std::string> left;
  size_t width = 0;
  for (const Flag& flag : flags_) {
    left.push_back(flag.placeholder.empty() ? flag.name : absl::StrCat(flag.name, " ", flag.placeholder));
    width = std::max(width, left.back().size());
  }
  std::string text = absl::StrCat("Usage: ", usage_, "\n\n", about_, "\n\nFlags:\n");
  for (size_t i = 0; i < flags_.size(); ++i) {
    absl::StrAppend(&text, "  ", left[i], std::string(width - left[i].size() + 2, ' '), flags_[i].help, "\n");
  }
  return text;
}

void Flags::AddFlag(std::string name, std::string placeholder, std::string help,
                    absl::AnyInvocable<absl::Status(const std::string&)> set) {
  flags_.push_back({std::move(name), std::move(placeholder), std::move(help), std::move(set)});
}

Flags::Flag* Flags::Find(const std::string& name) {
  const auto it = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) {
    return flag.name == name || (name == "-h" && flag.name == "--help");
  });
  return it == flags_.end() ? nullptr : &*it;
}

absl::Status Flags::Unknown(const std::string& name) const {
  std::vector<std::string> known;
  for (const Flag& flag : flags_) known.push_back(flag.name);
  const std::vector<std::string> nearest = MostSimilar(name, std::move(known), 1);
  return Invalid(absl::StrCat("there is no flag ", name, "; did you mean ", nearest.front(), "? See --help"));
}

}  // namespace ioc
