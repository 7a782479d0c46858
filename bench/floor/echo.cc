#include "bench/floor/echo.h"

#include <absl/strings/str_cat.h>
#include <kj/exception.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdio>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/floor/echo_codec.h"
#include "bench/floor/self.h"

namespace ioc::bench {
namespace {

namespace asio = boost::asio;
using Socket = asio::local::stream_protocol::socket;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kServeFlag = "--serve-bare-echo";
constexpr char kPayload[] = "a small task";
constexpr size_t kBatch = 1000;       // messages a write
constexpr size_t kBurstBatches = 20;  // between two looks at the clock
constexpr size_t kLookEvery = 64;     // single round trips between two looks at the clock

double Seconds(Clock::duration duration) { return std::chrono::duration<double>(duration).count(); }

// Answers what arrives in one write; ends with the error that ends the connection.
asio::awaitable<boost::system::error_code> ServeEcho(Socket* socket) {
  EchoInput input;
  std::vector<uint64_t> output;
  for (;;) {
    const std::span<std::byte> space = input.Space();
    const asio::mutable_buffer buffer(space.data(), space.size());
    auto [read_error, bytes] = co_await socket->async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (read_error) co_return read_error;
    input.Arrived(bytes);
    output.clear();
    while (std::optional<EchoMessage> message = input.Next()) AppendEcho(*message, output);
    const asio::const_buffer answer(output.data(), output.size() * sizeof(uint64_t));
    auto [write_error, written] = co_await asio::async_write(*socket, answer, asio::as_tuple(asio::use_awaitable));
    if (write_error) co_return write_error;
  }
}

// What a measurement saw so far.
struct Tally {
  uint64_t answered = 0;
  bool in_order = true;  // every answer was the one expected next
  boost::system::error_code error;
};

asio::awaitable<boost::system::error_code> SendMessages(Socket* socket, std::vector<uint64_t>* output, uint64_t first,
                                                        uint64_t count) {
  output->clear();
  for (uint64_t id = first; id < first + count; ++id) AppendEcho(EchoMessage{.id = id, .payload = kPayload}, *output);
  const asio::const_buffer buffer(output->data(), output->size() * sizeof(uint64_t));
  auto [error, written] = co_await asio::async_write(*socket, buffer, asio::as_tuple(asio::use_awaitable));
  co_return error;
}

// Reads until `total` messages are answered.
asio::awaitable<void> ReadAnswers(Socket* socket, EchoInput* input, Tally* tally, uint64_t total) {
  while (tally->answered < total && !tally->error) {
    const std::span<std::byte> space = input->Space();
    const asio::mutable_buffer buffer(space.data(), space.size());
    auto [error, bytes] = co_await socket->async_read_some(buffer, asio::as_tuple(asio::use_awaitable));
    if (error) tally->error = error;
    input->Arrived(bytes);
    while (std::optional<EchoMessage> message = input->Next()) {
      tally->in_order = tally->in_order && message->id == tally->answered && message->payload == kPayload;
      ++tally->answered;
    }
  }
}

asio::awaitable<void> EchoOneAtATime(Socket* socket, EchoInput* input, Tally* tally, Clock::time_point end) {
  std::vector<uint64_t> output;
  while (!tally->error && (tally->answered == 0 || tally->answered % kLookEvery != 0 || Clock::now() < end)) {
    if (auto error = co_await SendMessages(socket, &output, tally->answered, 1)) {
      tally->error = error;
    } else {
      co_await ReadAnswers(socket, input, tally, tally->answered + 1);
    }
  }
}

// The writing half of a burst; ReadAnswers is the other.
asio::awaitable<void> SendBurst(Socket* socket, Tally* tally, uint64_t first) {
  std::vector<uint64_t> output;
  for (size_t batch = 0; batch < kBurstBatches && !tally->error; ++batch) {
    if (auto error = co_await SendMessages(socket, &output, first + batch * kBatch, kBatch)) tally->error = error;
  }
}

absl::StatusOr<double> RatePerS(const Tally& tally, Clock::time_point begin) {
  if (tally.error) return absl::UnavailableError(absl::StrCat("the bare echo broke off: ", tally.error.message()));
  if (!tally.in_order) return absl::InternalError("the bare echo gave wrong answers");
  return static_cast<double>(tally.answered) / Seconds(Clock::now() - begin);
}

}  // namespace

std::optional<int> ServeEchoIfAsked(int argc, char** argv) {
  if (argc != 2 || argv[1] != kServeFlag) return std::nullopt;
  asio::io_context loop(1);
  Socket socket(loop, asio::local::stream_protocol(), kSelfFd);
  boost::system::error_code end;
  asio::co_spawn(loop, ServeEcho(&socket), [&end](std::exception_ptr thrown, boost::system::error_code error) {
    end =
        thrown ? boost::system::error_code(boost::system::errc::bad_message, boost::system::generic_category()) : error;
  });
  loop.run();
  if (end == asio::error::eof || end == asio::error::connection_reset || end == asio::error::broken_pipe) return 0;
  std::fprintf(stderr, "the echo's far end: %s\n", end.message().c_str());
  return 1;
}

class EchoFloor::Connection {
 public:
  explicit Connection(int fd) : socket_(loop_, asio::local::stream_protocol(), fd) {}
  ~Connection() { socket_.release(); }  // it is the far end's owner's

  Tally OneAtATime(Clock::time_point end) {
    Tally tally;
    Spawn(EchoOneAtATime(&socket_, &input_, &tally, end), tally);
    Run();
    return tally;
  }

  Tally Batched(Clock::time_point end) {
    Tally tally;
    do {
      Spawn(SendBurst(&socket_, &tally, tally.answered), tally);
      Spawn(ReadAnswers(&socket_, &input_, &tally, tally.answered + kBurstBatches * kBatch), tally);
      Run();
    } while (tally.in_order && !tally.error && Clock::now() < end);
    return tally;
  }

 private:
  void Spawn(asio::awaitable<void> work, Tally& tally) {
    asio::co_spawn(loop_, std::move(work), [&tally](std::exception_ptr thrown) {
      if (thrown) tally.in_order = false;  // a malformed answer
    });
  }
  void Run() {
    loop_.restart();
    loop_.run();
  }

  asio::io_context loop_{1};
  Socket socket_;
  EchoInput input_;
};

absl::StatusOr<std::unique_ptr<EchoFloor>> EchoFloor::Start() {
  absl::StatusOr<std::unique_ptr<FarEnd>> far = FarEnd::Start(kServeFlag);
  if (!far.ok()) return far.status();
  return std::unique_ptr<EchoFloor>(new EchoFloor(*std::move(far)));
}

EchoFloor::EchoFloor(std::unique_ptr<FarEnd> far)
    : far_(std::move(far)), connection_(std::make_unique<Connection>(far_->fd())) {}

EchoFloor::~EchoFloor() = default;

absl::StatusOr<double> EchoFloor::OneAtATime(absl::Duration duration) {
  const Clock::time_point begin = Clock::now();
  return RatePerS(connection_->OneAtATime(begin + absl::ToChronoNanoseconds(duration)), begin);
}

absl::StatusOr<double> EchoFloor::Batched(absl::Duration duration) {
  const Clock::time_point begin = Clock::now();
  return RatePerS(connection_->Batched(begin + absl::ToChronoNanoseconds(duration)), begin);
}

}  // namespace ioc::bench
