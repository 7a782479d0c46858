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
#include "runtime/api/configuration.h"

namespace ioc {
namespace {

constexpr char kSizePlaceholder[] = "SIZE";

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

absl::Status GivenTwice(const std::string& key, const std::string& first) {
  return Invalid(absl::StrCat(key, " is given twice, first as ", first));
}

std::string WithoutDashes(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('-'), name.size()));
}

}  // namespace

Flags::Flags(std::string usage, std::string about, Order order)
    : usage_(std::move(usage)), about_(std::move(about)), order_(order) {
  Add("--help", &help_wanted_, "print this text");
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
  AddFlag(std::move(name), kSizePlaceholder, std::move(help), [target](const std::string& value) {
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

void Flags::Add(std::string name, std::vector<std::string>* target, std::string placeholder, std::string help) {
  AddFlag(std::move(name), std::move(placeholder), std::move(help), [target](const std::string& value) {
    target->push_back(value);
    return absl::OkStatus();
  }).may_repeat = true;
}

void Flags::Add(std::string name, std::vector<std::pair<std::string, double>>* target, std::string help) {
  AddFlag(std::move(name), "NAME=AMOUNT", std::move(help), [target](const std::string& value) {
    std::string key;
    std::string amount;
    IOC_RETURN_IF_ERROR(SplitPair(value, &key, &amount));
    double number = 0;
    IOC_RETURN_IF_ERROR(ParseNumber(amount, &number));
    for (const auto& [known, first] : *target) {
      if (known == key) return GivenTwice(key, absl::StrCat(first));
    }
    target->emplace_back(key, number);
    return absl::OkStatus();
  }).may_repeat = true;
}

void Flags::Add(std::string name, std::map<std::string, std::string>* target, std::string help) {
  AddFlag(std::move(name), "KEY=VALUE", std::move(help), [target](const std::string& value) {
    std::string key;
    std::string label;
    IOC_RETURN_IF_ERROR(SplitPair(value, &key, &label));
    const auto [known, is_new] = target->try_emplace(key, label);
    return is_new ? absl::OkStatus() : GivenTwice(key, known->second);
  }).may_repeat = true;
}

void Flags::Suggest(std::string mistaken, std::string name) { suggestions_[std::move(mistaken)] = std::move(name); }

absl::Status Flags::Parse(const std::vector<std::string>& arguments) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument != "--" && LooksLikeFlag(argument)) {
      IOC_RETURN_IF_ERROR(Take(arguments, i));
    } else if (argument == "--" || order_ == Order::kBeforeOperands) {
      const size_t first = argument == "--" ? i + 1 : i;
      operands_.insert(operands_.end(), arguments.begin() + static_cast<ptrdiff_t>(first), arguments.end());
      return absl::OkStatus();
    } else {
      operands_.push_back(argument);
    }
  }
  return absl::OkStatus();
}

absl::Status Flags::Take(const std::vector<std::string>& arguments, size_t& i) {
  const std::string& argument = arguments[i];
  const size_t equals = argument.find('=');
  const std::string name = argument.substr(0, equals);
  Flag* flag = Find(name);
  if (flag == nullptr) return Unknown(name);
  if (std::exchange(flag->given, true) && !flag->may_repeat) {
    return Invalid(absl::StrCat(name, " is given twice; say it once"));
  }
  std::string value;
  if (flag->placeholder.empty()) {
    if (equals != std::string::npos) return Invalid(absl::StrCat(name, " takes no value"));
  } else if (equals != std::string::npos) {
    value = argument.substr(equals + 1);
  } else if (i + 1 < arguments.size() && Find(arguments[i + 1]) == nullptr) {
    value = arguments[++i];
  } else {
    return Invalid(absl::StrCat(name, " needs a value: ", flag->ToString()));
  }
  return WithContext(flag->set(value), name);
}

absl::Status Flags::ExpectNoOperands() const {
  if (operands_.empty()) return absl::OkStatus();
  return Invalid(absl::StrCat("\"", operands_.front(), "\" is one argument too many; see --help"));
}

std::string Flags::Help() const {
  size_t width = 0;
  bool has_sizes = false;
  for (const Flag& flag : flags_) {
    width = std::max(width, flag.ToString().size());
    has_sizes = has_sizes || flag.placeholder == kSizePlaceholder;
  }
  std::string text = absl::StrCat("Usage: ", usage_, "\n\n", about_, "\n\nFlags:\n");
  for (const Flag& flag : flags_) {
    const std::string left = flag.ToString();
    absl::StrAppend(&text, "  ", left, std::string(width - left.size() + 2, ' '), flag.help, "\n");
  }
  if (has_sizes) {
    absl::StrAppend(&text, "\nA ", kSizePlaceholder, " is a number of bytes, or has a unit: KB, MB, GB, TB (powers of ",
                    "1000) or KiB, MiB, GiB, TiB (powers of 1024).\n");
  }
  return text;
}

Flags::Flag& Flags::AddFlag(std::string name, std::string placeholder, std::string help,
                            absl::AnyInvocable<absl::Status(const std::string&)> set) {
  return flags_.emplace_back(Flag{std::move(name), std::move(placeholder), std::move(help), std::move(set)});
}

Flags::Flag* Flags::Find(const std::string& name) {
  const auto it = std::find_if(flags_.begin(), flags_.end(), [&](const Flag& flag) {
    return flag.name == name || (name == "-h" && flag.name == "--help");
  });
  return it == flags_.end() ? nullptr : &*it;
}

absl::Status Flags::Unknown(const std::string& name) const {
  std::optional<std::string> meant;
  if (const auto suggested = suggestions_.find(name); suggested != suggestions_.end()) {
    meant = suggested->second;
  } else {
    std::vector<std::string> known;
    for (const Flag& flag : flags_) known.push_back(WithoutDashes(flag.name));
    meant = ProbablyMeant(WithoutDashes(name), known);
    if (meant.has_value()) meant = absl::StrCat("--", *meant);
  }
  if (!meant.has_value())
    return Invalid(absl::StrCat("there is no flag ", name, "; --help lists those that there are"));
  return Invalid(absl::StrCat("there is no flag ", name, "; did you mean ", *meant, "? See --help"));
}

}  // namespace ioc
