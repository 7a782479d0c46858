// The command line of one command: flags with values, their help, and complaints that name the nearest known flag.
//
//   Flags flags("iocluster node --head HOST:PORT", "Offers this machine to a cluster.");
//   flags.Add("--name", &name, "NAME", "what the node is called");
//   if (absl::Status status = flags.Parse(arguments); !status.ok()) ...
//
// Values follow as "--name VALUE" or "--name=VALUE"; "--" ends the flags. A flag may be given once, unless its values
// are collected. The targets must outlive Parse.
#ifndef IOCLUSTER_RUNTIME_CLI_FLAGS_H_
#define IOCLUSTER_RUNTIME_CLI_FLAGS_H_

#include <absl/functional/any_invocable.h>
#include <absl/status/status.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ioc {

class Flags {
 public:
  // Where flags end by themselves: kAnywhere is never, kBeforeOperands at the first argument that is none (what follows
  // belongs to another program).
  enum class Order { kAnywhere, kBeforeOperands };

  Flags(std::string usage, std::string about, Order order = Order::kAnywhere);

  void Add(std::string name, bool* target, std::string help);  // takes no value
  void Add(std::string name, std::string* target, std::string placeholder, std::string help);
  void Add(std::string name, std::optional<double>* target, std::string placeholder, std::string help);
  // As ParseBytes (lib/base/units.h) reads it.
  void AddBytes(std::string name, std::optional<uint64_t>* target, std::string help);
  // "HOST:PORT" or "unix:NAME".
  void AddAddress(std::string name, std::string* target, std::string help);
  // May be repeated; in the order in which they were given.
  void Add(std::string name, std::vector<std::string>* target, std::string placeholder, std::string help);
  // May be repeated, each time with another name: "NAME=AMOUNT", "KEY=VALUE".
  void Add(std::string name, std::vector<std::pair<std::string, double>>* target, std::string help);
  void Add(std::string name, std::map<std::string, std::string>* target, std::string help);
  // Who writes `mistaken`, which is no flag, is asked whether they mean `name`, which is one and looks different.
  void Suggest(std::string mistaken, std::string name);

  // kInvalidArgument, in one sentence, for an unknown or repeated flag, a missing or malformed value.
  absl::Status Parse(const std::vector<std::string>& arguments);

  bool help_wanted() const { return help_wanted_; }
  // What is no flag, in order.
  const std::vector<std::string>& operands() const { return operands_; }
  // kInvalidArgument, naming the first operand, if there are any.
  absl::Status ExpectNoOperands() const;

  // The text of --help.
  std::string Help() const;

 private:
  struct Flag {
    std::string name;
    std::string placeholder;  // empty: takes no value
    std::string help;
    absl::AnyInvocable<absl::Status(const std::string&)> set;
    bool may_repeat = false;
    bool given = false;

    std::string ToString() const { return placeholder.empty() ? name : name + " " + placeholder; }
  };

  Flag& AddFlag(std::string name, std::string placeholder, std::string help,
                absl::AnyInvocable<absl::Status(const std::string&)> set);
  Flag* Find(const std::string& name);
  // Sets the flag that arguments[i] is; `i` is then its last argument.
  absl::Status Take(const std::vector<std::string>& arguments, size_t& i);
  absl::Status Unknown(const std::string& name) const;

  const std::string usage_;
  const std::string about_;
  const Order order_;
  std::vector<Flag> flags_;
  std::map<std::string, std::string> suggestions_;
  std::vector<std::string> operands_;
  bool help_wanted_ = false;
};

}  // namespace ioc

#endif  // IOCLUSTER_RUNTIME_CLI_FLAGS_H_
