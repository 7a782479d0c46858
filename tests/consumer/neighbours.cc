// A program that uses Asio, Cap'n Proto and Abseil for purposes of its own, beside iocluster, which uses them too: its
// own io_context and threads, messages of its own schema, flags, containers, locks. What one does must not disturb the
// other.
#include <absl/container/flat_hash_map.h>
#include <absl/flags/flag.h>
#include <absl/flags/parse.h>
#include <absl/strings/str_cat.h>
#include <absl/synchronization/mutex.h>
#include <absl/time/clock.h>
#include <capnp/message.h>
#include <capnp/serialize.h>
#include <iocluster/asio.h>
#include <iocluster/capnp.h>
#include <iocluster/iocluster.h>
#include <orders.capnp.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <vector>

ABSL_FLAG(int, orders, 8, "how many orders to work on");
ABSL_FLAG(std::string, customer, "nobody", "who orders");

namespace asio = boost::asio;

namespace {

using OrderMessage = ioc::Capnp<Order>;

// Written as bytes by Cap'n Proto itself, and read back, as programs do that send them by other ways.
std::string Bytes(const std::string& customer, int pieces) {
  capnp::MallocMessageBuilder builder;
  Order::Builder order = builder.initRoot<Order>();
  order.setCustomer(customer);
  auto list = order.initPieces(static_cast<unsigned>(pieces));
  for (unsigned i = 0; i < list.size(); ++i) {
    list[i].setName(absl::StrCat("piece ", i));
    list[i].setCents(100 * (i + 1));
  }
  const kj::Array<capnp::word> words = capnp::messageToFlatArray(builder);
  return std::string(words.asChars().begin(), words.asChars().size());
}

uint64_t PriceOf(Order::Reader order) {
  uint64_t cents = 0;
  for (const auto piece : order.getPieces()) cents += piece.getCents();
  return cents;
}

// A task on a message, in a worker that has parsed the same flags.
uint64_t Price(const OrderMessage& order) {
  return order.Root().getCustomer() == absl::GetFlag(FLAGS_customer) ? PriceOf(order.Root()) : 0;
}

// A task that is a coroutine, and one with containers of Abseil's.
asio::awaitable<uint64_t> PriceLater(std::string bytes) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  co_await timer.async_wait(asio::use_awaitable);
  capnp::FlatArrayMessageReader reader(
      kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / sizeof(capnp::word)));
  co_return PriceOf(reader.getRoot<Order>());
}
absl::flat_hash_map<std::string, int> CountLetters(const std::string& text) {
  absl::flat_hash_map<std::string, int> letters;
  for (const char letter : text) ++letters[std::string(1, letter)];
  return letters;
}

// The user's own traffic: echoes bytes over TCP on the same io_context, and ticks.
asio::awaitable<void> Serve(asio::ip::tcp::acceptor& acceptor) {
  asio::ip::tcp::socket peer = co_await acceptor.async_accept(asio::use_awaitable);
  std::vector<char> buffer(4);
  for (int i = 0; i < 20; ++i) {
    co_await asio::async_read(peer, asio::buffer(buffer), asio::use_awaitable);
    co_await asio::async_write(peer, asio::buffer(buffer), asio::use_awaitable);
  }
}
asio::awaitable<int> Ping(asio::ip::tcp::endpoint endpoint) {
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  co_await socket.async_connect(endpoint, asio::use_awaitable);
  std::string got(4, '\0');
  int echoed = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string sent = absl::StrCat(1000 + i);
    co_await asio::async_write(socket, asio::buffer(sent), asio::use_awaitable);
    co_await asio::async_read(socket, asio::buffer(got), asio::use_awaitable);
    echoed += got == sent ? 1 : 0;
  }
  co_return echoed;
}

struct Ledger {
  absl::Mutex mutex;
  absl::flat_hash_map<int, uint64_t> prices ABSL_GUARDED_BY(mutex);
};

asio::awaitable<void> WorkOn(const ioc::Cluster& cluster, int number, Ledger& ledger) {
  const std::string bytes = Bytes(absl::GetFlag(FLAGS_customer), number);
  capnp::FlatArrayMessageReader reader(
      kj::arrayPtr(reinterpret_cast<const capnp::word*>(bytes.data()), bytes.size() / sizeof(capnp::word)));
  capnp::MallocMessageBuilder builder;
  builder.setRoot(reader.getRoot<Order>());
  const OrderMessage order(builder);
  const ioc::ObjectRef<uint64_t> price = cluster.Submit<Price>(order);
  const ioc::ObjectRef<uint64_t> later = cluster.Submit<PriceLater>(bytes);
  const absl::StatusOr<uint64_t> here = co_await price;
  const absl::StatusOr<uint64_t> there = co_await later;
  if (!here.ok() || !there.ok()) {
    std::fprintf(stderr, "%s %s\n", here.status().ToString().c_str(), there.status().ToString().c_str());
    co_return;
  }
  const absl::MutexLock lock(&ledger.mutex);
  ledger.prices[number] = *here == *there ? *here : 0;
}

bool Run(const ioc::Cluster& cluster) {
  asio::io_context context;
  asio::ip::tcp::acceptor acceptor(context, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  auto served = asio::co_spawn(context, Serve(acceptor), asio::use_future);
  auto echoed = asio::co_spawn(context, Ping(acceptor.local_endpoint()), asio::use_future);
  Ledger ledger;
  const int orders = absl::GetFlag(FLAGS_orders);
  std::vector<std::future<void>> worked;
  for (int i = 0; i < orders; ++i) {
    worked.push_back(asio::co_spawn(context, WorkOn(cluster, i, ledger), asio::use_future));
  }
  std::thread second([&context] { context.run(); });
  context.run();
  second.join();
  served.get();
  for (auto& one : worked) one.get();
  bool right = echoed.get() == 20;
  const absl::MutexLock lock(&ledger.mutex);
  for (int i = 0; i < orders; ++i) right = right && ledger.prices[i] == uint64_t{50} * i * (i + 1);
  const auto letters = cluster.Submit<CountLetters>("abracadabra").Get(absl::Seconds(20));
  if (!letters.ok()) std::fprintf(stderr, "%s\n", letters.status().ToString().c_str());
  return right && letters.ok() && letters->at("a") == 5;
}

}  // namespace

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);  // in workers as well, which get the same arguments
  auto cluster = ioc::Cluster::Connect(argc, argv);
  if (!cluster.ok()) {
    std::fprintf(stderr, "%s\n", cluster.status().ToString().c_str());
    return 1;
  }
  if (Run(*cluster)) return 0;
  std::fprintf(stderr, "neighbours: an answer was wrong\n");
  return 1;
}
